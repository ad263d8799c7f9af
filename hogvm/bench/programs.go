// Package bench measures hogvm beside its peers: PostHog's VM for Node, expr, goja and gopher-lua. It is a module of its own, so that none
// of them is a dependency of hogvm.
package bench

import (
	"fmt"
	"strings"
)

// workload is one program in the languages of those that can run it; a peer without a text is left out.
type workload struct {
	name    string
	filters []string // bytecode; more than one for a set
	event   string   // JSON, the globals
	raw     bool     // decoding the event is part of the work
	want    string   // result of hogvm, as JSON
	expr    string
	js      string // body of a function of e
	lua     string // body of a function of e
}

// event has 1.3 kB and 40 properties.
var event = func() string {
	var b strings.Builder
	b.WriteString(`{"event":"$pageview","distinct_id":"user-42","timestamp":"2024-04-24T23:06:40Z","properties":{`)
	for i := range 35 {
		fmt.Fprintf(&b, `"property_%02d":"value %d",`, i, i*i)
	}
	b.WriteString(`"$browser":"Chrome","$os":"Mac OS X","$screen_width":1440,"$current_url":"https://example.com/pricing?a=1",` +
		`"$user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"}}`)
	return b.String()
}()

func property(name string) string { return fmt.Sprintf(`32,%q,32,"properties",1,2`, name) }

// filter is and(p = value, $os = …, $screen_width > …, $current_url like …, $user_agent =~ …), as the compiler writes it.
func filter(name, value string, width int, like, regex string) string {
	return `["_H",1,` + strings.Join([]string{
		fmt.Sprintf("32,%q", regex), property("$user_agent"), "23",
		fmt.Sprintf("32,%q", like), property("$current_url"), "17",
		fmt.Sprintf("33,%d", width), property("$screen_width"), "13",
		`32,"Mac OS X"`, property("$os"), "11",
		fmt.Sprintf("32,%q", value), property(name), "11",
	}, ",") + `,3,5,38]`
}

const (
	exprFilter = `properties["$browser"] == "%s" && properties["$os"] == "Mac OS X" && properties["$screen_width"] > 1000 && properties["$current_url"] contains "pricing" && properties["$user_agent"] matches "Chrome/(\\d+)\\."`
	jsFilter   = `const p = e.properties; return p["$browser"] === "%s" && p["$os"] === "Mac OS X" && p["$screen_width"] > 1000 && p["$current_url"].includes("pricing") && /Chrome\/(\d+)\./.test(p["$user_agent"])`
	luaFilter  = `local p = e.properties; return p["$browser"] == "%s" and p["$os"] == "Mac OS X" and p["$screen_width"] > 1000 and string.find(p["$current_url"], "pricing", 1, true) ~= nil and string.find(p["$user_agent"], "Chrome/%%d+%%.") ~= nil`
)

func workloads() []workload {
	five := func(browser string) string { return filter("$browser", browser, 1000, "%pricing%", `Chrome/(\d+)\.`) }
	return []workload{
		{
			name: "P1 fib(25)", want: "75025",
			filters: []string{`["_H",1,52,"fib",1,1,30,33,2,36,0,15,40,3,36,0,38,33,1,36,0,7,55,0,54,1,33,2,36,0,7,55,0,54,1,6,38,53,1,true,0,33,25,36,0,54,1]`},
			js:      `function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) } return fib(25)`,
			lua:     `local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(25)`,
		},
		{
			name: "P2 five tests of a property", event: event, want: "true", filters: []string{five("Chrome")},
			expr: fmt.Sprintf(exprFilter, "Chrome"), js: fmt.Sprintf(jsFilter, "Chrome"), lua: fmt.Sprintf(luaFilter, "Chrome"),
		},
		{
			name: "P2 whose first test fails", event: event, want: "false", filters: []string{five("Firefox")},
			expr: fmt.Sprintf(exprFilter, "Firefox"), js: fmt.Sprintf(jsFilter, "Firefox"), lua: fmt.Sprintf(luaFilter, "Firefox"),
		},
		{
			name: "P2 from the raw event", event: event, raw: true, want: "true", filters: []string{five("Chrome")},
			expr: fmt.Sprintf(exprFilter, "Chrome"), js: fmt.Sprintf(jsFilter, "Chrome"),
		},
		{name: "100 filters on one raw event", event: event, raw: true, want: "33", filters: hundredFilters()},
		{
			name: "P3 1000 concatenations", want: "1000",
			filters: []string{`["_H",1,32,"",33,0,33,1000,36,1,15,40,18,36,0,32,"x",2,"concat",2,37,0,33,1,36,1,6,37,1,39,-25,36,0,2,"length",1,38]`},
			js:      `let s = ""; for (let i = 0; i < 1000; i++) s = s + "x"; return s.length`,
			lua:     `local s = ""; for i = 1, 1000 do s = s .. "x" end return #s`,
		},
		{
			name: "P4 map and filter 1000", want: "1000",
			filters: []string{`["_H",1,52,"f",1,0,9,33,0,33,2,36,0,10,11,38,53,0,52,"m",1,0,6,33,2,36,0,8,38,53,0,33,1000,2,"range",1,2,"arrayMap",2,2,"arrayFilter",2,2,"length",1,38]`},
			expr:    `len(filter(map(0..999, # * 2), # % 2 == 0))`,
			js:      `return Array.from({length: 1000}, (_, i) => i).map(x => x * 2).filter(x => x % 2 === 0).length`,
			lua: `local function map(f, t) local r = {} for i = 1, #t do r[i] = f(t[i]) end return r end local function filter(f, t) local r = {} for i = 1, #t do if f(t[i]) then r[#r + 1] = t[i] end end return r end
				local t = {} for i = 1, 1000 do t[i] = i - 1 end return #filter(function(x) return x % 2 == 0 end, map(function(x) return x * 2 end, t))`,
		},
		{
			name: "P5 1000 regular expressions", event: event, want: "1000",
			filters: []string{`["_H",1,33,0,33,0,32,"$user_agent",32,"properties",1,2,33,1000,36,1,15,40,25,32,"Chrome/(\\d+)\\.",36,2,23,40,9,33,1,36,0,6,37,0,39,0,33,1,36,1,6,37,1,39,-32,36,0,38]`},
			expr:    `count(1..1000, properties["$user_agent"] matches "Chrome/(\\d+)\\.")`,
			js:      `let n = 0; const agent = e.properties["$user_agent"]; for (let i = 0; i < 1000; i++) if (/Chrome\/(\d+)\./.test(agent)) n++; return n`,
			lua:     `local n, agent = 0, e.properties["$user_agent"] for i = 1, 1000 do if string.find(agent, "Chrome/%d+%.") then n = n + 1 end end return n`,
		},
		{
			name: "P6 jsonStringify of 200 keys", event: manyProperties(200), filters: []string{`["_H",1,32,"properties",1,1,2,"jsonStringify",1,38]`},
			expr: `toJSON(properties)`, js: `return JSON.stringify(e.properties)`,
		},
		template(),
	}
}

// hundredFilters are variations of the five tests; a third of them match.
func hundredFilters() []string {
	likes := []string{"%pricing%", "https://example.com/%", "%/docs/%"}
	regexes := []string{`Chrome/(\d+)\.`, "(?i)bot|crawler|spider", "^Mozilla.*Safari", `Firefox/\d+`}
	var filters []string
	for i := range 100 {
		name, value := fmt.Sprintf("property_%02d", i%35), fmt.Sprintf("value %d", (i%35)*(i%35))
		if i%4 == 3 {
			value = "another"
		}
		filters = append(filters, filter(name, value, 100*(i%10), likes[i%len(likes)], regexes[i%len(regexes)]))
	}
	return filters
}

func manyProperties(n int) string {
	var pairs []string
	for i := range n {
		pairs = append(pairs, fmt.Sprintf(`"property_%03d":"value %d"`, i, i))
	}
	return `{"properties":{` + strings.Join(pairs, ",") + `}}`
}

// template is an object of ten texts with a property in the middle of each.
func template() workload {
	var code, js, expr, lua []string
	for i := range 10 {
		name := fmt.Sprintf("property_%02d", i)
		code = append(code, fmt.Sprintf(`32,"field_%d",32,"prefix ",%s,32," suffix",2,"concat",3`, i, property(name)))
		js = append(js, fmt.Sprintf(`field_%d: "prefix " + p.%s + " suffix"`, i, name))
		expr = append(expr, fmt.Sprintf(`"field_%d": "prefix " + properties["%s"] + " suffix"`, i, name))
		lua = append(lua, fmt.Sprintf(`field_%d = "prefix " .. p.%s .. " suffix"`, i, name))
	}
	return workload{
		name: "P7 template of ten concats", event: event, filters: []string{`["_H",1,` + strings.Join(code, ",") + `,42,10,38]`},
		expr: "{" + strings.Join(expr, ",") + "}", js: "const p = e.properties; return {" + strings.Join(js, ",") + "}",
		lua: "local p = e.properties; return {" + strings.Join(lua, ",") + "}",
	}
}
