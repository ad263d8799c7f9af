package code

import "github.com/hog-go/hog/hogvm/value"

// longestRun is the most instructions that one fused instruction replaces, paths aside.
const longestRun = 8

// Fuse makes Fast of Plain. private says that lists built by arrayPushBack are seen by this unit alone, so that they may grow in place.
//
// Only what stands at the start of a run is replaced: a jump into the middle of one finds the instructions as they were. A fused
// instruction costs as many steps as it replaces.
func (u *Unit) Fuse(private bool) {
	u.Fast = append([]Instr(nil), u.Plain...)
	f := fuser{unit: u, private: private, paths: map[string]int32{}}
	var starts []int32
	for ip := int32(0); int(ip) < len(u.Plain)-1; ip = u.Plain[ip].Next {
		starts = append(starts, ip)
	}
	for i := range starts {
		f.run = f.run[:0]
		for _, ip := range starts[i:min(i+longestRun, len(starts))] {
			f.run = append(f.run, u.Plain[ip])
		}
		if in, ok := f.match(); ok {
			u.Fast[starts[i]] = in
		}
	}
	for i, ip := range starts {
		if in := u.Plain[ip]; in.Op == GetGlobal {
			f.path(starts[:i], in)
		}
	}
}

type fuser struct {
	unit    *Unit
	private bool
	run     []Instr // from the position in question on
	paths   map[string]int32
}

// is tells whether the run begins with these operations; Integer stands for any constant.
func (f *fuser) is(ops ...Op) bool {
	if len(f.run) < len(ops) {
		return false
	}
	for i, op := range ops {
		got := f.run[i].Op
		if op == Integer && (got == String || got == Float) {
			got = Integer
		}
		if got != op {
			return false
		}
	}
	return true
}

// fused makes an instruction of the first n of the run.
func (f *fuser) fused(op Op, n int, a, b, c int32) (Instr, bool) {
	return Instr{Op: op, Cost: uint8(n), At: f.run[0].At, Next: f.run[n-1].Next, A: a, B: b, C: c}, true
}

func (f *fuser) match() (Instr, bool) {
	if in, ok := f.arithmetic(); ok {
		return in, ok
	}
	r := f.run
	switch {
	case f.is(GetLocal, GetLocal, GetProperty, SetLocal, GetLocal, GetLocal, GetLocal, CallLocal) && r[5].A == r[3].A:
		return f.itemCall(int(r[4].A), r[6], r[7])
	case f.is(GetLocal, GetLocal, GetProperty, SetLocal, GetLocal, GetLocal, CallLocal) && r[4].A == r[3].A:
		return f.itemCall(-1, r[5], r[6])
	case f.is(GetLocal, GetLocal, GetProperty, SetLocal):
		return f.fused(LoadItem, 4, r[0].A, r[1].A, r[3].A)
	case f.is(GetLocal, String, GetProperty):
		return f.fused(LocalProperty, 3, r[0].A, f.key(r[1]), 0)
	case f.is(String, GetProperty):
		return f.fused(ConstProperty, 2, r[0].A, f.key(r[0]), 0)
	case f.is(GetUpvalue, CallLocal):
		return f.fused(CallUpvalue, 2, r[0].A, r[1].A, 0)
	case f.is(GetLocal, CallLocal):
		return f.fused(CallSlot, 2, r[0].A, r[1].A, 0)
	case f.is(GetLocal, Return):
		return f.fused(ReturnLocal, 2, r[0].A, 0, 0)
	case f.is(Integer, Return):
		return f.fused(ReturnConst, 2, r[0].A, 0, 0)
	case f.is(Plus, Return), f.is(Minus, Return):
		in, ok := f.fused(ReturnSum, 2, 0, 0, 0)
		in.Sub = r[0].Op
		return in, ok
	case f.is(Pop, Pop):
		n := 2
		for n < len(r) && r[n].Op == Pop {
			n++
		}
		return f.fused(PopMany, n, int32(n), 0, 0)
	case len(r) > 1 && r[0].Op >= Eq && r[0].Op <= LtEq && r[1].Op == Return:
		in, ok := f.fused(ReturnTest, 2, 0, 0, 0)
		in.Sub = r[0].Op
		return in, ok
	case f.private && f.is(CallGlobal, SetLocal) && f.pushesBack(r[0]):
		return f.fused(PushBack, 2, r[1].A, 0, 0)
	case f.private && f.is(GetLocal, GetLocal, CallGlobal, SetLocal) && f.pushesBack(r[2]) && r[0].A == r[3].A:
		return f.fused(PushItem, 4, r[0].A, r[1].A, 0)
	}
	return Instr{}, false
}

func (f *fuser) pushesBack(in Instr) bool {
	return f.unit.Calls[in.A] == Call{Name: "arrayPushBack", Args: 2}
}

func (f *fuser) itemCall(before int, function, call Instr) (Instr, bool) {
	if call.A > 2 || call.A == 2 && before < 0 {
		return Instr{}, false // an argument is from before the loop
	}
	r := f.run
	item := Item{List: int(r[0].A), Index: int(r[1].A), Item: int(r[3].A), Func: int(function.A), Before: before, Args: int(call.A)}
	in, _ := f.fused(ItemCall, 7, add(&f.unit.Items, item), 0, 0)
	if before >= 0 {
		in.Cost++
	}
	in.Next = call.Next
	return in, true
}

// arithmetic matches operators between locals and constants.
func (f *fuser) arithmetic() (Instr, bool) {
	if len(f.run) < 3 {
		return Instr{}, false
	}
	r, op := f.run, f.run[2].Op
	var in Instr
	constant := f.is(Integer, GetLocal) && f.unit.Consts[r[0].A].IsInt()
	switch {
	case !constant && !f.is(GetLocal, GetLocal) && !f.is(GetLocal, Integer):
		return in, false
	case op >= Eq && op <= LtEq && len(r) > 3 && r[3].Op == JumpIfFalse && constant:
		in, _ = f.fused(JumpUnlessConst, 4, r[1].A, r[0].A, r[3].A)
		if len(r) > 5 && r[5].Op == Return && (r[4].Op == GetLocal || r[4].Op == Integer) {
			in.Op = ReturnIfConst
		}
	case op >= Eq && op <= LtEq && len(r) > 3 && r[3].Op == JumpIfFalse && f.is(GetLocal, GetLocal):
		in, _ = f.fused(JumpUnlessLocal, 4, r[1].A, r[0].A, r[3].A)
	case (op == Plus || op == Minus) && len(r) > 3 && r[3].Op == SetLocal && constant:
		in, _ = f.fused(SetLocalConst, 4, r[1].A, r[0].A, r[3].A)
	case op == Plus && f.is(GetLocal, Integer, Plus, SetLocal) && f.unit.Consts[r[1].A].IsInt(): // a sum has no order
		in, _ = f.fused(SetLocalConst, 4, r[0].A, r[1].A, r[3].A)
	case (op == Plus || op == Minus) && f.is(GetLocal, GetLocal) && len(r) > 3 && r[3].Op == SetLocal:
		in, _ = f.fused(SetLocalLocal, 4, r[1].A, r[0].A, r[3].A)
	case computes(op, f.unit.Consts, r[0]) && constant && len(r) > 4 && r[3].Op == GetUpvalue && r[4].Op == CallLocal && r[4].A == 1:
		in, _ = f.fused(PassToUpvalue, 5, r[1].A, r[0].A, r[3].A)
	case computes(op, f.unit.Consts, r[0]) && constant && len(r) > 3 && r[3].Op == Return:
		in, _ = f.fused(ReturnLocalConst, 4, r[1].A, r[0].A, 0)
	case computes(op, f.unit.Consts, r[0]) && constant:
		in, _ = f.fused(LocalConst, 3, r[1].A, r[0].A, 0)
	case (op == Plus || op == Minus || op == Multiply) && f.is(GetLocal, GetLocal):
		in, _ = f.fused(LocalLocal, 3, r[1].A, r[0].A, 0)
	default:
		return in, false
	}
	in.Sub = op
	f.follow(&in)
	return in, true
}

// computes tells whether op is done in one go on a local and the constant that an instruction pushes.
func computes(op Op, consts []value.Value, constant Instr) bool {
	switch op {
	case Plus, Minus, Multiply:
		return true
	case Mod:
		return constant.Op != GetLocal && consts[constant.A].IsInt() && consts[constant.A].Int() > 0
	}
	return false
}

// follow takes a jump behind an instruction of four along with it.
func (f *fuser) follow(in *Instr) {
	if (in.Op == SetLocalConst || in.Op == SetLocalLocal) && len(f.run) > 4 && f.run[4].Op == Jump {
		in.Next, in.Cost = f.run[4].A, in.Cost+1
	}
}

// key returns the number of the constant key that a STRING pushes.
func (f *fuser) key(in Instr) int32 {
	k, _ := KeyOf(f.unit.Consts[in.A])
	return add(&f.unit.Keys, k)
}

// path replaces the constants before a GET_GLOBAL, if its keys are all constants, by one read of a path.
func (f *fuser) path(before []int32, get Instr) {
	n := int(get.A)
	if n == 0 || n > len(before) || n >= 255 {
		return
	}
	before = before[len(before)-n:]
	keys := make(Path, n)
	for i, ip := range before {
		in := f.unit.Plain[ip]
		if in.Op != String && in.Op != Integer {
			return
		}
		k, ok := KeyOf(f.unit.Consts[in.A])
		if !ok {
			return
		}
		keys[n-1-i] = k // the root is pushed last
	}
	name := keys.String()
	number, known := f.paths[name]
	if !known {
		number = add(&f.unit.Paths, keys)
		f.paths[name] = number
	}
	f.unit.Fast[before[0]] = Instr{Op: GlobalPath, Cost: uint8(n + 1), At: before[0], Next: get.Next, A: number}
}
