// Package api answers queries about property definitions over HTTP: GET /api/v1/projects/:project_id/property_definitions. It
// only reads. Source of its rules: PostHog's rust/property-defs-rs/src/api/v1.
package api

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/hog-go/hog/common/urlencoded"
	"github.com/hog-go/hog/property-defs/internal/definition"
)

// params of a query, with the defaults filled in.
type params struct {
	parent        definition.Parent
	group         int32 // -1: none
	terms         []string
	fields        []string // columns that are searched
	properties    []string // nil: not given
	excluded      []string
	eventNames    []string // nil: not given
	numerical     bool
	flags         *bool
	enterprise    bool
	limit, offset int64
}

// invalid is a parameter that makes the answer 400.
type invalid string

func (i invalid) Error() string { return "invalid request parameter: " + string(i) }

const (
	defaultLimit = 100
	maxGroups    = 5
	noGroup      = -1
)

var parents = map[string]definition.Parent{
	"event": definition.OfEvent, "person": definition.OfPerson, "group": definition.OfGroup, "session": definition.OfSession,
}

// searchable are the columns that search_fields may name; a name ends up in the text of the query.
var searchable = map[string]string{
	"name": "pd.name", "property_type": "pd.property_type", "description": "ee.description",
}

// searchText is what a search is made of; anything else makes all of it be ignored.
var searchText = regexp.MustCompile(`^[ a-z0-9$._-]+$`)

// form has the parameters of a URL; of a name that comes twice the last one counts, as in the original.
type form map[string]string

func parseForm(query string) form {
	f := form{}
	for name, value := range urlencoded.Pairs(query) {
		f[name] = value
	}
	return f
}

// parse never fails on a value: what cannot be read counts as not given.
func parse(q form) params {
	p := params{
		parent: definition.OfEvent, group: noGroup, enterprise: true, limit: number(q, "limit", defaultLimit), offset: number(q, "offset", 0),
		properties: list(q, "properties"), excluded: list(q, "excluded_properties"), eventNames: list(q, "event_names"),
	}
	if parent, ok := parents[q["type"]]; ok {
		p.parent = parent
	}
	if p.parent == definition.OfGroup {
		if n, err := strconv.ParseInt(q["group_type_index"], 10, 32); err == nil {
			p.group = int32(n)
		}
	}
	if search := q["search"]; searchText.MatchString(search) {
		for term := range strings.SplitSeq(search, " ") {
			p.terms = append(p.terms, strings.ToLower(strings.TrimSpace(term)))
		}
	}
	p.fields = []string{searchable["name"]}
	for _, f := range strings.Fields(strings.ToLower(q["search_fields"])) {
		if column, ok := searchable[f]; ok && f != "name" {
			p.fields = append(p.fields, column)
		}
	}
	p.numerical = q["is_numerical"] == "true"
	p.enterprise = q["use_enterprise_taxonomy"] != "false"
	switch v := q["is_feature_flag"]; v {
	case "true", "false":
		p.flags = new(v == "true")
	}
	return p
}

// list splits at single spaces; a value that is there and empty is a list of one empty name.
func list(q form, name string) []string {
	value, given := q[name]
	if !given {
		return nil
	}
	return strings.Split(value, " ")
}

func number(q form, name string, fallback int64) int64 {
	if n, err := strconv.ParseInt(q[name], 10, 64); err == nil {
		return n
	}
	return fallback
}

// check reports the first thing that makes a query invalid.
func (p *params) check() error {
	switch {
	case p.parent == definition.OfGroup && (p.group < 0 || p.group >= maxGroups):
		return invalid("property_type 'group' requires valid 'group_type_index' parameter")
	case p.parent != definition.OfGroup && p.group != noGroup:
		return invalid("parameter 'group_type_index' is only allowed with property_type 'group'")
	case p.eventNames != nil && p.parent != definition.OfEvent:
		return invalid("parameter 'event_names' is only allowed with property_type 'event'")
	default:
		return nil
	}
}
