package featureflags

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/hog-go/hog/common/cookieless"
	"github.com/hog-go/hog/feature-flags/internal/agent"
	"github.com/hog-go/hog/feature-flags/internal/billing"
	"github.com/hog-go/hog/feature-flags/internal/continuity"
	"github.com/hog-go/hog/feature-flags/internal/decode"
	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/internal/refusal"
	"github.com/hog-go/hog/feature-flags/internal/sdkconfig"
	"github.com/hog-go/hog/feature-flags/internal/team"
	"github.com/hog-go/hog/feature-flags/internal/tier"
	"github.com/hog-go/hog/feature-flags/match"
)

// errPanic stands for a handler that panicked.
var errPanic = errors.New("handler panicked")

// quotaName is how clients are told of the quota of flag requests.
const quotaName = "feature_flags"

// evaluate is POST on the flag routes.
func (s *Service) evaluate(c *gin.Context) {
	x := newExchange(c.Request)
	x.begun = s.now()
	s.run(x)
	s.finish(c, x)
	x.release() // after a panic it is left to the garbage collector
}

// run takes x through the stages in their order. What becomes of it is in x.
func (s *Service) run(x *exchange) {
	ctx := x.http.Context() // all that is waited for has a limit of its own
	if x.err = x.readBody(x.http); x.err != nil {
		return
	}
	if x.err = s.limitIP(x); x.err != nil {
		return
	}
	if x.minimal = s.isBot(ctx, x); x.minimal {
		x.query, x.err = decode.ParseQuery(x.http.URL.RawQuery)
		return
	}
	if x.err = s.limitToken(x); x.err != nil {
		return
	}
	if x.err = s.decode(x); x.err != nil {
		return
	}
	if x.team, x.err = s.findTeam(ctx, &x.request); x.err != nil {
		return
	}
	if x.err = s.answerFlags(ctx, x); x.err != nil {
		return
	}
	s.addConfig(ctx, x)
}

func (s *Service) limitIP(x *exchange) error {
	if s.ipLimit == nil {
		return nil
	}
	return s.limit(s.ipLimit, "ip", x.ip, x)
}

// limitToken goes by the token in the body as it came, before the body costs more than that.
func (s *Service) limitToken(x *exchange) error {
	if s.tokenLimit == nil {
		return nil
	}
	key := decode.TokenOf(x.body)
	if key == "" {
		key = x.ip
	}
	return s.limit(s.tokenLimit, "token", key, x)
}

func (s *Service) limit(l *tier.Limiter, mode, key string, x *exchange) error {
	switch l.Check(key, x.begun) {
	case tier.Blocked:
		s.metrics.rateLimited.WithLabelValues(mode, "blocked").Inc()
		return refusal.RateLimited
	case tier.Warned:
		s.metrics.rateLimited.WithLabelValues(mode, "warned").Inc()
		x.warned = true
	}
	return nil
}

// isBot tells whether a request comes from a crawler that is to get no flags.
func (s *Service) isBot(ctx context.Context, x *exchange) bool {
	mode := s.cfg.Evaluation.BotFilter
	if mode == BotsDisabled {
		return false
	}
	bot, is := agent.DetectBot(x.userAgent(), x.ip)
	if !is {
		return false
	}
	s.metrics.bots.WithLabelValues(bot.Category, bot.Source, string(mode)).Inc()
	s.log.DebugContext(ctx, "bot", "category", bot.Category, "source", bot.Source)
	return mode == BotsEnforced
}

func (s *Service) decode(x *exchange) (err error) {
	if x.query, err = decode.ParseQuery(x.http.URL.RawQuery); err != nil {
		return err
	}
	x.request, x.unpacked, err = decode.Decode(decode.Wire{
		Body: x.body, ContentType: first(x.http.Header["Content-Type"]), ContentEncoding: first(x.http.Header["Content-Encoding"]),
		Compression: x.query.Compression, Limit: s.cfg.Evaluation.MaxBody, Buffer: x.unpacked, Saw: s.metrics.kludge,
	})
	if err != nil {
		return err
	}
	x.resolveVersion()
	switch {
	case x.request.Token == "":
		s.metrics.invalidTokens.WithLabelValues("missing").Inc()
		return refusal.NoToken
	case !x.request.HasDistinctID && !x.request.NoFlags:
		return fault.ErrNoDistinctID
	}
	return nil
}

func (s *Service) findTeam(ctx context.Context, r *decode.Request) (*team.Team, error) {
	t, err := s.teams.ByToken(ctx, r.Token)
	if errors.Is(err, team.ErrUnknownToken) {
		s.metrics.invalidTokens.WithLabelValues("unknown").Inc()
		return nil, refusal.UnknownToken
	}
	return t, err
}

// answerFlags fills in what the answer says of flags.
func (s *Service) answerFlags(ctx context.Context, x *exchange) error {
	if x.request.NoFlags {
		return nil
	}
	if s.quota.Limited(x.request.Token) {
		x.quotas = append(x.quotas, quotaName)
		return nil
	}
	id, err := s.cookielessID(ctx, x)
	if err != nil {
		return err
	}
	flags, err := s.flags.Get(ctx, x.team)
	if err != nil {
		return err
	}
	x.flags = flags
	s.prepare(x, id)
	return s.match(ctx, x)
}

// cookielessID is the distinct id to evaluate: the client's, unless it leaves its computation to the server.
func (s *Service) cookielessID(ctx context.Context, x *exchange) (string, error) {
	r := &x.request
	if r.DistinctID != cookieless.Sentinel {
		return r.DistinctID, nil
	}
	at := x.begun.UnixMilli()
	if x.query.HasSentAt {
		at = x.query.SentAt
	}
	id, err := s.cookieless.DistinctID(ctx, x.begun, cookieless.Event{
		DistinctID: r.DistinctID, UnixMilli: at, IP: x.ip, Host: first(x.http.Header["Origin"]), UserAgent: x.userAgent(),
		TimeZone: r.TimeZone, Extra: r.CookielessExtra,
	}, cookieless.Team{ID: x.team.ID, TimeZone: x.team.TimeZone, Mode: x.team.Cookieless})
	if err != nil {
		return "", &fault.CookielessError{Err: err}
	}
	return id, nil
}

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
	e := x.flags.Set.Begin(&x.question)
	x.evaluation = e // ended when the answer is written, since it explains results
	if e.Kept() == 0 {
		return nil
	}
	if e.UsesGroups() {
		types, err := s.persons.GroupTypes(ctx, x.team.ID)
		if err != nil {
			s.readFailed(ctx, "group_types", x.team.ID, err)
			e.GroupTypesFailed()
		} else {
			e.SetGroupTypes(types)
		}
	}
	needs := e.Needs()
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
	x.results = e.Run(&x.data, x.results[:0])
	x.errors = e.Errors()
	if e.Billable() {
		s.billing.Record(billing.Decide, x.team.ID, agent.SDK(x.http.Header))
	}
	return nil
}

func (s *Service) readOverrides(ctx context.Context, x *exchange, need match.HashKeys) {
	if need == match.HashKeysNone {
		return
	}
	if need == match.HashKeysEligible && bool(s.cfg.Evaluation.OptimizeContinuity) {
		s.metrics.continuitySkipped.Inc()
		return
	}
	s.metrics.continuityEligible.Inc()
	keys, err := s.continuity.Overrides(ctx, continuity.Ask{
		TeamID: x.team.ID, DistinctID: x.question.DistinctID, AnonID: x.question.AnonDistinctID, Keys: x.flags.Set.ContinuityKeys(),
		ReadOnly: bool(s.cfg.SkipWrites) || s.detailed(x) || x.query.Overrides,
	})
	if err != nil {
		s.readFailed(ctx, "overrides", x.team.ID, err)
		x.data.HashKeysFailed = true
		return
	}
	x.data.HashKeys = keys
}

func (s *Service) readFailed(ctx context.Context, what string, teamID int32, err error) {
	f := fault.Flag(err)
	s.metrics.databaseErrors.WithLabelValues(f.Code, what).Inc()
	s.log.WarnContext(ctx, "flags evaluated without data", "data", what, "team_id", teamID, "code", f.Code, "err", err)
}

// detailed tells whether an internal caller wants to know how each condition came out.
func (s *Service) detailed(x *exchange) bool {
	if !x.query.Detailed || s.cfg.InternalToken == "" {
		return false
	}
	token, ok := strings.CutPrefix(first(x.http.Header["Authorization"]), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(strings.TrimSpace(token)), []byte(s.cfg.InternalToken.Reveal())) == 1
}

func (s *Service) addConfig(ctx context.Context, x *exchange) {
	if !x.query.Config {
		return
	}
	var quotas []string
	x.config, quotas = s.configs.Get(ctx, x.team.Token).Append(x.config[:0], sdkconfig.Page{
		Origin: first(x.http.Header["Origin"]), Referer: first(x.http.Header["Referer"]), UserAgent: x.userAgent(),
		CheckQuota: s.cfg.Limits.ReplayQuota, OverQuota: s.recordings.Limited(x.team.Token), HasFlags: len(x.results) > 0,
	})
	for _, q := range quotas {
		if q != quotaName || len(x.quotas) == 0 {
			x.quotas = append(x.quotas, q)
		}
	}
}
