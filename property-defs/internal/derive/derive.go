// Package derive makes updates of events: which definitions an event stands for, less those that are known. Most events bring
// nothing new, and the way of those is short: one pass over the payload, a hash and a lookup for each property name, and no type
// detection, since a type that is set never changes.
package derive

import (
	"bytes"
	"errors"

	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/known"
	"github.com/hog-go/hog/property-defs/internal/scan"
	"github.com/hog-go/hog/property-defs/internal/teams"
)

// maxName is the longest name, in bytes: half of what the columns hold in characters. Source: PostHog's
// rust/property-defs-rs/src/types.rs.
const maxName = 200

// Config of a Deriver.
type Config struct {
	Filter teams.Filter
	// SkipThreshold is the number of updates beyond which an event makes none.
	SkipThreshold int
	// Period of the last_seen windows, in seconds.
	Period int64
	// Saw, if not nil, is told of the team of each event that is looked at.
	Saw func(team int32, project int64)
}

// Deriver makes updates of messages, one after the other; it is for one goroutine.
type Deriver struct {
	cfg   Config
	cache *known.Cache
	scan  scan.Scanner
	items []item
	names []definition.Key       // of the items
	last  map[definition.Key]int // of an event with many properties: the last item with a key
	sink  uint64                 // of loads that are done for their own sake

	// Updates are the new ones, which this Deriver has put into the cache: the caller empties the slice, and writes them or
	// removes them from the cache.
	Updates []definition.Update
	Stats   Stats
	// Skipped is the last event whose Outcome was TooManyUpdates.
	Skipped Skipped
}

// New makes a Deriver that shares cache with others.
func New(cfg Config, cache *known.Cache) *Deriver { return &Deriver{cfg: cfg, cache: cache} }

// item is one property of the event at hand. It is small, since every property becomes one, known or not.
type item struct {
	member uint32 // its place in the members of its object
	pair   bool   // it makes an EventProperty row, too
}

// Outcome is what became of a message.
type Outcome uint8

// Outcomes.
const (
	Done           Outcome = iota
	Empty                  // there is no payload
	Bad                    // the payload is no event; the error says why
	Filtered               // the team is not looked at
	NoProperties           // an event that makes no definitions
	NameTooLong            // its name is over the limit
	TooManyUpdates         // over the threshold
)

// Skipped is an event that made nothing, for the log.
type Skipped struct {
	Team  int32
	Event string
}

var errEmpty = errors.New("it has no value")

// Message makes updates of one payload at the time now, in seconds. The error says why a payload is no event.
func (d *Deriver) Message(payload []byte, now int64) (Outcome, error) {
	if len(payload) == 0 {
		d.Stats.Empty++
		return Empty, errEmpty
	}
	e, err := d.scan.Event(payload)
	if err != nil {
		d.Stats.Bad++
		return Bad, err
	}
	if !d.cfg.Filter.Has(e.Team) {
		d.Stats.Filtered++
		return Filtered, nil
	}
	d.Stats.Received++
	if d.cfg.Saw != nil {
		d.cfg.Saw(e.Team, e.Project)
	}
	return d.event(&e, now), nil
}

func (d *Deriver) event(e *scan.Event, now int64) Outcome {
	switch {
	case string(e.Name) == "$$plugin_metrics":
		d.Stats.NoProperties++
		d.count(0)
		return NoProperties
	case len(e.Name) > maxName:
		d.Stats.NameTooLong++
		d.count(0)
		return NameTooLong
	}
	name := sanitized(e.Name)
	s := source{e: e, now: now, epoch: d.cache.Epoch(), tenant: definition.Tenant(e.Team, e.Project), name: name, nameKey: definition.NameKey(name)}
	switch {
	case !e.Object:
		d.count(1)
		d.definition(&s)
		return Done
	case string(e.Name) == "$groupidentify":
		return d.groupIdentify(&s)
	default:
		return d.plain(&s)
	}
}

// source is the event at hand.
type source struct {
	e       *scan.Event
	now     int64
	epoch   uint32 // of the cache, before anything is looked up
	tenant  definition.Key
	name    []byte // as it is stored
	nameKey definition.Key
	text    string // of name, made when first asked for
}

func (s *source) nameText() string {
	if s.text == "" {
		s.text = string(s.name)
	}
	return s.text
}

// plain is an event whose properties are its own, with those of the person in $set and $set_once.
func (d *Deriver) plain(s *source) Outcome {
	m := &s.e.Members
	updates := 1 + d.start(m.Top, true)
	set := len(d.items)
	updates += d.collect(m.Set, false)
	setOnce := len(d.items)
	updates += d.collect(m.SetOnce, false)
	if updates = d.within(updates, set, setOnce, len(d.items)); updates > d.cfg.SkipThreshold {
		return d.tooMany(s)
	}
	d.count(updates)
	d.sink += d.cache.Prefetch(definition.EventProperty, definition.EventScope(s.tenant, s.nameKey), d.names[:set])
	d.definition(s)
	d.properties(s, &parent{Parent: definition.OfEvent, scope: definition.ParentScope(s.tenant, definition.OfEvent), members: m.Top}, 0, set)
	if len(d.items) > set {
		person := parent{Parent: definition.OfPerson, scope: definition.ParentScope(s.tenant, definition.OfPerson), members: m.Set}
		d.properties(s, &person, set, setOnce)
		person.members = m.SetOnce
		d.properties(s, &person, setOnce, len(d.items))
	}
	return Done
}

// groupIdentify is an event whose only properties are those of a group.
func (d *Deriver) groupIdentify(s *source) Outcome {
	group, members := d.group(s.e.Top)
	updates := 1 + d.start(members, false)
	if updates = d.within(updates, len(d.items)); updates > d.cfg.SkipThreshold {
		return d.tooMany(s)
	}
	d.count(updates)
	d.definition(s)
	if len(d.items) > 0 {
		scope := definition.GroupScope(s.tenant, definition.NameKey(group))
		d.properties(s, &parent{Parent: definition.OfGroup, scope: scope, group: group, members: members}, 0, len(d.items))
	}
	return Done
}

// group finds the group type, and the members of the set; the last of equal keys counts.
func (d *Deriver) group(top []scan.Member) (group []byte, members []scan.Member) {
	var groupType, set *scan.Member
	for i := range top {
		switch string(d.scan.Key(top[i])) {
		case "$group_type":
			groupType = &top[i]
		case "$group_set":
			set = &top[i]
		}
	}
	if groupType == nil || set == nil {
		return nil, nil
	}
	v := d.scan.Value(*groupType)
	if v.Kind != definition.Text {
		return nil, nil
	}
	if members, ok := d.scan.Group(*set); ok {
		return v.Text, members
	}
	return nil, nil
}

func (d *Deriver) tooMany(s *source) Outcome {
	d.Stats.TooMany++
	d.count(0)
	d.Skipped = Skipped{Team: s.e.Team, Event: string(s.name)}
	return TooManyUpdates
}

func (d *Deriver) count(updates int) {
	d.Stats.Seen += updates
	d.Stats.PerEvent = append(d.Stats.PerEvent, int32(updates))
}

// within counts the updates of an event again if they are over the threshold: a name that an object gives twice is one property. Objects
// end at the items ends.
func (d *Deriver) within(updates int, ends ...int) int {
	if updates <= d.cfg.SkipThreshold {
		return updates
	}
	updates = 1
	from := 0
	for _, to := range ends {
		seen := make(map[definition.Key]struct{}, to-from)
		for i := from; i < to; i++ {
			if _, ok := seen[d.names[i]]; ok {
				continue
			}
			seen[d.names[i]] = struct{}{}
			updates++
			if d.items[i].pair {
				updates++
			}
		}
		from = to
	}
	return updates
}

// start begins a new event with the items of an object.
func (d *Deriver) start(members []scan.Member, ofEvent bool) (updates int) {
	d.items, d.names = d.items[:0], d.names[:0]
	return d.collect(members, ofEvent)
}

// collect makes items of the members that may make updates, and counts those.
func (d *Deriver) collect(members []scan.Member, ofEvent bool) (updates int) {
	for i := range members {
		key := d.scan.Key(members[i])
		if ofEvent && len(key) > 0 && key[0] == '$' && skipped(key) {
			continue
		}
		if len(key) > maxName {
			d.Stats.LongKeys++
			if ofEvent {
				d.Stats.LongKeys++
			}
			continue
		}
		withEvent := ofEvent
		if ofEvent && flagProperty(key) {
			d.Stats.FlagProperties++
			withEvent = false
		}
		updates++
		if withEvent {
			updates++
		}
		if members[i].Escaped() {
			key = sanitized(key)
		}
		d.names = append(d.names, definition.NameKey(key))
		d.items = append(d.items, item{member: uint32(i), pair: withEvent})
	}
	return updates
}

// skipped tells whether a property of an event is no property: it tells something about persons and groups.
func skipped(key []byte) bool {
	switch string(key) {
	case "$set", "$set_once", "$unset", "$groups", "$group_0", "$group_1", "$group_2", "$group_3", "$group_4":
		return true
	default:
		return false
	}
}

// flagProperty tells whether a property comes with nearly every event of every name, so that pairs with events say nothing.
func flagProperty(key []byte) bool {
	return len(key) >= len("$feature/") && key[1] == 'f' &&
		(bytes.HasPrefix(key, []byte("$feature/")) || bytes.HasPrefix(key, []byte("$feature_enrollment/")))
}

// sanitized replaces NUL, which PostgreSQL does not store. It copies only if there is one.
func sanitized(name []byte) []byte {
	if bytes.IndexByte(name, 0) < 0 {
		return name
	}
	return bytes.ReplaceAll(name, []byte{0}, []byte("\ufffd"))
}
