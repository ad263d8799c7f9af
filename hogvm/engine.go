package hogvm

import (
	"context"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/value"
)

// run executes instructions until the program finishes, fails, suspends, or reaches t.pauseAt.
//
// What every instruction needs is in local variables; t has it only where a called method does, and after the engine stopped. Methods that
// change frames (calls, returns, throws) leave the thread in order, and the engine begins anew at enter. An instruction that fails leaves
// the stack as it was before or with its operands gone, nothing between.
func (t *Thread) run(ctx context.Context) (outcome, error) {
	var (
		u    *unit
		in   *code.Instr
		st   []value.Value
		ip   int
		base int
		sp   int
		v    value.Value
		err  error
	)
	left := t.grant()

enter:
	{
		f := &t.frames[len(t.frames)-1]
		u, ip, base = f.unit, int(f.ip), int(f.base)
		st, sp = t.stack, t.sp
	}
	for {
		in = &u.fast[ip]
		if left -= int(in.Cost); left < 0 {
			left += int(in.Cost)
			t.spend(left)
			var out halt
			if out, err = t.checkpoint(ctx, int(in.Cost)); err != nil {
				in = &u.Plain[ip]
				goto failed
			}
			switch out {
			case goOn:
				left = t.grant()
				continue
			case stepByStep: // no room for all that a fused instruction stands for
				in = &u.Plain[ip]
				left--
			case pauseHere:
				goto pause
			}
		}
	again:
		ip = int(in.Next)
		switch in.Op {
		case code.String, code.Integer, code.Float:
			v = u.Consts[in.A]
			goto push
		case code.True:
			v = value.OfBool(true)
			goto push
		case code.False:
			v = value.OfBool(false)
			goto push
		case code.Null:
			v = value.Value{}
			goto push
		case code.Pop:
			if sp == base {
				goto underflow
			}
			sp--

		case code.GetLocal:
			slot := base + int(in.A)
			if slot >= sp {
				goto noSlot
			}
			v = st[slot]
			goto push
		case code.SetLocal:
			if sp == base {
				goto underflow
			}
			slot := base + int(in.A)
			if slot >= sp-1 {
				if slot == sp-1 && t.node {
					continue // the slot of the value itself, which stays
				}
				goto noSlot
			}
			sp--
			st[slot] = st[sp]

		case code.Plus:
			if sp-base < 2 {
				goto underflow
			}
			if a, b := st[sp-1], st[sp-2]; a.IsInt() && b.IsInt() && !t.node {
				v = value.OfInt(addInts(a.Int(), b.Int()))
			} else if v, err = t.arithmetic(in.Op, a, b); err != nil {
				goto failed
			}
			sp--
			st[sp-1] = v
		case code.Minus:
			if sp-base < 2 {
				goto underflow
			}
			if a, b := st[sp-1], st[sp-2]; a.IsInt() && b.IsInt() && !t.node {
				v = value.OfInt(subInts(a.Int(), b.Int()))
			} else if v, err = t.arithmetic(in.Op, a, b); err != nil {
				goto failed
			}
			sp--
			st[sp-1] = v
		case code.Multiply, code.Divide, code.Mod:
			if sp-base < 2 {
				goto underflow
			}
			if a, b := st[sp-1], st[sp-2]; a.IsInt() && b.IsInt() && !t.node && in.Op != code.Divide && b.Int() > 0 {
				v = value.OfInt(fastInts(in.Op, a.Int(), b.Int()))
			} else if v, err = t.arithmetic(in.Op, a, b); err != nil {
				goto failed
			}
			sp--
			st[sp-1] = v

		case code.Eq, code.NotEq:
			if sp-base < 2 {
				goto underflow
			}
			a, b := st[sp-1], st[sp-2]
			eq := a == b
			if !a.IsInt() || !b.IsInt() {
				if eq, err = t.equal(a, b); err != nil {
					goto failed
				}
			}
			sp--
			st[sp-1] = value.OfBool(eq == (in.Op == code.Eq))
		case code.Gt, code.GtEq, code.Lt, code.LtEq:
			if sp-base < 2 {
				goto underflow
			}
			var holds bool
			if holds, err = t.ordered(in.Op, st[sp-1], st[sp-2]); err != nil {
				goto failed
			}
			sp--
			st[sp-1] = value.OfBool(holds)
		case code.Like, code.ILike, code.NotLike, code.NotILike, code.Regex, code.NotRegex, code.IRegex, code.NotIRegex,
			code.In, code.NotIn:
			if sp-base < 2 {
				goto underflow
			}
			var holds bool
			if holds, err = t.test(in.Op, st[sp-1], st[sp-2]); err != nil {
				goto failed
			}
			sp--
			st[sp-1] = value.OfBool(holds)
		case code.InCohort, code.NotInCohort:
			err = t.noCohort(in.Op)
			goto failed

		case code.Not:
			if sp == base {
				goto underflow
			}
			st[sp-1] = value.OfBool(!st[sp-1].Truthy())
		case code.And, code.Or:
			n := int(in.A)
			if sp-base < n {
				goto underflow
			}
			holds := in.Op == code.And
			for _, operand := range st[sp-n : sp] {
				if operand.Truthy() != (in.Op == code.And) {
					holds = !holds
					break
				}
			}
			sp -= n
			v = value.OfBool(holds)
			goto push

		case code.Jump:
			ip = int(in.A)
		case code.JumpIfFalse:
			if sp == base {
				goto underflow
			}
			sp--
			if !st[sp].Truthy() {
				ip = int(in.A)
			}
		case code.JumpIfStackNotNull:
			if sp > 0 && !st[sp-1].IsNull() {
				ip = int(in.A)
			}

		case code.GetGlobal:
			t.sp = sp
			if v, err = t.getGlobal(u, int(in.A)); err != nil {
				goto failed
			}
			sp -= int(in.A)
			goto push
		case code.Dict, code.Array, code.Tuple:
			t.sp = sp
			if v, err = t.collect(in); err != nil {
				goto failed
			}
			sp = t.sp
			goto push
		case code.GetProperty, code.GetPropertyNullish:
			if sp-base < 2 {
				goto underflow
			}
			if v, err = t.property(st[sp-2], st[sp-1]); err != nil {
				goto failed
			}
			sp--
			st[sp-1] = v
		case code.SetProperty:
			if sp-base < 3 {
				goto underflow
			}
			if err = t.setProperty(st[sp-3], st[sp-2], st[sp-1]); err != nil {
				goto failed
			}
			sp -= 3

		case code.MakeCallable:
			v = value.OfCallable(u.Callables[in.A])
			ip = int(in.B)
			goto push
		case code.MakeClosure:
			t.sp = sp
			if v, err = t.makeClosure(u.Captures[in.A]); err != nil {
				goto failed
			}
			st[sp-1] = v
		case code.GetUpvalue:
			cells := t.frames[len(t.frames)-1].closure.Cells
			if int(in.A) >= len(cells) {
				err = t.noUpvalue(int(in.A))
				goto failed
			}
			if c := cells[in.A]; c.Open {
				v = st[c.Slot]
			} else {
				v = c.Value
			}
			goto push
		case code.SetUpvalue:
			cells := t.frames[len(t.frames)-1].closure.Cells
			if int(in.A) >= len(cells) {
				err = t.noUpvalue(int(in.A))
				goto failed
			}
			if sp == base {
				goto underflow
			}
			sp--
			if c := cells[in.A]; c.Open {
				st[c.Slot] = st[sp]
			} else {
				c.Value = st[sp]
			}
		case code.CloseUpvalue:
			if sp == base {
				goto underflow
			}
			sp--
			t.closeFrom(sp)

		case code.CallLocal:
			if sp == base {
				goto underflow
			}
			n := int(in.A)
			if st[sp-1].Kind() == value.ClosureKind {
				c := st[sp-1].Closure()
				if fn := c.Callable; fn.Origin == value.Local && fn.ArgCount == n && sp-1-base >= n && t.room() {
					sp--
					u, base = t.units[fn.Unit], sp-n
					t.nest(u, c, ip, base, n)
					ip = fn.IP
					continue
				}
			}
			t.sp = sp
			t.spend(left)
			t.frames[len(t.frames)-1].ip = int32(ip)
			var stop bool
			if stop, err = t.callLocal(n); err != nil {
				goto failed
			} else if stop {
				goto suspend
			}
			goto enter
		case code.CallGlobal:
			c := &u.callees[in.A]
			if c.kind == nativeCallee && t.declared == nil {
				t.sp = sp
				if v, err = t.callNative(u, c); err != nil {
					goto failed
				}
				sp -= c.args
				goto push
			}
			t.sp = sp
			t.spend(left)
			t.frames[len(t.frames)-1].ip = int32(ip)
			var stop bool
			if stop, err = t.callGlobal(u, c); err != nil {
				goto failed
			} else if stop {
				goto suspend
			}
			goto enter
		case code.Return:
			if sp == base {
				goto underflow
			}
			if len(t.frames) == 1 {
				t.result = st[sp-1]
				sp--
				goto finish
			}
			v = st[sp-1]
			goto leave
		case code.End:
			if len(t.frames) == 1 {
				t.result = value.Value{}
				if sp > 0 {
					sp--
					t.result = st[sp]
				}
				goto finish
			}
			t.leave()
			t.sp = base
			if err = t.push(value.Value{}); err != nil {
				goto failed
			}
			goto enter

		case code.DeclareFn:
			t.declare(u.Callables[in.A])
			ip = int(in.B)
		case code.Try:
			t.handlers = append(t.handlers, handler{frames: len(t.frames), sp: sp, ip: in.A})
		case code.PopTry:
			if len(t.handlers) == 0 {
				err = t.noHandler()
				goto failed
			}
			t.handlers = t.handlers[:len(t.handlers)-1]
		case code.Throw:
			if sp == base {
				goto underflow
			}
			sp--
			t.sp = sp
			if err = t.throw(st[sp]); err != nil {
				goto failed
			}
			goto enter
		case code.Fault:
			t.frames[len(t.frames)-1].ip = in.At
			err = t.fault(u.Faults[in.A])
			goto failed

		// Fused instructions: the usual case here, anything else as the instructions that they replace.
		case code.GlobalPath:
			if v, err = t.readPath(u, in.A); err != nil {
				goto slow
			}
			goto push
		case code.JumpUnlessConst, code.JumpUnlessLocal:
			slot := base + int(in.A)
			if slot >= sp {
				goto slow
			}
			a, b := st[slot], value.Value{}
			if in.Op == code.JumpUnlessConst {
				b = u.Consts[in.B]
			} else if other := base + int(in.B); other < sp {
				b = st[other]
			}
			if !a.IsInt() || !b.IsInt() {
				goto slow
			}
			if !compareInts(in.Sub, a.Int(), b.Int()) {
				ip = int(in.C)
			}
		case code.ReturnIfConst:
			slot := base + int(in.A)
			if slot >= sp || !st[slot].IsInt() {
				goto slow
			}
			if !compareInts(in.Sub, st[slot].Int(), u.Consts[in.B].Int()) {
				ip = int(in.C)
				continue
			}
			next := &u.fast[ip]
			if left < int(next.Cost) || len(t.frames) == 1 {
				continue
			}
			if next.Op == code.ReturnConst {
				v = u.Consts[next.A]
			} else if slot = base + int(next.A); slot < sp {
				v = st[slot]
			} else {
				continue
			}
			left -= int(next.Cost)
			goto leave
		case code.LocalConst, code.LocalLocal, code.SetLocalConst, code.SetLocalLocal:
			slot := base + int(in.A)
			if slot >= sp {
				goto slow
			}
			a, b := st[slot], value.Value{}
			if in.Op == code.LocalConst || in.Op == code.SetLocalConst {
				b = u.Consts[in.B]
			} else if other := base + int(in.B); other < sp {
				b = st[other]
			}
			if !a.IsInt() || !b.IsInt() {
				goto slow
			}
			n := fastInts(in.Sub, a.Int(), b.Int())
			if in.Op == code.LocalConst || in.Op == code.LocalLocal {
				if sp == len(st) {
					goto slow
				}
				st[sp].SetInt(n)
				sp++
				continue
			}
			if slot = base + int(in.C); slot >= sp {
				goto slow
			}
			st[slot].SetInt(n)
		case code.LoadItem:
			list, index, item := base+int(in.A), base+int(in.B), base+int(in.C)
			if max(list, index, item) >= sp || st[list].Kind() != value.ArrayKind || !st[index].IsInt() {
				goto slow
			}
			a, i := st[list].Array(), st[index].Int()
			if i < 1 || i > int64(a.Len()) {
				goto slow
			}
			st[item] = a.At(int(i - 1))
		case code.CallUpvalue, code.CallSlot:
			if in.Op == code.CallSlot {
				slot := base + int(in.A)
				if slot >= sp {
					goto slow
				}
				v = st[slot]
			} else {
				cells := t.frames[len(t.frames)-1].closure.Cells
				if int(in.A) >= len(cells) {
					goto slow
				}
				if c := cells[in.A]; c.Open {
					v = st[c.Slot]
				} else {
					v = c.Value
				}
			}
			n := int(in.B)
			if v.Kind() != value.ClosureKind || sp-base < n || sp == len(st) || !t.room() {
				goto slow
			}
			c := v.Closure()
			fn := c.Callable
			if fn.Origin != value.Local || fn.ArgCount != n {
				goto slow
			}
			u, base = t.units[fn.Unit], sp-n
			t.nest(u, c, ip, base, n)
			ip = fn.IP
		case code.PassToUpvalue:
			slot, cells := base+int(in.A), t.frames[len(t.frames)-1].closure.Cells
			if slot >= sp || !st[slot].IsInt() || int(in.C) >= len(cells) || sp+2 > len(st) || !t.room() {
				goto slow
			}
			if c := cells[in.C]; c.Open {
				v = st[c.Slot]
			} else {
				v = c.Value
			}
			if v.Kind() != value.ClosureKind {
				goto slow
			}
			c := v.Closure()
			fn := c.Callable
			if fn.Origin != value.Local || fn.ArgCount != 1 {
				goto slow
			}
			st[sp].SetInt(fastInts(in.Sub, st[slot].Int(), u.Consts[in.B].Int()))
			sp++
			u, base = t.units[fn.Unit], sp-1
			t.nest(u, c, ip, base, 1)
			ip = fn.IP
		case code.ReturnLocal:
			slot := base + int(in.A)
			if slot >= sp || len(t.frames) == 1 {
				goto slow
			}
			v = st[slot]
			goto leave
		case code.ReturnLocalConst:
			slot := base + int(in.A)
			if slot >= sp || len(t.frames) == 1 || !st[slot].IsInt() {
				goto slow
			}
			v = value.OfInt(fastInts(in.Sub, st[slot].Int(), u.Consts[in.B].Int()))
			goto leave
		case code.ItemCall:
			if u.loop != nil && u.loop.head == in.At {
				t.sp = sp
				if ip, left = t.runLoop(u, base, left); ip != int(in.At) {
					continue
				}
				ip = int(in.Next)
			}
			loop := &u.Items[in.A]
			if base+max(loop.List, loop.Index, loop.Item, loop.Func, loop.Before) >= sp || sp+2 > len(st) || !t.room() {
				goto slow
			}
			locals := st[base:sp]
			list, index, f := locals[loop.List], locals[loop.Index], locals[loop.Func]
			if list.Kind() != value.ArrayKind || !index.IsInt() || f.Kind() != value.ClosureKind {
				goto slow
			}
			c := f.Closure()
			fn := c.Callable
			if fn.Origin != value.Local || fn.ArgCount != loop.Args || index.Int() < 1 || index.Int() > int64(list.Array().Len()) {
				goto slow
			}
			v = list.Array().At(int(index.Int() - 1))
			locals[loop.Item] = v
			if loop.Before >= 0 {
				st[sp] = locals[loop.Before]
				sp++
			}
			st[sp] = v
			sp++
			u, base = t.units[fn.Unit], sp-loop.Args
			t.nest(u, c, ip, base, loop.Args)
			ip = fn.IP
		case code.ReturnConst:
			if len(t.frames) == 1 || base == len(st) {
				goto slow
			}
			v = u.Consts[in.A]
			goto leave
		case code.ReturnSum:
			if sp-base < 2 || len(t.frames) == 1 {
				goto slow
			}
			if a, b := st[sp-1], st[sp-2]; !a.IsInt() || !b.IsInt() {
				goto slow
			} else if in.Sub == code.Plus {
				v = value.OfInt(addInts(a.Int(), b.Int()))
			} else {
				v = value.OfInt(subInts(a.Int(), b.Int()))
			}
			goto leave
		case code.ConstProperty:
			if sp == base || st[sp-1].Kind() != value.ObjectKind {
				goto slow
			}
			k := &u.Keys[in.B]
			st[sp-1], _ = st[sp-1].Object().GetHashed(k.Text, k.Hash)
		case code.LocalProperty:
			slot := base + int(in.A)
			if slot >= sp || st[slot].Kind() != value.ObjectKind {
				goto slow
			}
			k := &u.Keys[in.B]
			v, _ = st[slot].Object().GetHashed(k.Text, k.Hash)
			goto push
		case code.PopMany:
			if sp-base < int(in.A) {
				goto slow
			}
			sp -= int(in.A)
		case code.PushBack:
			// The list on the stack is the one in the slot, and dead once the longer one has taken its place there.
			slot := base + int(in.A)
			if slot >= sp-2 || sp-2 < base || st[sp-2] != st[slot] || st[slot].Kind() != value.ArrayKind {
				goto slow
			}
			if t.call.Heap.Extend(st[slot].Array(), st[sp-1], t.listSize(base, sp)) != nil {
				goto slow
			}
			sp -= 2
		case code.PushItem:
			slot, item := base+int(in.A), base+int(in.B)
			if max(slot, item) >= sp || st[slot].Kind() != value.ArrayKind ||
				t.call.Heap.Extend(st[slot].Array(), st[item], t.listSize(base, sp)) != nil {
				goto slow
			}
		case code.ReturnTest:
			if sp-base < 2 || len(t.frames) == 1 {
				goto slow
			}
			if a, b := st[sp-1], st[sp-2]; !a.IsInt() || !b.IsInt() {
				goto slow
			} else {
				v = value.OfBool(compareInts(in.Sub, a.Int(), b.Int()))
			}
			goto leave
		default:
			goto slow
		}
		continue

	slow:
		left += int(in.Cost) - 1
		in = &u.Plain[in.At]
		goto again

	leave: // the active frame with the result v; there is one below
		if n := len(t.open); len(t.handlers) > 0 || n > 0 && t.open[n-1].Slot >= base {
			t.leave()
		} else {
			t.frames = t.frames[:len(t.frames)-1]
		}
		sp = base
		st[sp].Become(v)
		sp++
		{
			f := &t.frames[len(t.frames)-1]
			u, ip, base = f.unit, int(f.ip), int(f.base)
		}
		continue

	push:
		if sp == len(st) {
			if st, err = t.grow(sp); err != nil {
				goto failed
			}
		}
		st[sp] = v
		sp++
		continue
	}

finish:
	t.closeFrom(sp)
	t.stop(left, ip, sp)
	return finished, nil
suspend:
	t.spend(left)
	return suspended, nil
pause:
	t.stop(left, ip, sp)
	return paused, nil
underflow:
	err = t.underflow()
	goto failed
noSlot:
	err = fault.New(fault.StackIndex, "Stack index out of bounds")
failed:
	t.stop(left, int(in.At), sp)
	return finished, t.failure(err)
}

// stop puts what the engine had in hand back into the thread.
func (t *Thread) stop(left, ip, sp int) {
	t.spend(left)
	t.sp = sp
	t.frames[len(t.frames)-1].ip = int32(ip)
}

// room tells whether another frame fits without growing anything.
func (t *Thread) room() bool {
	return len(t.frames) < cap(t.frames) && len(t.frames) < t.maxFrames
}

// nest adds a frame, for which there is room; ip is where the active one goes on afterwards. It writes field by field, which takes half
// the time of appending a frame.
func (t *Thread) nest(u *unit, c *value.Closure, ip, base, args int) {
	n := len(t.frames)
	t.frames[n-1].ip = int32(ip)
	t.frames = t.frames[:n+1]
	f := &t.frames[n]
	f.unit, f.closure, f.base, f.args = u, c, int32(base), int32(args)
}

// listSize returns the length of the list that a library function goes through, whose result is being built: its values are in slot 4 of
// the frames of arrayMap and arrayFilter.
func (t *Thread) listSize(base, sp int) int {
	if slot := base + 4; slot < sp {
		if a, ok := t.stack[slot].AsArray(); ok {
			return a.Len()
		}
	}
	return 0
}

// fastInts is a op b for the operators that can not fail: of MOD, the caller has seen that b is positive.
func fastInts(op code.Op, a, b int64) int64 {
	switch op {
	case code.Plus:
		return addInts(a, b)
	case code.Minus:
		return subInts(a, b)
	case code.Mod:
		return a % b
	}
	return mulInts(a, b)
}

func compareInts(op code.Op, a, b int64) bool {
	switch op {
	case code.Eq:
		return a == b
	case code.NotEq:
		return a != b
	case code.Gt:
		return a > b
	case code.GtEq:
		return a >= b
	case code.Lt:
		return a < b
	}
	return a <= b
}
