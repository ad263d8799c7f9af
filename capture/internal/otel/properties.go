package otel

import "bytes"

// properties are the members of an event's properties: one for each name, in the order in which the names came up.
type properties struct {
	list  []attr
	index map[string]int
}

// maxKept is up to how many names the index is kept for the next span: emptying a map costs what it once held.
const maxKept = 1024

func (p *properties) reset() {
	p.list = p.list[:0]
	if p.index == nil || len(p.index) > maxKept {
		p.index = make(map[string]int, 64)
	}
	clear(p.index)
}

// set gives key the JSON value, in the place of an earlier one.
func (p *properties) set(key, value []byte) {
	if i, ok := p.index[string(key)]; ok {
		p.list[i].value = value
		return
	}
	p.index[string(key)] = len(p.list)
	p.list = append(p.list, attr{key, value})
}

// setDefault is set for a key that has no value.
func (p *properties) setDefault(key string, value []byte) {
	if p.get(key) == nil {
		p.set([]byte(key), value)
	}
}

// get returns the JSON value of key, nil where there is none.
func (p *properties) get(key string) []byte {
	if i, ok := p.index[key]; ok {
		return p.list[i].value
	}
	return nil
}

func (p *properties) remove(key string) {
	if i, ok := p.index[key]; ok {
		p.list[i].value = nil
	}
}

var yes = []byte("true")

// settleGeoIP turns the lookup of places off unless the client wants it: the address is that of a server.
func (p *properties) settleGeoIP() {
	wish := p.get("posthog.geoip_disable")
	p.remove("posthog.geoip_disable")
	if wish == nil {
		wish = yes
	}
	p.setDefault("$geoip_disable", wish)
}

// removeGateway removes what only PostHog's own LLM gateway may say: its marks exempt an event from the quota.
func (p *properties) removeGateway() {
	for i := range p.list {
		if bytes.HasPrefix(p.list[i].key, gatewayPrefix) {
			p.list[i].value = nil
		}
	}
}

var gatewayPrefix = []byte("$ai_gateway")

// size is how many bytes append needs, if no key needs escaping.
func (p *properties) size() int {
	n := 2
	for i := range p.list {
		n += len(p.list[i].key) + len(p.list[i].value) + 4
	}
	return n
}

// append writes the JSON object.
func (p *properties) append(dst []byte) []byte {
	dst = append(dst, '{')
	for _, a := range p.list {
		if a.value == nil {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = appendText(dst, a.key)
		dst = append(dst, ':')
		dst = append(dst, a.value...)
	}
	return append(dst, '}')
}

// firstOf finds the value of a key's first attribute, lastOf that of its last, which counts where there are several.
func firstOf(attrs []attr) func(key string) []byte {
	return func(key string) []byte {
		for i := range attrs {
			if string(attrs[i].key) == key {
				return attrs[i].value
			}
		}
		return nil
	}
}

func lastOf(attrs []attr) func(key string) []byte {
	return func(key string) []byte {
		for i := len(attrs) - 1; i >= 0; i-- {
			if string(attrs[i].key) == key {
				return attrs[i].value
			}
		}
		return nil
	}
}

// contents returns what the JSON value says if it is a string, else nil.
func contents(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	return unquote(value)
}
