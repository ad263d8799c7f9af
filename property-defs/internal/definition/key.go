package definition

import (
	"hash/maphash"
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

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// NameKey is the key of a name.
func NameKey(name []byte) Key {
	return Key{Hi: maphash.Bytes(seeds[0], name), Lo: maphash.Bytes(seeds[1], name)}
}

func textKey(name string) Key {
	return Key{Hi: maphash.String(seeds[0], name), Lo: maphash.String(seeds[1], name)}
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
		return EventKey(tenant, textKey(u.Event))
	case u.Kind == EventProperty:
		return EventScope(tenant, textKey(u.Event)).With(textKey(u.Property))
	case u.Parent == OfGroup:
		return GroupScope(tenant, textKey(u.Group)).With(textKey(u.Property))
	default:
		return ParentScope(tenant, u.Parent).With(textKey(u.Property))
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
