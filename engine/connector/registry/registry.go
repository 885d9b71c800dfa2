// Package registry knows which connectors and formats there are: the one place that names them all. It makes the source
// or sink of a table from its declaration.
//
// A connector is added here by a line in [New], never by an init function.
package registry

import (
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/changejson"
	"github.com/weirstream/weir/engine/codec/csv"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/blackhole"
	"github.com/weirstream/weir/engine/connector/datagen"
	"github.com/weirstream/weir/engine/connector/filesystem"
	"github.com/weirstream/weir/engine/connector/kafka"
	"github.com/weirstream/weir/engine/connector/print"
	"github.com/weirstream/weir/engine/connector/table"
)

// Environment is what connectors use of the process.
type Environment struct {
	// Stdout and Stderr are where 'print' writes.
	Stdout, Stderr io.Writer
	// Log is told what a connector refuses; nil: nobody is.
	Log *slog.Logger
	// Now is the clock of 'datagen'.
	Now func() time.Time
}

// Registry is the set of connectors. It is safe for concurrent use.
type Registry struct {
	connectors map[string]factory
	formats    map[string]func(*table.Options) (codec.Format, error)
	// changes are the formats of changes, which are written only.
	changes map[string]func(*table.Options) (codec.WriteFormat, error)
}

// factory makes the sources and sinks of one connector; nil: it has none.
type factory struct {
	source func(table.Spec) (connector.Source, error)
	sink   func(table.Spec) (connector.Sink, error)
	// rate is the connector's own option for what OptionRate limits, with its default; empty: it has none.
	rate        string
	defaultRate float64
	// metadata says that columns may be METADATA.
	metadata bool
	// identity are the options that say where rows come from.
	identity []string
}

// New returns all connectors of Weir.
func New(env Environment) *Registry {
	r := &Registry{formats: map[string]func(*table.Options) (codec.Format, error){
		"json": jsonl.FromOptions,
		"csv":  csv.FromOptions,
	}, changes: map[string]func(*table.Options) (codec.WriteFormat, error){}}
	for _, name := range changejson.Names() {
		r.changes[name] = changejson.FromOptions(name)
	}
	r.connectors = map[string]factory{
		"filesystem": {
			source: func(t table.Spec) (connector.Source, error) {
				f, err := r.format(t.Options, optionFormat)
				if err != nil {
					return nil, err
				}
				return filesystem.TableSource(t, f, env.Log)
			},
			sink: func(t table.Spec) (connector.Sink, error) {
				f, err := r.writeFormat(t.Options, optionFormat)
				if err != nil {
					return nil, err
				}
				return filesystem.TableSink(t, f)
			},
			identity: []string{filesystem.OptionPath},
		},
		"datagen": {
			source: func(t table.Spec) (connector.Source, error) { return datagen.TableSource(t, env.Now) },
			rate:   datagen.OptionRate, defaultRate: datagen.DefaultRate,
		},
		"kafka": {
			source: func(t table.Spec) (connector.Source, error) {
				return kafka.TableSource(t, kafka.Formats{Read: r.formatOf}, env.Log)
			},
			sink: func(t table.Spec) (connector.Sink, error) {
				return kafka.TableSink(t, kafka.Formats{Read: r.formatOf, Write: r.writeFormatOf}, env.Log)
			},
			metadata: true,
			identity: []string{kafka.OptionTopic, kafka.OptionPattern},
		},
		"print": {
			sink: func(t table.Spec) (connector.Sink, error) { return newPrint(t, env) },
		},
		"blackhole": {
			sink: func(table.Spec) (connector.Sink, error) { return blackhole.New(), nil },
		},
	}
	return r
}

// Source makes the source of a table whose option 'connector' is name, and says how many rows per second the whole job may
// read of it; 0: no limit. Errors are those of options.
func (r *Registry) Source(name string, t table.Spec) (s connector.Source, rowsPerSecond float64, err error) {
	f, err := r.find(name, t, func(f factory) bool { return f.source != nil }, "reads")
	if err != nil {
		return nil, 0, err
	}
	if t.RowsPerSecond, err = f.readRate(t.Options); err != nil {
		return nil, 0, err
	}
	s, err = f.source(t)
	return s, t.RowsPerSecond, err
}

// readRate reads the rate of a source: the lower one, if the connector has an option of its own for it.
func (f *factory) readRate(o *table.Options) (float64, error) {
	rate, err := readRate(o, OptionRate, 0)
	if err != nil || f.rate == "" {
		return rate, err
	}
	own, err := readRate(o, f.rate, f.defaultRate)
	if rate == 0 || own > 0 && own < rate {
		rate = own
	}
	return rate, err
}

func readRate(o *table.Options, key string, byDefault float64) (float64, error) {
	rate, err := o.Float(key, byDefault)
	if err == nil && rate < 0 {
		err = o.Errorf(key, "write a number of rows, or 0 for no limit", "it cannot be negative")
	}
	return rate, err
}

// Sink makes the sink of a table whose option 'connector' is name. Errors are those of options.
func (r *Registry) Sink(name string, t table.Spec) (connector.Sink, error) {
	f, err := r.find(name, t, func(f factory) bool { return f.sink != nil }, "writes")
	if err != nil {
		return nil, err
	}
	t.Options.Allow(OptionRate)
	return f.sink(t)
}

// Identity says where a connector's rows come from, by the options that name the place.
func (r *Registry) Identity(name string, option func(key string) (value string, set bool)) string {
	s := optionConnector + " " + name
	for _, key := range r.connectors[name].identity {
		if v, ok := option(key); ok {
			s += "\n" + key + " " + v
		}
	}
	return s
}

const optionConnector, optionFormat = "connector", "format"

// OptionRate limits how fast a table is read, of every connector.
const OptionRate = "source.rows-per-second"

// find returns the connector that can do what is asked of it.
func (r *Registry) find(name string, t table.Spec, can func(factory) bool, does string) (factory, error) {
	t.Options.Allow(optionConnector)
	f, ok := r.connectors[name]
	if ok && can(f) {
		if len(t.Metadata) > 0 && !f.metadata {
			m := t.Metadata[0]
			return f, &table.OptionError{Table: t.Name, Key: optionConnector, Place: m.Place, Msg: "it has no metadata for the column " + t.Schema[m.Column].Name, Remedy: "remove the column"}
		}
		return f, nil
	}
	var able []string
	for _, n := range slices.Sorted(maps.Keys(r.connectors)) {
		if can(r.connectors[n]) {
			able = append(able, n)
		}
	}
	if ok {
		return f, t.Options.Errorf(optionConnector, "those that can are "+quoted(able), "no table with the connector '%s' %s rows", name, does)
	}
	return f, t.Options.Errorf(optionConnector, hint(name, able), "there is no connector '%s'", name)
}

// formatOf makes the format that an option names. Those of a key and of a value have options of their own, behind 'key.' and 'value.'.
func (r *Registry) formatOf(o *table.Options, option string) (codec.Format, error) {
	prefix := strings.TrimSuffix(option, optionFormat)
	return r.format(o.Under(prefix), optionFormat)
}

// format makes the format that an option names.
func (r *Registry) format(o *table.Options, option string) (codec.Format, error) {
	names := slices.Sorted(maps.Keys(r.formats))
	name, err := o.Required(option, "write one of "+quoted(names))
	if err != nil {
		return nil, err
	}
	read, ok := r.formats[name]
	if _, written := r.changes[name]; written {
		return nil, o.Errorf(option, "those that are read are "+quoted(names), "the format '%s' is not read yet, only written", name)
	}
	if !ok {
		return nil, o.Errorf(option, hint(name, names), "there is no format '%s'", name)
	}
	return read(o)
}

// writeFormat makes the format of a table that is written.
func (r *Registry) writeFormat(o *table.Options, option string) (codec.WriteFormat, error) {
	name, _ := o.Get(option)
	if made, ok := r.changes[name]; ok {
		return made(o)
	}
	return r.format(o, option)
}

// writeFormatOf is formatOf for a table that is written.
func (r *Registry) writeFormatOf(o *table.Options, option string) (codec.WriteFormat, error) {
	prefix := strings.TrimSuffix(option, optionFormat)
	return r.writeFormat(o.Under(prefix), optionFormat)
}

// hint says what a wrong name might have meant.
func hint(name string, known []string) string {
	if near := table.Nearest(name, known); near != "" {
		return "did you mean '" + near + "'?"
	}
	return "write one of " + quoted(known)
}

func quoted(names []string) string { return "'" + strings.Join(names, "', '") + "'" }

// newPrint makes the sink of a table that is printed.
func newPrint(t table.Spec, env Environment) (connector.Sink, error) {
	toStderr, err := t.Options.Bool("standard-error", false)
	if err != nil {
		return nil, err
	}
	out := env.Stdout
	if toStderr {
		out = env.Stderr
	}
	return print.New(out, t.Options.String("print-identifier", ""), t.Schema), nil
}
