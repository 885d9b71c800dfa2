package bind

import (
	"slices"

	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/window"
)

// tvfParams are the parameters of the windowing functions, in their order, with Flink's names.
var tvfParams = map[string][]string{
	"TUMBLE":   {"DATA", "TIMECOL", "SIZE", "OFFSET"},
	"HOP":      {"DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"},
	"CUMULATE": {"DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"},
}

func (b *block) windowTVF(f *parser.WindowTVF) (scope, error) {
	params := tvfParams[f.Function]
	if params == nil {
		if f.Function == "SESSION" {
			return scope{}, parser.Unsupported(f.Pos, f.Function+" windows", "TUMBLE, HOP and CUMULATE are supported")
		}
		return scope{}, parser.Errorf(f.Pos, "TUMBLE, HOP and CUMULATE are supported", "there is no table function %s", f.Function)
	}
	args, err := arrange(f, params)
	if err != nil {
		return scope{}, err
	}
	data, timeCol := args["DATA"], args["TIMECOL"]
	if data.Table == nil {
		return scope{}, parser.Errorf(data.Pos, "write TABLE t", "the first argument of %s must be a table", f.Function)
	}
	of, err := b.from(data.Table)
	if err != nil {
		return scope{}, err
	}
	in, name := of.Relation, of.parts[0].name
	if len(timeCol.Descriptor) != 1 {
		return scope{}, parser.Errorf(timeCol.Pos, "write DESCRIPTOR(ts)", "%s needs the time attribute of the table", f.Function)
	}
	assigner, err := bindAssigner(f, args)
	if err != nil {
		return scope{}, err
	}
	time, err := timeAttribute(in, name, timeCol.Descriptor[0])
	if err != nil {
		return scope{}, err
	}
	out := b.assign(in, logical.NewWindowing(f.Function, assigner, time))
	return b.called(out, f.Alias, name)
}

// assign adds the window columns to a relation.
func (b *block) assign(in *logical.Relation, w *logical.Windowing) *logical.Relation {
	out := in.Copy()
	for i := range out.Columns {
		out.Columns[i].Role = logical.Plain
	}
	out.Op, out.Windowing = &logical.Window{Block: b.path, Input: in, Windowing: w}, w
	out.Columns = append(out.Columns, w.Columns()...)
	return out
}

// arrange finds the argument of each parameter, by name or by position.
func arrange(f *parser.WindowTVF, params []string) (map[string]parser.TVFArg, error) {
	args := map[string]parser.TVFArg{}
	for i, a := range f.Args {
		name := a.Param
		switch {
		case name == "" && i >= len(params):
			return nil, parser.Errorf(a.Pos, "", "%s has too many arguments", f.Function)
		case name == "":
			name = params[i]
		case !slices.Contains(params, name):
			return nil, parser.Errorf(a.Pos, "", "%s has no parameter %s", f.Function, name)
		}
		if _, twice := args[name]; twice {
			return nil, parser.Errorf(a.Pos, "", "the parameter %s of %s is given twice", name, f.Function)
		}
		args[name] = a
	}
	for _, name := range params {
		if _, given := args[name]; !given && name != "OFFSET" {
			return nil, parser.Errorf(f.Pos, "write "+usage(f.Function), "%s lacks the argument %s", f.Function, name)
		}
	}
	return args, nil
}

func usage(function string) string {
	switch function {
	case "HOP":
		return "HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '1' HOUR), the slide first"
	case "CUMULATE":
		return "CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '1' DAY), the step first"
	}
	return "TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)"
}

func bindAssigner(f *parser.WindowTVF, args map[string]parser.TVFArg) (w window.Assigner, err error) {
	length := map[string]int64{}
	for name, a := range args {
		if name == "DATA" || name == "TIMECOL" {
			continue
		}
		i, ok := a.Value.(*parser.Interval)
		if !ok {
			return w, parser.Errorf(a.Pos, "write INTERVAL '1' HOUR or the like", "%s of %s must be an INTERVAL", name, f.Function)
		}
		months, ms, err := expr.ParseInterval(i)
		if err != nil {
			return w, err
		}
		if months != 0 {
			return w, parser.Errorf(i.Pos, "use days or less", "months and years are not always equally long: they make no windows")
		}
		length[name] = ms
	}
	switch f.Function {
	case "TUMBLE":
		w = window.Tumble(length["SIZE"], length["OFFSET"])
	case "HOP":
		w = window.Hop(length["SLIDE"], length["SIZE"], length["OFFSET"])
	case "CUMULATE":
		w = window.Cumulate(length["STEP"], length["SIZE"], length["OFFSET"])
	}
	if err := w.Check(); err != nil {
		return w, parser.Errorf(args["SIZE"].Pos, "", "%v", err)
	}
	if offset, size := length["OFFSET"], length["SIZE"]; offset >= size || -offset >= size {
		return w, parser.Errorf(args["OFFSET"].Pos, "write the rest of dividing it by the size, which makes the same windows", "the offset of a window must be less than its size")
	}
	return w, nil
}

// timeAttribute checks that a column is the event time of a relation, and returns its origin.
func timeAttribute(in *logical.Relation, table string, n parser.Name) (string, error) {
	e, err := single(in, "").resolve(&parser.Column{Pos: n.Pos, Name: n.Text})
	if err != nil {
		return "", err
	}
	c := in.Columns[e.(*expr.Column).Index]
	switch c.Role {
	case logical.RowTime:
		return c.Origin, nil
	case logical.WindowTime:
		return "", parser.Unsupported(n.Pos, "a window over the rows of another window", "aggregate the inner window first")
	}
	if table == "" {
		table = "this query"
	}
	return "", parser.Errorf(n.Pos, "declare WATERMARK FOR "+n.Text+" AS "+n.Text+" - INTERVAL '5' SECOND in the table, and select the column as it is",
		"the column %s of %s is not a time attribute", n.Text, table)
}
