package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hog-go/hog/hog/internal/stack"
)

// trial is what "hog flags test" asks.
type trial struct {
	key, token              string
	id, anonID, deviceID    string
	properties              []string // name=value
	groups, groupProperties []string // type=key, type.name=value
}

func (p *Process) flagsTest(s *Settings) *cobra.Command {
	var t trial
	var asJSON bool
	c := &cobra.Command{
		Use:   "test KEY",
		Short: "Show what somebody gets for a flag, which condition matched and why",
		Long: `Test asks the running hog for a flag as an SDK does, with what you say of a person on top of what is stored of them, and shows how each
condition went. It counts as a request of the team, and remembers nothing of the person.`,
		Example: `  hog flags test new-nav --id ann --property email=ann@example.com
  hog flags test plan-card --id ann --group organization=globex --group-property organization.tier=gold`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			t.key = args[0]
			running, err := stack.ReadInstance(s.Data)
			if err != nil {
				return err
			}
			body, err := t.body()
			if err != nil {
				return err
			}
			answer, err := t.ask(c.Context(), running, body)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.Out, answer)
			}
			return t.print(p.Out, answer)
		},
	}
	c.Flags().StringVar(&t.token, "token", stack.LocalToken, "project key of the team")
	c.Flags().StringVar(&t.id, "id", "", "distinct id of the person")
	c.Flags().StringVar(&t.anonID, "anon-id", "", "their anonymous id before")
	c.Flags().StringVar(&t.deviceID, "device-id", "", "id of their device")
	c.Flags().StringArrayVar(&t.properties, "property", nil, "name=value, repeated; a value that is JSON is sent as such, others as text")
	c.Flags().StringArrayVar(&t.groups, "group", nil, "type=key of a group that they belong to, repeated")
	c.Flags().StringArrayVar(&t.groupProperties, "group-property", nil, "type.name=value, repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "print the answer of the service for the flag")
	_ = c.MarkFlagRequired("id") // fails for a flag that does not exist
	return c
}

// body is a request of the form that SDKs use. It asks for the one flag, wherever the flag is meant to be evaluated.
func (t *trial) body() ([]byte, error) {
	request := map[string]any{
		"token": t.token, "distinct_id": t.id, "flag_keys_to_evaluate": []string{t.key}, "evaluation_runtime": "all", "geoip_disable": true,
	}
	for name, value := range map[string]string{"$anon_distinct_id": t.anonID, "$device_id": t.deviceID} {
		if value != "" {
			request[name] = value
		}
	}
	properties, err := assignments("--property", t.properties)
	if err != nil {
		return nil, err
	}
	groups := map[string]any{}
	for _, g := range t.groups {
		kind, key, ok := strings.Cut(g, "=")
		if !ok || kind == "" {
			return nil, fmt.Errorf("--group %q is not type=key", g)
		}
		groups[kind] = key
	}
	ofGroups := map[string]map[string]any{}
	given, err := assignments("--group-property", t.groupProperties)
	if err != nil {
		return nil, err
	}
	for path, value := range given {
		kind, name, ok := strings.Cut(path, ".")
		if !ok || kind == "" || name == "" {
			return nil, fmt.Errorf("--group-property %q is not type.name=value", path)
		}
		if ofGroups[kind] == nil {
			ofGroups[kind] = map[string]any{}
		}
		ofGroups[kind][name] = value
	}
	request["person_properties"], request["groups"], request["group_properties"] = properties, groups, ofGroups
	return json.Marshal(request)
}

// verdict is the part of the answer about the flag.
type verdict struct {
	Key     string  `json:"key"`
	Enabled bool    `json:"enabled"`
	Variant *string `json:"variant"`
	Failed  bool    `json:"failed,omitempty"`
	Reason  struct {
		Code           string `json:"code"`
		ConditionIndex *int   `json:"condition_index"`
		Description    string `json:"description,omitempty"`
	} `json:"reason"`
	Metadata struct {
		ID      int             `json:"id"`
		Version int             `json:"version"`
		Payload json.RawMessage `json:"payload"`
	} `json:"metadata"`
	Conditions []struct {
		Index       int      `json:"index"`
		Rollout     *float64 `json:"rollout_percentage"`
		Variant     *string  `json:"variant"`
		Matched     bool     `json:"matched"`
		Explanation string   `json:"explanation"`
		Properties  []struct {
			Key         string          `json:"key"`
			Type        string          `json:"type"`
			Operator    string          `json:"operator"`
			Value       json.RawMessage `json:"value"`
			Matched     bool            `json:"matched"`
			Actual      json.RawMessage `json:"actual_value"`
			Explanation string          `json:"explanation"`
		} `json:"properties"`
	} `json:"conditions"`
}

func (t *trial) ask(ctx context.Context, at *stack.Instance, body []byte) (*verdict, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, sendTimeout, errors.New("no answer within 30 seconds"))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.HTTP+"/flags/?v=2&config=false&detailed_analysis=true", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask for the flag: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+at.Internal)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for the flag: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("ask for the flag: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d: %s", at.HTTP, res.StatusCode, bytes.TrimSpace(text))
	}
	var answer struct{ Flags map[string]*verdict }
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	v := answer.Flags[t.key]
	if v == nil {
		return nil, fmt.Errorf("%s has no flag %q that could be evaluated: it does not exist, is switched off or depends on itself; see hog flags list", t.token, t.key)
	}
	return v, nil
}

func (t *trial) print(w io.Writer, v *verdict) error {
	var b strings.Builder
	value := fmt.Sprint(v.Enabled)
	if v.Variant != nil {
		value = *v.Variant
	}
	fmt.Fprintf(&b, "%s for %s: %s\n", t.key, t.id, value)
	fmt.Fprintf(&b, "%s (%s)\n", v.Reason.Description, v.Reason.Code)
	if payload := v.Metadata.Payload; len(payload) > 0 && string(payload) != "null" {
		var text string // mostly JSON itself
		if json.Unmarshal(payload, &text) != nil {
			text = string(payload)
		}
		fmt.Fprintf(&b, "payload: %s\n", text)
	}
	for _, c := range v.Conditions {
		fmt.Fprintf(&b, "\ncondition %d  %s: %s\n", c.Index+1, yes(c.Matched), c.Explanation)
		for _, p := range c.Properties {
			fmt.Fprintf(&b, "  %-3s  %s %s %s: %s", yes(p.Matched), p.Key, p.Operator, p.Value, p.Explanation)
			if (p.Type == "person" || p.Type == "group") && len(p.Actual) > 0 && string(p.Actual) != "null" {
				fmt.Fprintf(&b, " (it is %s)", p.Actual)
			}
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func yes(matched bool) string {
	if matched {
		return "yes"
	}
	return "no"
}
