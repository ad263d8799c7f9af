package config

import (
	"encoding"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"
)

var (
	durationType    = reflect.TypeFor[time.Duration]()
	secretType      = reflect.TypeFor[Secret]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	logValuerType   = reflect.TypeFor[slog.LogValuer]()
)

// field is one setting: a struct field with an env tag.
type field struct {
	names []string      // the variable, then its aliases
	value reflect.Value // the struct field itself
	owner any           // pointer to the struct that holds it
	kind  reflect.Type  // its type, behind the pointer if it is one

	def                                    string
	hasDefault, required, trim, allowEmpty bool
	unit                                   time.Duration // 0 when the variable is no bare number of units
	min, max, doc                          string
	oneOf                                  []string
}

// collect finds the settings of dst, a pointer to a struct, in the order of the source.
func collect(dst any) []*field {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("config: %T is not a pointer to a struct", dst))
	}
	return walk(v.Elem())
}

func walk(v reflect.Value) []*field {
	var fields []*field
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		if tag, ok := sf.Tag.Lookup("env"); ok {
			fields = append(fields, newField(v, i, tag))
		} else if isBlock(sf) {
			fields = append(fields, walk(v.Field(i))...)
		}
	}
	return fields
}

// nested returns the structs inside v that hold settings of their own.
func nested(v reflect.Value) []reflect.Value {
	var blocks []reflect.Value
	for i := range v.NumField() {
		if isBlock(v.Type().Field(i)) {
			blocks = append(blocks, v.Field(i))
		}
	}
	return blocks
}

// isBlock tells whether a field is a struct of settings. An embedded struct of an unexported type is none: it cannot be set.
func isBlock(sf reflect.StructField) bool {
	_, tagged := sf.Tag.Lookup("env")
	return !tagged && sf.IsExported() && sf.Type.Kind() == reflect.Struct
}

func newField(owner reflect.Value, i int, env string) *field {
	sf := owner.Type().Field(i)
	f := &field{names: strings.Split(env, ","), value: owner.Field(i), owner: owner.Addr().Interface(), kind: sf.Type}
	if f.kind.Kind() == reflect.Pointer {
		f.kind = f.kind.Elem()
	}
	f.def, f.hasDefault = sf.Tag.Lookup("default")
	f.required = sf.Tag.Get("required") == "true"
	f.trim = sf.Tag.Get("trim") == "true"
	f.allowEmpty = sf.Tag.Get("allowempty") == "true"
	f.min, f.max, f.doc = sf.Tag.Get("min"), sf.Tag.Get("max"), sf.Tag.Get("doc")
	if list := sf.Tag.Get("oneof"); list != "" {
		f.oneOf = strings.Split(list, ",")
	}
	unit, hasUnit := sf.Tag.Lookup("unit")
	f.unit = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second}[unit]
	if hasUnit && (f.unit == 0 || f.kind != durationType) {
		panic(fmt.Sprintf("config: %s: unit %q on %s: want ms or s on a time.Duration", f.names[0], unit, f.kind))
	}
	if !sf.IsExported() || !f.supported() {
		panic(fmt.Sprintf("config: %s: cannot fill field %s of type %s", f.names[0], sf.Name, sf.Type))
	}
	return f
}

func (f *field) supported() bool {
	if f.isText() {
		return true
	}
	switch f.kind.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Slice:
		return f.kind.Elem().Kind() == reflect.String
	default:
		return false
	}
}

// hidesItself tells whether the type of f keeps its value out of logs, as Secret and URLs with passwords do: errors do the same.
func (f *field) hidesItself() bool { return f.kind.Implements(logValuerType) }

// isText tells whether the type of f reads its own text form.
func (f *field) isText() bool { return reflect.PointerTo(f.kind).Implements(unmarshalerType) }
