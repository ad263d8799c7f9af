package api_test

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/property-defs/internal/api"
	"github.com/hog-go/hog/property-defs/internal/pgtest"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const route = "/api/v1/projects/1/property_definitions"

type server struct{ *gin.Engine }

func setup(t *testing.T, db *postgres.DB) server {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	s := server{gin.New()}
	api.New(db, slog.New(slog.DiscardHandler)).Route(s)
	return s
}

func (s server) get(path string) (status int, body string) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

func (s server) names(t *testing.T, query string) []string {
	t.Helper()
	status, body := s.get(route + query)
	require.Equal(t, 200, status, body)
	var a api.Answer
	require.NoError(t, json.Unmarshal([]byte(body), &a))
	names := []string{}
	for _, d := range a.Results {
		names = append(names, d.Name)
	}
	return names
}

func seed(t *testing.T) server {
	t.Helper()
	db := pgtest.New(t)
	db.MustExec(`INSERT INTO posthog_user (id, email, password, distinct_id) VALUES (7, 'a@b.c', 'x', 'u')`)
	db.MustExec(`INSERT INTO posthog_propertydefinition (id, name, team_id, project_id, type, group_type_index, property_type, is_numerical) VALUES
		('00000000-0000-0000-0000-0000000000a1', 'plan', 1, 1, 1, NULL, 'String', false),
		('00000000-0000-0000-0000-0000000000a2', 'amount', 1, NULL, 1, NULL, 'Numeric', true),
		('00000000-0000-0000-0000-0000000000a3', '$groups', 1, 1, 1, NULL, NULL, false),
		('00000000-0000-0000-0000-0000000000a4', '$feature/x', 1, 1, 1, NULL, 'String', false),
		('00000000-0000-0000-0000-0000000000a5', '$geoip_city_name', 1, 1, 1, NULL, 'String', false),
		('00000000-0000-0000-0000-0000000000b1', 'plan', 1, 1, 2, NULL, 'String', false),
		('00000000-0000-0000-0000-0000000000b2', '$initial_x', 1, 1, 2, NULL, 'String', false),
		('00000000-0000-0000-0000-0000000000c1', 'seats', 1, 1, 3, 0, 'Numeric', true),
		('00000000-0000-0000-0000-0000000000d1', 'plan', 2, 2, 1, NULL, 'Numeric', true)`)
	db.MustExec(`INSERT INTO posthog_eventproperty (event, property, team_id, project_id) VALUES ('e', 'plan', 1, 1), ('f', 'plan', 1, 1), ('f', 'amount', 1, NULL), ('e', 'plan', 2, 2)`)
	db.MustExec(`INSERT INTO ee_enterprisepropertydefinition (propertydefinition_ptr_id, description, verified, verified_at, verified_by_id, updated_at, tags)
		VALUES ('00000000-0000-0000-0000-0000000000a2', 'how much', true, '2026-01-02 03:04:05Z', 7, '2026-01-02 03:04:05Z', '{money,"a, b"}')`)
	return setup(t, db.DB)
}

func TestQueries(t *testing.T) {
	s := seed(t)
	all := []string{"amount", "plan", "$feature/x", "$geoip_city_name"} // verified, then seen on events, then by name
	tests := []struct {
		row, query string
		want       []string
	}{
		{"A2 group", "?type=group&group_type_index=0", []string{"seats"}},
		{"A4 upper case makes a search be ignored", "?search=Plan", all},
		{"A5 numbers that are none", "?limit=abc&offset=-", all},
		{"A6 unknown type", "?type=bogus", all},
		{"A7 hidden properties", "", all},
		{"A8 no part of a word", "?type=person&search=lan", []string{}},
		{"A8 the beginning of a word", "?type=person&search=pla", []string{"plan"}},
		{"A9 no property", "?properties=", []string{}},

		{"", "?properties=plan%20amount%20x", []string{"amount", "plan"}},
		{"", "?excluded_properties=plan", []string{"amount", "$feature/x", "$geoip_city_name"}},
		{"", "?event_names=e", []string{"plan"}},
		{"", "?event_names=", []string{}},
		{"", "?is_numerical=true", []string{"amount"}},
		{"", "?is_feature_flag=true", []string{"$feature/x"}},
		{"", "?is_feature_flag=1", all}, // true and false only
		{"", "?is_feature_flag=TRUE", all},
		{"", "?is_feature_flag=false", []string{"amount", "plan", "$geoip_city_name"}},
		{"", "?limit=1&offset=1", []string{"plan"}},
		{"", "?search=city", []string{"$geoip_city_name"}},
		{"", "?search=pla%20x", []string{}},
		{"", "?search=how", []string{}},
		{"", "?search=how&search_fields=description%20password", []string{"amount"}},
		{"", "?search=latest&type=person", []string{"plan"}},
		{"", "?search=am%20", []string{"amount", "$geoip_city_name"}},
		{"", "?type=session", []string{}},
		{"", "?limit=1&limit=2", []string{"amount", "plan"}},
		{"", "?properties=100%", []string{}},
		{"", "?properties=plan;amount", []string{}},
		{"", "?properties=plan%ff+amount", []string{"amount"}},
	}
	for _, tt := range tests {
		name := "row " + tt.row
		if tt.row == "" {
			name = tt.query
		}
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, s.names(t, tt.query)) })
	}
}

func TestAnswers(t *testing.T) {
	s := seed(t)
	tests := []struct {
		row, path string
		status    int
		body      string
	}{
		{"A1 group without an index", route + "?type=group", 400, `{"cause":"invalid request parameter: property_type 'group' requires valid 'group_type_index' parameter"}`},
		{"A3 event names of persons", route + "?type=person&event_names=e", 400, `{"cause":"invalid request parameter: parameter 'event_names' is only allowed with property_type 'event'"}`},
		{"A10 empty event names of persons", route + "?type=person&event_names=", 400, `{"cause":"invalid request parameter: parameter 'event_names' is only allowed with property_type 'event'"}`},
		{"A11 no project", "/api/v1/projects/abc/property_definitions", 400, "Invalid URL: Cannot parse `abc` to a `i32`"},
		{"", route + "?type=group&group_type_index=5", 400, `{"cause":"invalid request parameter: property_type 'group' requires valid 'group_type_index' parameter"}`},
		{"", route + "/?properties=amount", 200, `{"count":1,"results":[{"id":"00000000-0000-0000-0000-0000000000a2","name":"amount","property_type":"Numeric","is_numerical":true,` +
			`"is_seen_on_filtered_events":true,"updated_at":"2026-01-02T03:04:05Z","updated_by_id":null,"verified":true,"verified_at":"2026-01-02T03:04:05Z","verified_by_id":7,"tags":["money","a, b"]}]}`},
		{"", route + "?use_enterprise_taxonomy=false&type=person&properties=plan&limit=5", 200, `{"count":1,"results":[{"id":"00000000-0000-0000-0000-0000000000b1","name":"plan","property_type":"String","is_numerical":false,` +
			`"is_seen_on_filtered_events":false,"updated_at":null,"updated_by_id":null,"verified":null,"verified_at":null,"verified_by_id":null,"tags":null}]}`},
		{"", route + "?limit=0", 200, `{"count":4,"results":[]}`},
	}
	for _, tt := range tests {
		name := "row " + tt.row
		if tt.row == "" {
			name = tt.path
		}
		t.Run(name, func(t *testing.T) {
			status, body := s.get(tt.path)
			require.Equal(t, tt.status, status, body)
			require.Equal(t, tt.body, body)
		})
	}
}

func TestDatabaseDown(t *testing.T) {
	dead, err := postgres.Open(postgres.Config{URL: "postgres://nobody@127.0.0.1:1/none"}, nil)
	require.NoError(t, err)
	defer dead.Close()
	status, body := setup(t, dead).get(route)
	require.Equal(t, 500, status)
	require.Contains(t, body, `{"cause":"query error: executing count query: `)
}
