// Package code turns bytecode into instructions, once, when a program is loaded.
//
// Bytecode is a JSON array, and jumps count its elements. So the instructions are kept in an array of the same length: the one that starts
// at element i is at index i, and a position means the same in bytecode, in suspended states and here. Elements that are operands have an
// instruction, too, in case a jump leads there; one that makes no sense is a Fault, which the program meets only if it gets there.
package code

import "strconv"

// Op is what an instruction does. The numbers up to OpCloseUpvalue are those of bytecode; larger ones exist only after loading.
type Op uint8

// The operations of bytecode.
const (
	GetGlobal Op = iota + 1
	CallGlobal
	And
	Or
	Not
	Plus
	Minus
	Multiply
	Divide
	Mod
	Eq
	NotEq
	Gt
	GtEq
	Lt
	LtEq
	Like
	ILike
	NotLike
	NotILike
	In
	NotIn
	Regex
	NotRegex
	IRegex
	NotIRegex
	InCohort
	NotInCohort
	True
	False
	Null
	String
	Integer
	Float
	Pop
	GetLocal
	SetLocal
	Return
	Jump
	JumpIfFalse
	DeclareFn
	Dict
	Array
	Tuple
	GetProperty
	SetProperty
	JumpIfStackNotNull
	GetPropertyNullish
	Throw
	Try
	PopTry
	MakeCallable
	MakeClosure
	CallLocal
	GetUpvalue
	SetUpvalue
	CloseUpvalue
)

// The operations that loading adds.
const (
	Fault Op = iota + 64 // raises Unit.Faults[A]
	End                  // the position behind the last element
)

// The fused operations: runs of instructions that often stand together. Each is written as what it replaces; what cannot be done in the
// usual way (a number that is no integer, a slot that is not there) is left to the instructions one by one.
const (
	GlobalPath       Op = iota + 80 // STRING… GET_GLOBAL: reads Paths[A]
	JumpUnlessConst                 // Const B, GET_LOCAL A, Sub, JUMP_IF_FALSE C: jumps unless local Sub constant
	ReturnIfConst                   // JumpUnlessConst, behind it a ReturnLocal or ReturnConst, which is done with it
	JumpUnlessLocal                 // GET_LOCAL B, GET_LOCAL A, Sub, JUMP_IF_FALSE C
	LocalConst                      // Const B, GET_LOCAL A, Sub: pushes local Sub constant
	LocalLocal                      // GET_LOCAL B, GET_LOCAL A, Sub
	SetLocalConst                   // either order of Const B and GET_LOCAL A, PLUS or MINUS, SET_LOCAL C
	SetLocalLocal                   // GET_LOCAL B, GET_LOCAL A, Sub, SET_LOCAL C
	LoadItem                        // GET_LOCAL A, GET_LOCAL B, GET_PROPERTY, SET_LOCAL C
	CallUpvalue                     // GET_UPVALUE A, CALL_LOCAL B
	CallSlot                        // GET_LOCAL A, CALL_LOCAL B
	PassToUpvalue                   // LocalConst of A and B, GET_UPVALUE C, CALL_LOCAL 1
	ReturnLocal                     // GET_LOCAL A, RETURN
	ReturnConst                     // Const A, RETURN
	ReturnSum                       // PLUS or MINUS (Sub), RETURN
	ConstProperty                   // STRING A, GET_PROPERTY: Keys[B]
	LocalProperty                   // GET_LOCAL A, STRING, GET_PROPERTY: Keys[B]
	PopMany                         // POP, A times
	ReturnLocalConst                // Const B, GET_LOCAL A, Sub, RETURN
	ItemCall                        // LoadItem; GET_LOCAL item, GET_LOCAL function, CALL_LOCAL 1: Items[A]
	ReturnTest                      // EQ … LT_EQ (Sub), RETURN
	PushItem                        // GET_LOCAL A, GET_LOCAL B, PushBack of A
	PushBack                        // CALL_GLOBAL arrayPushBack 2, SET_LOCAL A, of a list that nobody else sees
)

var names = [...]string{
	GetGlobal: "GET_GLOBAL", CallGlobal: "CALL_GLOBAL", And: "AND", Or: "OR", Not: "NOT", Plus: "PLUS", Minus: "MINUS",
	Multiply: "MULTIPLY", Divide: "DIVIDE", Mod: "MOD", Eq: "EQ", NotEq: "NOT_EQ", Gt: "GT", GtEq: "GT_EQ", Lt: "LT", LtEq: "LT_EQ",
	Like: "LIKE", ILike: "ILIKE", NotLike: "NOT_LIKE", NotILike: "NOT_ILIKE", In: "IN", NotIn: "NOT_IN", Regex: "REGEX",
	NotRegex: "NOT_REGEX", IRegex: "IREGEX", NotIRegex: "NOT_IREGEX", InCohort: "IN_COHORT", NotInCohort: "NOT_IN_COHORT", True: "TRUE",
	False: "FALSE", Null: "NULL", String: "STRING", Integer: "INTEGER", Float: "FLOAT", Pop: "POP", GetLocal: "GET_LOCAL",
	SetLocal: "SET_LOCAL", Return: "RETURN", Jump: "JUMP", JumpIfFalse: "JUMP_IF_FALSE", DeclareFn: "DECLARE_FN", Dict: "DICT",
	Array: "ARRAY", Tuple: "TUPLE", GetProperty: "GET_PROPERTY", SetProperty: "SET_PROPERTY",
	JumpIfStackNotNull: "JUMP_IF_STACK_NOT_NULL", GetPropertyNullish: "GET_PROPERTY_NULLISH", Throw: "THROW", Try: "TRY",
	PopTry: "POP_TRY", MakeCallable: "CALLABLE", MakeClosure: "CLOSURE", CallLocal: "CALL_LOCAL", GetUpvalue: "GET_UPVALUE",
	SetUpvalue: "SET_UPVALUE", CloseUpvalue: "CLOSE_UPVALUE",
}

// String returns the operation's name in bytecode.
func (op Op) String() string {
	if int(op) < len(names) && names[op] != "" {
		return names[op]
	}
	return "OP_" + strconv.Itoa(int(op))
}
