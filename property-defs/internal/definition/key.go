package definition

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// Key stands for the identity of a row in memory, in place of its strings. It is a hash of 128 bits, seeded per process:
// nobody can aim for a collision, and no key may leave the process.
type Key struct{ Hi, Lo uint64 }

// With joins the key of a scope and that of a name in it.
func (k Key) With(name Key) Key {
	return Key{Hi: k.Hi ^ name.Hi, Lo: k.Lo ^ name.Lo}.nonZero()
}

// nonZero keeps Hi from being 0, which stands for an empty place.
func (k Key) nonZero() Key {
	if k.Hi == 0 {
		k.Hi = 1
	}
	return k
}

// Seeds of NameKey: those of short names, four for each length, and those of long ones.
var (
	shortSeeds = newShortSeeds()
	longSeeds  = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
)

const maxShort = 16

func newShortSeeds() (seeds [maxShort + 1][4]uint64) {
	for n := range seeds {
		for i := range seeds[n] {
			seeds[n][i] = maphash.String(maphash.MakeSeed(), "")
		}
	}
	return seeds
}

// NameKey is the key of a name. Most names are short, and are hashed here, in a third of the time that two calls of maphash take: two
// words that hold all of the name go through a multiplication for each half of the key, as in wyhash. The halves share no seed, nor
// do names of different lengths.
func NameKey(name []byte) Key {
	n := len(name)
	var a, b uint64
	switch {
	case n > maxShort:
		return Key{Hi: maphash.Bytes(longSeeds[0], name), Lo: maphash.Bytes(longSeeds[1], name)}
	case n >= 8:
		a, b = binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[n-8:])
	case n >= 4:
		a, b = uint64(binary.LittleEndian.Uint32(name)), uint64(binary.LittleEndian.Uint32(name[n-4:]))
	case n > 0:
		a = uint64(name[0]) | uint64(name[n/2])<<8 | uint64(name[n-1])<<16
	}
	s := &shortSeeds[n]
	return Key{Hi: fold(a^s[0], b^s[1]), Lo: fold(a^s[2], b^s[3])}
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// Tenant is the key of a team in a project.
func Tenant(team int32, project int64) Key {
	t := uint64(uint32(team))
	return Key{Hi: mix(mix(t) + uint64(project)), Lo: mix(mix(t+1) ^ uint64(project))}
}

// EventKey is the key of an Event, given that of its name.
func EventKey(tenant, name Key) Key { return derive(tenant, name, 1).nonZero() }

// EventScope is the scope of the EventProperty rows of an event: its key With that of the property's name is a row's.
func EventScope(tenant, event Key) Key { return derive(tenant, event, 2) }

// ParentScope is the scope of the Property rows of a parent other than a group.
func ParentScope(tenant Key, parent Parent) Key { return derive(tenant, Key{}, 8+uint64(parent)) }

// GroupScope is the scope of the Property rows of a group type. It is made of the name and not of the index, so that a
// row has one key before and after its index is resolved.
func GroupScope(tenant, group Key) Key { return derive(tenant, group, 8+uint64(OfGroup)) }

// KeyOf is the key of u by its fields.
func KeyOf(u *Update) Key {
	tenant := Tenant(u.Team, u.Project)
	switch {
	case u.Kind == Event:
		return EventKey(tenant, nameKey(u.Event))
	case u.Kind == EventProperty:
		return EventScope(tenant, nameKey(u.Event)).With(nameKey(u.Property))
	case u.Parent == OfGroup:
		return GroupScope(tenant, nameKey(u.Group)).With(nameKey(u.Property))
	default:
		return ParentScope(tenant, u.Parent).With(nameKey(u.Property))
	}
}

// derive makes a scope in which no name's own key can cancel out: With only adds bits to each other.
func derive(tenant, name Key, domain uint64) Key {
	return Key{
		Hi: mix(name.Hi + tenant.Hi + domain*0x9e3779b97f4a7c15),
		Lo: mix(name.Lo ^ tenant.Lo ^ domain*0xd1b54a32d192ed03),
	}
}

// mix spreads every bit of x over the word; it is the finalizer of MurmurHash3, a bijection.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

func nameKey(name string) Key { return NameKey([]byte(name)) }
