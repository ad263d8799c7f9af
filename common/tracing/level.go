package tracing

import (
	"fmt"
	"strings"
)

// Level is a level of Rust's tracing library, least important first.
type Level int8

// The levels. The zero value is LevelInfo.
const (
	LevelTrace Level = iota - 2
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
	LevelOff
)

// levels are the names, and the numbers that Rust's parser takes for them.
var levels = map[string]Level{
	"trace": LevelTrace, "5": LevelTrace, "debug": LevelDebug, "4": LevelDebug, "info": LevelInfo, "3": LevelInfo,
	"warn": LevelWarn, "2": LevelWarn, "error": LevelError, "1": LevelError, "off": LevelOff, "0": LevelOff,
}

// UnmarshalText reads a level in any case.
func (l *Level) UnmarshalText(text []byte) error {
	level, ok := levels[strings.ToLower(string(text))]
	if !ok {
		return fmt.Errorf("%q is not a level: use error, warn, info, debug, trace or off", text)
	}
	*l = level
	return nil
}
