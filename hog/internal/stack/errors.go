package stack

import (
	"errors"
	"slices"
	"strings"

	"github.com/hog-go/hog/common/config"
)

// SettingsError lists what is wrong with the settings of services, a line each, fit to be shown to an operator.
type SettingsError []string

// Error joins the lines.
func (e SettingsError) Error() string { return strings.Join(e, "\n") }

// add notes the problems of a service. One that two services share, as the two captures do, is listed once.
func (e *SettingsError) add(service string, err error) {
	lines := []string{service + ": " + err.Error()}
	if settings, ok := errors.AsType[*config.Error](err); ok {
		lines = nil
		for _, p := range settings.Problems {
			lines = append(lines, p.Error())
		}
	}
	for _, line := range lines {
		if !slices.Contains(*e, line) {
			*e = append(*e, line)
		}
	}
}
