package otel

import (
	"bytes"
	"encoding/hex"

	"github.com/google/uuid"
)

// Attributes that name the user, in order: of the span, since one process serves many users, then of the resource.
var (
	spanUser = []string{
		"ai.telemetry.metadata.posthog_distinct_id", "ai.settings.context.posthog_distinct_id", "posthog.distinct_id", "user.id",
	}
	resourceUser = []string{"posthog.distinct_id", "user.id"}
)

// sessionKeys name what groups several traces of one user, the widest first.
var sessionKeys = []string{"$ai_session_id", "anthropic.session.id", "gen_ai.conversation.id"}

// derived is the namespace of distinct ids made of a session or trace: the spans of a trace arrive in several requests
// and must come to the same person.
var derived = uuid.MustParse("392e81d5-3d13-4a6f-b541-bdbf6c865e56")

// distinctID tells whose span it is.
func (m *maker) distinctID(resource []attr) string {
	own := firstOf(m.attrs)
	if id := firstText(own, spanUser); id != nil {
		return string(id)
	}
	if id := firstText(firstOf(resource), resourceUser); id != nil {
		return string(id)
	}
	if id := firstText(own, sessionKeys); id != nil {
		return derive("session:" + string(id))
	}
	if len(bytes.Trim(m.span.traceID, "\x00")) > 0 {
		return derive("trace:" + hex.EncodeToString(m.span.traceID))
	}
	return m.fallbackID()
}

func derive(name string) string { return uuid.NewSHA1(derived, []byte(name)).String() }

// firstText returns the first value that is a string with something in it.
func firstText(value func(string) []byte, keys []string) []byte {
	for _, key := range keys {
		if s := contents(value(key)); len(s) > 0 {
			return s
		}
	}
	return nil
}
