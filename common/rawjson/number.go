package rawjson

// Number passes over the number at the start of s and returns its length. Where ok is false, s begins with none, and n is how far the
// text was still one.
func Number(s []byte) (n int, ok bool) {
	if len(s) > 0 && s[0] == '-' {
		n++
	}
	first := n
	for n < len(s) && s[n]-'0' <= 9 {
		n++
	}
	switch {
	case n == first:
		return n, false
	case s[first] == '0':
		n = first + 1 // nothing follows a zero but a fraction or an exponent
	}
	if n < len(s) && (s[n] == '.' || s[n]|0x20 == 'e') {
		return fraction(s, n)
	}
	return n, true // most are integers
}

// fraction is Number from the point or the exponent at n on.
func fraction(s []byte, n int) (end int, ok bool) {
	if s[n] == '.' {
		if n, ok = digits(s, n+1); !ok {
			return n, false
		}
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		n++
		if n < len(s) && (s[n] == '+' || s[n] == '-') {
			n++
		}
		return digits(s, n)
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
