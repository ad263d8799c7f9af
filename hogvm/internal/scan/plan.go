// Package scan finds the values that programs read in an event.
//
// A Plan is the tree of all constant paths of some programs, made once. A View is an event seen by a plan. Of a decoded event it looks each
// key up when it is first wanted, and keeps what it found. A raw event it scans once: where a key leads down the tree the scan follows, and
// where a path ends it notes the span of the value, which is decoded when it is first read; everything else is only checked to be JSON.
package scan

import (
	"strings"
	"unicode/utf8"

	"github.com/hog-go/hog/hogvm/internal/code"
)

// Plan says which values a view finds. It never changes after New.
type Plan struct {
	nodes []node // the first is the event itself
	paths []path
	// careful: a path has U+FFFD, which bytes that are no UTF-8 are read as, too.
	careful bool
}

// path is where the value of one of the paths is found: at a node, and from there by the rest, which is what follows the first index.
type path struct {
	node   int32
	root   int32 // node of the first key
	parent int32
	key    code.Key // of the node
	rest   code.Path
}

// node is a key on the way of a path.
type node struct {
	key    code.Key
	parent int32
	last   int32 // of the nodes below; they stand behind this one
	edges  []edge
	sieve  uint64  // a bit for the length and last byte of each key
	table  []int32 // of edges by hash, plus one; nil while there are few
}

type edge struct {
	key  string
	node int32
}

// fewEdges is how many keys are compared one by one.
const fewEdges = 3

// New makes a plan of paths; their numbers are their indices.
func New(paths []code.Path) *Plan {
	t := &tree{}
	ends := make([]*branch, len(paths))
	p := &Plan{paths: make([]path, len(paths))}
	for i, keys := range paths {
		b := &t.branch
		for j, k := range keys {
			if k.IsIndex && j > 0 { // an array or an object, who knows: look at what is above
				p.paths[i].rest = keys[j:]
				break
			}
			b = b.child(k)
			p.careful = p.careful || strings.ContainsRune(k.Text, utf8.RuneError)
		}
		ends[i] = b
	}
	p.add(&t.branch, -1)
	for i, b := range ends {
		p.paths[i].node, p.paths[i].parent, p.paths[i].key = b.number, p.nodes[b.number].parent, b.key
		for b.parent != nil && b.parent.parent != nil {
			b = b.parent
		}
		p.paths[i].root = b.number
	}
	return p
}

// tree is what New builds before the nodes get their numbers, depth first.
type tree struct{ branch }

type branch struct {
	key      code.Key
	parent   *branch
	children []*branch
	number   int32
}

func (b *branch) child(k code.Key) *branch {
	for _, c := range b.children {
		if c.key.Text == k.Text {
			return c
		}
	}
	c := &branch{key: k, parent: b}
	b.children = append(b.children, c)
	return c
}

func (p *Plan) add(b *branch, parent int32) {
	b.number = int32(len(p.nodes))
	p.nodes = append(p.nodes, node{key: b.key, parent: parent})
	var edges []edge
	for _, c := range b.children {
		p.add(c, b.number)
		edges = append(edges, edge{c.key.Text, c.number})
	}
	n := &p.nodes[b.number]
	n.edges, n.last = edges, int32(len(p.nodes)-1)
	n.index()
}

func (n *node) index() {
	for _, e := range n.edges {
		n.sieve |= bit(e.key)
	}
	if len(n.edges) <= fewEdges {
		return
	}
	size := 8
	for size < 3*len(n.edges) {
		size *= 2
	}
	n.table = make([]int32, size)
	for i, e := range n.edges {
		at := hash(e.key) & uint32(size-1)
		for n.table[at] != 0 {
			at = (at + 1) & uint32(size-1)
		}
		n.table[at] = int32(i + 1)
	}
}

// hash need not resist anybody: the table holds the programs' keys, not the event's.
func hash(key string) uint32 {
	n := len(key)
	if n == 0 {
		return 0
	}
	h := uint32(n)*31 + uint32(key[0])
	h = h*31 + uint32(key[n/2])
	h = h*31 + uint32(key[n-1])
	return h ^ h>>7
}

func bit(key string) uint64 {
	if key == "" {
		return 1
	}
	return 1 << ((uint(len(key))*5 + uint(key[len(key)-1])) & 63)
}

// find returns the node that key leads to, -1 if it leads nowhere.
func (n *node) find(key string) int32 {
	if n.sieve&bit(key) == 0 {
		return -1
	}
	if n.table == nil {
		for i := range n.edges {
			if n.edges[i].key == key {
				return n.edges[i].node
			}
		}
		return -1
	}
	mask := uint32(len(n.table) - 1)
	for at := hash(key) & mask; n.table[at] != 0; at = (at + 1) & mask {
		if e := &n.edges[n.table[at]-1]; e.key == key {
			return e.node
		}
	}
	return -1
}
