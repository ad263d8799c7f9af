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
	"github.com/hog-go/hog/feature-flags/internal/decode"
	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/internal/flagset"
	"github.com/hog-go/hog/feature-flags/internal/refusal"
	"github.com/hog-go/hog/feature-flags/internal/sdkconfig"
	"github.com/hog-go/hog/feature-flags/internal/team"
	"github.com/hog-go/hog/feature-flags/internal/tier"
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
	begun := time.Now()
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
	observe(s.metrics.preHandler, time.Since(begun))
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
	begun := time.Now()
	key := decode.TokenOf(x.body)
	observe(s.metrics.tokenExtract, time.Since(begun))
	if key == "" {
		key = x.ip
	}
	return s.limit(s.tokenLimit, "token", key, x)
}

func (s *Service) limit(l *tier.Limiter, mode, key string, x *exchange) error {
	begun := time.Now()
	verdict := l.Check(key, x.begun)
	observe(s.metrics.limitCheck[mode], time.Since(begun))
	switch verdict {
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
	x.bot = true
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
	if x.flags, err = s.findFlags(ctx, x); err != nil {
		return err
	}
	s.prepare(x, id)
	return s.match(ctx, x)
}

// findFlags gives the team's flags, with the caller's own definitions among them if the caller may bring some.
func (s *Service) findFlags(ctx context.Context, x *exchange) (*flagset.Flags, error) {
	if s.overrides(x) {
		return s.flags.Override(ctx, x.team, x.request.Overrides.All())
	}
	return s.flags.Get(ctx, x.team)
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

// detailed tells whether an internal caller wants to know how each condition came out.
func (s *Service) detailed(x *exchange) bool { return x.query.Detailed && s.internal(x) }

// overrides tells whether an internal caller brings definitions of flags. What they make of a person is not to last.
func (s *Service) overrides(x *exchange) bool { return x.request.Overrides != nil && s.internal(x) }

// internal tells whether the caller knows the token of the main app's own services.
func (s *Service) internal(x *exchange) bool {
	if s.cfg.InternalToken == "" {
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
