package registry

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/codectest"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/table"
)

func spec(options map[string]string) table.Spec {
	o := table.NewOptions("t", "job.sql:1:1")
	for k, v := range options {
		o.Set(k, v, "job.sql:2:3", false)
	}
	return table.Spec{Name: "t", Schema: codectest.Schema, Options: o}
}

func TestEveryConnectorIsMadeFromItsOptions(t *testing.T) {
	dir := t.TempDir()
	r := New(Environment{Now: time.Now})
	for _, c := range []struct {
		name         string
		options      map[string]string
		source, sink bool
	}{
		{"filesystem", map[string]string{
			"path": dir, "format": "json", "source.monitor-interval": "10 s", "source.split-order": "none", "source.split-size": "1 mb",
			"source.after-read": "move", "source.move-to": dir + "-done", "source.forget-after": "7 d",
			"source.rows-per-second": "10", "sink.rolling-policy.file-size": "1 mb", "json.ignore-parse-errors": "true",
			"json.fail-on-missing-field": "false", "json.encode.ignore-null-fields": "true", "json.timestamp-format.standard": "ISO-8601",
		}, true, true},
		{"filesystem", map[string]string{"path": dir, "format": "csv", "csv.field-delimiter": ";", "csv.null-literal": "NULL"}, true, true},
		{"datagen", map[string]string{"number-of-rows": "10", "rows-per-second": "0", "fields.i.kind": "sequence", "fields.i.start": "1"}, true, false},
		{"print", map[string]string{"print-identifier": "x", "standard-error": "true"}, false, true},
		{"blackhole", nil, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.source {
				sp := spec(c.options)
				s, _, err := r.Source(c.name, sp)
				if err != nil {
					t.Fatal(err)
				}
				if p, ok := s.Payload().(*batch.Columns); !ok || !cmp.Equal(p.Schema, sp.Schema.Layout()) {
					t.Error("the source's payload is not columns of the table's schema")
				}
				if err := sp.Options.Check(); err != nil {
					t.Error(err)
				}
			}
			if c.sink {
				sp := spec(c.options)
				if _, err := r.Sink(c.name, sp); err != nil {
					t.Fatal(err)
				}
				if err := sp.Options.Check(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestTheRateOfASourceIsThatOfItsOptionsWhateverTheConnector(t *testing.T) {
	r := New(Environment{Now: time.Now})
	for _, c := range []struct {
		connector string
		options   map[string]string
		want      float64
	}{
		{"filesystem", nil, 0},
		{"filesystem", map[string]string{"source.rows-per-second": "2.5"}, 2.5},
		{"datagen", nil, 10000},
		{"datagen", map[string]string{"rows-per-second": "50"}, 50},
		{"datagen", map[string]string{"rows-per-second": "0", "number-of-rows": "1"}, 0},
		{"datagen", map[string]string{"source.rows-per-second": "20"}, 20},
		{"datagen", map[string]string{"source.rows-per-second": "20", "rows-per-second": "0"}, 20},
		{"datagen", map[string]string{"source.rows-per-second": "20", "rows-per-second": "30"}, 20},
		{"datagen", map[string]string{"source.rows-per-second": "20", "rows-per-second": "10"}, 10},
	} {
		sp := spec(c.options)
		if c.connector == "filesystem" {
			sp.Options.Set("path", t.TempDir(), "", false)
			sp.Options.Set("format", "json", "", false)
		}
		_, rate, err := r.Source(c.connector, sp)
		if err != nil || rate != c.want {
			t.Errorf("%s with %v: %v rows per second, %v; want %v", c.connector, c.options, rate, err, c.want)
		}
		if err := sp.Options.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestTheOrderOfSplitsFollowsTheKindOfInput(t *testing.T) {
	r := New(Environment{})
	for _, c := range []struct {
		name    string
		options map[string]string
		bounded bool
		want    connector.SplitOrder
	}{
		{"bounded", nil, true, connector.OrderNone},
		{"bounded, in path order", map[string]string{"source.split-order": "path"}, true, connector.OrderPath},
		{"monitored", map[string]string{"source.monitor-interval": "1 s"}, false, connector.OrderPath},
		{"monitored, in no order", map[string]string{"source.monitor-interval": "1 s", "source.split-order": "none"}, false, connector.OrderNone},
	} {
		t.Run(c.name, func(t *testing.T) {
			sp := spec(c.options)
			sp.Options.Set("path", t.TempDir(), "", false)
			sp.Options.Set("format", "json", "", false)
			s, _, err := r.Source("filesystem", sp)
			if err != nil {
				t.Fatal(err)
			}
			if s.Bounded() != c.bounded || s.Order() != c.want {
				t.Errorf("bounded %v, order %v", s.Bounded(), s.Order())
			}
		})
	}
}

func TestMistakesAreErrorsWithPlaceAndRemedy(t *testing.T) {
	r := New(Environment{})
	source := func(name string, t table.Spec) error { _, _, err := r.Source(name, t); return err }
	sink := func(name string, t table.Spec) error { _, err := r.Sink(name, t); return err }
	for _, c := range []struct {
		name, connector string
		make            func(string, table.Spec) error
		options         map[string]string
		want            string
	}{
		{"a misspelt connector", "filesytem", source, nil, "did you mean 'filesystem'?"},
		{"no such connector", "pulsar", source, nil, "write one of 'datagen', 'filesystem'"},
		{"a sink that is read", "print", source, nil, "no table with the connector 'print' reads rows"},
		{"a source that is written", "datagen", sink, nil, "those that can are 'blackhole', 'filesystem', 'kafka', 'print'"},
		{"no format", "filesystem", source, map[string]string{"path": "in"}, "'csv', 'json'"},
		{"a misspelt format", "filesystem", sink, map[string]string{"path": "in", "format": "jsn"}, "did you mean 'json'?"},
		{"no path", "filesystem", source, map[string]string{"format": "json"}, "'path'"},
		{"no path to write to", "filesystem", sink, map[string]string{"format": "json"}, "'path'"},
		{"a path of an unknown scheme", "filesystem", sink, map[string]string{"format": "json", "path": "ftp://x/y"}, "unknown scheme"},
		{"a malformed glob", "filesystem", source, map[string]string{"format": "json", "path": "in/[a"}, "glob"},
		{"a split of no size", "filesystem", source, map[string]string{"format": "json", "path": "in", "source.split-size": "0"}, "'source.split-size'"},
		{"an order that does not exist", "filesystem", source, map[string]string{"format": "json", "path": "in", "source.split-order": "time"}, "'source.split-order'"},
		{"an interval of nothing", "filesystem", source, map[string]string{"format": "json", "path": "in", "source.monitor-interval": "0"}, "'source.monitor-interval'"},
		{"nothing to do with what was read", "filesystem", source, map[string]string{"format": "json", "path": "in", "source.after-read": "burn"}, "'source.after-read'"},
		{"a move to nowhere", "filesystem", source, map[string]string{"format": "json", "path": "in", "source.after-read": "move"}, "'source.move-to'"},
		{"a move into what is read", "filesystem", source, map[string]string{"format": "json", "path": "in", "source.after-read": "move", "source.move-to": "in/done"}, "'source.move-to'"},
		{"a place for what stays", "filesystem", source, map[string]string{"format": "json", "path": "in", "source.move-to": "done"}, "'source.move-to'"},
		{"an age of nothing", "filesystem", source, map[string]string{"format": "json", "path": "in", "source.monitor-interval": "1 s", "source.forget-after": "0 s"}, "'source.forget-after'"},
		{"an age where nothing is looked for", "filesystem", source, map[string]string{"format": "json", "path": "in", "source.forget-after": "7 d"}, "'source.forget-after'"},
		{"a negative rate", "filesystem", source, map[string]string{"format": "json", "path": "in", "source.rows-per-second": "-1"}, "'source.rows-per-second'"},
		{"a rate that is no number", "filesystem", source, map[string]string{"format": "json", "path": "in", "source.rows-per-second": "fast"}, "'source.rows-per-second'"},
		{"a negative rate of rows that are made", "datagen", source, map[string]string{"rows-per-second": "-1", "number-of-rows": "1"}, "'rows-per-second'"},
		{"rows that are made without limit and end", "datagen", source, map[string]string{"rows-per-second": "0"}, "'rows-per-second'"},
		{"a file of no size", "filesystem", sink, map[string]string{"format": "json", "path": "in", "sink.rolling-policy.file-size": "0"}, "'sink.rolling-policy.file-size'"},
		{"options that contradict each other", "filesystem", source, map[string]string{"format": "json", "path": "in", "json.ignore-parse-errors": "true", "json.fail-on-missing-field": "true"}, "contradicts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.make(c.connector, spec(c.options))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "job.sql:") {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func TestPrintWritesToTheStreamThatItIsTold(t *testing.T) {
	for option, want := range map[string]string{"false": "out", "true": "err"} {
		var stdout, stderr bytes.Buffer
		r := New(Environment{Stdout: &stdout, Stderr: &stderr})
		s, err := r.Sink("print", spec(map[string]string{"standard-error": option}))
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.Writer(t.Context(), connector.WriterContext{Parallelism: 1})
		if err != nil {
			t.Fatal(err)
		}
		c := batch.NewColumns(codectest.Schema.Layout())
		for _, v := range c.Cols {
			v.AppendNull()
		}
		c.N = 1
		if err := w.Write(t.Context(), batch.Of(c)); err != nil {
			t.Fatal(err)
		}
		if (stdout.Len() > 0) != (want == "out") || (stderr.Len() > 0) != (want == "err") {
			t.Errorf("standard-error %s: %q, %q", option, &stdout, &stderr)
		}
	}
}
