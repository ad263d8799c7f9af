package main_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posthog/posthog-go"
	"github.com/stretchr/testify/require"
)

// flagFiles hold flags with what SDKs and the service may see differently, and people to evaluate them for.
const flagFiles = "testdata/flags/"

// person is one of people.json.
type person struct {
	DistinctID      string                    `json:"distinct_id"`
	Properties      map[string]any            `json:"properties"`
	Groups          map[string]string         `json:"groups"`
	GroupProperties map[string]map[string]any `json:"group_properties"`
}

// flagAnswer is what a client says of a person: flags and payloads of the service, and those it evaluated itself.
type flagAnswer struct {
	Remote, Payloads map[string]any
	Local            map[string]any
	LocalPayloads    map[string]any `json:"local_payloads"`
}

// flagWorld is a running hog with flags.
type flagWorld struct {
	*world
	key    string // for definitions and remote config
	people []person
}

func startFlags(t *testing.T) *flagWorld {
	t.Helper()
	w := &flagWorld{world: startWorld(t)}
	require.Contains(t, run(t, w.data, "flags", "import", flagFiles+"flags.json"), "29 new")
	var teams []struct{ Token, Secret string }
	require.NoError(t, json.Unmarshal([]byte(run(t, w.data, "team", "list", "--json")), &teams))
	w.key = teams[0].Secret
	text, err := os.ReadFile(flagFiles + "people.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &w.people))
	return w
}

// truth is what the service says of a person's flags: for the runtime, and with the payloads as the values that they hold.
func (w *flagWorld) truth(t *testing.T, p person, runtime string) (flags, payloads map[string]any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"token": "phc_local", "distinct_id": p.DistinctID, "person_properties": p.Properties, "groups": p.Groups, "group_properties": p.GroupProperties,
		"evaluation_runtime": runtime,
	})
	require.NoError(t, err)
	res, err := http.Post(w.proxy.URL+"/flags/?v=2&config=false", "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	var answer struct {
		Errors bool `json:"errorsWhileComputingFlags"`
		Flags  map[string]struct {
			Enabled  bool
			Variant  *string
			Metadata struct{ Payload any }
		}
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
	require.False(t, answer.Errors)
	flags, payloads = map[string]any{}, map[string]any{}
	for key, f := range answer.Flags {
		flags[key] = f.Enabled
		if f.Variant != nil {
			flags[key] = *f.Variant
		}
		if f.Metadata.Payload != nil {
			payloads[key] = parsed(f.Metadata.Payload)
		}
	}
	return flags, payloads
}

// parsed is a payload as a value: some clients parse the text that it is stored as, others leave that to their user.
func parsed(payload any) any {
	var v any
	if text, ok := payload.(string); ok && json.Unmarshal([]byte(text), &v) == nil {
		return v
	}
	return payload
}

// difference is how an SDK's own evaluation of a flag differs from the service, which is right.
type difference struct {
	kind string // asks: it leaves the flag to the service; wrong: for some people it says something else
	why  string
}

// differences are the known ones of each SDK in the version that is tested.
var differences = map[string]map[string]difference{
	"node": {
		"continues":    {"asks", "experience continuity needs the database"},
		"testers":      {"asks", "who is in a static cohort is in the database"},
		"look-ahead":   {"asks", "its regular expressions have no look-around"},
		"exact-number": {"asks", "it cannot tell whether a number is 41 or 41.0 to the service"},
		"early-access": {"wrong", "it knows nothing of enrolment"},
		"older":        {"wrong", "it compares a text that is no number as a text"},
	},
	"python": {
		"continues":  {"asks", "experience continuity needs the database"},
		"testers":    {"asks", "who is in a static cohort is in the database"},
		"look-ahead": {"asks", "its regular expressions have no look-around"},
	},
	"go": { // with a percentage that is not whole, anywhere, it would have no definitions at all
		"continues":             {"asks", "experience continuity needs the database"},
		"testers":               {"asks", "who is in a static cohort is in the database"},
		"by-id":                 {"asks", "the distinct id is no property to it"},
		"half-of-organizations": {"asks", "of people without the group, for whom the service says no"},
		"needs-red":             {"asks", "it knows no dependencies"},
		"needs-needs-red":       {"asks", "likewise"},
		"app-in-caret":          {"asks", "it knows no versions"},
		"newer-app":             {"asks", "likewise"},
		"signed-up-lately":      {"asks", "it knows no dates"},
		"no-plan":               {"asks", "it does not evaluate is_not_set"},
		"older":                 {"asks", "it compares a number with numbers only, and never as texts"},
		"exact-number":          {"wrong", "a number does not equal its text"},
		"exact-false":           {"wrong", "exact with true or false is a question of truth to the service, of equality to it"},
		"look-ahead":            {"wrong", "a pattern that Go's regexp does not read matches nothing"},
		"not-payers":            {"wrong", "it evaluates not_in as in"},
		"early-access":          {"wrong", "it knows nothing of enrolment"},
		"held-out":              {"wrong", "it knows no holdouts"},
	},
}

// about is the property that decides a flag. An SDK that is not given it cannot know whether the service has it stored, and leaves the
// flag to the service.
var about = map[string]string{
	"app-in-caret": "app", "newer-app": "app", "exact-number": "age", "older": "age", "signed-up-lately": "signed_up",
	"pattern": "email", "look-ahead": "email", "with-payload": "email", "early-access": "$feature_enrollment/early-access",
	"colours": "plan", "needs-red": "plan", "needs-needs-red": "plan", "exact-false": "plan", "no-plan": "plan", "plan-is-not-free": "plan",
	"payers": "plan", "not-payers": "plan", "organization": "tier",
}

// given tells whether p has the property that decides a flag, or is in an organization that has it.
func (p *person) given(key string) bool {
	name, ok := about[key]
	if !ok {
		return true
	}
	_, own := p.Properties[name]
	_, theirs := p.GroupProperties["organization"][name]
	return own || theirs
}

// compare checks what a client says of all people.
func (w *flagWorld) compare(t *testing.T, client string, answers []flagAnswer) {
	t.Helper()
	require.Len(t, answers, len(w.people))
	found, details := map[string]string{}, []string(nil)
	for i, p := range w.people {
		flags, payloads := w.truth(t, p, "server")
		a := answers[i]
		require.Equal(t, flags, a.Remote, p.DistinctID)
		if a.Payloads != nil {
			require.Equal(t, payloads, eachParsed(a.Payloads), p.DistinctID)
		}
		for key, want := range flags {
			got, decided := a.Local[key]
			switch {
			case decided && got != want:
				found[key] = "wrong"
				details = append(details, fmt.Sprintf("%s for %s: %v, the service says %v", key, p.DistinctID, got, want))
			case !decided && p.given(key):
				found[key] = cmp.Or(found[key], "asks")
				details = append(details, fmt.Sprintf("%s for %s: undecided, the service says %v", key, p.DistinctID, want))
			case decided && a.LocalPayloads != nil && payloads[key] != nil:
				require.Equal(t, payloads[key], parsed(a.LocalPayloads[key]), "%s of %s", key, p.DistinctID)
			}
		}
	}
	known := map[string]string{}
	for key, d := range differences[client] {
		known[key] = d.kind
	}
	slices.Sort(details)
	require.Equal(t, known, found, strings.Join(details, "\n"))
}

func eachParsed(payloads map[string]any) map[string]any {
	out := map[string]any{}
	for key, p := range payloads {
		out[key] = parsed(p)
	}
	return out
}

// TestFlagsOfServerSDKs compares the flags that SDKs get and evaluate with those of the service.
func TestFlagsOfServerSDKs(t *testing.T) {
	tests := map[string]struct {
		runtime string
		command []string
	}{
		"node":   {"npm", []string{"node", "flags.js"}},
		"python": {"python3", []string{".venv/bin/python", "flags.py"}},
	}
	w := startFlags(t)
	people, err := filepath.Abs(flagFiles + "people.json")
	require.NoError(t, err)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			install(t, name, tt.runtime)
			cmd := exec.CommandContext(t.Context(), tt.command[0], append(tt.command[1:], w.proxy.URL, "phc_local", w.key, people)...)
			cmd.Dir = filepath.Join(clients, name)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			require.NoError(t, cmd.Run(), "%s", errs.String())
			var result struct {
				Answers []flagAnswer
				Config  any
			}
			require.NoError(t, json.Unmarshal(out.Bytes(), &result), "%s", out.String())
			w.compare(t, name, result.Answers)
			require.Equal(t, map[string]any{"limit": 5.0}, parsed(result.Config))
		})
	}
	t.Run("go", func(t *testing.T) { w.compare(t, "go", w.posthogGo(t)) })
	require.NoError(t, w.end(t, os.Interrupt))
}

func (w *flagWorld) posthogGo(t *testing.T) (out []flagAnswer) {
	t.Helper()
	remote, err := posthog.NewWithConfig("phc_local", posthog.Config{Endpoint: w.proxy.URL})
	require.NoError(t, err)
	local, err := posthog.NewWithConfig("phc_local", posthog.Config{
		Endpoint: w.proxy.URL, PersonalApiKey: w.key, DefaultFeatureFlagsPollingInterval: time.Hour, Logger: posthog.StdLogger(log.New(io.Discard, "", 0)),
	})
	require.NoError(t, err)
	for _, p := range w.people {
		ask := func(c posthog.Client, local bool) map[string]any {
			groups, ofGroups := posthog.NewGroups(), map[string]posthog.Properties{}
			for kind, key := range p.Groups {
				groups.Set(kind, key)
				ofGroups[kind] = posthog.NewProperties().Merge(p.GroupProperties[kind]) // null is no object
			}
			flags, err := c.GetAllFlags(posthog.FeatureFlagPayloadNoKey{
				DistinctId: p.DistinctID, Groups: groups, PersonProperties: posthog.Properties(p.Properties), GroupProperties: ofGroups, OnlyEvaluateLocally: local,
			})
			require.NoError(t, err)
			return flags
		}
		out = append(out, flagAnswer{Remote: ask(remote, false), Local: ask(local, true)})
	}
	config, err := local.GetRemoteConfigPayload("remote-config")
	require.NoError(t, err)
	require.JSONEq(t, `{"limit":5}`, config)
	require.NoError(t, remote.Close())
	require.NoError(t, local.Close())
	return out
}

// TestFlagsOfPosthogJS does the same in a browser, which evaluates nothing itself.
func TestFlagsOfPosthogJS(t *testing.T) {
	browser := chromium(t)
	install(t, "browser", "npm")
	w := startFlags(t)
	people, err := filepath.Abs(flagFiles + "people.json")
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "flags.js", w.site.URL+"/flags", browser, people)
	cmd.Dir = filepath.Join(clients, "browser")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), "%s", errs.String())
	var result struct{ Answers []flagAnswer }
	require.NoError(t, json.Unmarshal(out.Bytes(), &result), "%s", out.String())
	require.Len(t, result.Answers, len(w.people))
	for i, p := range w.people {
		flags, payloads := w.truth(t, p, "client")
		require.Equal(t, flags, result.Answers[i].Remote, p.DistinctID)
		require.Equal(t, payloads, eachParsed(result.Answers[i].Payloads), p.DistinctID)
	}
	require.Contains(t, w.ways(), "POST /flags/ gzip cors")
	require.NoError(t, w.end(t, os.Interrupt))
}
