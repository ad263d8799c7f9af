package auth

import (
	"encoding/json"
	"fmt"
)

// Kind is what sort of credential a key is. Its values are the tags of entries in Redis.
type Kind string

// The kinds.
const (
	TeamSecret    Kind = "secret"         // of the team itself
	ProjectSecret Kind = "project_secret" // a project secret API key
	Personal      Kind = "personal"       // a user's
)

// Credential is what a key stands for. Which fields are set depends on the kind; in Redis the others are absent.
type Credential struct {
	Kind Kind

	TeamID   int32  // of secrets: the only team that they are for
	APIToken string // of secrets: that team's public token; "" in entries of older versions

	KeyID  string   // of personal and project secret keys
	Scopes []string // likewise; nil is unlimited

	UserID      int32    // of personal keys
	OrgIDs      []string // to which the user belongs
	ScopedTeams []int32  // if not empty, the only ones that the key is for
	ScopedOrgs  []string // likewise
}

// Secret tells whether the credential is one of a project, which stands for its team and for no user.
func (c *Credential) Secret() bool { return c.Kind != Personal }

// The entries in Redis: one JSON object, tagged with its type.
type (
	teamEntry struct {
		Type     Kind   `json:"type"`
		TeamID   int32  `json:"team_id"`
		APIToken string `json:"api_token,omitempty"`
	}
	projectEntry struct {
		Type     Kind     `json:"type"`
		TeamID   int32    `json:"team_id"`
		KeyID    string   `json:"key_id"`
		Scopes   []string `json:"scopes"`
		APIToken string   `json:"api_token,omitempty"`
	}
	personalEntry struct {
		Type        Kind     `json:"type"`
		UserID      int32    `json:"user_id"`
		KeyID       string   `json:"key_id"`
		OrgIDs      []string `json:"org_ids"`
		ScopedTeams []int32  `json:"scoped_teams"`
		ScopedOrgs  []string `json:"scoped_orgs"`
		Scopes      []string `json:"scopes"`
	}
)

// MarshalJSON writes the entry in Redis.
func (c Credential) MarshalJSON() ([]byte, error) {
	switch c.Kind {
	case TeamSecret:
		return json.Marshal(teamEntry{c.Kind, c.TeamID, c.APIToken})
	case ProjectSecret:
		return json.Marshal(projectEntry{c.Kind, c.TeamID, c.KeyID, c.Scopes, c.APIToken})
	case Personal:
		return json.Marshal(personalEntry{c.Kind, c.UserID, c.KeyID, append([]string{}, c.OrgIDs...), c.ScopedTeams, c.ScopedOrgs, c.Scopes})
	default:
		return nil, fmt.Errorf("a credential of kind %q", c.Kind)
	}
}

// UnmarshalJSON reads an entry, also those that the main app's other services wrote. Unknown types are an error, which makes the
// cache ask the database.
func (c *Credential) UnmarshalJSON(text []byte) error {
	var e struct {
		personalEntry
		TeamID   int32  `json:"team_id"`
		APIToken string `json:"api_token"`
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	switch e.Type {
	case TeamSecret, ProjectSecret, Personal:
	default:
		return fmt.Errorf("a credential of type %q", e.Type)
	}
	*c = Credential{
		Kind: e.Type, TeamID: e.TeamID, APIToken: e.APIToken, KeyID: e.KeyID, Scopes: e.Scopes,
		UserID: e.UserID, OrgIDs: e.OrgIDs, ScopedTeams: e.ScopedTeams, ScopedOrgs: e.ScopedOrgs,
	}
	return nil
}
