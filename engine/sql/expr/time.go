package expr

import (
	"bytes"
	"fmt"

	"github.com/weirstream/weir/engine/sql/datetime"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// buildExtract makes EXTRACT of a unit from a TIMESTAMP.
func buildExtract(u datetime.Unit) builder {
	return func(_ *Call, args []Eval) Eval {
		return mapFixed(args[0], func(ms int64) int64 { return datetime.Extract(u, ms) })
	}
}

// buildFloorTo makes FLOOR(ts TO unit), or CEIL.
func buildFloorTo(u datetime.Unit, ceil bool) builder {
	return func(_ *Call, args []Eval) Eval {
		if ceil {
			return mapFixed(args[0], func(ms int64) int64 { return datetime.Ceil(u, ms) })
		}
		return mapFixed(args[0], func(ms int64) int64 { return datetime.Floor(u, ms) })
	}
}

// buildAddUnits makes TIMESTAMPADD: arguments are a number and a TIMESTAMP.
func buildAddUnits(u datetime.Unit) builder {
	return func(_ *Call, args []Eval) Eval {
		return rowFixed(args, func(_ *Run, a *row) (int64, bool) { return datetime.Add(u, a.int(1), a.int(0)), true })
	}
}

// buildDiff makes TIMESTAMPDIFF: an INT, as in Flink.
func buildDiff(u datetime.Unit) builder {
	return func(_ *Call, args []Eval) Eval {
		return rowFixed(args, func(_ *Run, a *row) (int32, bool) { return int32(datetime.Diff(u, a.int(0), a.int(1))), true })
	}
}

// buildShift moves a TIMESTAMP by a constant interval.
func buildShift(months, ms int64) builder {
	return func(_ *Call, args []Eval) Eval {
		if months == 0 {
			return mapFixed(args[0], func(v int64) int64 { return v + ms })
		}
		return mapFixed(args[0], func(v int64) int64 { return datetime.AddMonths(v, months) })
	}
}

// buildShiftDate moves a DATE by a constant number of months or days.
func buildShiftDate(months, days int64) builder {
	return func(_ *Call, args []Eval) Eval {
		return mapFixed(args[0], func(v int32) int32 {
			if months == 0 {
				return v + int32(days)
			}
			d, _ := datetime.Split(datetime.AddMonths(int64(v)*datetime.DayMS, months))
			return int32(d)
		})
	}
}

const patternRemedy = "the SQL reference lists the letters of date formats; text stands in '...'"

// compilePattern compiles a date format, for reading or for writing.
func compilePattern(text []byte, reads bool) (*datetime.Pattern, error) {
	p, err := datetime.CompilePattern(string(text))
	if err != nil {
		return nil, fmt.Errorf("the date format %s: %w", quote(text), err)
	}
	if letter, ok := p.Readable(); reads && !ok {
		return nil, fmt.Errorf("the date format %s: the letter %q can be written, but not read", quote(text), letter)
	}
	return p, nil
}

// checkPattern refuses a constant date format, the second argument, that is none.
func checkPattern(reads bool) func(args []Expr) error {
	return func(args []Expr) error {
		if len(args) < 2 {
			return nil
		}
		l, ok := args[1].(*Literal)
		if !ok || !l.T.Is(types.KindVarChar) || l.Null {
			return nil
		}
		if _, err := compilePattern([]byte(l.Text), reads); err != nil {
			return parser.Errorf(l.Pos, patternRemedy, "%v", err)
		}
		return nil
	}
}

// patterns keeps the last date format compiled.
type patterns struct {
	reads    bool
	text     []byte
	compiled *datetime.Pattern
}

// of returns the compiled format; with one that is wrong, the run fails.
func (p *patterns) of(r *Run, c *Call, text []byte) *datetime.Pattern {
	if p.compiled != nil && bytes.Equal(p.text, text) {
		return p.compiled
	}
	compiled, err := compilePattern(text, p.reads)
	if err != nil {
		r.fail(c.Pos, patternRemedy, "%v", err)
		return nil
	}
	p.text, p.compiled = append(p.text[:0], text...), compiled
	return compiled
}

func buildDateFormat(c *Call, args []Eval) Eval {
	var p patterns
	return rowText(args, true, func(r *Run, a *row, dst []byte) ([]byte, bool) {
		pattern := p.of(r, c, a.text(1))
		if pattern == nil {
			return dst, false
		}
		return pattern.Append(dst, a.int(0)), true
	})
}

// buildToTimestamp makes TO_TIMESTAMP(s[, format]); what cannot be read is NULL. As in Flink, a text that does not fit the
// format may have the default form, with blanks around it.
func buildToTimestamp(c *Call, args []Eval) Eval {
	p := patterns{reads: true}
	return rowFixed(args, func(r *Run, a *row) (int64, bool) {
		s := a.text(0)
		if len(a.v) == 1 {
			return datetime.ParseTimestamp(s)
		}
		pattern := p.of(r, c, a.text(1))
		if pattern == nil {
			return 0, false
		}
		if ms, ok := pattern.Parse(s); ok {
			return ms, true
		}
		return datetime.ParseTimestamp(bytes.TrimSpace(s))
	})
}

// buildFromEpoch makes TO_TIMESTAMP_LTZ(n[, precision]).
func buildFromEpoch(c *Call, args []Eval) Eval {
	return rowFixed(args, func(r *Run, a *row) (int64, bool) {
		n := a.int(0)
		if len(a.v) == 1 || a.int(1) == 3 {
			return n, true
		}
		if a.int(1) != 0 {
			r.fail(c.Pos, "write 0 for seconds or 3 for milliseconds", "TO_TIMESTAMP_LTZ does not know the precision %d", a.int(1))
			return 0, false
		}
		return n * 1000, true
	})
}

// buildFromUnixTime makes FROM_UNIXTIME(n[, format]).
func buildFromUnixTime(c *Call, args []Eval) Eval {
	var p patterns
	standard := []byte("yyyy-MM-dd HH:mm:ss")
	return rowText(args, true, func(r *Run, a *row, dst []byte) ([]byte, bool) {
		format := standard
		if len(a.v) > 1 {
			format = a.text(1)
		}
		pattern := p.of(r, c, format)
		if pattern == nil {
			return dst, false
		}
		return pattern.Append(dst, a.int(0)*1000), true
	})
}

// buildUnixTimestamp makes UNIX_TIMESTAMP(s[, format]); what cannot be read is NULL.
func buildUnixTimestamp(c *Call, args []Eval) Eval {
	read := prefixReader(c)
	return rowFixed(args, func(r *Run, a *row) (ms int64, ok bool) {
		if len(a.v) == 1 {
			ms, ok = datetime.ParseSeconds(a.text(0))
		} else {
			ms, ok = read(r, a)
		}
		return datetime.Extract(datetime.Epoch, ms), ok
	})
}

// buildToDate makes TO_DATE(s[, format]); what cannot be read is NULL.
func buildToDate(c *Call, args []Eval) Eval {
	read := prefixReader(c)
	return rowFixed(args, func(r *Run, a *row) (int32, bool) {
		if len(a.v) == 1 {
			return castDate(a.text(0))
		}
		ms, ok := read(r, a)
		days, _ := datetime.Split(ms)
		return int32(days), ok
	})
}

// prefixReader reads the first argument by the format in the second; what follows in the text is not looked at.
func prefixReader(c *Call) func(*Run, *row) (int64, bool) {
	p := patterns{reads: true}
	return func(r *Run, a *row) (int64, bool) {
		pattern := p.of(r, c, a.text(1))
		if pattern == nil {
			return 0, false
		}
		ms, _, ok := pattern.ParsePrefix(a.text(0))
		return ms, ok
	}
}
