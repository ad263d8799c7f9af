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
	Unit         int // the chunk's number inside the running machine
	Number       int // among the functions of the chunk, from 1; 0 when not known
	Origin       Origin
	Chunk        string
}

// Closure is a function with the cells that it captured.
type Closure struct {
	Callable *Callable
	Cells    []*Cell
}

// Cell is a captured variable. While the variable's slot is on the stack the cell is open and stands for the slot; then it is closed and
// has a value of its own.
type Cell struct {
	Value Value // when closed
	Slot  int   // counted from the bottom of the stack; where it was, when closed
	Open  bool
}
