package expr

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/sql/javaregexp"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// Regular expressions are Java's, which Flink has, as far as they match in time linear to the text: package javaregexp says
// what that leaves out. An expression that Java refuses too is, if it is a constant, refused in the plan; one that comes with
// the rows makes REGEXP false and the others NULL, as in Flink.
const regexpRemedy = "the SQL reference says what regular expressions have"

func regexpFunctions() []function {
	first := func(result types.Type, signature, description string, build builder, params ...kind) function {
		f := plain(signature, description, result, build, 2, params...)
		f.check = checkRegexp
		return f
	}
	return []function{
		first(types.Boolean(), "REGEXP(s STRING, regex STRING) BOOLEAN", "Whether the regular expression, which must not be empty, matches a part of s.", buildRegexpTest, text, text),
		first(types.Int(), "REGEXP_COUNT(s STRING, regex STRING) INT", "How often the regular expression matches.", regexpNumber(func(re *javaregexp.Regexp, s []byte) (n int32) {
			re.Each(s, func(int, int) bool { n++; return true })
			return n
		}), text, text).orNull(),
		first(types.Int(), "REGEXP_INSTR(s STRING, regex STRING) INT", "Where the regular expression first matches, from 1; 0 if it does not.", regexpNumber(func(re *javaregexp.Regexp, s []byte) int32 {
			at := re.Find(s)
			if at == nil {
				return 0
			}
			return int32(utf8.RuneCount(s[:at[0]])) + 1
		}), text, text).orNull(),
		first(types.String(), "REGEXP_SUBSTR(s STRING, regex STRING) STRING", "The first part that matches; NULL if none does.", buildRegexpExtract, text, text).orNull(),
		first(types.String(), "REGEXP_EXTRACT(s STRING, regex STRING[, group INT]) STRING", "What the group, from 1, matches where the regular expression first does; 0, the default, is the whole match; NULL if there is none.", buildRegexpExtract, text, text, whole).orNull(),
		first(types.String(), "REGEXP_REPLACE(s STRING, regex STRING, by STRING) STRING", "The string with every match replaced by the text, in which $ and \\ mean themselves.", buildRegexpReplace, text, text, text).needs(3).orNull(),
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
	if !ok || !l.T.Is(types.KindVarChar) || l.Null {
		return nil
	}
	if _, err := javaregexp.Compile(l.Text); err != nil {
		return parser.Errorf(l.Pos, regexpRemedy, "the regular expression %s: %v", quote([]byte(l.Text)), err)
	}
	return nil
}

// regexps keeps the last regular expression compiled.
type regexps struct {
	known    bool
	text     []byte
	compiled *javaregexp.Regexp
}

// of returns the compiled expression, or nil for one that is none. With one that only Java could match, the run fails.
func (p *regexps) of(r *Run, c *Call, text []byte) *javaregexp.Regexp {
	if p.known && bytes.Equal(p.text, text) {
		return p.compiled
	}
	compiled, err := javaregexp.Compile(string(text))
	var refused *javaregexp.Error
	if errors.As(err, &refused) && !refused.Invalid {
		r.fail(c.Pos, regexpRemedy, "the regular expression %s: %v", quote(text), err)
		return nil
	}
	p.known, p.text, p.compiled = true, append(p.text[:0], text...), compiled
	return compiled
}

// buildRegexpTest makes REGEXP(s, regex): of an empty or invalid expression, false.
func buildRegexpTest(c *Call, args []Eval) Eval {
	var p regexps
	return rowFixed(args, func(r *Run, a *row) (bool, bool) {
		re := p.of(r, c, a.text(1))
		return re != nil && len(a.text(1)) > 0 && re.Match(a.text(0)), true
	})
}

func regexpNumber(f func(re *javaregexp.Regexp, s []byte) int32) builder {
	return func(c *Call, args []Eval) Eval {
		var p regexps
		return rowFixed(args, func(r *Run, a *row) (int32, bool) {
			re := p.of(r, c, a.text(1))
			if re == nil {
				return 0, false
			}
			return f(re, a.text(0)), true
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
		if re == nil || group < 0 || group > int64(re.Groups()) {
			return dst, false
		}
		if !re.Certain(int(group)) {
			r.fail(c.Pos, "repeat what cannot be empty, such as (a+)* instead of (a*)*", "the group %d of the regular expression %s is repeated and may match nothing", group, quote(a.text(1)))
			return dst, false
		}
		at := re.Find(s)
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
		start, done := len(dst), 0
		re.Each(s, func(from, to int) bool {
			dst = append(append(dst, s[done:from]...), by...)
			done = to
			return len(dst)-start <= maxTextBytes
		})
		if len(dst)-start > maxTextBytes {
			r.fail(c.Pos, "replace by something shorter", "REGEXP_REPLACE makes a string of more than %d bytes", maxTextBytes)
			return dst, false
		}
		return append(dst, s[done:]...), true
	})
}
