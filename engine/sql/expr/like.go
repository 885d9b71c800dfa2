package expr

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/sql/parser"
)

// likePattern is a compiled LIKE pattern: characters, anyChar for _ and anyText for %.
type likePattern []rune

const (
	anyChar rune = -1
	anyText rune = -2
)

// noEscape is the escape character of a LIKE without ESCAPE: there is none, and a backslash means itself.
const noEscape rune = -3

// compileLike reads a pattern. Before %, _ and itself the escape character takes the meaning away; before anything else it
// is an error.
func compileLike(pattern []byte, escape rune) (likePattern, error) {
	var out likePattern
	for len(pattern) > 0 {
		r, n := utf8.DecodeRune(pattern)
		pattern = pattern[n:]
		switch r {
		case escape:
			next, n := utf8.DecodeRune(pattern)
			if n == 0 || next != '%' && next != '_' && next != escape {
				return nil, fmt.Errorf("the escape character of a LIKE pattern must stand before %%, _ or itself")
			}
			pattern = pattern[n:]
			out = append(out, next)
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

// likeOf compiles a pattern with the escape behind ESCAPE, if there is one.
func likeOf(at parser.Pos, pattern, escape []byte, explicit bool) (likePattern, *parser.Error) {
	char := noEscape
	if explicit {
		var n int
		if char, n = utf8.DecodeRune(escape); n == 0 || n != len(escape) {
			return nil, parser.Errorf(at, "write ESCAPE '!' or the like", "the escape of LIKE must be one character, not %s", quote(escape))
		}
	}
	compiled, err := compileLike(pattern, char)
	if err != nil {
		return nil, parser.Errorf(at, "write the escape character twice for itself", "%v", err)
	}
	return compiled, nil
}

// checkLike refuses a constant pattern that never matches anything because its escapes are wrong.
func checkLike(args []Expr) error {
	var texts [2][]byte
	for k, a := range args[1:] {
		l, ok := a.(*Literal)
		if !ok || l.Null {
			return nil
		}
		texts[k] = []byte(l.Text)
	}
	if _, err := likeOf(args[1].At(), texts[0], texts[1], len(args) > 2); err != nil {
		return err
	}
	return nil
}

// buildLike makes s LIKE pattern [ESCAPE c]. The last pattern stays compiled.
func buildLike(c *Call, args []Eval) Eval {
	var compiled likePattern
	var last, lastEscape []byte
	ready := false
	return rowFixed(args, func(r *Run, a *row) (bool, bool) {
		pattern, escape := a.text(1), []byte(nil)
		if len(a.v) > 2 {
			escape = a.text(2)
		}
		if !ready || !bytes.Equal(pattern, last) || !bytes.Equal(escape, lastEscape) {
			var err *parser.Error
			if compiled, err = likeOf(c.Pos, pattern, escape, len(a.v) > 2); err != nil {
				r.fail(c.Pos, err.Remedy, "%s", err.Msg)
				return false, false
			}
			last, lastEscape = append(last[:0], pattern...), append(lastEscape[:0], escape...)
			ready = true
		}
		return compiled.matches(a.text(0)), true
	})
}
