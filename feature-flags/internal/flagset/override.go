package flagset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/internal/team"
	"github.com/hog-go/hog/feature-flags/match"
)

// Override gives the flags of a team with some of them replaced, for one request. The document is read and compiled each time, since the
// callers are internal tools, for which nobody else's memory is spent. An entry that is no usable definition of the flag that it is to
// replace is skipped, with a warning.
func (s *Source) Override(ctx context.Context, t *team.Team, definitions iter.Seq2[[]byte, []byte]) (*Flags, error) {
	document, err := s.document(ctx, t)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	var flags []json.RawMessage
	if err := errors.Join(json.Unmarshal(document, &members), unmarshalMember(members, "flags", &flags)); err != nil {
		return nil, fmt.Errorf("%w: team %d: %w", fault.ErrCorruptFlags, t.ID, err)
	}
	for key, definition := range definitions {
		if err := replace(flags, string(key), definition); err != nil {
			s.log.WarnContext(ctx, "flag not overridden", "team_id", t.ID, "flag", string(key), "err", err)
		}
	}
	if members != nil { // a team without flags has nothing to replace
		if members["flags"], err = json.Marshal(flags); err != nil {
			return nil, fmt.Errorf("encode the flags of team %d: %w", t.ID, err)
		}
		if document, err = json.Marshal(members); err != nil {
			return nil, fmt.Errorf("encode the flags of team %d: %w", t.ID, err)
		}
	}
	f := &Flags{zone: t.TimeZone, document: document}
	return f, s.compile(ctx, t, f)
}

func unmarshalMember(members map[string]json.RawMessage, name string, v any) error {
	if len(members[name]) == 0 {
		return nil
	}
	return json.Unmarshal(members[name], v)
}

// identity is what a definition must have in common with the flag that it replaces.
type identity struct {
	ID     int32  `json:"id"`
	TeamID int32  `json:"team_id"`
	Key    string `json:"key"`
}

func replace(flags []json.RawMessage, key string, definition []byte) error {
	var given identity
	if err := errors.Join(json.Unmarshal(definition, &given), match.Check(definition)); err != nil {
		return err
	}
	for i, flag := range flags {
		var stored identity
		if json.Unmarshal(flag, &stored) != nil || stored.Key != key {
			continue
		}
		if given != stored {
			return fmt.Errorf("it is for flag %q (id %d, team %d)", given.Key, given.ID, given.TeamID)
		}
		flags[i] = definition
		return nil
	}
	return errors.New("there is no such flag")
}
