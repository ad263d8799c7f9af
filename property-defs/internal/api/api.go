package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/hog-go/hog/common/httpserver"
	"github.com/hog-go/hog/common/postgres"
)

// Definition is one result.
type Definition struct {
	ID           string     `json:"id" db:"id"`
	Name         string     `json:"name" db:"name"`
	PropertyType *string    `json:"property_type" db:"property_type"`
	IsNumerical  *bool      `json:"is_numerical" db:"is_numerical"`
	IsSeen       *bool      `json:"is_seen_on_filtered_events" db:"is_seen_on_filtered_events"`
	UpdatedAt    *time.Time `json:"updated_at" db:"updated_at"`
	UpdatedByID  *int64     `json:"updated_by_id" db:"updated_by_id"`
	Verified     *bool      `json:"verified" db:"verified"`
	VerifiedAt   *time.Time `json:"verified_at" db:"verified_at"`
	VerifiedByID *int64     `json:"verified_by_id" db:"verified_by_id"`
	Tags         tags       `json:"tags" db:"tags"`
}

// tags is an array of text, read from its JSON form, which every driver knows. Nil is NULL.
type tags []string

// Scan implements sql.Scanner.
func (t *tags) Scan(src any) error {
	*t = nil
	switch v := src.(type) {
	case nil:
		return nil
	case []byte:
		return json.Unmarshal(v, (*[]string)(t))
	case string:
		return json.Unmarshal([]byte(v), (*[]string)(t))
	default:
		return fmt.Errorf("tags of type %T", src)
	}
}

// Answer is the body of a 200.
type Answer struct {
	Count   int64        `json:"count"`
	Results []Definition `json:"results"`
}

// API serves the query route from one database.
type API struct {
	db  *postgres.DB
	log *slog.Logger
}

// New makes an API; it asks nothing of the database.
func New(db *postgres.DB, log *slog.Logger) *API {
	return &API{db: db, log: log.With("component", "api")}
}

// Route registers the API.
func (a *API) Route(r gin.IRoutes) {
	httpserver.Both(r, []string{http.MethodGet}, "/api/v1/projects/:project_id/property_definitions", a.handle)
}

func (a *API) handle(c *gin.Context) {
	text := c.Param("project_id")
	project, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		c.String(http.StatusBadRequest, "Invalid URL: Cannot parse `%s` to a `i32`", text)
		return
	}
	p := parse(parseForm(c.Request.URL.RawQuery))
	answer, err := a.query(c.Request.Context(), int32(project), &p)
	if err != nil {
		a.refuse(c, err)
		return
	}
	c.JSON(http.StatusOK, answer)
}

// refuse is the one place that turns errors into answers.
func (a *API) refuse(c *gin.Context, err error) {
	status := http.StatusInternalServerError
	if _, ok := errors.AsType[invalid](err); ok {
		status = http.StatusBadRequest
	} else {
		a.log.ErrorContext(c.Request.Context(), "a query of property definitions failed", "err", err)
	}
	c.JSON(status, gin.H{"cause": err.Error()})
}

func (a *API) query(ctx context.Context, project int32, p *params) (*Answer, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	answer := &Answer{Results: []Definition{}}
	q := count(project, p)
	if err := a.db.GetContext(ctx, &answer.Count, q.String(), q.args...); err != nil {
		return nil, fmt.Errorf("query error: executing count query: %w", err)
	}
	q = page(project, p)
	rows, err := a.db.QueryxContext(ctx, q.String(), q.args...)
	if err != nil {
		return nil, fmt.Errorf("query error: executing prop defs query: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var d Definition
		if err := rows.StructScan(&d); err != nil {
			return nil, fmt.Errorf("query error: deserializing prop defs row: %w", err)
		}
		for _, at := range []*time.Time{d.UpdatedAt, d.VerifiedAt} {
			if at != nil {
				*at = at.UTC() // whatever zone the server prefers
			}
		}
		answer.Results = append(answer.Results, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("query error: executing prop defs query: %w", err)
	}
	return answer, nil
}
