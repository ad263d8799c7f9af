package known_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/known"
)

func setup(capacity int) *known.Cache {
	return known.New(known.Capacities{Events: capacity, EventProperties: capacity, Properties: capacity})
}

func event(window int64) *definition.Update {
	return keyed(definition.Update{Kind: definition.Event, Team: 1, Project: 1, Event: "e", Window: window})
}

func property(name string, t definition.Type) *definition.Update {
	return keyed(definition.Update{Kind: definition.Property, Team: 1, Project: 1, Parent: definition.OfEvent, Property: name, Type: t, GroupIndex: definition.NoGroup})
}

func pair(i int) *definition.Update {
	return keyed(definition.Update{Kind: definition.EventProperty, Team: 1, Project: 1, Event: "e", Property: fmt.Sprint(i)})
}

func keyed(u definition.Update) *definition.Update {
	u.Key = definition.KeyOf(&u)
	return &u
}

func TestCovers(t *testing.T) {
	t.Run("row K1 windows", func(t *testing.T) {
		c := setup(10)
		require.True(t, c.Add(event(7200)))
		require.True(t, c.Covers(event(7200)))
		require.True(t, c.Covers(event(3600)))
		require.False(t, c.Covers(event(10800)))
	})
	t.Run("row K2 an older window changes nothing", func(t *testing.T) {
		c := setup(10)
		c.Add(event(7200))
		require.False(t, c.Add(event(3600)))
		require.True(t, c.Covers(event(7200)))
	})
	t.Run("row K3 untyped", func(t *testing.T) {
		c := setup(10)
		c.Add(property("p", definition.Untyped))
		require.True(t, c.Covers(property("p", definition.Untyped)))
		require.False(t, c.Covers(property("p", definition.String)))
	})
	t.Run("row K4 typed", func(t *testing.T) {
		c := setup(10)
		c.Add(property("p", definition.Numeric))
		for _, typ := range []definition.Type{definition.Untyped, definition.String, definition.Numeric} {
			require.True(t, c.Covers(property("p", typ)))
			require.False(t, c.Add(property("p", typ)), "refused")
		}
	})
	t.Run("row K5 removed in another form", func(t *testing.T) {
		c := setup(10)
		org := func(index int16) *definition.Update {
			return keyed(definition.Update{Kind: definition.Property, Team: 1, Project: 1, Parent: definition.OfGroup, Group: "org", Property: "p", GroupIndex: index})
		}
		c.Add(org(definition.NoGroup))
		require.True(t, c.Remove(org(2)))
		require.False(t, c.Covers(org(definition.NoGroup)))
		require.False(t, c.Remove(org(2)))
	})
	t.Run("row K6 projects are apart", func(t *testing.T) {
		c := setup(10)
		c.Add(property("p", definition.String))
		other := *property("p", definition.String)
		other.Project = 2
		require.False(t, c.Covers(keyed(other)))
	})
}

// A type that was looked up, and given up before that was noted, is not known.
func TestTypedIsOfItsEpoch(t *testing.T) {
	c := setup(10)
	p, e := property("p", definition.String), pair(1)
	c.Add(p)
	c.Add(e)
	epoch := c.Epoch()
	c.SetTyped(e.Key, epoch)
	_, typed := c.EventProperty(e.Key)
	require.True(t, typed)
	require.True(t, c.Remove(p))
	c.SetTyped(e.Key, epoch)
	known, typed := c.EventProperty(e.Key)
	require.True(t, known)
	require.False(t, typed)
}

func TestBounds(t *testing.T) {
	c := setup(1000)
	for i := range 5000 {
		require.True(t, c.Add(pair(i)))
		require.LessOrEqual(t, c.Len(definition.EventProperty), 1000)
	}
	require.Equal(t, 1000, c.Len(definition.EventProperty))
	require.EqualValues(t, 4000, c.Evictions(definition.EventProperty))
	c.Add(event(3600))
	c.Add(event(7200))
	require.EqualValues(t, 1, c.Evictions(definition.Event), "another value counts, too")
	require.EqualValues(t, 1, c.Replacements(definition.Event))
	require.Equal(t, 3*1000*32, c.Bytes())
}

// As long as all fits, nothing may be lost early: what is lost is written again at each sighting.
func TestNothingIsLostBelowCapacity(t *testing.T) {
	c := setup(100_000)
	for i := range 100_000 {
		c.Add(pair(i))
	}
	lost := 0
	for i := range 100_000 {
		if !c.Covers(pair(i)) {
			lost++
		}
	}
	require.LessOrEqual(t, lost, 100)
}

func TestWhatIsInUseStays(t *testing.T) {
	c := setup(1000)
	for i := range 500 {
		c.Add(pair(i))
	}
	for round := range 20 { // keys that come once, with those of before in between
		for i := range 500 {
			c.Add(pair(10_000 + round*500 + i))
			c.Covers(pair(i))
		}
	}
	kept := 0
	for i := range 500 {
		if c.Covers(pair(i)) {
			kept++
		}
	}
	require.Greater(t, kept, 400)
}

// Of many who bring the same update, one has to write it.
func TestOneAdds(t *testing.T) {
	c := setup(100_000)
	var mu sync.Mutex
	added := map[int]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 2000 {
				if c.Add(pair(i)) {
					mu.Lock()
					added[i]++
					mu.Unlock()
				}
				if !c.Covers(pair(i)) {
					t.Error("added and not there")
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, added, 2000)
	for i, n := range added {
		require.Equal(t, 1, n, i)
	}
}
