package expr

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// likePattern is a compiled LIKE pattern: characters, anyChar for _ and anyText for %.
type likePattern []rune

const (
	anyChar rune = -1
	anyText rune = -2
)

// compileLike reads a pattern. Before %, _ and itself the escape character takes the meaning away; before anything else it
// is an error, unless it is the default backslash, which then means itself.
func compileLike(pattern []byte, escape rune, explicit bool) (likePattern, error) {
	var out likePattern
	for len(pattern) > 0 {
		r, n := utf8.DecodeRune(pattern)
		pattern = pattern[n:]
		switch r {
		case escape:
			next, n := utf8.DecodeRune(pattern)
			if n > 0 && (next == '%' || next == '_' || next == escape) {
				pattern = pattern[n:]
				r = next
			} else if explicit {
				return nil, fmt.Errorf("the escape character of a LIKE pattern must stand before %%, _ or itself")
			}
			out = append(out, r)
		case '%':
			if len(out) == 0 || out[len(out)-1] != anyText {
				out = append(out, anyText)
			}
		case '_':
			out = append(out, anyChar)
		default:
			out = append(out, r)
		}
	}
	return out, nil
}

// matches goes through the text once; on a mismatch it goes back to the last % and lets it take one character more.
func (p likePattern) matches(s []byte) bool {
	k, starK, starS := 0, -1, 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		switch {
		case k < len(p) && p[k] == anyText:
			starK, starS = k, i
			k++
		case k < len(p) && (p[k] == r || p[k] == anyChar):
			k++
			i += n
		case starK >= 0:
			_, n := utf8.DecodeRune(s[starS:])
			starS += n
			i, k = starS, starK+1
		default:
			return false
		}
	}
	for k < len(p) && p[k] == anyText {
		k++
	}
	return k == len(p)
}

// buildLike makes s LIKE pattern [ESCAPE c]. The last pattern stays compiled.
func buildLike(c *Call, args []Eval) Eval {
	var compiled likePattern
	var last, lastEscape []byte
	ready := false
	return rowFixed(args, func(r *Run, a *row) (bool, bool) {
		pattern, escape := a.text(1), []byte{'\\'}
		if len(a.v) > 2 {
			escape = a.text(2)
		}
		if !ready || !bytes.Equal(pattern, last) || !bytes.Equal(escape, lastEscape) {
			char, n := utf8.DecodeRune(escape)
			if n == 0 || n != len(escape) {
				r.fail(c.Pos, "write ESCAPE '!' or the like", "the escape of LIKE must be one character, not %s", quote(escape))
				return false, false
			}
			var err error
			if compiled, err = compileLike(pattern, char, len(a.v) > 2); err != nil {
				r.fail(c.Pos, "", "%v", err)
				return false, false
			}
			last, lastEscape = append(last[:0], pattern...), append(lastEscape[:0], escape...)
			ready = true
		}
		return compiled.matches(a.text(0)), true
	})
}
