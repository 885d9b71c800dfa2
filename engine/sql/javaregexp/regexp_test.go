package javaregexp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// all lists the matches of a pattern as "start-end".
func all(t *testing.T, pattern, text string) string {
	t.Helper()
	re, err := Compile(pattern)
	if err != nil {
		t.Fatalf("%s: %v", pattern, err)
	}
	var out []string
	re.Each([]byte(text), func(start, end int) bool {
		out = append(out, fmt.Sprintf("%d-%d", start, end))
		return true
	})
	return strings.Join(out, " ")
}

func TestPatternsMeanWhatJavaMeans(t *testing.T) {
	for _, c := range []struct{ name, pattern, text, want string }{
		{"an empty match follows a match", "a*", "abc", "0-1 1-1 2-2 3-3"},
		{"the empty pattern matches everywhere", "", "aé", "0-0 1-1 3-3"},
		{"an intersection of classes", "[a-z&&[^b]]", "abc", "0-1 2-3"},
		{"an intersection of three", "[a-z&&b-y&&[^m]]", "amny", "2-3 3-4"},
		{"what Perl takes for a POSIX class is a union", "[[:alpha:]]", "xa:", "1-2 2-3"},
		{"a bracket that comes first is a character", "[]a]", "]a", "0-1 1-2"},
		{"a word boundary by Unicode", `é\b`, "é éa", "0-2"},
		{"a mark belongs to its letter", `a\b`, "a\u0301 a", "4-5"},
		{"a dollar before the last line break", "a$", "a\n", "0-1"},
		{"and not before the last but one", "a$", "a\n\n", ""},
		{"and not within one", "\r$", "a\r\n", ""},
		{"a dollar twice", "$", "a\r\n", "1-1 3-3"},
		{"with the flag m before each", "(?m)$", "a\nb", "1-1 3-3"},
		{"a caret with m not behind the last", "(?m)^", "a\nb\n", "0-0 2-2"},
		{"a dot is no line break", ".", "\n\r\u0085\u2028a", "7-8"},
		{"with the flag d it is, but for one", "(?d).", "\n\ra", "1-2 2-3"},
		{"with the flag s always", "(?s).", "\na", "0-1 1-2"},
		{"case counts beyond ASCII", "(?i)aé", "AéAÉ", "0-3"},
		{"a flag ends with its group", "(?:(?i)a)a", "AaAA", "0-2"},
		{"horizontal and vertical space", `\h\v`, "\u00a0\n", "0-3"},
		{"a line break of two is one", `\R`, "\r\n\n", "0-2 2-3"},
		{"white space has a vertical tab", `\s`, "\v", "0-1"},
		{"a quote", `\Qa.b\E+`, "a.bb", "0-4"},
		{"numbers of characters", `\u0061\x62\0143\x{1F600}\uD83D\uDE00`, "abc😀😀", "0-11"},
		{"properties", `\p{Lu}\p{Alpha}\P{L}\p{IsGreek}`, "Éa1α", "0-6"},
		{"lazy repetitions", "a{2,3}?", "aaaaa", "0-2 2-4"},
		{"the first alternative that fits", "a|ab", "ab", "0-1"},
		{"an empty class", `[a&&b]|c`, "abc", "2-3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := all(t, c.pattern, c.text); got != c.want {
				t.Errorf("%s in %q: %s, want %s", c.pattern, c.text, got, c.want)
			}
		})
	}
}

func TestWhatWouldMeanSomethingElseIsRefused(t *testing.T) {
	for _, c := range []struct {
		pattern, want string
		invalid       bool
	}{
		{`(a)\1`, `not supported: references to groups, such as \1`, false},
		{`(?<x>a)\k<x>`, `not supported: references to groups, such as \1`, false},
		{"(?<!a)b", "not supported: looking around, (?=...), (?!...), (?<=...), (?<!...)", false},
		{"(?>a)", "not supported: atomic groups, (?>...)", false},
		{"a*+", "not supported: possessive quantifiers, such as a++", false},
		{`\G`, `not supported: \G`, false},
		{"(?u)a", "not supported: the flag u; the flags are i, s, m and d", false},
		{"(?i)\\p{Lu}", `not supported: \p{Lu} under the flag i`, false},
		{"(a{1000}){1000}", "not supported: a pattern of more than 10000 parts, its repetitions written out", false},
		{"a{1001}", "not supported: a repetition of more than 1000 times", false},
		{strings.Repeat("(", 300), "not supported: more than 200 groups in one another", false},
		{strings.Repeat("[", 300), "not supported: more than 200 classes in one another", false},
		{"(", "a group that is not closed", true},
		{")", "an unmatched )", true},
		{"[a", "a class that is not closed", true},
		{"*", "a * behind nothing that it could repeat", true},
		{"a**", "a * behind nothing that it could repeat", true},
		{"a{x}", `a repetition without a number; write \{ for the character`, true},
		{"[b-a]", "a range in a class that ends before it begins", true},
		{`\y`, `the escape \y`, true},
		{`\`, `a \ at the end`, true},
		{`\p{Alpha`, "a property that is not closed", true},
		{"\xff", "it is not UTF-8", true},
	} {
		_, err := Compile(c.pattern)
		var e *Error
		if !errors.As(err, &e) || e.Msg != c.want || e.Invalid != c.invalid {
			t.Errorf("%.20s\ngot  %v\nwant %s", c.pattern, err, c.want)
		}
	}
}

// randomPattern writes a pattern that both engines take alike.
func randomPattern(r *rand.Rand, depth int) string {
	atoms := []string{"a", "b", "[ab]", "[^a]", ".", `\b`, "^", `\z`, `\w`, `\d`, "(?i)c"}
	if depth == 0 || r.IntN(3) == 0 {
		return atoms[r.IntN(len(atoms))]
	}
	inner := func() string { return randomPattern(r, depth-1) }
	switch r.IntN(6) {
	case 0:
		return "(" + inner() + "|" + inner() + ")"
	case 1:
		return "(?:" + inner() + ")" + []string{"*", "+", "?", "{2}", "{1,3}", "{2,}"}[r.IntN(6)] + []string{"", "?"}[r.IntN(2)]
	case 2:
		return "(" + inner() + ")"
	}
	return inner() + inner()
}

func TestBothEnginesFindTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	compared := 0
	for range 3000 {
		pattern := randomPattern(r, 4)
		re, err := Compile(pattern)
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		if re.standard == nil {
			continue
		}
		for range 4 {
			text := make([]byte, r.IntN(9))
			for i := range text {
				text[i] = "abcABC1 "[r.IntN(8)]
			}
			if !re.usual(text) {
				t.Fatalf("%s: the text %q is left to the machine", pattern, text)
			}
			want, got := re.standard.FindSubmatchIndex(text), slices.Clone(re.own().find(text, 0))
			for group := range re.Groups() + 1 {
				if !re.Certain(group) && len(got) > 0 && len(want) > 0 {
					got[2*group], got[2*group+1] = want[2*group], want[2*group+1]
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s in %q: the machine finds %v, the standard library %v", pattern, text, got, want)
			}
			compared++
		}
	}
	if compared < 5000 {
		t.Errorf("only %d texts were compared", compared)
	}
}

func TestTheTimeOfTheMachineIsLinear(t *testing.T) {
	// A backtracking engine takes 2^n steps for these; the machine looks at each character once for each instruction.
	re, err := Compile(`(?m)(a|aa)+(a+)+[^a]$`)
	if err != nil {
		t.Fatal(err)
	}
	if re.standard != nil {
		t.Fatal("the pattern is not left to the machine")
	}
	if at := re.Find([]byte(strings.Repeat("a", 20_000))); at != nil {
		t.Errorf("found %v", at)
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{"a*", "(a|b)*?c{2,3}", `[a-z&&[^b]]\p{Lu}\b$`, "(?im-s)^x", `\Qa\E+`, "[[[", "(?<n>a)", `\x{1F600}`, "a{1000}{2}", "(((a*)*)*)*$"} {
		f.Add(seed, "ab\r\né")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := Compile(pattern)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || strings.ContainsAny(e.Msg, "\r\n") && !strings.ContainsAny(pattern, "\r\n") {
				t.Errorf("%v", err)
			}
			return
		}
		last := 0
		re.Each([]byte(text), func(start, end int) bool {
			if start < last || end < start || end > len(text) {
				t.Fatalf("%q in %q: %d-%d behind %d", pattern, text, start, end, last)
			}
			last = end
			return true
		})
		if at := re.Find([]byte(text)); (at != nil) != re.Match([]byte(text)) {
			t.Errorf("%q in %q is found: %v, and matches: %v", pattern, text, at != nil, at == nil)
		}
	})
}
