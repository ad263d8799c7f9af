package hogvm

import (
	"errors"
	"regexp/syntax"
	"unsafe"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/internal/like"
	"github.com/hog-go/hog/hogvm/internal/regex"
	"github.com/hog-go/hog/hogvm/value"
)

// like is a LIKE b.
func (t *Thread) like(a, b value.Value, fold bool) (bool, error) {
	if t.vm.node {
		return t.nodeLike(a, b, fold)
	}
	text, err := t.textOf(a, 0)
	if err != nil {
		return false, err
	}
	pattern, err := t.textOf(b, 1)
	if err != nil {
		return false, err
	}
	return t.likePattern(pattern, fold).Match(text), nil
}

// textOf returns v as text; what is no string already is written to buffer i of the thread, and good until that is used again.
func (t *Thread) textOf(v value.Value, i int) (string, error) {
	if s, ok := v.AsString(); ok {
		return s, nil
	}
	b, err := value.AppendText(t.texts[i][:0], v)
	t.texts[i] = b
	return unsafe.String(unsafe.SliceData(b), len(b)), err
}

// likeKey names a compiled LIKE pattern.
type likeKey struct {
	pattern string
	fold    bool
}

// maxLikes bounds the patterns that a thread keeps: those of its programs are constants and are kept with them.
const maxLikes = 64

func (t *Thread) likePattern(pattern string, fold bool) *like.Pattern {
	if p := t.likes[likeKey{pattern, fold}]; p != nil {
		return p
	}
	if t.likes == nil || len(t.likes) >= maxLikes {
		t.likes = map[likeKey]*like.Pattern{}
	}
	pattern = string(append([]byte(nil), pattern...)) // it may be part of an event
	p := like.Compile(pattern, fold)
	t.likes[likeKey{pattern, fold}] = p
	return p
}

func (t *Thread) nodeLike(a, b value.Value, fold bool) (bool, error) {
	pattern, ok := js.String(b, t.call.Heap.Left())
	if !ok {
		return false, fault.Heap()
	}
	text, ok := js.String(a, t.call.Heap.Left())
	if !ok {
		return false, fault.Heap()
	}
	re, err := like.Search(pattern, fold)
	if err != nil {
		return false, fault.BadRegex(pattern, err.Error())
	}
	return re.MatchString(text), nil
}

// matches is a =~ b. What is falsy on either side does not match.
func (t *Thread) matches(a, b value.Value, fold bool) (bool, error) {
	if t.vm.node {
		return t.nodeMatches(a, b, fold)
	}
	if !a.Truthy() || !b.Truthy() {
		return false, nil
	}
	text, err := t.textOf(a, 0)
	if err != nil {
		return false, err
	}
	pattern, err := t.textOf(b, 1)
	if err != nil {
		return false, err
	}
	re, err := compileRegex(pattern, fold)
	if err != nil {
		return false, err
	}
	return re.MatchString(text), nil
}

func compileRegex(pattern string, fold bool) (*regex.Regex, error) {
	re, err := regex.Compile(pattern, fold)
	if err != nil {
		detail := err.Error()
		if syntax, ok := errors.AsType[*syntax.Error](err); ok {
			detail = syntax.Error()
		}
		return nil, fault.BadRegex(pattern, detail)
	}
	return re, nil
}

func (t *Thread) nodeMatches(a, b value.Value, fold bool) (bool, error) {
	if !a.Truthy() || !fold && !b.Truthy() {
		return false, nil
	}
	text, okText := js.String(a, t.call.Heap.Left())
	pattern, okPattern := js.String(b, t.call.Heap.Left())
	if !okText || !okPattern {
		return false, fault.Heap()
	}
	re, err := compileRegex(pattern, fold)
	if err != nil {
		return false, err
	}
	return re.MatchString(text), nil
}
