package regex

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
)

// builder computes states and steps. A state is a string: its instructions, ascending, two bytes each, and a byte for the context.
// Instructions are those at which a thread waits for a rune, or for the next rune to settle a zero-width assertion.
type builder struct {
	prog         *syntax.Prog
	classes      *classes
	unanchored   bool // a thread starts at each rune
	start        string
	startMatches bool // the program matches the empty text anywhere
	word, line   bool // the program asks for word boundaries; for ends of lines or of the text

	strikes int // failures of tables, running

	// Buffers of a step.
	stack   []uint32
	marks   []uint32 // by instruction: the pass that met it
	pass    uint32
	waiting []uint32 // what the pass arrived at
	runes   []uint32
	key     []byte
}

func newBuilder(prog *syntax.Prog, c *classes) builder {
	b := builder{prog: prog, classes: c, marks: make([]uint32, len(prog.Inst))}
	b.unanchored = prog.StartCond()&syntax.EmptyBeginText == 0
	for i := range prog.Inst {
		if inst := &prog.Inst[i]; inst.Op == syntax.InstEmptyWidth {
			word := syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
			b.word = b.word || syntax.EmptyOp(inst.Arg)&word != 0
			b.line = b.line || syntax.EmptyOp(inst.Arg)&^word != 0
		}
	}
	b.begin()
	b.startMatches = b.follow(uint32(prog.Start), nil)
	b.start = string(b.instructions(b.waiting))
	return b
}

// stepLocked returns the entry for the state key and a rune of the class of column, or the key of the state it leads to.
func (b *builder) stepLocked(key string, column uint32, restarts bool) (entry uint32, next string) {
	r := b.classes.sample[column]
	flags := syntax.EmptyOpContext(contextSample[key[len(key)-1]], r)
	b.begin()
	for i := 0; i+1 < len(key); i += 2 {
		if b.follow(uint32(key[i])|uint32(key[i+1])<<8, &flags) {
			return entryMatch, ""
		}
	}
	if column == columnEnd {
		return entryDead, ""
	}
	b.runes = append(b.runes[:0], b.waiting...)
	b.begin()
	for _, pc := range b.runes {
		if inst := &b.prog.Inst[pc]; inst.MatchRune(r) && b.follow(inst.Out, nil) {
			return entryMatch, ""
		}
	}
	if b.unanchored {
		b.follow(uint32(b.prog.Start), nil)
	}
	if len(b.waiting) == 0 {
		return entryDead, ""
	}
	state := b.instructions(b.waiting)
	if restarts && string(state) == b.start {
		return entryRestart, ""
	}
	return entryUnknown, b.withContext(string(state), contextAfter(r))
}

// begin starts a pass, in which each instruction is followed once.
func (b *builder) begin() {
	b.waiting = b.waiting[:0]
	if b.pass++; b.pass == 0 { // the marks of four billion passes ago
		clear(b.marks)
		b.pass = 1
	}
}

// follow adds to waiting what a thread at pc arrives at without a rune, and tells whether that is a match. Assertions are settled by
// flags; without flags, they wait.
func (b *builder) follow(pc uint32, flags *syntax.EmptyOp) (match bool) {
	b.stack = append(b.stack[:0], pc)
	for len(b.stack) > 0 {
		pc = b.stack[len(b.stack)-1]
		b.stack = b.stack[:len(b.stack)-1]
		if b.marks[pc] == b.pass {
			continue
		}
		b.marks[pc] = b.pass
		inst := &b.prog.Inst[pc]
		switch inst.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstFail:
		case syntax.InstAlt, syntax.InstAltMatch:
			b.stack = append(b.stack, inst.Out, inst.Arg)
		case syntax.InstNop, syntax.InstCapture:
			b.stack = append(b.stack, inst.Out)
		case syntax.InstEmptyWidth:
			if flags == nil {
				b.waiting = append(b.waiting, pc)
			} else if syntax.EmptyOp(inst.Arg)&^*flags == 0 {
				b.stack = append(b.stack, inst.Out)
			}
		default:
			b.waiting = append(b.waiting, pc)
		}
	}
	return false
}

// instructions returns the set of pcs as keys hold it. The result is good until the next call.
func (b *builder) instructions(pcs []uint32) []byte {
	slices.Sort(pcs)
	b.key = b.key[:0]
	for _, pc := range pcs {
		b.key = binary.LittleEndian.AppendUint16(b.key, uint16(pc))
	}
	return b.key
}

// withContext returns the key of instructions after a rune of context, which is forgotten where no assertion looks at it:
// the fewer states, the better.
func (b *builder) withContext(instructions string, context int) string {
	if context == contextWord && !b.word || (context == contextLine || context == contextText) && !b.line || !b.asserts(instructions) {
		context = contextOther
	}
	return instructions + string([]byte{byte(context)})
}

func (b *builder) asserts(instructions string) bool {
	if !b.word && !b.line {
		return false
	}
	for i := 0; i < len(instructions); i += 2 {
		if b.prog.Inst[uint32(instructions[i])|uint32(instructions[i+1])<<8].Op == syntax.InstEmptyWidth {
			return true
		}
	}
	return false
}

// contextSample has a rune of each context, as syntax.EmptyOpContext wants it.
var contextSample = [contexts]rune{contextOther: ' ', contextWord: 'a', contextLine: '\n', contextText: -1}
