package scan

// nesting is the kinds of the open containers, a bit for each: set for an object. It is on the stack up to the depth that
// serde_json allows, and grows where a field is ignored, which has no limit there.
type nesting struct {
	near  [2]uint64
	far   []uint64
	depth int
}

func (n *nesting) push(object bool) {
	word, bit := n.depth>>6, uint64(1)<<(n.depth&63)
	p := n.word(word)
	if *p &^= bit; object {
		*p |= bit
	}
	n.depth++
}

func (n *nesting) inObject() bool {
	return *n.word((n.depth - 1) >> 6)>>((n.depth-1)&63)&1 != 0
}

func (n *nesting) word(i int) *uint64 {
	if i < len(n.near) {
		return &n.near[i]
	}
	for i -= len(n.near); i >= len(n.far); {
		n.far = append(n.far, 0)
	}
	return &n.far[i]
}

// container passes an object or array without recursion, since its depth is the sender's choice.
func (c *cursor) container() bool {
	var open nesting
	for {
		// A value begins here.
		switch x := c.peek(); {
		case x == '{' || x == '[':
			open.push(x == '{')
			if c.strict && open.depth > maxDepth-c.depth {
				return false
			}
			c.i++
			done, ok := c.next(x == '{', true)
			if !ok {
				return false
			}
			if !done {
				continue
			}
			open.depth--
		default:
			if !c.scalar(x) {
				return false
			}
		}
		// A value has ended: step to the next one of the innermost container, leaving those that end here.
		for {
			if open.depth == 0 {
				return true
			}
			done, ok := c.next(open.inObject(), false)
			if !ok {
				return false
			}
			if !done {
				break
			}
			open.depth--
		}
	}
}

// next steps to the next value of a container; done means that the container ended.
func (c *cursor) next(object, first bool) (done, ok bool) {
	if object {
		_, _, done, ok = c.member(first)
		return done, ok
	}
	x := c.space()
	if x == ']' {
		c.i++
		return true, true
	}
	if !first {
		if x != ',' {
			return false, false
		}
		c.i++
		x = c.space()
	}
	return false, x != 0 && x != ']'
}
