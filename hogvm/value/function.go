package value

// Origin tells where the code of a function is.
type Origin uint8

// The origins.
const (
	Local Origin = iota // bytecode in a chunk
	Stl                 // a native function, or one of the library written in Hog
	Async               // a function that the host runs while the program is suspended
)

// Callable is a function before it captures anything. It never changes.
type Callable struct {
	Name         string
	ArgCount     int
	UpvalueCount int
	IP           int // of its first token, counted in its chunk without the header
	Header       int // elements of its chunk before the first that IP counts
	Unit         int // the chunk's number inside the running machine
	Number       int // among the functions of the chunk, from 1; 0 when not known
	Origin       Origin
	Chunk        string
}

// String returns what markers call the origin.
func (o Origin) String() string { return [...]string{Local: "local", Stl: "stl", Async: "async"}[o] }

// The keys of markers.
const (
	ClosureKey  = "__hogClosure__"
	CallableKey = "__hogCallable__"
)

// Marker returns the object that stands for c in the states of PostHog's VMs, and in the results of the one for Node.
func (c *Callable) Marker() Value {
	chunk, ip := c.Chunk, c.IP+c.Header
	if c.Origin == Async || c.Origin == Stl && c.Unit == 0 { // no bytecode
		chunk, ip = c.Origin.String(), -1
	}
	o := NewObject(6)
	o.Set(CallableKey, OfString(c.Origin.String()))
	o.Set("name", OfString(c.Name))
	o.Set("chunk", OfString(chunk))
	o.Set("argCount", OfInt(int64(c.ArgCount)))
	o.Set("upvalueCount", OfInt(int64(c.UpvalueCount)))
	o.Set("ip", OfInt(int64(ip)))
	return OfObject(o)
}

// Closure is a function with the cells that it captured.
type Closure struct {
	Callable *Callable
	Cells    []*Cell
}

// Marker is Callable.Marker of a closure; ids are the numbers that its cells have there.
func (c *Closure) Marker(ids []Value) Value {
	o := NewObject(3)
	o.Set(ClosureKey, OfBool(true))
	o.Set("callable", c.Callable.Marker())
	o.Set("upvalues", OfArray(NewArray(ids)))
	return OfObject(o)
}

// Cell is a captured variable. While the variable's slot is on the stack the cell is open and stands for the slot; then it is closed and
// has a value of its own.
type Cell struct {
	Value Value // when closed
	Slot  int   // counted from the bottom of the stack; where it was, when closed
	Open  bool
}
