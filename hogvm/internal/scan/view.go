package scan

import (
	"unsafe"

	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/value"
)

// View is one event seen by a plan. It is used again for the next: Object or Text begins anew.
type View struct {
	plan   *Plan
	object *value.Object // of a decoded event, or of a raw one when it had to be decoded whole
	text   string        // of a raw one
	raw    bool
	whole  bool // a raw event is decoded whole
	spots  []spot
	round  uint64 // of the events so far; what is of another round is of another event
}

// spot is what is known of a node of the plan.
type spot struct {
	v          value.Value
	round      uint64        // when v was found
	seen       uint64        // when the key was met
	start, end int32         // where in the text; end is 0 if there is no value
	hint       int32         // where in its object the key was, the last time
	object     *value.Object // v, of a decoded event, if it is an object in which keys are looked up
}

// maxText keeps positions within 32 bits.
const maxText = 1 << 30

func (w *View) begin(plan *Plan) {
	if len(w.spots) < len(plan.nodes) {
		w.spots = make([]spot, len(plan.nodes))
	}
	w.round++
	w.plan = plan
}

// Object shows a decoded event; nil is one without anything.
func (w *View) Object(plan *Plan, o *value.Object) {
	w.begin(plan)
	w.decoded(o)
}

// decoded makes o the event, which is what the first node is found to be.
func (w *View) decoded(o *value.Object) {
	w.object, w.raw = o, false
	w.spots[0].round, w.spots[0].object = w.round, o
}

// Text shows a raw event. Its error is that of value.DecodeJSON: text that has errors anywhere shows nothing. The text must not change
// while values of the view are in use, since they share its memory.
func (w *View) Text(plan *Plan, text []byte) error {
	w.begin(plan)
	w.object, w.raw, w.whole = nil, true, false
	w.text = unsafe.String(unsafe.SliceData(text), len(text))
	if len(text) < maxText {
		s := scanner{w: w, b: text}
		if s.document() {
			return nil
		}
	}
	v, err := value.DecodeJSON(w.text)
	if err != nil {
		return err
	}
	o, _ := v.AsObject()
	w.decoded(o)
	return nil
}

// Round tells events apart: it is another number for the next.
func (w *View) Round() uint64 { return w.round }

// Whole returns the event as an object, nil if it is none, for paths that no plan knows.
func (w *View) Whole() *value.Object {
	if w.raw && !w.whole {
		if v, err := value.DecodeJSON(w.text); err == nil { // Text has checked it
			w.object, _ = v.AsObject()
		}
		w.whole = true
	}
	return w.object
}

// Root returns the node of the first key of a path, for HasRoot.
func (p *Plan) Root(number int32) int32 { return p.paths[number].root }

// HasRoot tells whether the first key of a path exists.
func (w *View) HasRoot(root int32) bool {
	s := &w.spots[root]
	if w.raw {
		return s.seen == w.round
	}
	if s.round != w.round {
		w.find(root, s)
	}
	return s.end > 0
}

// Read returns the value of a path of which HasRoot is true, null if there is none. It is for looking only, see package value.
//
// The last key is looked up each time, of a decoded event: with a good guess that is as fast as to remember the value.
func (w *View) Read(number int32) value.Value {
	p := &w.plan.paths[number]
	if w.raw || p.rest != nil {
		return w.read(p)
	}
	o := w.above(p.parent)
	if o == nil {
		return value.Value{}
	}
	hint := &w.spots[p.node].hint
	if v, ok := o.PeekAt(int(*hint), p.key.Text); ok {
		return v
	}
	v, _ := o.PeekHinted(p.key.Text, p.key.Hash, hint)
	return v
}

// read is Read of what is remembered.
func (w *View) read(p *path) value.Value {
	s := &w.spots[p.node]
	if s.round != w.round {
		w.find(p.node, s)
	}
	if p.rest != nil {
		return code.Follow(s.v, p.rest)
	}
	return s.v
}

// ReadsScalar tells whether Read is certain to return a scalar, without decoding it.
func (w *View) ReadsScalar(number int32) bool {
	p := &w.plan.paths[number]
	switch {
	case p.rest != nil:
		return false
	case w.raw:
		s := &w.spots[p.node]
		return s.seen != w.round || s.end == 0 || w.text[s.start] != '{' && w.text[s.start] != '['
	}
	return w.IsFlat(p.parent) || !w.Read(number).IsContainer()
}

// Parent returns the node above the last key of a path, for IsFlat; false if the path goes on by an index.
func (p *Plan) Parent(number int32) (int32, bool) {
	return p.nodes[p.paths[number].node].parent, p.paths[number].rest == nil
}

// IsFlat tells whether everything right below a node is certain to be a scalar. Of a raw event nothing is certain.
func (w *View) IsFlat(n int32) bool {
	if w.raw {
		return false
	}
	o := w.above(n)
	return o == nil || o.IsFlat()
}

// above returns the object at a node of a decoded event, nil if there is none.
func (w *View) above(n int32) *value.Object {
	s := &w.spots[n]
	if s.round != w.round {
		w.find(n, s)
	}
	return s.object
}

// find looks a node up that is not known yet; s is its spot.
func (w *View) find(n int32, s *spot) {
	s.round = w.round
	if w.raw {
		s.v = value.Value{}
		if s.seen == w.round && s.end > 0 {
			s.v = decode(w.text[s.start:s.end])
		}
		return
	}
	node := &w.plan.nodes[n]
	o := w.above(node.parent)
	s.end, s.object = 0, nil
	if o == nil {
		s.v = value.Value{}
		return
	}
	v, found := o.PeekHinted(node.key.Text, node.key.Hash, &s.hint)
	if found {
		s.end = 1
	}
	s.v = v
	if len(node.edges) > 0 {
		s.object, _ = v.AsObject()
	}
}

func decode(text string) value.Value {
	switch text[0] {
	case '"':
		return value.OfString(value.StringOf(text))
	case '{', '[':
		v, err := value.DecodeJSON(text)
		if err != nil {
			return value.Value{} // Text has checked it
		}
		return v
	}
	return value.ScalarOf(text)
}
