package expr

import (
	"bytes"
	"regexp"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/parser"
)

// Regular expressions are those of RE2, which match in time linear to the text. Of Java's, which Flink has, they lack
// references to groups and looking around; these are refused, not given another meaning.
const regexpRemedy = "write it without references to groups and without looking around, which regular expressions here do not have"

func regexpFunctions() []function {
	first := func(result batch.Type, signature, description string, build builder, params ...kind) function {
		f := plain(signature, description, result, build, 2, params...)
		f.check = checkRegexp
		return f
	}
	return []function{
		first(batch.Boolean, "REGEXP(s STRING, regex STRING) BOOLEAN", "Whether the regular expression matches a part of s.", regexpFixed(func(re *regexp.Regexp, s []byte) (bool, bool) {
			return re.Match(s), true
		}), text, text),
		first(batch.Int, "REGEXP_COUNT(s STRING, regex STRING) INT", "How often the regular expression matches.", regexpFixed(func(re *regexp.Regexp, s []byte) (int32, bool) {
			return int32(len(re.FindAllIndex(s, -1))), true
		}), text, text),
		first(batch.Int, "REGEXP_INSTR(s STRING, regex STRING) INT", "Where the regular expression first matches, from 1; 0 if it does not.", regexpFixed(func(re *regexp.Regexp, s []byte) (int32, bool) {
			at := re.FindIndex(s)
			if at == nil {
				return 0, true
			}
			return int32(utf8.RuneCount(s[:at[0]])) + 1, true
		}), text, text),
		first(batch.String, "REGEXP_SUBSTR(s STRING, regex STRING) STRING", "The first part that matches; NULL if none does.", buildRegexpExtract, text, text),
		first(batch.String, "REGEXP_EXTRACT(s STRING, regex STRING[, group INT]) STRING", "What the group, from 1, matches where the regular expression first does; 0, the default, is the whole match; NULL if there is none.", buildRegexpExtract, text, text, whole),
		first(batch.String, "REGEXP_REPLACE(s STRING, regex STRING, by STRING) STRING", "The string with every match replaced by the text, in which $ and \\ mean themselves.", buildRegexpReplace, text, text, text).needs(3),
	}
}

// needs sets how many parameters must be there.
func (f function) needs(n int) function {
	f.required = n
	return f
}

// checkRegexp refuses a constant regular expression that is none.
func checkRegexp(args []Expr) error {
	if len(args) < 2 {
		return nil // the number of arguments is checked behind this
	}
	l, ok := args[1].(*Literal)
	if !ok || l.T != batch.String {
		return nil
	}
	if _, err := regexp.Compile(l.Text); err != nil {
		return parser.Errorf(l.Pos, regexpRemedy, "the regular expression %s: %v", quote([]byte(l.Text)), err)
	}
	return nil
}

// regexps keeps the last regular expression compiled.
type regexps struct {
	text     []byte
	compiled *regexp.Regexp
}

// of returns the compiled expression; with one that is wrong, the run fails.
func (p *regexps) of(r *Run, c *Call, text []byte) *regexp.Regexp {
	if p.compiled != nil && bytes.Equal(p.text, text) {
		return p.compiled
	}
	compiled, err := regexp.Compile(string(text))
	if err != nil {
		r.fail(c.Pos, regexpRemedy, "the regular expression %s: %v", quote(text), err)
		return nil
	}
	p.text, p.compiled = append(p.text[:0], text...), compiled
	return compiled
}

func regexpFixed[R batch.Value](f func(re *regexp.Regexp, s []byte) (R, bool)) builder {
	return func(c *Call, args []Eval) Eval {
		var p regexps
		return rowFixed(args, func(r *Run, a *row) (R, bool) {
			var zero R
			re := p.of(r, c, a.text(1))
			if re == nil {
				return zero, false
			}
			return f(re, a.text(0))
		})
	}
}

// buildRegexpExtract makes REGEXP_EXTRACT(s, regex[, group]); a group that the expression lacks is NULL, as in Flink.
func buildRegexpExtract(c *Call, args []Eval) Eval {
	var p regexps
	return rowText(args, true, func(r *Run, a *row, dst []byte) ([]byte, bool) {
		s, group := a.text(0), int64(0)
		if len(a.v) > 2 {
			group = a.int(2)
		}
		re := p.of(r, c, a.text(1))
		if re == nil || group < 0 || group > int64(re.NumSubexp()) {
			return dst, false
		}
		at := re.FindSubmatchIndex(s)
		if len(at) == 0 || at[2*group] < 0 { // no match, or none of the group
			return dst, false
		}
		return append(dst, s[at[2*group]:at[2*group+1]]...), true
	})
}

func buildRegexpReplace(c *Call, args []Eval) Eval {
	var p regexps
	return rowText(args, true, func(r *Run, a *row, dst []byte) ([]byte, bool) {
		s, by := a.text(0), a.text(2)
		re := p.of(r, c, a.text(1))
		if re == nil {
			return dst, false
		}
		start, from := len(dst), 0
		for _, at := range re.FindAllIndex(s, -1) {
			dst = append(append(dst, s[from:at[0]]...), by...)
			from = at[1]
			if len(dst)-start > maxTextBytes {
				r.fail(c.Pos, "replace by something shorter", "REGEXP_REPLACE makes a string of more than %d bytes", maxTextBytes)
				return dst, false
			}
		}
		return append(dst, s[from:]...), true
	})
}
