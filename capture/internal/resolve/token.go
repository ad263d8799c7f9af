package resolve

import (
	"bytes"

	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/scan"
)

// Token finds the project token of a request and checks its shape; whether the project exists is not capture's to know.
// A batch has one of its own, else it is that of the events, which must agree where they have one.
func Token(r *scan.Request, arena *[]byte) ([]byte, error) {
	if r.Shape == scan.Batch {
		return ValidToken(scan.Text(r.Token, arena))
	}
	var token []byte
	found := false
	for i := range r.Events {
		raw := r.Events[i].Token
		if raw == nil {
			raw = r.Events[i].PropToken
		}
		if raw == nil {
			continue
		}
		t := scan.Text(raw, arena)
		if found && !bytes.Equal(t, token) {
			return nil, reject.MultipleTokens
		}
		token, found = t, true
	}
	if !found {
		return nil, reject.NoToken
	}
	return ValidToken(token)
}

// ValidToken returns token, or why it cannot be a project's. Source: PostHog's rust/capture/src/token.rs.
func ValidToken(token []byte) ([]byte, error) {
	switch {
	case len(token) == 0:
		return nil, reject.InvalidToken("empty")
	case len(token) > 64:
		return nil, reject.InvalidToken("too_long")
	}
	for _, c := range token {
		if c >= 0x80 {
			return nil, reject.InvalidToken("not_ascii")
		}
	}
	if bytes.HasPrefix(token, []byte("phx_")) {
		return nil, reject.InvalidToken("personal_api_key")
	}
	return token, nil
}
