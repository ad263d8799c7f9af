package code

import (
	"math"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/value"
)

// Decode makes a unit of bytecode without its header. loose takes operands as PostHog's Node VM does: any value as a text.
func Decode(name string, number int, body []value.Value, loose bool) *Unit {
	u := &Unit{Name: name, Number: number, Plain: make([]Instr, len(body)+1)}
	d := decoder{unit: u, body: body, loose: loose, strings: map[string]int32{}}
	for i := range body {
		u.Plain[i] = d.instruction(i)
		u.Plain[i].At = int32(i)
	}
	u.Plain[len(body)] = Instr{Op: End, Cost: 1, At: int32(len(body)), Next: int32(len(body))}
	return u
}

// decoder reads the operands of one instruction after the other.
type decoder struct {
	unit    *Unit
	body    []value.Value
	loose   bool
	pos     int
	err     error // first trouble with the operands of the instruction
	strings map[string]int32
}

func (d *decoder) instruction(at int) Instr {
	d.pos, d.err = at+1, nil
	in := Instr{Cost: 1}
	op, err := opcode(d.body[at])
	if err != nil {
		d.err = err
	} else {
		in.Op = op
		d.operands(&in)
	}
	if d.err != nil {
		d.unit.Faults = append(d.unit.Faults, d.err)
		return Instr{Op: Fault, Cost: 1, Next: int32(min(d.pos, len(d.body))), A: int32(len(d.unit.Faults) - 1)}
	}
	in.Next = int32(d.pos)
	return in
}

func opcode(token value.Value) (Op, error) {
	if !token.IsNumber() {
		return 0, fault.WrongType(jsonType(token), "Operation")
	}
	if token.IsInt() {
		if n := token.Int(); n >= int64(GetGlobal) && n <= int64(CloseUpvalue) {
			return Op(n), nil
		}
	}
	text, err := value.AppendJSON(nil, token, value.JSONStyle{Lenient: true})
	if err != nil {
		return 0, err
	}
	return 0, fault.New(fault.BadOpcode, "Invalid operation "+string(text))
}

// jsonType is the name that errors give to the type of an element.
func jsonType(v value.Value) string {
	switch v.Kind() {
	case value.Null:
		return "null"
	case value.Bool:
		return "bool"
	case value.Int, value.Float:
		return "number"
	case value.String:
		return "string"
	case value.ObjectKind:
		return "object"
	}
	return "array"
}

func (d *decoder) operands(in *Instr) {
	switch in.Op {
	case Dict:
		in.A, in.B = d.count(), int32(d.unit.Dicts)
		d.unit.Dicts++
	case GetGlobal, And, Or, Array, Tuple, CallLocal, GetLocal, SetLocal, GetUpvalue, SetUpvalue:
		in.A = d.count()
	case CallGlobal:
		name, args := d.text(), d.count()
		in.A = add(&d.unit.Calls, Call{Name: name, Args: int(args)})
	case String:
		in.A = d.stringConst()
	case Integer:
		in.A = d.constant(d.next())
	case Float:
		in.A = d.float()
	case Jump, JumpIfFalse, JumpIfStackNotNull:
		in.A = d.target(d.offset(), 0)
	case Try:
		in.A = d.target(d.offset(), -1) // counted from the operand itself
	case DeclareFn:
		d.callable(in, false)
	case MakeCallable:
		d.callable(in, true)
	case MakeClosure:
		d.captures(in)
	}
}

func add[T any](list *[]T, item T) int32 {
	*list = append(*list, item)
	return int32(len(*list) - 1)
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) next() value.Value {
	if d.pos >= len(d.body) {
		d.fail(fault.EndAt(d.pos))
		return value.Value{}
	}
	d.pos++
	return d.body[d.pos-1]
}

// count reads a number of values or an index. One beyond all programs is as good as the largest that fits.
func (d *decoder) count() int32 {
	n := d.offset()
	if n < 0 {
		d.fail(fault.WrongType("number", "usize"))
	}
	return int32(min(n, math.MaxInt32))
}

func (d *decoder) offset() int64 {
	v := d.next()
	if d.err == nil && !v.IsInt() {
		d.fail(fault.WrongType(jsonType(v), "Number"))
	}
	if d.err != nil {
		return 0
	}
	return v.Int()
}

// target returns the position that an offset leads to; behind the end is the end.
func (d *decoder) target(offset int64, shift int) int32 {
	from := int64(d.pos + shift)
	if offset < -from || offset > math.MaxInt64-from {
		d.fail(fault.New(fault.Overflow, "Integer overflow"))
		return 0
	}
	return int32(min(from+offset, int64(len(d.body))))
}

func (d *decoder) text() string {
	v := d.next()
	s, ok := v.AsString()
	if d.err == nil && !ok {
		d.fail(fault.WrongType(jsonType(v), "String"))
	}
	return s
}

func (d *decoder) constant(v value.Value) int32 {
	if s, ok := v.AsString(); ok {
		i, known := d.strings[s]
		if !known {
			i = add(&d.unit.Consts, v)
			d.strings[s] = i
		}
		return i
	}
	if v.IsContainer() {
		d.fail(fault.WrongType(jsonType(v), "Number"))
		return 0
	}
	return add(&d.unit.Consts, v)
}

func (d *decoder) stringConst() int32 {
	if d.loose {
		return d.constant(d.next())
	}
	return d.constant(value.OfString(d.text()))
}

func (d *decoder) float() int32 {
	v := d.next()
	f, ok := v.AsFloat()
	if d.err == nil && !ok {
		d.fail(fault.WrongType(jsonType(v), "Number"))
	}
	return d.constant(value.OfFloat(f))
}

func (d *decoder) callable(in *Instr, captures bool) {
	c := &value.Callable{Name: d.text(), ArgCount: int(d.count()), Unit: d.unit.Number, Chunk: d.unit.Name}
	if captures {
		c.UpvalueCount = int(d.count())
	}
	length := d.offset()
	c.IP = d.pos
	in.B = d.target(length, 0)
	in.A = add(&d.unit.Callables, c)
	c.Number = len(d.unit.Callables)
}

func (d *decoder) captures(in *Instr) {
	count := d.count()
	var list []Capture
	for range count {
		local := d.next()
		if d.err == nil && local.Kind() != value.Bool {
			d.fail(fault.WrongType(jsonType(local), "Boolean"))
		}
		index := d.count()
		if d.err != nil {
			return
		}
		list = append(list, Capture{Local: local.Bool(), Index: int(index)})
	}
	in.A = add(&d.unit.Captures, list)
}
