package javaregexp

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxInstructions is the largest program of a pattern, its repetitions written out.
const maxInstructions = 10_000

type code uint8

const (
	codeSet    code = iota // one character of the set
	codeSplit              // first next, then other
	codeAssert             // nothing, where the assertion holds
	codeSave               // the position becomes number arg of the match
	codeMatch
)

type instruction struct {
	code   code
	assert assertion
	set    set
	ascii  [2]uint64 // the part of the set below 128
	next   int32
	other  int32
	arg    int
}

func (in *instruction) takes(c rune) bool {
	if c < utf8.RuneSelf {
		return in.ascii[c>>6]&(1<<(c&63)) != 0
	}
	return in.set.has(c)
}

// size is the number of instructions of a node, or more than the limit.
func (n *node) size() int {
	total := 1
	for _, s := range n.sub {
		total = min(total+s.size()+1, maxInstructions+1)
	}
	switch n.op {
	case opRepeat:
		total *= max(n.min, n.max, 1) + 1
	case opGroup:
		total++
	}
	return min(total, maxInstructions+1)
}

// canBeEmpty says whether a node may match nothing.
func (n *node) canBeEmpty() bool {
	switch n.op {
	case opSet:
		return false
	case opRepeat:
		return n.min == 0 || n.sub[0].canBeEmpty()
	case opAlternate:
		for _, s := range n.sub {
			if s.canBeEmpty() {
				return true
			}
		}
		return false
	}
	for _, s := range n.sub {
		if !s.canBeEmpty() {
			return false
		}
	}
	return true
}

// markLoose marks the groups in repetitions that can match nothing.
func (n *node) markLoose(inside bool, loose []bool) {
	if n.op == opGroup {
		loose[n.group] = inside
	}
	for _, s := range n.sub {
		s.markLoose(inside || n.op == opRepeat && n.max != 1 && s.canBeEmpty(), loose)
	}
}

type compiler struct{ program []instruction }

// program writes a pattern out from its end: every instruction knows its next one.
func program(n *node) (program []instruction, start int32) {
	c := &compiler{}
	end := c.add(instruction{code: codeMatch})
	end = c.add(instruction{code: codeSave, arg: 1, next: end})
	start = c.add(instruction{code: codeSave, arg: 0, next: c.node(n, end)})
	return c.program, start
}

func (c *compiler) add(in instruction) int32 {
	for r := rune(0); in.code == codeSet && r < utf8.RuneSelf; r++ {
		if in.set.has(r) {
			in.ascii[r>>6] |= 1 << (r & 63)
		}
	}
	c.program = append(c.program, in)
	return int32(len(c.program) - 1)
}

func (c *compiler) node(n *node, next int32) int32 {
	switch n.op {
	case opSet:
		return c.add(instruction{code: codeSet, set: n.set, next: next})
	case opAssert:
		return c.add(instruction{code: codeAssert, assert: n.assert, next: next})
	case opConcat:
		for k := len(n.sub) - 1; k >= 0; k-- {
			next = c.node(n.sub[k], next)
		}
	case opAlternate:
		last := len(n.sub) - 1
		out := c.node(n.sub[last], next)
		for k := last - 1; k >= 0; k-- {
			out = c.add(instruction{code: codeSplit, next: c.node(n.sub[k], next), other: out})
		}
		return out
	case opGroup:
		end := c.add(instruction{code: codeSave, arg: 2*n.group + 1, next: next})
		return c.add(instruction{code: codeSave, arg: 2 * n.group, next: c.node(n.sub[0], end)})
	case opRepeat:
		return c.repeat(n, next)
	}
	return next
}

// repeat writes a repetition out: what must be there, and then what may be.
func (c *compiler) repeat(n *node, next int32) int32 {
	split := func(in, out int32) int32 {
		if n.lazy {
			in, out = out, in
		}
		return c.add(instruction{code: codeSplit, next: in, other: out})
	}
	body, must := n.sub[0], n.min
	switch {
	case n.max < 0:
		// x+ is x and the choice to come back. x* of something that may be empty is (x+)?, so that it is tried once.
		loop := c.add(instruction{code: codeSplit})
		start := c.node(body, loop)
		c.program[loop].next, c.program[loop].other = start, next
		if n.lazy {
			c.program[loop].next, c.program[loop].other = next, start
		}
		switch {
		case must > 0:
			must--
			next = start
		case body.canBeEmpty():
			next = split(start, next)
		default:
			next = loop
		}
	default:
		end := next
		for range n.max - n.min {
			next = split(c.node(body, next), end)
		}
	}
	for range must {
		next = c.node(body, next)
	}
	return next
}

// standard writes a pattern in the syntax of the standard library; fits says for which texts it means the same.
func (n *node) standard(b *strings.Builder, f *fits) {
	switch n.op {
	case opSet:
		writeSet(b, n.set)
	case opAssert:
		b.WriteString(n.assert.standard(f))
	case opConcat:
		for _, s := range n.sub {
			s.standard(b, f)
		}
	case opAlternate:
		b.WriteString("(?:")
		for k, s := range n.sub {
			if k > 0 {
				b.WriteByte('|')
			}
			s.standard(b, f)
		}
		b.WriteByte(')')
	case opGroup:
		b.WriteByte('(')
		n.sub[0].standard(b, f)
		b.WriteByte(')')
	case opRepeat:
		b.WriteString("(?:")
		n.sub[0].standard(b, f)
		fmt.Fprintf(b, "){%d,", n.min)
		if n.max >= 0 {
			fmt.Fprint(b, n.max)
		}
		b.WriteByte('}')
		if n.lazy {
			b.WriteByte('?')
		}
	}
}

func writeSet(b *strings.Builder, s set) {
	if len(s) == 0 {
		b.WriteString(`[^\x{0}-\x{10FFFF}]`)
		return
	}
	b.WriteByte('[')
	for i := 0; i < len(s); i += 2 {
		fmt.Fprintf(b, `\x{%X}-\x{%X}`, s[i], s[i+1])
	}
	b.WriteByte(']')
}
