package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/viper"
)

// Error lists every setting that stopped a Load. Its text has one line per problem, fit to be shown to an operator as it is.
type Error struct {
	Problems []error
}

// Error joins the problems with line breaks.
func (e *Error) Error() string { return errors.Join(e.Problems...).Error() }

// Unwrap lets errors.Is and errors.AsType look into the problems.
func (e *Error) Unwrap() []error { return e.Problems }

// Load fills dst, a pointer to a struct, from the environment of the process, then calls Validate of it and of the structs inside it.
// The error, if any, is an *[Error] that names every bad variable.
func Load(dst any) error {
	fields := collect(dst)
	env := viper.New()
	env.AllowEmptyEnv(true) // we tell empty from unset ourselves, see resolve
	for _, f := range fields {
		for _, name := range f.names {
			env.MustBindEnv(name, name)
		}
	}
	return load(dst, fields, env)
}

// LoadFrom is [Load] with the given environment, in the form of os.Environ; of two entries with one name the later wins.
func LoadFrom(dst any, environ []string) error {
	fields := collect(dst)
	given := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		given[name] = value
	}
	env := viper.New()
	for _, f := range fields {
		for _, name := range f.names {
			if value, ok := given[name]; ok {
				env.Set(name, value)
			}
		}
	}
	return load(dst, fields, env)
}

func load(dst any, fields []*field, env *viper.Viper) error {
	var problems []error
	report := func(err error) {
		// Two blocks may share a variable, and an embedded struct lends its Validate to the outer one: say everything once.
		said := func(p error) bool { return p.Error() == err.Error() }
		if err != nil && !slices.ContainsFunc(problems, said) {
			problems = append(problems, err)
		}
	}
	failed := map[any]bool{} // pointers to the structs that have a bad field of their own
	for _, f := range fields {
		if err := f.resolve(env); err != nil {
			report(err)
			failed[f.owner] = true
		}
	}
	validate(reflect.ValueOf(dst).Elem(), failed, report)
	if len(problems) > 0 {
		return &Error{Problems: problems}
	}
	return nil
}

// validate calls Validate on the structs inside v, then on v itself. It passes over a struct that has a bad field, itself or further
// inside: rules between settings mean nothing when one of them could not be read. It tells whether all is well.
func validate(v reflect.Value, failed map[any]bool, report func(error)) bool {
	pointer := v.Addr().Interface()
	ok := !failed[pointer]
	for _, inner := range nested(v) {
		ok = validate(inner, failed, report) && ok
	}
	if checker, is := pointer.(interface{ Validate() error }); is && ok {
		err := checker.Validate()
		report(err)
		ok = err == nil
	}
	return ok
}

// resolve finds the value of f and stores it.
func (f *field) resolve(env *viper.Viper) error {
	for _, name := range f.names {
		if raw := env.GetString(name); raw != "" {
			return f.store(name, raw)
		}
	}
	if f.allowEmpty {
		if i := slices.IndexFunc(f.names, env.IsSet); i >= 0 {
			return f.store(f.names[i], "")
		}
	}
	switch {
	case !f.value.IsZero(): // given by the caller
		return nil
	case f.hasDefault:
		if err := f.store(f.names[0], f.def); err != nil {
			panic(fmt.Sprintf("config: default of %v", err))
		}
		return nil
	case f.required && f.doc != "":
		return fmt.Errorf("%s: required but not set: %s", f.names[0], f.doc)
	case f.required:
		return fmt.Errorf("%s: required but not set", f.names[0])
	default:
		return nil
	}
}

// store parses raw, which came from the variable name, into the struct.
func (f *field) store(name, raw string) error {
	value, err := f.parse(raw)
	if err != nil && f.hidesItself() {
		return fmt.Errorf("%s: the value (not shown) %w", name, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %q %w", name, raw, err)
	}
	if f.value.Kind() == reflect.Pointer {
		pointer := reflect.New(f.kind)
		pointer.Elem().Set(value)
		value = pointer
	}
	f.value.Set(value)
	return nil
}
