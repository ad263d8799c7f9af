// Package remoteconfig answers what PostHog's SDKs ask for beside sending events, as the main app would for a project that
// has no surveys and whose session recording and exception autocapture are switched on. Where the service feature-flags runs, it
// owns /flags and /decide; where it does not, there are no flags.
//
//	/array/<token>/config     posthog-js's configuration, as JSON
//	/array/<token>/config.js  the same as a script
//	/flags, /decide           no flags, in the shape that the version in the query asks for
//	/api/surveys, /surveys    no surveys
//	/static/*                 404, and which build of posthog-js needs no scripts from here
//
// Every token is a project, as in capture. Sources: PostHog's posthog/models/remote_config.py, rust/feature-flags and
// rust/hypercache-server.
package remoteconfig

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/hog-go/hog/common/httpserver"
	"github.com/hog-go/hog/hog/internal/route"
)

// Patterns are the paths of the service.
var Patterns = []route.Pattern{"/array/*", "/flags", "/decide", "/api/surveys", "/surveys", "/static/*"}

// Service is ready as soon as it is made: it has no state.
type Service struct{ handler http.Handler }

// New builds the service. log hears of panics.
func New(log *slog.Logger) *Service {
	e := httpserver.NewEngine(httpserver.EngineOptions{
		Log:  log,
		CORS: &httpserver.CORS{CORSRules: httpserver.CORSRules{Methods: "GET, POST, OPTIONS, HEAD"}},
	})
	get, both := []string{http.MethodGet}, []string{http.MethodGet, http.MethodPost}
	httpserver.Both(e, get, "/array/:token/config", projectConfig)
	httpserver.Both(e, get, "/array/:token/config.js", projectScript)
	httpserver.Both(e, both, "/flags", func(c *gin.Context) { flags(c, flagsShape) })
	httpserver.Both(e, both, "/decide", func(c *gin.Context) { flags(c, decideShape) })
	httpserver.Both(e, both, "/api/surveys", surveys)
	httpserver.Both(e, both, "/surveys", surveys)
	e.GET("/static/*file", noScripts)
	return &Service{handler: e}
}

// Handler serves the routes.
func (s *Service) Handler() http.Handler { return s.handler }

// Ready is always true.
func (s *Service) Ready() (ok bool, detail string) { return true, "ok" }

// Run waits for the end of ctx.
func (s *Service) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// object is JSON whose members are few and differ from answer to answer.
type object map[string]any

// members are what an SDK learns about a project. They are shared by all answers and never changed.
var members = object{
	"supportedCompression":  []string{"gzip", "gzip-js"},
	"hasFeatureFlags":       true, // posthog-js would not ask for any otherwise
	"captureDeadClicks":     false,
	"capturePerformance":    false,
	"autocapture_opt_out":   false,
	"autocaptureExceptions": true,
	"analytics":             object{"endpoint": "/i/v0/e/"},
	"elementsChainAsString": true,
	"errorTracking":         object{"autocaptureExceptions": true, "suppressionRules": []object{}},
	"sessionRecording": object{
		"endpoint": "/s/", "recorderVersion": "v2", "consoleLogRecordingEnabled": true, "sampleRate": nil, "minimumDurationMilliseconds": nil,
		"linkedFlag": nil, "networkPayloadCapture": nil, "masking": nil, "urlTriggers": []object{}, "urlBlocklist": []object{},
		"eventTriggers": []string{}, "triggerMatchType": nil, "scriptConfig": nil,
	},
	"heatmaps":              false,
	"surveys":               true,
	"productTours":          false,
	"conversations":         false,
	"defaultIdentifiedOnly": true,
	"siteApps":              []object{},
}

// with returns a copy of members and adds more.
func with(more object) object {
	out := maps.Clone(members)
	maps.Copy(out, more)
	return out
}

// tokenShape is what the main app takes for a token in a path; others could not be put into a script.
var tokenShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// tokenOf answers 400 itself where the path holds no token.
func tokenOf(c *gin.Context) (token string, ok bool) {
	token = c.Param("token")
	if !tokenShape.MatchString(token) {
		c.String(http.StatusBadRequest, "Invalid token")
		return "", false
	}
	return token, true
}

// Document is the configuration of posthog-js for the project of a token, as the service feature-flags finds it in its cache.
func Document(token string) []byte {
	text, err := json.Marshal(with(object{"token": token}))
	if err != nil {
		panic(fmt.Sprintf("encode the configuration: %v", err)) // all values are of this file
	}
	return text
}

func projectConfig(c *gin.Context) {
	if token, ok := tokenOf(c); ok {
		c.JSON(http.StatusOK, with(object{"token": token}))
	}
}

// projectScript puts the configuration where posthog-js looks for it.
func projectScript(c *gin.Context) {
	token, ok := tokenOf(c)
	if !ok {
		return
	}
	text, err := json.Marshal(object{"config": with(object{"token": token}), "siteApps": []object{}})
	if err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err) // cannot happen: all values are of this file
		return
	}
	script := "(window._POSTHOG_REMOTE_CONFIG = window._POSTHOG_REMOTE_CONFIG || {})['" + token + "'] = " + string(text) + ";\n"
	c.Data(http.StatusOK, "application/javascript; charset=utf-8", []byte(script))
}

// flags answers with no flags. The body of the request is not looked at: whatever it holds, the answer is the same.
func flags(c *gin.Context, shape func(c *gin.Context, v int, given bool) object) {
	v, given := version(c)
	answer := shape(c, v, given)
	if wantsConfig(c, given) {
		answer = with(answer)
	}
	answer["requestId"], answer["evaluatedAt"] = uuid.NewString(), time.Now().UnixMilli()
	c.JSON(http.StatusOK, answer)
}

// version reads the version of the answer that a client understands: v in the query, 1 if it is no number.
func version(c *gin.Context) (v int, given bool) {
	text := c.Query("v")
	if text == "" {
		text = c.Query("version")
	}
	if text == "" {
		return 0, false
	}
	v, err := strconv.Atoi(text)
	if err != nil {
		v = 1
	}
	return v, true
}

// wantsConfig tells whether the configuration is asked for: by config in the query, on /decide and in GETs without being
// said, and by a request that says nothing at all.
func wantsConfig(c *gin.Context, versioned bool) bool {
	word, given := c.GetQuery("config")
	if !given {
		return !versioned || c.Request.Method != http.MethodPost || strings.HasPrefix(c.FullPath(), "/decide")
	}
	return !slices.Contains([]string{"false", "0", "no", "off"}, word)
}

func detailed() object { return object{"errorsWhileComputingFlags": false, "flags": object{}} }

func legacy() object {
	return object{"errorsWhileComputingFlags": false, "featureFlags": object{}, "featureFlagPayloads": object{}}
}

// flagsShape is the answer of /flags by version: from 2 on, each flag has an object. So it has for a request that says nothing at all.
func flagsShape(c *gin.Context, v int, given bool) object {
	_, config := c.GetQuery("config")
	if v >= 2 || !given && !config && c.Request.Method == http.MethodPost {
		return detailed()
	}
	return legacy()
}

// decideShape is the answer of /decide, which older SDKs ask.
func decideShape(_ *gin.Context, v int, _ bool) object {
	switch {
	case v >= 4:
		return detailed()
	case v == 3:
		return legacy()
	case v == 2:
		return object{"featureFlags": object{}}
	default:
		return object{"featureFlags": []string{}}
	}
}

func surveys(c *gin.Context) {
	token := c.Query("token")
	if token == "" {
		token = c.Query("api_key")
	}
	if token == "" {
		c.String(http.StatusUnauthorized, "Token not provided")
		return
	}
	c.JSON(http.StatusOK, object{"surveys": []object{}, "survey_config": nil})
}

// noScripts tells who looks into the browser's console why a lazily loaded part of posthog-js is missing.
func noScripts(c *gin.Context) {
	c.String(http.StatusNotFound, "hog has no copy of posthog-js: install it from npm and import posthog-js/dist/module.full.no-external, "+
		"which holds the scripts that other builds load from here\n")
}
