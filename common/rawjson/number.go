package rawjson

// Number passes over the number at the start of s and returns its length. Where ok is false, s begins with none, and n is how far the
// text was still one.
func Number(s []byte) (n int, ok bool) {
	if n < len(s) && s[n] == '-' {
		n++
	}
	if n < len(s) && s[n] == '0' {
		n++
	} else if n, ok = digits(s, n); !ok {
		return n, false
	}
	if n < len(s) && s[n] == '.' {
		if n, ok = digits(s, n+1); !ok {
			return n, false
		}
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		n++
		if n < len(s) && (s[n] == '+' || s[n] == '-') {
			n++
		}
		if n, ok = digits(s, n); !ok {
			return n, false
		}
	}
	return n, true
}

// digits passes over one digit at least, from n on.
func digits(s []byte, n int) (end int, ok bool) {
	end = n
	for end < len(s) && s[end]-'0' <= 9 {
		end++
	}
	return end, end > n
}
