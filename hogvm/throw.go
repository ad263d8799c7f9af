package hogvm

import (
	"strings"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/value"
)

// throw hands v to the newest handler, which goes on with its stack as it was when it began, and v on top.
func (t *Thread) throw(v value.Value) error {
	kind, message, ok := t.thrown(v)
	if !ok {
		if t.vm.node {
			return fault.New(fault.BadThrow, "Can not throw: value is not of type Error")
		}
		return fault.New(fault.BadThrow, "Cannot throw value, it is not of type Object, or is missing a 'type' or 'message' property")
	}
	if len(t.handlers) == 0 {
		return t.uncaught(v.Object(), kind, message)
	}
	h := t.handlers[len(t.handlers)-1]
	t.handlers = t.handlers[:len(t.handlers)-1]
	if h.sp > t.sp || h.frames > len(t.frames) {
		return t.underflow() // the block took values that were there before it
	}
	t.closeFrom(h.sp)
	t.sp = h.sp
	t.frames = t.frames[:h.frames]
	t.frames[h.frames-1].ip = h.ip
	return t.push(v)
}

// thrown returns type and message of v, and whether it may be thrown.
func (t *Thread) thrown(v value.Value) (kind, message value.Value, ok bool) {
	o, isObject := v.AsObject()
	if !isObject || t.vm.node && o.Mark() != value.ErrorMark {
		return kind, message, false
	}
	kind, hasKind := o.PeekKey("type")
	message, hasMessage := o.PeekKey("message")
	return kind, message, hasKind && hasMessage
}

// uncaught is the error of a throw without a handler.
func (t *Thread) uncaught(o *value.Object, kind, message value.Value) error {
	payload, _ := o.Get("payload")
	thrown := &Thrown{Type: plainText(kind), Message: plainText(message), Payload: t.detach(payload)}
	text := "Uncaught exception: " + thrown.Type + ": " + thrown.Message
	if t.vm.node {
		text = thrown.Message
	}
	return &Failure{Err: fault.New(fault.Uncaught, text), Thrown: thrown}
}

// plainText is v as text, a string as it is.
func plainText(v value.Value) string {
	if s, ok := v.AsString(); ok {
		return strings.Clone(s)
	}
	b, err := value.AppendPrint(nil, v, 1<<16)
	if err != nil {
		return "..."
	}
	return string(b)
}

func (t *Thread) noHandler() error {
	if t.vm.node {
		return fault.New(fault.PopTry, "Invalid operation POP_TRY: no try block to pop")
	}
	return fault.New(fault.PopTry, "Unexpected pop try")
}

func (t *Thread) noCohort(op code.Op) error {
	if t.vm.node {
		f := &t.frames[len(t.frames)-1]
		return unexpectedNode(f.unit, int(f.ip))
	}
	name := "InCohort"
	if op == code.NotInCohort {
		name = "NotInCohort"
	}
	return fault.New(fault.NotImplemented, "Not implemented: "+name)
}

// fault is the error of an instruction that makes no sense, as the profile words it.
func (t *Thread) fault(err error) error {
	if !t.vm.node {
		return err
	}
	f := &t.frames[len(t.frames)-1]
	switch fault.KindOf(err) {
	case fault.EndOfProgram:
		return fault.New(fault.EndOfProgram, "Unexpected end of bytecode")
	case fault.BadOpcode, fault.Type:
		return unexpectedNode(f.unit, int(f.ip))
	}
	return err
}

func unexpectedNode(u *unit, ip int) error {
	token, _ := js.String(u.Tokens[ip+u.Header], 1<<12)
	return fault.New(fault.BadOpcode, `Unexpected node while running bytecode in chunk "`+u.Name+`": `+token)
}

// failure adds to err where it happened.
func (t *Thread) failure(err error) error {
	f, ok := err.(*Failure)
	if !ok {
		f = &Failure{Err: err}
	}
	at := &t.frames[len(t.frames)-1]
	f.Chunk, f.IP, f.Steps = at.unit.Name, int(at.ip)+at.unit.Header, t.steps
	f.Stack = make([]value.Value, t.sp)
	for i, v := range t.stack[:t.sp] {
		f.Stack[i] = t.detach(v)
	}
	return f
}
