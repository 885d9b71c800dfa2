package javaregexp

import "unicode/utf8"

// machine runs the threads of a program side by side: those of one place in the text in the order in which Java would try
// them, each at most once. So every character is looked at by at most as many threads as there are instructions.
type machine struct {
	program []instruction
	start   int32
	saves   int
	now     threads
	then    threads
	best    []int
	fresh   []int
}

// threads are the instructions that take the next character, with the positions that each has saved.
type threads struct {
	order []int32
	place []int32 // of an instruction in order, if order agrees
	saved []int   // saves for each instruction
}

func newMachine(n *node, groups int) *machine {
	m := &machine{saves: 2 * (groups + 1)}
	m.program, m.start = program(n)
	for _, t := range [...]*threads{&m.now, &m.then} {
		t.place = make([]int32, len(m.program))
		t.saved = make([]int, len(m.program)*m.saves)
	}
	m.best, m.fresh = make([]int, m.saves), make([]int, m.saves)
	return m
}

func (t *threads) enter(pc int32) bool {
	if k := t.place[pc]; int(k) < len(t.order) && t.order[k] == pc {
		return false
	}
	t.place[pc] = int32(len(t.order))
	t.order = append(t.order, pc)
	return true
}

func (t *threads) of(pc int32, saves int) []int { return t.saved[int(pc)*saves:][:saves] }

// find returns the first match that begins at byte from or later: positions in pairs, negative for groups without one. It
// is valid until the next call.
func (m *machine) find(s []byte, from int) []int {
	m.now.order = m.now.order[:0]
	matched := false
	for i := from; ; {
		if !matched {
			for k := range m.fresh {
				m.fresh[k] = -1
			}
			m.follow(&m.now, m.start, s, i, m.fresh)
		}
		if len(m.now.order) == 0 && matched {
			break
		}
		c, n := rune(-1), 0
		if i < len(s) {
			c, n = utf8.DecodeRune(s[i:])
		}
		if m.step(s, i+n, c) {
			matched = true
		}
		if i >= len(s) {
			break
		}
		m.now, m.then = m.then, m.now
		i += n
	}
	if !matched {
		return nil
	}
	return m.best
}

// step moves every thread over c, up to the first that has matched: those behind it would have been tried later.
func (m *machine) step(s []byte, after int, c rune) (matched bool) {
	m.then.order = m.then.order[:0]
	for _, pc := range m.now.order {
		switch in := &m.program[pc]; in.code {
		case codeMatch:
			copy(m.best, m.now.of(pc, m.saves))
			return true
		case codeSet:
			if c >= 0 && in.takes(c) {
				m.follow(&m.then, in.next, s, after, m.now.of(pc, m.saves))
			}
		}
	}
	return false
}

// follow enters an instruction and all that it leads to without a character.
func (m *machine) follow(t *threads, pc int32, s []byte, i int, saved []int) {
	for t.enter(pc) {
		switch in := &m.program[pc]; in.code {
		case codeSplit:
			m.follow(t, in.next, s, i, saved)
			pc = in.other
		case codeAssert:
			if !in.assert.holds(s, i) {
				return
			}
			pc = in.next
		case codeSave:
			before := saved[in.arg]
			saved[in.arg] = i
			m.follow(t, in.next, s, i, saved)
			saved[in.arg] = before
			return
		default:
			copy(t.of(pc, m.saves), saved)
			return
		}
	}
}
