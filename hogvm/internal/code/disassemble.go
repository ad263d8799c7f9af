package code

import (
	"fmt"
	"io"
	"strings"

	"github.com/hog-go/hog/hogvm/value"
)

// Disassemble writes a line for each instruction: the element it starts at, its name, and its operands. Jumps show where they lead.
func (u *Unit) Disassemble(w io.Writer) {
	for ip := 0; ip < len(u.Plain)-1; ip = int(u.Plain[ip].Next) {
		in := u.Plain[ip]
		line := fmt.Sprintf("%6d  %-22s %s", ip+u.Header, u.opName(in), u.operandText(in))
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

func (u *Unit) opName(in Instr) string {
	if in.Op == Fault {
		return "?"
	}
	return in.Op.String()
}

func (u *Unit) operandText(in Instr) string {
	switch in.Op {
	case String, Integer, Float:
		text, err := value.AppendJSON(nil, u.Consts[in.A], value.JSONStyle{Lenient: true})
		if err != nil {
			return err.Error()
		}
		return string(text)
	case Jump, JumpIfFalse, JumpIfStackNotNull, Try:
		return fmt.Sprintf("-> %d", int(in.A)+u.Header)
	case CallGlobal:
		return fmt.Sprintf("%s %d", u.Calls[in.A].Name, u.Calls[in.A].Args)
	case DeclareFn, MakeCallable:
		c := u.Callables[in.A]
		return fmt.Sprintf("%s args=%d upvalues=%d -> %d", c.Name, c.ArgCount, c.UpvalueCount, int(in.B)+u.Header)
	case MakeClosure:
		text := ""
		for _, c := range u.Captures[in.A] {
			if c.Local {
				text += fmt.Sprintf("local:%d ", c.Index)
			} else {
				text += fmt.Sprintf("upvalue:%d ", c.Index)
			}
		}
		return text
	case Fault:
		return u.Faults[in.A].Error()
	case GetGlobal, And, Or, Dict, Array, Tuple, CallLocal, GetLocal, SetLocal, GetUpvalue, SetUpvalue:
		return fmt.Sprint(in.A)
	}
	return ""
}
