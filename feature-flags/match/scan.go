package match

import "strings"

// members walks the members of a JSON object. The text is taken for valid JSON; in one that is not, the walk ends early.
type members struct {
	text string
	at   int // behind the last member
}

func membersOf(text string) members {
	at := skipSpace(text, 0)
	if at >= len(text) || text[at] != '{' {
		return members{}
	}
	return members{text, at + 1}
}

// next gives the decoded name and the raw value of the next member.
func (m *members) next() (name, raw string, ok bool) {
	s, at := m.text, m.at
	for at < len(s) && (s[at] <= ' ' || s[at] == ',') {
		at++
	}
	if at >= len(s) || s[at] != '"' {
		return "", "", false
	}
	end := at + 1
	for end < len(s) && s[end] != '"' && s[end] != '\\' {
		end++
	}
	if end < len(s) && s[end] == '"' {
		name = s[at+1 : end]
		end++
	} else {
		end = skipString(s, at)
		name = unquote(s[at:end])
	}
	for end < len(s) && (s[end] <= ' ' || s[end] == ':') {
		end++
	}
	m.at = skipValue(s, end)
	return name, s[end:m.at], m.at > end
}

// elements gives the raw values of a JSON array, nil for anything else.
func elements(text string) (raws []string) {
	at := skipSpace(text, 0)
	if at >= len(text) || text[at] != '[' {
		return nil
	}
	for at++; ; {
		at = skipSpace(text, at)
		if at < len(text) && text[at] == ',' {
			at = skipSpace(text, at+1)
		}
		if at >= len(text) || text[at] == ']' {
			return raws
		}
		end := skipValue(text, at)
		if end == at {
			return raws
		}
		raws = append(raws, text[at:end])
		at = end
	}
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the end of the string that begins at i, behind its closing quote.
func skipString(s string, i int) int {
	if n := strings.IndexByte(s[i+1:], '"'); n < 0 {
		return len(s)
	} else if s[i+n] != '\\' { // of the empty string this is the opening quote
		return i + n + 2
	}
	for i++; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return len(s)
}

// skipValue returns the end of the value that begins at i, and i where there is none.
func skipValue(s string, i int) int {
	if i >= len(s) {
		return len(s)
	}
	switch s[i] {
	case '"':
		return skipString(s, i)
	case '{', '[':
		for depth := 0; i < len(s); {
			switch s[i] {
			case '"':
				i = skipString(s, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return len(s)
	default:
		for i < len(s) && s[i] > ' ' && s[i] != ',' && s[i] != '}' && s[i] != ']' {
			i++
		}
		return i
	}
}
