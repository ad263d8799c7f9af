package config

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Table renders the settings of cfgs (structs or pointers to structs) as a Markdown table: variable with its aliases, type, default,
// meaning. Rows keep the order of the source, and a variable that two structs share is listed once. A value that a struct already
// holds is shown as the default, which it is for [Load].
func Table(cfgs ...any) string {
	var b strings.Builder
	b.WriteString("| Variable | Type | Default | Meaning |\n|---|---|---|---|\n")
	seen := map[string]bool{}
	for _, f := range collectAll(cfgs) {
		if seen[f.names[0]] {
			continue
		}
		seen[f.names[0]] = true
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.nameCell(), cell(f.typeCell()), cell(f.defaultCell()), cell(f.doc))
	}
	return b.String()
}

// SyncTable returns doc with the text between the comments <!-- marker:begin --> and <!-- marker:end --> replaced by table, each on
// lines of its own. It is an error when doc does not hold both, in this order.
func SyncTable(doc []byte, marker, table string) ([]byte, error) {
	begin, end := []byte("<!-- "+marker+":begin -->"), []byte("<!-- "+marker+":end -->")
	before, rest, okBegin := bytes.Cut(doc, begin)
	_, after, okEnd := bytes.Cut(rest, end)
	if !okBegin || !okEnd {
		return nil, fmt.Errorf("insert table: %s and %s are not both there", begin, end)
	}
	middle := []byte("\n\n" + strings.TrimSpace(table) + "\n\n")
	return slices.Concat(before, begin, middle, end, after), nil
}

// collectAll finds the settings of structs given by value or by pointer.
func collectAll(cfgs []any) []*field {
	var fields []*field
	for _, cfg := range cfgs {
		if v := reflect.ValueOf(cfg); v.Kind() == reflect.Struct {
			pointer := reflect.New(v.Type())
			pointer.Elem().Set(v)
			cfg = pointer.Interface()
		}
		fields = append(fields, collect(cfg)...)
	}
	return fields
}

// cell escapes what would end a table cell.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

func (f *field) nameCell() string {
	if len(f.names) == 1 {
		return "`" + f.names[0] + "`"
	}
	return "`" + f.names[0] + "` (or `" + strings.Join(f.names[1:], "`, `") + "`)"
}

func (f *field) typeCell() string {
	if f.oneOf != nil {
		return "`" + strings.Join(f.oneOf, "`, `") + "`"
	}
	name := f.typeName()
	switch {
	case f.min != "" && f.max != "":
		return fmt.Sprintf("%s, %s to %s", name, f.min, f.max)
	case f.min != "":
		return fmt.Sprintf("%s, at least %s", name, f.min)
	case f.max != "":
		return fmt.Sprintf("%s, at most %s", name, f.max)
	default:
		return name
	}
}

func (f *field) typeName() string {
	switch kind := f.kind.Kind(); {
	case f.isText():
		return "text"
	case f.kind == secretType:
		return "secret"
	case f.unit != 0:
		return unitName(f.unit)
	case f.kind == durationType:
		return "duration"
	case kind == reflect.Slice:
		return "list"
	case kind == reflect.Bool:
		return "boolean"
	case kind == reflect.Float32, kind == reflect.Float64:
		return "number"
	case kind == reflect.String:
		return "string"
	default:
		return "integer"
	}
}

func (f *field) defaultCell() string {
	def := f.def
	if !f.value.IsZero() {
		def = f.format()
	}
	switch {
	case def != "":
		return "`" + def + "`"
	case f.required:
		return "required"
	case f.value.Kind() == reflect.Pointer:
		return "unset"
	default:
		return "empty"
	}
}

// format writes the value that f holds as it would be in the environment.
func (f *field) format() string {
	value := reflect.Indirect(f.value)
	if text, ok := value.Interface().(encoding.TextMarshaler); ok {
		if b, err := text.MarshalText(); err == nil {
			return string(b)
		}
	}
	switch {
	case f.unit != 0:
		return fmt.Sprint(value.Int() / int64(f.unit))
	case f.kind == durationType:
		return time.Duration(value.Int()).String()
	case value.Kind() == reflect.Slice:
		entries := make([]string, value.Len())
		for i := range entries {
			entries[i] = fmt.Sprint(value.Index(i).Interface())
		}
		return strings.Join(entries, ",")
	default:
		return fmt.Sprint(value.Interface())
	}
}
