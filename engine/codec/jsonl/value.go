package jsonl

import (
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/types"
)

// value appends the value at p to a column, and returns the offset behind it. After a *syntaxError nothing further can be
// read; after any other error the value was read but is none of the column, and nothing was appended.
func (d *decoder) value(c *codec.Column, line []byte, p int) (int, error) {
	if p == len(line) {
		return p, wrong(p, "a value is missing")
	}
	switch line[p] {
	case '"':
		return d.stringValue(c, line, p)
	case 'n':
		end, err := literal(line, p, "null")
		if err != nil {
			return p, err
		}
		c.AppendNull()
		return end, nil
	case 't':
		return d.truth(c, line, p, "true", true)
	case 'f':
		return d.truth(c, line, p, "false", false)
	case '{', '[':
		end, err := skip(line, p, 1)
		if err != nil {
			return p, err
		}
		if c.Kind != types.KindVarChar {
			return end, c.Mismatch(d.layout)
		}
		c.Strings.Append(line[p:end])
		return end, nil
	}
	return d.numberValue(c, line, p)
}

func (d *decoder) stringValue(c *codec.Column, line []byte, p int) (int, error) {
	end, escaped, syntax := str(line, p)
	if syntax != nil {
		return p, syntax
	}
	text := line[p+1 : end-1]
	if escaped {
		if d.text, syntax = unescape(d.text[:0], text, p+1); syntax != nil {
			return p, syntax
		}
		text = d.text
	}
	if c.Kind == types.KindVarChar {
		c.Strings.Append(text) // str made sure that it is UTF-8
		return end, nil
	}
	return end, c.AppendText(text, d.layout)
}

func (d *decoder) truth(c *codec.Column, line []byte, p int, word string, v bool) (int, error) {
	end, err := literal(line, p, word)
	if err != nil {
		return p, err
	}
	switch c.Kind {
	case types.KindBoolean:
		c.Bools.Append(v)
	case types.KindVarChar:
		c.Strings.AppendString(word)
	default:
		return end, c.Mismatch(d.layout)
	}
	return end, nil
}

// powersOfTen are those that a float64 holds exactly.
var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// exact returns the number as a float64 if one multiplication or division of two exact numbers yields it, which rounds
// it correctly (W. D. Clinger, "How to Read Floating Point Numbers Accurately", 1990).
func (n *number) exact() (v float64, ok bool) {
	if n.digits > 19 || n.mantissa > 1<<53 || n.exponent < -22 || n.exponent > 22 {
		return 0, false
	}
	v = float64(n.mantissa)
	if n.exponent < 0 {
		v /= powersOfTen[-n.exponent]
	} else {
		v *= powersOfTen[n.exponent]
	}
	if n.negative {
		v = -v // of zero as well: -0 is a double of its own
	}
	return v, true
}

func (d *decoder) numberValue(c *codec.Column, line []byte, p int) (int, error) {
	n, syntax := scanNumber(line, p)
	if syntax != nil {
		return p, syntax
	}
	switch c.Kind {
	case types.KindVarChar:
		c.Strings.Append(line[p:n.end])
		return n.end, nil
	case types.KindInt, types.KindBigInt:
		if n.integer && n.digits <= 18 {
			v := int64(n.mantissa)
			if n.negative {
				v = -v
			}
			return n.end, c.AppendInteger(v)
		}
		if n.integer {
			return n.end, c.AppendText(line[p:n.end], 0)
		}
	case types.KindDouble:
	default:
		return n.end, c.Mismatch(d.layout)
	}
	if v, ok := n.exact(); ok {
		return n.end, c.AppendNumber(v)
	}
	v, ok := codec.ParseDouble(line[p:n.end])
	if !ok {
		return n.end, c.OutOfRange()
	}
	return n.end, c.AppendNumber(v)
}
