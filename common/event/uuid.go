package event

import (
	"errors"

	"github.com/google/uuid"
)

// bracedLen is the length of a uuid in braces, the one form of which google/uuid does not look at the ends.
const bracedLen = 38

var errBraces = errors.New("invalid UUID format")

// ParseUUID reads a uuid in any of its textual forms: with hyphens, without, in braces, as a URN.
func ParseUUID(text []byte) (uuid.UUID, error) {
	if len(text) == bracedLen && (text[0] != '{' || text[bracedLen-1] != '}') {
		return uuid.UUID{}, errBraces
	}
	return uuid.ParseBytes(text)
}
