package route_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hog/internal/route"
)

func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
}

func TestMux(t *testing.T) {
	mux := &route.Mux{
		Routes: []route.Route{
			{Service: "capture", Patterns: []route.Pattern{"/e/*", "/i/v0/*", "/batch*"}, Handler: named("capture")},
			{Service: "replay", Patterns: []route.Pattern{"/s/*"}, Handler: named("replay")},
			{Service: "exact", Patterns: []route.Pattern{"/x"}, Handler: named("exact")},
		},
		Own: map[string]http.Handler{"/": named("page")},
	}
	tests := map[string]string{
		"/": "page", "/e": "capture", "/e/": "capture", "/e/x": "capture", "/i/v0": "capture", "/i/v0/e/": "capture", "/batch": "capture",
		"/batch/": "capture", "/batch2": "capture", "/s": "replay", "/s/": "replay", "/x": "exact", "/x/": "exact",
		"/events": "", "/i/v1": "", "/surveys": "", "/x/y": "", "/flags": "",
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest("POST", path, nil))
			if want == "" {
				require.Equal(t, http.StatusNotFound, w.Code)
				require.Contains(t, w.Body.String(), "no service here owns "+path)
				require.Contains(t, w.Body.String(), "/e/* /i/v0/* /batch*")
				return
			}
			require.Equal(t, want, w.Body.String())
		})
	}
}
