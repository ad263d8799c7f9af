package featureflags

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/hog-go/hog/feature-flags/internal/agent"
	"github.com/hog-go/hog/feature-flags/internal/billing"
	"github.com/hog-go/hog/feature-flags/internal/continuity"
	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/match"
)

// prepare makes the question to the matcher.
func (s *Service) prepare(x *exchange, distinctID string) {
	r := &x.request
	x.question = match.Request{
		DistinctID: distinctID, AnonDistinctID: r.AnonDistinctID, DeviceID: r.DeviceID, PersonProperties: r.PersonProperties,
		FlagKeys: r.FlagKeys, Runtime: r.Runtime, Contexts: r.EvaluationContexts,
		SurveysOnly: x.query.SurveysOnly, OverridesOnly: x.query.Overrides, Now: x.begun,
		Groups: x.question.Groups[:0],
	}
	if r.Runtime == match.RuntimeUnknown {
		x.question.Runtime = agent.DetectRuntime(x.http.Header)
	}
	if s.geo != nil && !r.NoGeoIP {
		x.question.GeoIP = s.places(x.ip)
	}
	for _, g := range r.Groups {
		x.question.Groups = append(x.question.Groups, match.Group{Type: g.Type, Key: g.Key})
	}
properties:
	for _, p := range r.GroupProperties {
		for i := range x.question.Groups {
			if x.question.Groups[i].Type == p.Type {
				x.question.Groups[i].Properties = p.Properties
				continue properties
			}
		}
		x.question.Groups = append(x.question.Groups, match.Group{Type: p.Type, Properties: p.Properties})
	}
}

func (s *Service) places(ip string) map[string]string {
	found, ok := s.geo.Lookup(ip)
	if !ok || len(found) == 0 {
		return nil
	}
	places := make(map[string]string, len(found))
	for _, p := range found {
		places[p.Name] = p.Value
	}
	return places
}

// enterProcessor waits until a large evaluation may run, since many at once would only make all of them late.
func (s *Service) enterProcessor(ctx context.Context) error {
	select {
	case s.processors <- struct{}{}:
		return nil
	default:
	}
	start := time.Now()
	wait := time.NewTimer(s.cfg.Evaluation.ProcessorTimeout)
	defer wait.Stop()
	select {
	case s.processors <- struct{}{}:
		return nil
	case <-wait.C:
		return &fault.BusyError{WaitedMS: time.Since(start).Milliseconds()}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// match evaluates the flags with what the databases know of the person. What cannot be read fails the flags that need it. The only error
// is that of enterProcessor.
func (s *Service) match(ctx context.Context, x *exchange) error {
	begun := time.Now()
	e := x.flags.Set.Begin(&x.question)
	x.evaluation = e // ended when the answer is written, since it explains results
	if e.Kept() == 0 {
		return nil
	}
	if e.UsesGroups() {
		types, err := s.persons.GroupTypes(ctx, x.team.ID, 0)
		if err != nil {
			s.readFailed(ctx, "group_types", x.team.ID, err)
			e.GroupTypesFailed()
		} else {
			e.SetGroupTypes(types)
		}
	}
	needs := e.Needs()
	s.metrics.properties(&needs, e.UsesGroups())
	x.fetch = needs.Fetch
	x.data = match.Data{}
	if needs.Fetch {
		if err := s.persons.Fetch(ctx, x.team.ID, x.question.DistinctID, needs, &x.data); err != nil {
			s.readFailed(ctx, "person", x.team.ID, err)
			x.data.FetchFailure = fault.Flag(err)
		}
	}
	s.readOverrides(ctx, x, needs.HashKeys)
	if x.flags.Set.Len() >= s.cfg.Evaluation.ParallelThreshold {
		if err := s.enterProcessor(ctx); err != nil {
			return err
		}
		defer func() { <-s.processors }()
	}
	ran := time.Now()
	s.decide(ctx, x, func() []match.Result { return e.Run(&x.data, x.results[:0]) })
	ended := time.Now()
	x.evaluating = ended.Sub(begun)
	s.metrics.evaluated(begun, ran, ended, len(x.results), x.errors)
	if e.Billable() && !s.internal(x) { // what the main app asks for itself is free
		s.billing.Record(billing.Decide, x.team.ID, agent.SDK(x.http.Header))
	}
	return nil
}

// panicked is the failure of all flags of a request whose evaluation panicked: clients keep what they know of them.
var panicked = &match.Failure{Code: "batch_evaluation_panicked", Description: "Batch evaluation panicked"}

// decide runs an evaluation. A panic in it fails the flags, not the request.
func (s *Service) decide(ctx context.Context, x *exchange, run func() []match.Result) {
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(ctx, "evaluation panicked", "team_id", x.team.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			x.results, x.errors = x.evaluation.FailAll(panicked, x.results[:0]), true
		}
	}()
	x.results = run()
	x.errors = x.evaluation.Errors()
}

func (s *Service) readOverrides(ctx context.Context, x *exchange, need match.HashKeys) {
	if need == match.HashKeysNone {
		return
	}
	s.metrics.continuity.Inc()
	if need == match.HashKeysEligible && bool(s.cfg.Evaluation.OptimizeContinuity) {
		s.metrics.team(x.team.ID).skipped.Inc()
		x.hashKeys = "skipped"
		return
	}
	s.metrics.team(x.team.ID).eligible.Inc()
	begun := time.Now()
	defer func() { observe(s.metrics.hashKeyTime, time.Since(begun)) }()
	keys, err := s.continuity.Overrides(ctx, continuity.Ask{
		TeamID: x.team.ID, DistinctID: x.question.DistinctID, AnonID: x.question.AnonDistinctID, Keys: x.flags.Set.ContinuityKeys(),
		ReadOnly: bool(s.cfg.SkipWrites) || s.detailed(x) || x.query.Overrides || s.overrides(x),
	})
	if err != nil {
		s.readFailed(ctx, "overrides", x.team.ID, err)
		x.data.HashKeysFailed, x.hashKeys = true, "error"
		return
	}
	x.data.HashKeys, x.hashKeys = keys, "empty"
	if len(keys) > 0 {
		x.hashKeys = "found"
	}
}

func (s *Service) readFailed(ctx context.Context, what string, teamID int32, err error) {
	f := fault.Flag(err)
	s.metrics.database(what, f, err)
	s.log.WarnContext(ctx, "flags evaluated without data", "data", what, "team_id", teamID, "code", f.Code, "err", err)
}
