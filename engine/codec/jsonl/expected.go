package jsonl

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/types"
)

// lead is what stands before a value: a brace or comma, the name of the member, the colon, and white space as some row had it.
// Most rows have the same members in the same order; where the same bytes stand, they need not be read again.
type lead struct {
	text   []byte
	column int // that the name is of; -1: none
	// The first 16 bytes, as two words. Masks leave out those behind the text; of longer ones the words are nowhere.
	words, masks [2]uint64
}

const (
	// maxPredicted bounds how many members of a line are predicted, and maxLead how long what stands before one may be.
	maxPredicted = 256
	maxLead      = 256
)

// predict remembers what stands before the k-th value.
func (d *decoder) predict(k int, text []byte, column int) {
	if k >= maxPredicted || len(text) > maxLead {
		return
	}
	for len(d.order) <= k {
		d.order = append(d.order, lead{column: -1, words: nowhere})
	}
	l := &d.order[k]
	l.text, l.column = append(l.text[:0], text...), column
	l.words, l.masks = nowhere, [2]uint64{}
	if len(text) <= 16 {
		all := [16]byte{}
		for i := range copy(all[:], text) {
			l.masks[i/8] |= 0xff << (i % 8 * 8)
		}
		l.words = [2]uint64{word(all[:], 0), word(all[:], 8)}
	}
}

// nowhere are words that no bytes are equal to once a mask has left out all of them.
var nowhere = [2]uint64{1, 1}

// at says whether the lead stands at p, with something behind it, if that is seen at two words: else isAt says it.
func (l *lead) at(line []byte, p int) bool {
	return p < len(line)-16 &&
		binary.LittleEndian.Uint64(line[p:p+8])&l.masks[0] == l.words[0] && binary.LittleEndian.Uint64(line[p+8:p+16])&l.masks[1] == l.words[1]
}

func (l *lead) isAt(line []byte, p int) bool {
	end := p + len(l.text)
	return p < end && end < len(line) && string(line[p:end]) == string(l.text)
}

// expected reads the members from the k-th on that are as predicted, nearly always all of them. It returns the offset and the
// number of the next one. Of the values it reads those that are as most; the others it leaves to member, which also finds
// the faults.
func (d *decoder) expected(line []byte, p, k int) (int, int, error) {
	for ; k < len(d.order); k++ {
		l := &d.order[k]
		if !l.at(line, p) && !l.isAt(line, p) {
			break
		}
		p += len(l.text)
		end, ok := 0, false
		if l.column >= 0 && d.seen[l.column] != d.row {
			switch c := &d.cols[l.column]; c.Kind {
			case types.KindVarChar:
				end, ok = plainText(c.Strings, line, p)
			case types.KindTimestamp:
				end, ok = d.timestamp(c.Longs, line, p)
			case types.KindBigInt, types.KindInt:
				var v int64
				if v, end, ok = integer(line, p); !ok {
					break
				}
				if c.Kind == types.KindBigInt {
					c.Longs.Append(v)
				} else if ok = v == int64(int32(v)); ok {
					c.Ints.Append(int32(v))
				}
			}
		}
		if ok {
			d.seen[l.column] = d.row
			d.missing--
			p = end
			continue
		}
		var err error
		if p, err = d.member(line, p, l.column); err != nil {
			return p, k, err
		}
	}
	return p, k, nil
}

// plainText appends the string at p if it has no escape. It copies words as it looks at them, the last with what follows the
// string, which is dropped: so a short string needs no call.
func plainText(s *batch.Strings, line []byte, p int) (end int, ok bool) {
	if line[p] != '"' {
		return p, false
	}
	buf, all := s.Buf, uint64(0)
	for p++; ; p += 8 {
		x := word(line, p)
		before := len(buf)
		buf, all = binary.LittleEndian.AppendUint64(buf, x), all|x
		marks := special(x)
		if marks == 0 {
			continue
		}
		n := lowest(marks)
		buf = buf[:before+n]
		if end = p + n; end >= len(line) || line[end] != '"' || all&highs != 0 && !utf8.Valid(buf[len(s.Buf):]) {
			return p, false
		}
		s.Buf = buf
		s.SealValue()
		return end + 1, true
	}
}

// timestamp appends the timestamp at p if it has no fraction, or one of milliseconds.
func (d *decoder) timestamp(to *batch.Fixed[int64], line []byte, p int) (end int, ok bool) {
	const seconds, millis = len(`"yyyy-MM-dd HH:mm:ss`), len(`"yyyy-MM-dd HH:mm:ss.SSS`)
	var text []byte
	switch {
	case line[p] != '"':
		return p, false
	case p+seconds < len(line) && line[p+seconds] == '"':
		text = line[p+1 : p+seconds]
	case p+millis < len(line) && line[p+millis] == '"':
		text = line[p+1 : p+millis]
	default:
		return p, false
	}
	ms, ok := d.clock.Parse(text, d.layout) // which takes nothing that needs an escape
	if ok {
		to.Append(ms)
	}
	return p + len(text) + 2, ok
}

// powers are those of ten that digits may be moved by.
var powers = [8]uint64{1, 10, 100, 1000, 10000, 100000, 1000000, 10000000}

// integer reads the integer at p if it has less than 16 digits and a comma or brace follows.
func integer(line []byte, p int) (v int64, end int, ok bool) {
	sign := 0
	if line[p] == '-' {
		sign = 1
	}
	p += sign
	n, u := leadingDigits(word(line, p))
	if n == 8 {
		more, low := leadingDigits(word(line, p+8))
		if more == 8 {
			return 0, p, false
		}
		n, u = n+more, u*powers[more]+low
	}
	if end = p + n; n == 0 || end >= len(line) || line[end] != ',' && line[end] != '}' || n > 1 && line[p] == '0' {
		return 0, p, false
	}
	return (int64(u) ^ -int64(sign)) + int64(sign), end, true
}
