package match

// personArea is the index of the person's properties among Set.areas.
const personArea = 0

// noGroup is the group type index of the person's area, and of filters on a group that do not say on which.
const noGroup = -1

// maxGroup bounds group type indexes, of which the main app has five; unknownGroup stands for those beyond.
const (
	maxGroup     = 255
	unknownGroup = -2
)

// An area is the properties of the person, or of one group type, and where their values are kept.
type area struct {
	group int              // group type index
	names map[string]int32 // name -> slot

	// table has the same again, for the look-ups of an evaluation: a name is found from its place on, before the first empty one. A map
	// took twice the time for a person of twenty properties, which was 5 % of an evaluation of 100 flags.
	table []namedSlot
	shift uint32
}

type namedSlot struct {
	name string
	slot int32
}

// seal makes the table, with room for half as many names more.
func (a *area) seal() {
	bits := uint32(2)
	for 1<<bits < 2*len(a.names) {
		bits++
	}
	a.table, a.shift = make([]namedSlot, 1<<bits), 32-bits
	for name, slot := range a.names {
		if name == "" {
			continue
		}
		at := a.place(name)
		for a.table[at].name != "" {
			at = (at + 1) & (uint32(len(a.table)) - 1)
		}
		a.table[at] = namedSlot{name, slot}
	}
}

// place is where a name that is not empty is looked for first. Names of definitions are few, and differ in length and ends.
func (a *area) place(name string) uint32 {
	n := len(name)
	mixed := uint32(n) | uint32(name[0])<<8 | uint32(name[n-1])<<16 | uint32(name[n/2])<<24
	return mixed * 0x9E3779B1 >> a.shift
}

// slot is where the value of a property is kept, -1 if no definition asks for it.
func (a *area) slot(name string) int32 {
	if len(name) == 0 {
		return a.unnamed()
	}
	for at := a.place(name); ; at = (at + 1) & (uint32(len(a.table)) - 1) {
		switch entry := &a.table[at]; {
		case entry.name == name:
			return entry.slot
		case entry.name == "":
			return -1
		}
	}
}

// unnamed is the slot of the property with the empty name, which the table cannot hold.
func (a *area) unnamed() int32 {
	if slot, asked := a.names[""]; asked {
		return slot
	}
	return -1
}
