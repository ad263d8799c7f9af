package v1_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/scan"
	v1 "github.com/hog-go/hog/capture/internal/v1"
)

var noon = time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC)

func headers(changes ...string) http.Header {
	h := http.Header{}
	for _, kv := range append([]string{
		"Authorization: Bearer phc_t", "Content-Type: application/json", "User-Agent: ua", "PostHog-Sdk-Info: posthog-go/1.2.3", "PostHog-Attempt: 1",
		"PostHog-Request-Id: 550e8400-e29b-41d4-a716-446655440000", "PostHog-Request-Timestamp: 2023-01-01T12:00:00Z",
	}, changes...) {
		name, value, set := strings.Cut(kv, ": ")
		if !set {
			h.Del(name)
			continue
		}
		h.Set(name, value)
	}
	return h
}

func TestParseHeader(t *testing.T) {
	h, err := v1.ParseHeader(headers("PostHog-Request-Timestamp: 2023-01-01 13:00:00.5+01:00", "Content-Encoding: GZIP"))
	require.Nil(t, err)
	require.Equal(t, v1.Header{Token: "phc_t", Encoding: "gzip", SentAt: noon.Add(500 * time.Millisecond), Lib: "posthog-go", LibVersion: "1.2.3"}, h)

	tests := map[string]struct {
		change string
		tag    string
		text   string
	}{
		"row 99 no authorization":        {"Authorization", "missing_authorization", ""},
		"row 99 basic":                   {"Authorization: Basic x", "invalid_header_value", "Authorization must use Bearer scheme"},
		"scheme alone":                   {"Authorization: Bearer", "invalid_header_value", "Bearer"},
		"row 87 personal key":            {"Authorization: Bearer phx_x", "invalid_api_token", "The provided API token is not valid."},
		"blank token":                    {"Authorization: Bearer  ", "invalid_api_token", "The provided API token is not valid."},
		"row 84 no user agent":           {"User-Agent", "missing_required_headers", `request is missing required headers: ["user-agent"]`},
		"row 85 attempt 0":               {"PostHog-Attempt: 0", "invalid_header_value", "PostHog-Attempt must be a positive integer: 0"},
		"attempt a word":                 {"PostHog-Attempt: one", "invalid_header_value", "PostHog-Attempt"},
		"attempt too large":              {"PostHog-Attempt: 4294967296", "invalid_header_value", "PostHog-Attempt"},
		"row 85 request id":              {"PostHog-Request-Id: x", "invalid_header_value", "PostHog-Request-Id is not a valid UUID: x"},
		"row 85 timestamp":               {"PostHog-Request-Timestamp: x", "invalid_header_value", "PostHog-Request-Timestamp is not valid RFC 3339: x"},
		"timestamp without a zone":       {"PostHog-Request-Timestamp: 2023-01-01T12:00:00", "invalid_header_value", "RFC 3339"},
		"row 86 text/plain":              {"Content-Type: text/plain", "unsupported_content_type", "unsupported content type: text/plain"},
		"row 86 lz4":                     {"Content-Encoding: lz4", "unsupported_encoding", "unsupported content encoding: lz4"},
		"row 86 JSON in any case":        {"Content-Type: Application/JSON; charset=utf-8", "", ""},
		"row 87 scheme in any case":      {"Authorization: bEaReR   phc_t  ", "", ""},
		"a long header is not sent back": {"PostHog-Attempt: " + strings.Repeat("9", 500), "invalid_header_value", "…"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h, err := v1.ParseHeader(headers(tt.change))
			if tt.tag == "" {
				require.Nil(t, err)
				require.Equal(t, "phc_t", h.Token)
				return
			}
			require.NotNil(t, err)
			require.Equal(t, tt.tag, err.Tag)
			require.Contains(t, err.Description, tt.text)
			require.Less(t, len(err.Description), 200)
		})
	}
}

func TestSDKInfo(t *testing.T) {
	for info, want := range map[string][2]string{
		"posthog-go/1.2.3": {"posthog-go", "1.2.3"}, "a/b/3": {"a/b", "3"}, " a / 1 ": {"a", "1"},
		"a": {}, "a/": {}, "/1": {}, "": {}, " / ": {}, "a/" + strings.Repeat("9", 199): {},
		"posth\xffg/1": {}, "posthög/1": {}, // it stands in records as it is
	} {
		h := headers()
		h.Set("PostHog-Sdk-Info", info)
		got, err := v1.ParseHeader(h)
		require.Nil(t, err)
		require.Equal(t, want, [2]string{got.Lib, got.LibVersion}, info)
	}
}

func TestErrorBody(t *testing.T) {
	h := headers()
	h.Set("PostHog-Attempt", "x"+strings.Repeat("é", 33))
	_, refused := v1.ParseHeader(h)
	require.True(t, utf8.Valid(refused.AppendJSON(nil)), "what a client sent is cut between characters")
	require.JSONEq(t, `{"error":"empty_body","error_description":"request body is empty","error_uri":"https://posthog.com/docs/api"}`, string(v1.ErrEmptyBody.AppendJSON(nil)))
	require.JSONEq(t, `{"error":"billing_limit_exceeded","error_description":"Billing quota exceeded. Events are being dropped. Upgrade your plan to resume ingestion.","error_uri":"https://posthog.com/docs/billing/limits"}`, string(v1.ErrBillingLimit.AppendJSON(nil)))
	require.NotContains(t, string(v1.Unparsable("secret").AppendJSON(nil)), "secret")
	require.True(t, v1.BodyTimeout(5).Retryable())
	require.True(t, v1.ErrInternal.Retryable())
	require.False(t, v1.ErrBillingLimit.Retryable())
}

// one is a batch of one event, with fields that replace or follow the required ones.
func one(fields string) string {
	return `{"created_at":"2023-01-01T12:00:00Z","batch":[{"event":"e","uuid":"550e8400-e29b-41d4-a716-446655440000","distinct_id":"d","timestamp":"2023-01-01T11:00:00Z"` + fields + `}]}`
}

func resolveBatch(t *testing.T, body string, batch v1.Batch) ([]v1.Event, v1.Counts, *v1.Error) {
	t.Helper()
	var sent scan.V1Batch
	require.NoError(t, sent.Parse([]byte(body)))
	var arena []byte
	var n v1.Counts
	batch.Now = noon
	if batch.SentAt.IsZero() {
		batch.SentAt = noon
	}
	events, err := v1.Rules{}.Events(nil, &sent, &batch, &arena, &n)
	return events, n, err
}

func TestEventDetails(t *testing.T) {
	euro := strings.Repeat("€", 67)
	tests := map[string]struct {
		fields string
		detail string
		result v1.Result
	}{
		"a sound event":                        {"", "", v1.OK},
		"performance event":                    {`,"event":"$performance_event"`, "dropped_performance_event", v1.Drop},
		"empty name":                           {`,"event":""`, "missing_event_name", v1.Drop},
		"long name":                            {`,"event":"` + strings.Repeat("n", 201) + `"`, "event_name_too_long", v1.Drop},
		"name of 200 bytes":                    {`,"event":"` + strings.Repeat("n", 200) + `"`, "", v1.OK},
		"blank id":                             {`,"distinct_id":"  "`, "missing_distinct_id", v1.Drop},
		"row 110 id of 201 bytes":              {`,"distinct_id":"` + euro + `"`, "distinct_id_too_large", v1.Drop},
		"row 101 cookieless id without a mode": {`,"distinct_id":"$posthog_cookieless"`, "cookieless_mode_required", v1.Drop},
		"row 101 cookieless id with a mode":    {`,"distinct_id":"$posthog_cookieless","options":{"cookieless_mode":true}`, "", v1.OK},
		"timestamp":                            {`,"timestamp":"yesterday"`, "invalid_event_timestamp", v1.Drop},
		"properties a list":                    {`,"properties":[1]`, "malformed_event_properties", v1.Drop},
		"properties null":                      {`,"properties":null`, "malformed_event_properties", v1.Drop},
		"options a list":                       {`,"options":[]`, "invalid_options", v1.Drop},
		"options null":                         {`,"options":null`, "", v1.OK},
		"row 102 tour a number":                {`,"options":{"product_tour_id":5}`, "invalid_options", v1.Drop},
		"row 89 illegal id":                    {`,"distinct_id":" Undefined "`, "person_processing_disabled", v1.OK},
		"the nil uuid as id":                   {`,"distinct_id":"00000000-0000-0000-0000-000000000000"`, "person_processing_disabled", v1.OK},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			events, _, err := resolveBatch(t, one(tt.fields), v1.Batch{})
			require.Nil(t, err)
			require.Equal(t, tt.detail, events[0].Detail)
			require.Equal(t, tt.result, events[0].Result)
			require.Equal(t, tt.detail == v1.NoPerson, events[0].Event.NoPerson)
		})
	}
}

func TestOptionBooleans(t *testing.T) {
	for value, want := range map[string]v1.Bool{
		"true": v1.True, "false": v1.False, "null": v1.Unset, `""`: v1.Unset, `"  "`: v1.Unset, "1": v1.True, "0": v1.False, "-2.5": v1.True, "0.0": v1.False,
		`"TRUE"`: v1.True, `" t "`: v1.True, `"yes"`: v1.True, `"Y"`: v1.True, `"on"`: v1.True, `"1"`: v1.True, `"2.5"`: v1.True,
		`"false"`: v1.False, `"F"`: v1.False, `"no"`: v1.False, `"n"`: v1.False, `"OFF"`: v1.False, `"0"`: v1.False, `"0.0"`: v1.False,
	} {
		events, _, err := resolveBatch(t, one(`,"options":{"process_person_profile":`+value+`}`), v1.Batch{})
		require.Nil(t, err)
		require.Equal(t, want, events[0].Options.PersonProfile, value)
		require.Equal(t, v1.OK, events[0].Result, value)
	}
	for _, value := range []string{`"maybe"`, `{}`, `[]`, `"inf"`, `"nan"`, `"-inf"`, `"1e999"`} {
		events, _, err := resolveBatch(t, one(`,"options":{"process_person_profile":`+value+`}`), v1.Batch{})
		require.Nil(t, err)
		require.Equal(t, "invalid_options", events[0].Detail, value)
	}
}

func TestEventTime(t *testing.T) {
	tests := map[string]struct {
		timestamp, options string
		sentAt, want       time.Time
	}{
		"clocks agree":           {"2023-01-01T11:00:00Z", "", noon, noon.Add(-time.Hour)},
		"client ahead":           {"2023-01-01T11:00:00Z", "", noon.Add(10 * time.Second), noon.Add(-time.Hour - 10*time.Second)},
		"no correction":          {"2023-01-01T11:00:00Z", `"disable_skew_correction":true`, noon.Add(time.Hour), noon.Add(-time.Hour)},
		"exactly 23 hours ahead": {"2023-01-02T11:00:00Z", "", noon, noon.Add(23 * time.Hour)},
		"further ahead":          {"2023-01-02T11:00:00.001Z", "", noon, noon},
		"clock never set":        {"0001-01-01T00:00:05Z", "", time.Date(1, 1, 1, 0, 0, 15, 0, time.UTC), noon.Add(-10 * time.Second)},
		"out of the calendar":    {"0000-01-01T00:00:00+23:00", `"disable_skew_correction":true`, noon, time.Unix(0, 0).UTC()},
		"ahead, no correction":   {"2024-01-01T00:00:00Z", `"disable_skew_correction":1`, noon, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			events, n, err := resolveBatch(t, one(fmt.Sprintf(`,"timestamp":%q,"options":{%s}`, tt.timestamp, tt.options)), v1.Batch{SentAt: tt.sentAt})
			require.Nil(t, err)
			require.Equal(t, tt.want, events[0].Event.Time.UTC())
			require.Equal(t, name == "further ahead", n.Clamped == 1)
		})
	}
}

func TestBatchRefusals(t *testing.T) {
	event := `{"event":"e","uuid":%q,"distinct_id":"d","timestamp":"2023-01-01T11:00:00Z"}`
	batch := func(ids ...string) string {
		events := make([]string, len(ids))
		for i, id := range ids {
			events[i] = fmt.Sprintf(event, id)
		}
		return `{"created_at":"2023-01-01T12:00:00Z","batch":[` + strings.Join(events, ",") + `]}`
	}
	id := "550e8400-e29b-41d4-a716-446655440000"
	for name, tt := range map[string]struct{ body, tag string }{
		"empty":                       {batch(), "empty_batch"},
		"created_at":                  {strings.Replace(batch(id), "2023-01-01T12:00:00Z", "now", 1), "invalid_batch"},
		"no uuid":                     {batch(" "), "missing_event_uuid"},
		"uuid":                        {batch("x"), "invalid_event_uuid"},
		"row 88 twice":                {batch(id, id), "duplicate_event_uuid"},
		"twice, written differently":  {batch(id, strings.ToUpper(id)), "duplicate_event_uuid"},
		"an event that would drop is": {strings.Replace(batch(id, id), `"e"`, `""`, 1), "duplicate_event_uuid"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := resolveBatch(t, tt.body, v1.Batch{})
			require.NotNil(t, err)
			require.Equal(t, tt.tag, err.Tag)
			require.Equal(t, http.StatusBadRequest, err.Status)
		})
	}
}

func TestGatewayPropertiesAreRemoved(t *testing.T) {
	props := `,"properties":{"$ai_gateway_verified":true,"\u0024ai_gateway":1,"a":1}`
	events, _, _ := resolveBatch(t, one(`,"event":"$ai_span"`+props), v1.Batch{})
	require.Equal(t, `{"a":1}`, string(events[0].Event.Properties))
	events, _, _ = resolveBatch(t, one(props), v1.Batch{})
	require.Contains(t, string(events[0].Event.Properties), "$ai_gateway_verified", "only LLM events are the gateway's")
}

func TestInternalBatch(t *testing.T) {
	events, _, _ := resolveBatch(t, one(`,"options":{"cookieless_mode":true}`), v1.Batch{ClientIP: []byte("203.0.113.9"), Internal: true})
	require.Equal(t, "127.0.0.1", string(events[0].Event.Subject()))
}

func TestAppendResults(t *testing.T) {
	events, _, err := resolveBatch(t, one(""), v1.Batch{})
	require.Nil(t, err)
	body, retry := v1.AppendResults(nil, events)
	require.Equal(t, `{"results":{"550e8400-e29b-41d4-a716-446655440000":{"result":"ok"}}}`, string(body))
	require.False(t, retry)
	events[0].Fail(v1.Retry, v1.NotPersisted)
	body, retry = v1.AppendResults(nil, append(events, events...))
	require.Equal(t, `{"results":{"550e8400-e29b-41d4-a716-446655440000":{"result":"retry","details":"not_persisted"},"550e8400-e29b-41d4-a716-446655440000":{"result":"retry","details":"not_persisted"}}}`, string(body))
	require.True(t, retry)
}

func TestUnpack(t *testing.T) {
	var scratch []byte
	out, err := v1.Unpack([]byte("{}"), "", 2, &scratch)
	require.Nil(t, err)
	require.Equal(t, "{}", string(out), "the limit is about packed bodies")
	_, err = v1.Unpack(nil, "gzip", 10, &scratch)
	require.Equal(t, v1.ErrEmptyBody, err)
	_, err = v1.Unpack([]byte("plain"), "br", 10, &scratch)
	require.Equal(t, "request_decoding_error", err.Tag)
	_, err = v1.Unpack([]byte("\xff"), "", 10, &scratch)
	require.Equal(t, "request_parsing_error", err.Tag)
}
