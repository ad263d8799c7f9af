package hogvm_test

import (
	"fmt"
	"strings"
)

// benchEvent is an event of 1.2 kB with 40 properties.
var benchEvent = func() string {
	var b strings.Builder
	b.WriteString(`{"event":"$pageview","distinct_id":"user-42","timestamp":"2024-04-24T23:06:40Z","properties":{`)
	for i := range 35 {
		fmt.Fprintf(&b, `"property_%02d":"value %d",`, i, i*i)
	}
	b.WriteString(`"$browser":"Chrome","$os":"Mac OS X","$screen_width":1440,"$current_url":"https://example.com/pricing?a=1",` +
		`"$user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/120.0.0.0 Safari/537.36"}}`)
	return b.String()
}()

func property(name string) string { return fmt.Sprintf(`32,%q,32,"properties",1,2`, name) }

// fiveTests is a filter of five property tests, the first of which compares with the given browser.
func fiveTests(browser string) string {
	return `["_H",1,` + strings.Join([]string{
		str(`Chrome/(\d+)\.`), property("$user_agent"), "23",
		str("%pricing%"), property("$current_url"), "17",
		"33,1000", property("$screen_width"), "13",
		str("Mac OS X"), property("$os"), "11",
		str(browser), property("$browser"), "11",
	}, ",") + `,3,5,38]`
}

const (
	fibProgram = `["_H",1,52,"fib",1,1,30,33,2,36,0,15,40,3,36,0,38,33,1,36,0,7,55,0,54,1,33,2,36,0,7,55,0,54,1,6,38,53,1,true,0,33,25,36,0,54,1]`
	// let s := ''; for (let i := 0; i < 1000; i := i + 1) { s := concat(s, 'x') } return length(s)
	concatProgram = `["_H",1,32,"",33,0,33,1000,36,1,15,40,18,36,0,32,"x",2,"concat",2,37,0,33,1,36,1,6,37,1,39,-25,36,0,2,"length",1,38]`
	// arrayFilter(x -> x % 2 == 0, arrayMap(x -> x * 2, range(1000)))
	lambdaProgram = `["_H",1,52,"f",1,0,9,33,0,33,2,36,0,10,11,38,53,0,52,"m",1,0,6,33,2,36,0,8,38,53,0,33,1000,2,"range",1,2,"arrayMap",2,2,"arrayFilter",2,2,"length",1,38]`
	// let n := 0; for (let i := 0; i < 1000; i := i + 1) { if (agent =~ '...') { n := n + 1 } } return n
	regexProgram     = `["_H",1,33,0,33,0,32,"$user_agent",32,"properties",1,2,33,1000,36,1,15,40,25,32,"Chrome/(\\d+)\\.",36,2,23,40,9,33,1,36,0,6,37,0,39,0,33,1,36,1,6,37,1,39,-32,36,0,38]`
	stringifyProgram = `["_H",1,32,"properties",1,1,2,"jsonStringify",1,38]`
)

func templateProgram() string {
	var b strings.Builder
	b.WriteString(`["_H",1,`)
	for i := range 10 {
		fmt.Fprintf(&b, `32,"field_%d",32,"prefix ",%s,32," suffix",2,"concat",3,`, i, property(fmt.Sprintf("property_%02d", i)))
	}
	b.WriteString(`42,10,38]`)
	return b.String()
}

func manyProperties(n int) string {
	var b strings.Builder
	b.WriteString(`{"properties":{`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"property_%03d":"value %d"`, i, i)
	}
	b.WriteString(`}}`)
	return b.String()
}
