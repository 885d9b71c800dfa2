package datagen

import (
	"math"
	"strconv"
	"time"

	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/types"
)

// The options of the connector. Those of Flink have its names and defaults; seed, split-order, step, and sequences
// without an end or of dates are Weir's own.
const (
	optionRows  = "number-of-rows"
	optionSeed  = "seed"
	optionOrder = "source.split-order"

	defaultLength = 100
)

// OptionRate is Flink's name for the rate of this connector, and DefaultRate its default, in rows per second.
const (
	OptionRate  = "rows-per-second"
	DefaultRate = 10000
)

// TableSource makes the source of a table. now is the clock of random TIMESTAMP and DATE columns.
func TableSource(t table.Spec, now func() time.Time) (connector.Source, error) {
	o := t.Options
	c := Config{Schema: t.Schema, Now: now, RowsPerSecond: t.RowsPerSecond}
	randomTime := false
	for _, f := range t.Schema {
		col, err := readColumn(o, f)
		if err != nil {
			return nil, err
		}
		c.Columns = append(c.Columns, col)
		randomTime = randomTime || f.Type.Is(types.KindTimestamp) && !col.Sequence
	}
	seed, err := o.Int(optionSeed, 0)
	if err != nil {
		return nil, err
	}
	c.Seed = uint64(seed)
	if c.Rows, err = o.Int(optionRows, 0); err != nil {
		return nil, err
	}
	if _, set := o.Get(optionRows); set && c.Rows <= 0 {
		return nil, o.Errorf(optionRows, "write a number such as '1000', or remove it to generate for ever", "there must be at least one row")
	}
	s, err := New(c)
	if err != nil {
		return nil, o.Errorf("connector", "correct the column's options", "%v", err)
	}
	if c.RowsPerSecond == 0 && !s.Bounded() {
		return nil, o.Errorf(OptionRate, "write a number of rows; '0', no limit, only with '"+optionRows+"'", "it must be more than 0")
	}
	s.order, err = readOrder(o, s.Bounded() && randomTime)
	return s, err
}

// readOrder reads the order of splits. Ranges follow each other, so 'path' lets windows close as rows are made; only
// where the event time may be random would it let the parallelism decide what is late (P4).
func readOrder(o *table.Options, disorder bool) (connector.SplitOrder, error) {
	values := []string{"path", "none"}
	if disorder {
		values = []string{"none", "path"}
	}
	v, err := o.OneOf(optionOrder, values...)
	if v == "none" {
		return connector.OrderNone, err
	}
	return connector.OrderPath, err
}

func readColumn(o *table.Options, f types.Field) (Column, error) {
	option := "fields." + f.Name + "."
	kind, err := o.OneOf(option+"kind", "random", "sequence")
	if err != nil {
		return Column{}, err
	}
	var c Column
	if kind == "sequence" {
		if f.Type.Is(types.KindBoolean) {
			return c, o.Errorf(option+"kind", "write 'random'", "there are no sequences of %v", f.Type)
		}
		c, err = readSequence(o, option, f.Type)
	} else {
		c, err = readRandom(o, option, f.Type)
	}
	if err != nil {
		return c, err
	}
	if c.NullRate, err = o.Float(option+"null-rate", 0); err != nil {
		return c, err
	}
	if c.NullRate < 0 || c.NullRate > 1 {
		return c, o.Errorf(option+"null-rate", "write a part such as '0.1'", "it must be between 0 and 1")
	}
	return c, nil
}

func readSequence(o *table.Options, option string, t types.Type) (Column, error) {
	c := Column{Sequence: true}
	var err error
	if c.Start, err = readValue(o, option+"start", t); err != nil {
		return c, err
	}
	if c.Step, err = o.Int(option+"step", 1); err != nil {
		return c, err
	}
	if c.Step == 0 {
		return c, o.Errorf(option+"step", "write a number such as '1' or '-1'", "a sequence with a step of 0 never moves")
	}
	if _, c.HasEnd = o.Get(option + "end"); !c.HasEnd {
		return c, nil
	}
	if c.End, err = readValue(o, option+"end", t); err != nil {
		return c, err
	}
	if c.Step > 0 && c.End < c.Start || c.Step < 0 && c.End > c.Start {
		return c, o.Errorf(option+"end", "exchange start and end, or give 'step' the other sign", "it is on the wrong side of the start")
	}
	return c, nil
}

// readValue reads the start or end of a sequence: a number, or a date or timestamp in SQL's text.
func readValue(o *table.Options, key string, t types.Type) (int64, error) {
	text, err := o.Required(key, "write the first value, such as '1'")
	if err != nil {
		return 0, err
	}
	switch t.Kind() {
	case types.KindTimestamp:
		if ms, ok := sqltime.ParseTimestamp(text, sqltime.SQL); ok {
			return ms, nil
		}
		return 0, o.Errorf(key, "write it as '2001-01-01 00:00:00'", "it is not a timestamp")
	case types.KindDate:
		if days, ok := sqltime.ParseDate(text); ok {
			return int64(days), nil
		}
		return 0, o.Errorf(key, "write it as '2001-01-01'", "it is not a date")
	case types.KindInt:
		if _, err := strconv.ParseInt(text, 10, 32); err != nil {
			return 0, o.Errorf(key, "write digits such as '100'", "it is not an INT")
		}
	}
	return o.Int(key, 0)
}

func readRandom(o *table.Options, option string, t types.Type) (c Column, err error) {
	switch t.Kind() {
	case types.KindInt:
		return readBounds(o, option, math.MinInt32, math.MaxInt32)
	case types.KindBigInt:
		return readBounds(o, option, math.MinInt64, math.MaxInt64)
	case types.KindDouble:
		// Flink's bounds are Java's: Double.MIN_VALUE is the smallest number above 0.
		if c.MinDouble, err = o.Float(option+"min", math.SmallestNonzeroFloat64); err != nil {
			return c, err
		}
		if c.MaxDouble, err = o.Float(option+"max", math.MaxFloat64); err == nil && c.MaxDouble < c.MinDouble {
			err = o.Errorf(option+"max", "exchange the two", "it is less than the minimum")
		}
	case types.KindVarChar:
		var n int64
		if n, err = o.Int(option+"length", defaultLength); err == nil && (n < 0 || n > 1<<20) {
			err = o.Errorf(option+"length", "write a length such as '20'", "it must be between 0 and %d", 1<<20)
		}
		c.Length = int(n)
	case types.KindTimestamp:
		c.MaxPast, err = o.Duration(option+"max-past", 0)
	}
	return c, err
}

func readBounds(o *table.Options, option string, least, most int64) (c Column, err error) {
	if c.Min, err = o.Int(option+"min", least); err != nil {
		return c, err
	}
	if c.Max, err = o.Int(option+"max", most); err != nil {
		return c, err
	}
	switch {
	case c.Min < least:
		return c, o.Errorf(option+"min", "write a number that the column can hold", "it is less than %d", least)
	case c.Max > most:
		return c, o.Errorf(option+"max", "write a number that the column can hold", "it is more than %d", most)
	case c.Max < c.Min:
		return c, o.Errorf(option+"max", "exchange the two", "it is less than the minimum")
	}
	return c, nil
}
