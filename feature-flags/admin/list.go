package admin

import (
	"context"
	"encoding/json"
)

// FlagSummary is what a list shows of a flag.
type FlagSummary struct {
	Key        string   `json:"key"`
	Name       string   `json:"name"`
	Active     bool     `json:"active"`
	Version    int64    `json:"version"`
	Conditions int      `json:"conditions"`
	Rollouts   []string `json:"rollouts"` // of each condition, in percent
	Variants   []string `json:"variants"`
}

// Flags lists a team's flags by key, those with encrypted payloads left out.
func (s *Store) Flags(ctx context.Context, team Team) ([]FlagSummary, error) {
	r, err := s.read(ctx, s.DB, team.ID)
	if err != nil {
		return nil, err
	}
	out := make([]FlagSummary, 0, len(r.flags))
	for i := range r.flags {
		out = append(out, r.flags[i].summary())
	}
	return out, nil
}

func (f *flagRow) summary() FlagSummary {
	s := FlagSummary{Key: f.Key, Name: f.Name, Active: f.Active}
	if f.Version != nil {
		s.Version = *f.Version
	}
	var filters struct {
		Groups []struct {
			Rollout *json.Number `json:"rollout_percentage"`
		}
		Multivariate struct{ Variants []struct{ Key string } }
	}
	_ = json.Unmarshal(f.Filters, &filters) // of filters that cannot be read there is nothing to show
	s.Conditions = len(filters.Groups)
	for _, g := range filters.Groups {
		rollout := "100"
		if g.Rollout != nil {
			rollout = g.Rollout.String()
		}
		s.Rollouts = append(s.Rollouts, rollout)
	}
	for _, v := range filters.Multivariate.Variants {
		s.Variants = append(s.Variants, v.Key)
	}
	return s
}
