package hogvm_test

import (
	"context"
	"fmt"

	"github.com/hog-go/hog/hogvm"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// A filter over the raw JSON of an event.
func Example() {
	vm, err := hogvm.New(hogvm.Config{Coerce: true})
	if err != nil {
		panic(err)
	}
	// event == '$pageview' and properties.$os == 'Mac OS X'
	filter, err := vm.Load([]byte(`["_H",1,32,"Mac OS X",32,"$os",32,"properties",1,2,11,32,"$pageview",32,"event",1,1,11,3,2,38]`))
	if err != nil {
		panic(err)
	}
	event := []byte(`{"event":"$pageview","properties":{"$os":"Mac OS X","$browser":"Chrome"}}`)
	matches, err := filter.Run(context.Background(), hogvm.RawGlobals(event))
	fmt.Println(matches, err)
	// Output: true <nil>
}

func ExampleConfig_functions() {
	vm, err := hogvm.New(hogvm.Config{Functions: map[string]native.Entry{
		"cityOf": {Min: 1, Max: 1, Func: func(c *native.Call, args []value.Value) (value.Value, error) {
			if ip, ok := args[0].AsString(); !ok || ip != "192.0.2.1" {
				return value.Value{}, nil
			}
			return value.OfString("Linz"), nil
		}},
	}})
	if err != nil {
		panic(err)
	}
	program, err := vm.Load([]byte(`["_H",1,32,"192.0.2.1",2,"cityOf",1,38]`))
	if err != nil {
		panic(err)
	}
	result, err := program.RunJSON(context.Background(), hogvm.Globals{}, nil)
	fmt.Println(string(result), err)
	// Output: "Linz" <nil>
}

// A program that waits for the host: the state can be kept in a queue and resumed by another process.
func ExampleThread_Start() {
	vm, err := hogvm.New(hogvm.Config{Async: []string{"fetch"}, MaxAsyncSteps: 5})
	if err != nil {
		panic(err)
	}
	// return fetch('https://example.com').status + 1
	program, err := vm.Load([]byte(`["_H",1,33,1,32,"https://example.com",2,"fetch",1,32,"status",45,6,38]`))
	if err != nil {
		panic(err)
	}
	ctx, thread := context.Background(), vm.NewThread()
	result, call, err := thread.Start(ctx, program, hogvm.Globals{})
	for err == nil && call != nil {
		fmt.Println("waits for", call.Function, call.Args)
		response, _ := value.ParseJSON([]byte(`{"status":200}`))
		result, call, err = thread.Resume(ctx, program, hogvm.Globals{}, call.State, response)
	}
	fmt.Println(result, err)
	// Output:
	// waits for fetch ['https://example.com']
	// 201 <nil>
}

func ExampleSet() {
	vm, err := hogvm.New(hogvm.Config{})
	if err != nil {
		panic(err)
	}
	var conditions []*hogvm.Program
	for _, plan := range []string{"free", "paid"} {
		p, err := vm.Load(fmt.Appendf(nil, `["_H",1,32,%q,32,"plan",32,"properties",1,2,11,38]`, plan))
		if err != nil {
			panic(err)
		}
		conditions = append(conditions, p)
	}
	set, err := hogvm.NewSet(conditions...)
	if err != nil {
		panic(err)
	}
	results, err := set.Run(context.Background(), hogvm.RawGlobals([]byte(`{"properties":{"plan":"paid"}}`)), nil)
	fmt.Println(results[0].Value, results[1].Value, err)
	// Output: false true <nil>
}

func ExampleProgram_Disassemble() {
	vm, err := hogvm.New(hogvm.Config{})
	if err != nil {
		panic(err)
	}
	p, err := vm.Load([]byte(`["_H",1,33,2,33,40,6,38]`))
	if err != nil {
		panic(err)
	}
	fmt.Print(p.Disassemble())
	// Output:
	// root:
	//      2  INTEGER                2
	//      4  INTEGER                40
	//      6  PLUS
	//      7  RETURN
}
