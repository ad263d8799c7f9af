package httpserver

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// CORS lets any page of any site call the service with its cookies: origin and request headers are mirrored. The rules and the wire form
// are those of PostHog's rust/capture (tower-http 0.5's CorsLayer): every OPTIONS request on any path is answered here with 200 and an
// empty body, and all other responses carry the headers too.
type CORS struct {
	CORSRules             // where no prefix matches
	Under     []CORSUnder // exceptions; the first whose prefix matches wins

	// PreflightOnly answers only those OPTIONS requests here that name the method to come, as browsers do. Others go to the routes.
	PreflightOnly bool
}

// CORSRules are the values that differ between groups of routes.
type CORSRules struct {
	Methods string // access-control-allow-methods of a preflight; default "GET,POST,OPTIONS"
	Expose  string // access-control-expose-headers of other responses; default none
}

// CORSUnder gives the paths that begin with Prefix rules of their own.
type CORSUnder struct {
	Prefix string
	CORSRules
}

// corsVary names the request headers that a preflight depends on. It is sent with every response, so that a cache may not mix them up.
const corsVary = "origin, access-control-request-method, access-control-request-headers"

// handler prepares all header values: the slices are shared by all responses, which is safe as Header.Add copies a full slice and
// Header.Set replaces it.
func (c *CORS) handler() gin.HandlerFunc {
	type rules struct {
		prefix          string
		methods, expose []string
	}
	prepare := func(prefix string, r CORSRules) rules {
		if r.Methods == "" {
			r.Methods = "GET,POST,OPTIONS"
		}
		p := rules{prefix: prefix, methods: []string{r.Methods}}
		if r.Expose != "" {
			p.expose = []string{r.Expose}
		}
		return p
	}
	vary, yes := []string{corsVary}, []string{"true"}
	var list []rules
	for _, u := range c.Under {
		list = append(list, prepare(u.Prefix, u.CORSRules))
	}
	list = append(list, prepare("", c.CORSRules)) // the empty prefix fits everything, so a rule is always found
	preflightOnly := c.PreflightOnly

	return func(c *gin.Context) {
		var r *rules
		for i := range list {
			if r = &list[i]; strings.HasPrefix(c.Request.URL.Path, r.prefix) {
				break
			}
		}
		h := c.Writer.Header()
		h["Vary"] = vary
		h["Access-Control-Allow-Credentials"] = yes
		mirror(h, "Access-Control-Allow-Origin", c.Request.Header["Origin"])
		if c.Request.Method != http.MethodOptions || preflightOnly && len(c.Request.Header["Access-Control-Request-Method"]) == 0 {
			if r.expose != nil {
				h["Access-Control-Expose-Headers"] = r.expose
			}
			return
		}
		h["Access-Control-Allow-Methods"] = r.methods
		mirror(h, "Access-Control-Allow-Headers", c.Request.Header["Access-Control-Request-Headers"])
		delete(h, "Allow") // gin has set it where the path has no OPTIONS route
		c.AbortWithStatus(http.StatusOK)
		c.Writer.WriteHeaderNow()
	}
}

// mirror copies the first of the values, if any, sharing its memory with the request.
func mirror(h http.Header, key string, values []string) {
	if len(values) > 0 {
		h[key] = values[:1:1]
	}
}
