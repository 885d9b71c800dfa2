package expr

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/engine/sql/datetime"
	"github.com/weirstream/weir/engine/sql/parser"
)

// ParseInterval returns the length of an interval: either months or milliseconds.
func ParseInterval(i *parser.Interval) (months, ms int64, err error) {
	wrong := func() error {
		return parser.Errorf(i.Pos, "write INTERVAL '5' MINUTE or the like", "'%s' %s is not an interval", i.Text, i.Unit)
	}
	if i.To != "" {
		if months, ms, ok := parseRange(strings.TrimSpace(i.Text), i.Unit, i.To); ok {
			return months, ms, nil
		}
		return 0, 0, parser.Errorf(i.Pos, "write INTERVAL '1 12:30:00' DAY TO SECOND or the like", "'%s' %s TO %s is not an interval", i.Text, i.Unit, i.To)
	}
	unit, ok := datetime.UnitOf(i.Unit)
	if !ok {
		return 0, 0, wrong()
	}
	const most = math.MaxInt64 / 4
	text := strings.TrimSpace(i.Text)
	if unit == datetime.Second && strings.Contains(text, ".") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Abs(f) > 1e12 {
			return 0, 0, wrong()
		}
		return 0, int64(math.Round(f * 1000)), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, 0, wrong()
	}
	if size, ok := unit.Months(); ok {
		if n > 120_000 || n < -120_000 {
			return 0, 0, wrong()
		}
		return n * size, 0, nil
	}
	size, ok := unit.Fixed()
	if !ok || n > most/size || n < -most/size {
		return 0, 0, wrong()
	}
	return 0, n * size, nil
}

// field is a part of an interval of several units.
type field struct {
	unit string
	// separator stands behind it if another follows, and below is what it must not reach if another stands before it.
	separator string
	below     int64
	length    int64 // in months or in ms
}

var (
	yearFields = []field{{"YEAR", "-", 0, 12}, {"MONTH", "", 12, 1}}
	dayFields  = []field{{"DAY", " ", 0, datetime.DayMS}, {"HOUR", ":", 24, 3_600_000}, {"MINUTE", ":", 60, 60_000}, {"SECOND", "", 60, 1000}}
)

// parseRange reads an interval of several units: '1-6' YEAR TO MONTH, '1 12:30:00.5' DAY TO SECOND and all between.
func parseRange(text, from, to string) (months, ms int64, ok bool) {
	for _, fields := range [...][]field{yearFields, dayFields} {
		first := slices.IndexFunc(fields, func(f field) bool { return f.unit == from })
		last := slices.IndexFunc(fields, func(f field) bool { return f.unit == to })
		if first < 0 || last <= first {
			continue
		}
		sum, ok := sumFields(text, fields[first:last+1])
		if fields[0].unit == "YEAR" {
			return sum, 0, ok
		}
		return 0, sum, ok
	}
	return 0, 0, false
}

func sumFields(text string, fields []field) (sum int64, ok bool) {
	text, negative := strings.CutPrefix(text, "-")
	for k, f := range fields {
		part := text
		if k < len(fields)-1 {
			if part, text, ok = strings.Cut(text, f.separator); !ok {
				return 0, false
			}
		}
		part, fraction, _ := strings.Cut(part, ".")
		n, err := strconv.ParseUint(part, 10, 20)
		if err != nil || k > 0 && int64(n) >= f.below || fraction != "" && f.unit != "SECOND" {
			return 0, false
		}
		sum += int64(n) * f.length
		if fraction != "" {
			part, err := strconv.ParseFloat("0."+fraction, 64)
			if err != nil {
				return 0, false
			}
			sum += int64(math.Round(part * 1000))
		}
	}
	if negative {
		sum = -sum
	}
	return sum, true
}
