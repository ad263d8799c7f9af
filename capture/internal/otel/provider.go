package otel

import "strings"

// Names of the events.
const (
	generation = "$ai_generation"
	embedding  = "$ai_embedding"
	plainSpan  = "$ai_span"
)

// provider is a family of instrumentations, known by how its attributes are named.
type provider struct {
	prefixes []string
	// classify names the event of a span by its attributes, which value finds as JSON.
	classify func(value func(key string) []byte) string
}

// providers are tried in this order: an SDK with names of its own before the conventions that it uses as well.
var providers = []*provider{
	{prefixes: []string{"ai.", "eve."}, classify: vercel},
	{prefixes: []string{"pydantic_ai."}, classify: func(func(string) []byte) string { return plainSpan }},
	{prefixes: []string{"traceloop.", "llm.request.type"}, classify: traceloop},
	{prefixes: []string{"gen_ai."}, classify: genAI},
}

// findProvider returns the first provider that has an attribute among pairs, nil for a span that is not AI.
func findProvider(f format, pairs [][]byte) (*provider, error) {
	best := len(providers)
	for _, raw := range pairs {
		key, _, err := f.pair(raw)
		if err != nil {
			return nil, err
		}
		for i, p := range providers[:best] {
			if p.owns(string(key)) {
				best = i
				break
			}
		}
	}
	if best == len(providers) {
		return nil, nil
	}
	return providers[best], nil
}

func (p *provider) owns(key string) bool {
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// vercel is the Vercel AI SDK, whose seventh version names the operation as the conventions do, and Eve.
func vercel(value func(string) []byte) string {
	id := value("ai.operationId")
	if id == nil {
		return genAI(value)
	}
	switch op := string(contents(id)); {
	case strings.HasSuffix(op, ".doGenerate"), strings.HasSuffix(op, ".doStream"):
		return generation
	case op == "ai.embed.doEmbed", op == "ai.embedMany.doEmbed":
		return embedding
	}
	return plainSpan
}

func traceloop(value func(string) []byte) string {
	switch string(contents(value("llm.request.type"))) {
	case "chat", "completion":
		return generation
	case "embedding", "embeddings":
		return embedding
	}
	return plainSpan
}

// genAI is the semantic conventions for generative AI.
func genAI(value func(string) []byte) string {
	switch string(contents(value("gen_ai.operation.name"))) {
	case "chat":
		return generation
	case "embeddings":
		return embedding
	}
	return plainSpan
}
