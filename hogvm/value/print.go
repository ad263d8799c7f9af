package value

import (
	"slices"
	"strconv"
	"unsafe"

	"github.com/hog-go/hog/hogvm/fault"
)

// MaxDepth is how deep containers may nest on the way from and to JSON.
const MaxDepth = 256

// printDepth is how deep printing goes; what is deeper prints as null.
const printDepth = 64

// AppendPrint appends v as print and toString show it inside a container: strings in single quotes, dates and errors as the calls that make
// them, syntax trees as their query. A container inside itself is null. limit bounds len(dst), since containers that share their parts can unfold to any size.
func AppendPrint(dst []byte, v Value, limit int) ([]byte, error) {
	p := printer{dst: dst, limit: limit}
	p.value(v)
	if p.full {
		return dst, fault.Heap()
	}
	return p.dst, nil
}

type printer struct {
	dst   []byte
	limit int
	full  bool
	above [8]unsafe.Pointer // containers being printed
	stack []unsafe.Pointer
}

func (p *printer) value(v Value) {
	if len(p.dst) > p.limit {
		p.full = true
	}
	if p.full {
		return
	}
	switch v.Kind() {
	case String:
		p.dst = AppendQuoted(p.dst, v.str())
	case ArrayKind, TupleKind, ObjectKind:
		p.container(v)
	case CallableKind:
		p.function(v.Callable())
	case ClosureKind:
		p.function(v.Closure().Callable)
	default:
		p.dst, _ = AppendText(p.dst, v) // scalars have a text
	}
}

func (p *printer) container(v Value) {
	if !p.enter(v) {
		return
	}
	switch v.Kind() {
	case ArrayKind:
		p.dst = append(p.dst, '[')
		p.list(v.Array().items)
		p.dst = append(p.dst, ']')
	case TupleKind:
		items := v.Array().items
		if len(items) < 2 {
			p.dst = append(p.dst, "tuple"...)
		}
		p.dst = append(p.dst, '(')
		p.list(items)
		p.dst = append(p.dst, ')')
	default:
		p.object(v.Object())
	}
	p.leave()
}

// enter tells whether the container v is to be printed. One that is inside itself, or too deep, is null.
func (p *printer) enter(v Value) bool {
	if len(p.dst) > p.limit {
		p.full = true
	}
	if p.full {
		return false
	}
	if p.stack == nil {
		p.stack = p.above[:0]
	}
	if len(p.stack) >= printDepth || slices.Contains(p.stack, v.p) {
		p.dst = append(p.dst, "null"...)
		return false
	}
	p.stack = append(p.stack, v.p)
	return true
}

func (p *printer) leave() { p.stack = p.stack[:len(p.stack)-1] }

func (p *printer) list(items []Value) {
	for i, v := range items {
		if i > 0 {
			p.dst = append(p.dst, ", "...)
		}
		p.value(v)
	}
}

func (p *printer) object(o *Object) {
	switch o.mark {
	case DateTime:
		p.dst = append(p.dst, "DateTime("...)
		dt, _ := o.PeekKey("dt")
		p.seconds(dt)
		p.dst = append(p.dst, ", "...)
		zone, _ := o.PeekKey("zone")
		p.value(zone)
		p.dst = append(p.dst, ')')
	case Date:
		p.dst = append(p.dst, "Date("...)
		for i, key := range [...]string{"year", "month", "day"} {
			if i > 0 {
				p.dst = append(p.dst, ", "...)
			}
			part, _ := o.PeekKey(key)
			p.value(part)
		}
		p.dst = append(p.dst, ')')
	case ErrorMark:
		p.error(o)
	default:
		if kind := nodeType(o); kind == "" || !p.query(o, kind) {
			p.plain(o)
		}
	}
}

// query prints a node of a syntax tree, if its type is known. It works on a copy of p, which otherwise could not stay on the stack.
func (p *printer) query(o *Object, kind string) bool {
	q := sqlPrinter{printer: &printer{dst: append(p.dst, "sql("...), limit: p.limit, stack: slices.Clone(p.stack)}, depth: 1}
	known := q.typed(o, kind)
	if known {
		p.dst, p.full = append(q.dst, ')'), q.full
	}
	return known
}

func (p *printer) plain(o *Object) {
	p.dst = append(p.dst, '{')
	for i, e := range o.entries {
		if i > 0 {
			p.dst = append(p.dst, ", "...)
		}
		p.dst = AppendQuoted(p.dst, e.Key)
		p.dst = append(p.dst, ": "...)
		p.value(e.Value)
	}
	p.dst = append(p.dst, '}')
}

// seconds prints epoch seconds with a point, always.
func (p *printer) seconds(v Value) {
	f, ok := v.AsFloat()
	if !ok {
		p.value(v)
		return
	}
	p.dst = AppendFloat(p.dst, f)
	if f == float64(int64(f)) {
		p.dst = append(p.dst, ".0"...)
	}
}

func (p *printer) error(o *Object) {
	kind, _ := o.PeekKey("type")
	message, _ := o.PeekKey("message")
	if s, ok := kind.AsString(); ok {
		p.dst = append(p.dst, s...)
	} else {
		p.value(kind)
	}
	p.dst = append(p.dst, '(')
	p.value(message)
	if payload, ok := o.PeekKey("payload"); ok && !payload.IsNull() {
		p.dst = append(p.dst, ", "...)
		p.value(payload)
	}
	p.dst = append(p.dst, ')')
}

func (p *printer) function(c *Callable) {
	p.dst = append(p.dst, "fn<"...)
	p.dst = appendIdentifier(p.dst, c.Name)
	p.dst = append(p.dst, '(')
	p.dst = strconv.AppendInt(p.dst, int64(c.ArgCount), 10)
	p.dst = append(p.dst, ")>"...)
}

// AppendQuoted appends s in single quotes as a Hog literal.
func AppendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '\'')
	dst = appendEscaped(dst, s, '\'', `\'`)
	return append(dst, '\'')
}

func appendIdentifier(dst []byte, name string) []byte {
	if isIdentifier(name) {
		return append(dst, name...)
	}
	dst = append(dst, '`')
	dst = appendEscaped(dst, name, '`', "``")
	return append(dst, '`')
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func appendEscaped(dst []byte, s string, quote byte, quoted string) []byte {
	from := 0
	for i := range len(s) {
		var text string
		switch c := s[i]; c {
		case '\b':
			text = `\b`
		case '\f':
			text = `\f`
		case '\r':
			text = `\r`
		case '\n':
			text = `\n`
		case '\t':
			text = `\t`
		case 0:
			text = `\0`
		case '\v':
			text = `\v`
		case '\\':
			text = `\\`
		case quote:
			text = quoted
		default:
			continue
		}
		dst = append(dst, s[from:i]...)
		dst = append(dst, text...)
		from = i + 1
	}
	return append(dst, s[from:]...)
}
