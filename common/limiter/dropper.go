package limiter

import "strings"

// TokenDropper holds the tokens, and the distinct ids of tokens, whose events an operator wants dropped. It is read only.
type TokenDropper struct {
	byToken map[string]map[string]struct{} // to distinct ids, or to nil for all of them
}

// NewTokenDropper reads a comma separated list of token and token:distinct_id. Nothing is trimmed and blank parts are skipped; what
// follows a second colon is ignored, so ids with a colon cannot be expressed. A bare token drops all its events, whatever ids are
// listed before or after it. Source: PostHog's rust/common/limiters/src/token_dropper.rs.
func NewTokenDropper(list string) *TokenDropper {
	d := &TokenDropper{byToken: map[string]map[string]struct{}{}}
	for item := range strings.SplitSeq(list, ",") {
		token, rest := cutPart(item)
		if token == "" {
			continue
		}
		ids, known := d.byToken[token]
		id, _ := cutPart(rest)
		switch {
		case id == "":
			d.byToken[token] = nil
		case !known:
			d.byToken[token] = map[string]struct{}{id: {}}
		case ids != nil:
			ids[id] = struct{}{}
		}
	}
	return d
}

// ShouldDrop reports whether the event of token and distinctID is to be dropped.
func (d *TokenDropper) ShouldDrop(token, distinctID []byte) bool {
	if len(d.byToken) == 0 {
		return false
	}
	ids, ok := d.byToken[string(token)]
	if !ok || ids == nil {
		return ok
	}
	_, ok = ids[string(distinctID)]
	return ok
}

// cutPart returns the first part of a colon separated text that is not blank, and what follows it.
func cutPart(s string) (part, rest string) {
	for s != "" {
		part, s, _ = strings.Cut(s, ":")
		if strings.TrimSpace(part) != "" {
			return part, s
		}
	}
	return "", ""
}
