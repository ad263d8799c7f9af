package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hog-go/hog/property-defs/internal/definition"
)

// hidden are properties of events that nobody should filter by. Source: PostHog's posthog/taxonomy/property_definition_api.py.
var hidden = []string{
	"distinct_id", "$set", "$set_once", "$initial_referrer", "$initial_referring_domain",
	"$groups", "$group_type", "$group_key", "$group_set", "$group_0", "$group_1", "$group_2", "$group_3", "$group_4",
}

// query is the text of a statement and its arguments, in the order of their numbers.
type query struct {
	strings.Builder
	args []any
}

// arg adds an argument and gives its place.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return fmt.Sprintf("$%d", len(q.args))
}

// count is the statement that counts all matches, page the one that reads some of them. Names come as arguments; what is put into
// the text is chosen from constants.
func count(project int32, p *params) *query {
	q := &query{}
	q.WriteString("SELECT COUNT(*)")
	q.from(project, p)
	return q
}

func page(project int32, p *params) *query {
	q := &query{}
	q.WriteString("SELECT pd.id, pd.name, pd.property_type, pd.is_numerical, ")
	if p.parent == definition.OfEvent {
		q.WriteString("check_for_matching_event_property.property IS NOT NULL")
	} else {
		q.WriteString("NULL IS NOT NULL")
	}
	q.WriteString(" AS is_seen_on_filtered_events")
	if p.enterprise {
		q.WriteString(", ee.verified, ee.verified_at, ee.verified_by_id, ee.updated_at, ee.updated_by_id, to_json(ee.tags) AS tags")
	}
	q.from(project, p)
	q.WriteString(" ORDER BY is_seen_on_filtered_events DESC")
	if p.enterprise {
		q.WriteString(", ee.verified DESC NULLS LAST")
	}
	fmt.Fprintf(q, ", pd.name ASC LIMIT %s OFFSET %s", q.arg(p.limit), q.arg(p.offset))
	return q
}

func (q *query) from(project int32, p *params) {
	q.WriteString(" FROM posthog_propertydefinition pd")
	if p.enterprise {
		q.WriteString(" FULL OUTER JOIN ee_enterprisepropertydefinition ee ON pd.id = ee.propertydefinition_ptr_id")
	}
	projectArg := q.arg(int64(project))
	if p.parent == definition.OfEvent {
		q.joinEvents(projectArg, p)
	}
	fmt.Fprintf(q, " WHERE COALESCE(pd.project_id, pd.team_id::bigint) = %s AND pd.type = %s AND COALESCE(pd.group_type_index, -1) = %s",
		projectArg, q.arg(int16(p.parent)), q.arg(p.group))
	if p.parent == definition.OfEvent {
		fmt.Fprintf(q, " AND NOT pd.name = ANY(%s)", q.arg(slices.Concat(hidden, p.excluded)))
	}
	if p.properties != nil {
		fmt.Fprintf(q, " AND pd.name = ANY(%s)", q.arg(p.properties))
	}
	if p.numerical {
		q.WriteString(" AND pd.is_numerical AND pd.name NOT IN ('distinct_id', 'timestamp')")
	}
	if p.flags != nil {
		not := "NOT "
		if *p.flags {
			not = ""
		}
		fmt.Fprintf(q, " AND pd.name %sLIKE '$feature/%%'", not)
	}
	q.search(p)
}

// joinEvents tells which properties were seen on the events asked for, or on any.
func (q *query) joinEvents(projectArg string, p *params) {
	join, of := "LEFT", ""
	if p.eventNames != nil {
		join, of = "INNER", " AND event = ANY("+q.arg(p.eventNames)+")"
	}
	fmt.Fprintf(q, ` %s JOIN (SELECT DISTINCT property FROM posthog_eventproperty WHERE COALESCE(project_id, team_id::bigint) = %s%s)
		check_for_matching_event_property ON check_for_matching_event_property.property = pd.name`, join, projectArg, of)
}

// search: each term begins one of the fields (_ standing for any character, as in the original), or is part of the label of a
// standard property.
func (q *query) search(p *params) {
	if len(p.terms) == 0 {
		return
	}
	q.WriteString(" AND ((")
	for i, term := range p.terms {
		if i > 0 {
			q.WriteString(" AND ")
		}
		prefix := q.arg(term + "%")
		var any []string
		for _, f := range p.fields {
			if strings.HasPrefix(f, "ee.") && !p.enterprise {
				continue
			}
			any = append(any, f+" ILIKE "+prefix)
		}
		fmt.Fprintf(q, "(%s)", strings.Join(any, " OR "))
	}
	q.WriteString(")")
	if names := labelled(p.terms); len(names) > 0 {
		fmt.Fprintf(q, " OR pd.name = ANY(%s)", q.arg(names))
	}
	if p.parent == definition.OfPerson && slices.Contains(p.terms, "latest") {
		q.WriteString(" OR pd.name NOT ILIKE '%initial%'")
	}
	q.WriteString(")")
}
