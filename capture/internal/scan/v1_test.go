package scan_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/scan"
)

const v1Event = `{"event":"e","uuid":"u","distinct_id":"d","timestamp":"t"}`

func TestV1Batch(t *testing.T) {
	var b scan.V1Batch
	require.NoError(t, b.Parse([]byte(`{"unknown":[{}],"created_at":"c","historical_migration":true,"capture_internal":true,"batch":[
		{"event":"a\u0062","uuid":" u ","distinct_id":"\u0020d\u0020","timestamp":"t","session_id":"s","window_id":null,"options":{"x":1},"properties":[1],"other":2},`+v1Event+`]}`)))
	require.Equal(t, "c", string(b.CreatedAt))
	require.True(t, b.Historical)
	require.True(t, b.Internal)
	require.Len(t, b.Events, 2)
	e := b.Events[0]
	require.Equal(t, []string{"ab", `"a\u0062"`, "u", "d", `"t"`, `"s"`, "", `{"x":1}`, `[1]`},
		[]string{string(e.Name), string(e.NameJSON), string(e.ID), string(e.DistinctID), string(e.Timestamp), string(e.SessionID), string(e.WindowID), string(e.Options), string(e.Properties)})
	require.Nil(t, b.Events[1].Properties)

	b.Forget()
	require.Empty(t, b.Events)
}

func TestV1BatchShape(t *testing.T) {
	batch := func(event string) string { return `{"created_at":"c","batch":[` + event + `]}` }
	tests := map[string]struct {
		body string
		ok   bool
	}{
		"no events":                   {batch(""), true},
		"an event":                    {batch(v1Event), true},
		"blank ids are for later":     {batch(`{"event":"","uuid":" ","distinct_id":"","timestamp":""}`), true},
		"capture_internal unreadable": {`{"created_at":"c","capture_internal":"yes","batch":[]}`, true},
		"no created_at":               {`{"batch":[]}`, false},
		"created_at a number":         {`{"created_at":1,"batch":[]}`, false},
		"no batch":                    {`{"created_at":"c"}`, false},
		"batch an object":             {`{"created_at":"c","batch":{}}`, false},
		"batch null":                  {`{"created_at":"c","batch":null}`, false},
		"historical_migration text":   {`{"created_at":"c","historical_migration":"true","batch":[]}`, false},
		"historical_migration null":   {`{"created_at":"c","historical_migration":null,"batch":[]}`, false},
		"a list":                      {`[]`, false},
		"an event that is none":       {batch("1"), false},
		"no name":                     {batch(`{"uuid":"u","distinct_id":"d","timestamp":"t"}`), false},
		"no uuid":                     {batch(`{"event":"e","distinct_id":"d","timestamp":"t"}`), false},
		"no distinct_id":              {batch(`{"event":"e","uuid":"u","timestamp":"t"}`), false},
		"no timestamp":                {batch(`{"event":"e","uuid":"u","distinct_id":"d"}`), false},
		"distinct_id a number":        {batch(`{"event":"e","uuid":"u","distinct_id":1,"timestamp":"t"}`), false},
		"session_id a number":         {batch(`{"event":"e","uuid":"u","distinct_id":"d","timestamp":"t","session_id":1}`), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var b scan.V1Batch
			if err := b.Parse([]byte(tt.body)); tt.ok {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, scan.ErrV1Shape)
			}
		})
	}
	var b scan.V1Batch
	require.ErrorContains(t, b.Parse([]byte(`{"created_at":"c","batch":[`)), "at byte")
	require.ErrorContains(t, b.Parse([]byte(batch(v1Event)+"x")), "trailing characters")
}

func FuzzV1Batch(f *testing.F) {
	f.Add([]byte(`{"created_at":"c","batch":[` + v1Event + `]}`))
	f.Add([]byte(`{"created_at":"\ud83d\ude00","historical_migration":true,"batch":[{"event":"\u0000","properties":{"a":[{}]}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		valid := json.Valid(body)
		var b scan.V1Batch
		if b.Parse(append([]byte(nil), body...)) == nil && !valid {
			t.Fatalf("accepted %q", body)
		}
	})
}
