package config

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Help answers -h, --help and help, as the first of the arguments of a program that has no flags: it writes about, then the settings of
// cfgs as [Table] has them, and reports whether that was asked for.
func Help(w io.Writer, args []string, about string, cfgs ...any) bool {
	if len(args) == 0 || !slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		return false
	}
	b := bufio.NewWriter(w)
	defer b.Flush() // a terminal that is gone misses nothing
	fmt.Fprintf(b, "%s\n\nSettings are environment variables:\n", strings.TrimSpace(about))
	plain := strings.NewReplacer("`", "").Replace
	seen := map[string]bool{}
	for _, f := range collectAll(cfgs) {
		if seen[f.names[0]] {
			continue
		}
		seen[f.names[0]] = true
		fmt.Fprintf(b, "\n  %s\n      %s; %s\n", strings.Join(f.names, ", or "), plain(f.typeCell()), plain(f.helpDefault()))
		if f.doc != "" {
			fmt.Fprintf(b, "      %s\n", f.doc)
		}
	}
	return true
}

// helpDefault is the default with a word before it, where the table has a column for that.
func (f *field) helpDefault() string {
	def := f.defaultCell()
	if def == "required" || def == "unset" {
		return def
	}
	return "default " + def
}
