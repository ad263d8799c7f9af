package write

import (
	"sync/atomic"
)

// state is the last thing that the database said about itself.
type state struct{ trouble atomic.Pointer[string] }

func (s *state) set(err error) {
	if err == nil {
		if s.trouble.Load() != nil {
			s.trouble.Store(nil)
		}
		return
	}
	text := err.Error()
	s.trouble.Store(&text)
}

func (s *state) ready() (bool, string) {
	if text := s.trouble.Load(); text != nil {
		return false, "takes no rows: " + *text
	}
	return true, "ok"
}
