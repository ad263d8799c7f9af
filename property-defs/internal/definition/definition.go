// Package definition has what the service writes: definitions of events and properties, the types of property values,
// and the keys under which definitions are remembered. It does no I/O.
package definition

import "log/slog"

// Kind tells the three tables apart.
type Kind uint8

// Kinds, in the order in which a batch is sorted.
const (
	Event         Kind = iota // posthog_eventdefinition
	EventProperty             // posthog_eventproperty: which property was seen on which event
	Property                  // posthog_propertydefinition
	Kinds         = 3
)

var kindNames = [Kinds]string{"eventdefs", "eventprops", "propdefs"}

// String is the name of the kind in metrics.
func (k Kind) String() string { return kindNames[k] }

// LogValue is the same name: a logger that writes JSON would give the number.
func (k Kind) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Parent is what a property belongs to, as the column type has it.
type Parent uint8

// Parents.
const (
	OfEvent   Parent = 1
	OfPerson  Parent = 2
	OfGroup   Parent = 3
	OfSession Parent = 4
)

// Type is the type of a property's values.
type Type uint8

// Types. The value of a property that was only ever null, an array or an object has none.
const (
	Untyped Type = iota
	DateTime
	String
	Numeric
	Boolean
	Duration // never detected; people set it
)

var typeNames = [...]string{"", "DateTime", "String", "Numeric", "Boolean", "Duration"}

// String is the name that the column property_type holds, "" for Untyped.
func (t Type) String() string { return typeNames[t] }

// ParseType reads what String prints; anything else is Untyped.
func ParseType(name string) Type {
	for i, n := range typeNames {
		if n == name {
			return Type(i)
		}
	}
	return Untyped
}

// NoGroup is the GroupIndex of a property of no group, or of a group whose index is not known yet.
const NoGroup = -1

// Update is one row that should be in the database. Which fields mean something depends on Kind.
type Update struct {
	Key        Key // what the row is remembered by; says nothing of Type, Window and GroupIndex
	Kind       Kind
	Parent     Parent // of a Property
	Type       Type   // of a Property
	GroupIndex int16  // of a Property of a group, NoGroup until it is resolved
	Team       int32
	Project    int64
	Window     int64  // of an Event: start of the last_seen window, seconds since 1970
	Event      string // name of an Event, or that of an EventProperty's event
	Property   string // name of a Property or EventProperty
	Group      string // group type of a Property of a group
}

// Unresolved tells whether u is a property of a group whose index is missing: such a row must not be written.
func (u *Update) Unresolved() bool {
	return u.Kind == Property && u.Parent == OfGroup && u.GroupIndex == NoGroup
}
