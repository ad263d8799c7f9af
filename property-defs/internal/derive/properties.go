package derive

import (
	"slices"

	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/scan"
)

// definition passes the event itself on, once per window.
func (d *Deriver) definition(s *source) {
	key := definition.EventKey(s.tenant, s.nameKey)
	// Windows of one name are a period apart, so a window is over when the period is: the seed is needed for a new one only.
	if window, ok := d.cache.Event(key); ok && s.now < window+d.cfg.Period {
		d.Stats.Hits[definition.Event]++
		return
	}
	d.Stats.Misses[definition.Event]++
	d.add(definition.Update{
		Key: key, Kind: definition.Event, GroupIndex: definition.NoGroup, Team: s.e.Team, Project: s.e.Project, Event: s.nameText(),
		Window: definition.Window(s.now, d.cfg.Period, definition.WindowSeed(s.e.Team, s.name)),
	})
}

// parent is what a set of properties belongs to.
type parent struct {
	definition.Parent
	scope   definition.Key
	group   []byte
	members []scan.Member
}

// properties passes on what is new of one object, whose items are those from one place to another.
func (d *Deriver) properties(s *source, p *parent, from, to int) {
	pairs := definition.EventScope(s.tenant, s.nameKey)
	names := d.names[from:to]
	indexed := false
	for i, it := range d.items[from:to] {
		text := "" // of the name, made when it is needed first
		var pair definition.Key
		if it.pair {
			pair = pairs.With(names[i])
			known, typed := d.cache.EventProperty(pair)
			if known {
				d.Stats.Hits[definition.EventProperty]++
			}
			if typed {
				d.Stats.Hits[definition.Property]++
				continue
			}
			if !known {
				text = d.text(p, it)
				d.pair(s, pair, text)
			}
		}
		key := p.scope.With(names[i])
		if t, ok := d.cache.Property(key); ok && (t != definition.Untyped || d.untyped(s, p, it)) {
			d.Stats.Hits[definition.Property]++
			if it.pair && t != definition.Untyped {
				d.cache.SetTyped(pair, s.epoch)
			}
			continue
		}
		d.Stats.Misses[definition.Property]++
		if d.superseded(names, i, &indexed) {
			continue
		}
		if text == "" {
			text = d.text(p, it)
		}
		d.add(definition.Update{
			Key: key, Kind: definition.Property, Parent: p.Parent, GroupIndex: definition.NoGroup, Team: s.e.Team, Project: s.e.Project,
			Property: text, Group: string(p.group), Type: d.typeOf(s, p, it),
		})
	}
}

func (d *Deriver) pair(s *source, key definition.Key, property string) {
	d.Stats.Misses[definition.EventProperty]++
	d.add(definition.Update{
		Key: key, Kind: definition.EventProperty, GroupIndex: definition.NoGroup, Team: s.e.Team, Project: s.e.Project,
		Event: s.nameText(), Property: property,
	})
}

// add passes u on, unless another goroutine has just done so.
func (d *Deriver) add(u definition.Update) {
	if d.cache.Add(&u) {
		d.Updates = append(d.Updates, u)
	}
}

func (d *Deriver) text(p *parent, it item) string {
	return string(sanitized(d.scan.Key(p.members[it.member])))
}

func (d *Deriver) typeOf(s *source, p *parent, it item) definition.Type {
	m := p.members[it.member]
	return definition.Detect(d.scan.Key(m), d.scan.Value(m), s.now)
}

// untyped tells whether this value gives the property no type; the kind of most values tells.
func (d *Deriver) untyped(s *source, p *parent, it item) bool {
	return d.scan.Untyped(p.members[it.member]) && d.typeOf(s, p, it) == definition.Untyped
}

// fewItems is how many items are searched one by one rather than through a map.
const fewItems = 64

// superseded tells whether a later member of the same object has the name with number i: in JSON with a key given twice the last
// value counts. It is asked for new properties only.
func (d *Deriver) superseded(names []definition.Key, i int, indexed *bool) bool {
	if len(names) <= fewItems {
		return slices.Contains(names[i+1:], names[i])
	}
	if !*indexed {
		*indexed = true
		if d.last == nil {
			d.last = map[definition.Key]int{}
		}
		clear(d.last)
		for j, name := range names {
			d.last[name] = j
		}
	}
	return d.last[names[i]] != i
}
