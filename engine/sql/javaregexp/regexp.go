package javaregexp

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Regexp is a compiled pattern. It has buffers and belongs to one goroutine.
type Regexp struct {
	groups   int
	loose    []bool // for each group whether Java may say something else of what it matched
	empty    bool   // it may match the empty text
	standard *regexp.Regexp
	fits     fits
	tree     *node
	machine  *machine // made when it is needed
}

// Compile reads a pattern; the error is an *Error.
func Compile(pattern string) (*Regexp, error) {
	tree, groups, err := parse(pattern)
	if err != nil {
		return nil, err
	}
	if tree.size() > maxInstructions {
		return nil, unsupported("a pattern of more than %d parts, its repetitions written out", maxInstructions)
	}
	re := &Regexp{groups: groups, loose: make([]bool, groups+1), empty: tree.canBeEmpty(), tree: tree}
	tree.markLoose(false, re.loose)
	var text strings.Builder
	tree.standard(&text, &re.fits)
	if !re.fits.none {
		// A pattern that the standard library finds too large is left to the machine.
		re.standard, _ = regexp.Compile(text.String())
	}
	return re, nil
}

// Groups returns the number of capturing groups.
func (re *Regexp) Groups() int { return re.groups }

// Certain tells whether what a group has matched is what Java says. It may not be for a group in a repetition that can match
// nothing, such as (a*)+: Java goes through it once more at the end.
func (re *Regexp) Certain(group int) bool { return !re.loose[group] }

// usual tells whether the standard library finds in a text what Java does.
func (re *Regexp) usual(s []byte) bool {
	return re.standard != nil && (!re.fits.unbroken || !endsInLineBreak(s)) && (!re.fits.ascii || isASCII(s))
}

func isASCII(s []byte) bool {
	for _, c := range s {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (re *Regexp) own() *machine {
	if re.machine == nil {
		re.machine = newMachine(re.tree, re.groups)
	}
	return re.machine
}

// Match tells whether the pattern matches a part of the text.
func (re *Regexp) Match(s []byte) bool {
	if re.usual(s) {
		return re.standard.Match(s)
	}
	return re.own().find(s, 0) != nil
}

// Find returns the positions of the first match and its groups, in pairs, negative for a group without one; nil if there is
// no match. They are valid until the next call.
func (re *Regexp) Find(s []byte) []int {
	if re.usual(s) {
		return re.standard.FindSubmatchIndex(s)
	}
	return re.own().find(s, 0)
}

// Each calls f with the start and end of every match, as Java's Matcher.find goes from one to the next: an empty match may
// follow directly behind another. It ends when f returns false.
func (re *Regexp) Each(s []byte, f func(start, end int) bool) {
	if !re.empty && re.usual(s) {
		for _, at := range re.standard.FindAllIndex(s, -1) {
			if !f(at[0], at[1]) {
				return
			}
		}
		return
	}
	for from := 0; from <= len(s); {
		at := re.own().find(s, from)
		if len(at) == 0 || !f(at[0], at[1]) {
			return
		}
		if from = at[1]; at[0] == at[1] {
			_, n := utf8.DecodeRune(s[from:])
			from += max(n, 1)
		}
	}
}
