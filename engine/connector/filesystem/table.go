package filesystem

import (
	"errors"
	"log/slog"

	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/table"
)

// OptionPath is the option that says where the files are.
const OptionPath = "path"

// The other options of the connector. Those of Flink have its names and defaults; of those of a source, all but
// monitor-interval are Weir's own.
const (
	optionMonitor  = "source.monitor-interval"
	optionOrder    = "source.split-order"
	optionSplit    = "source.split-size"
	optionAfter    = "source.after-read"
	optionMoveTo   = "source.move-to"
	optionForget   = "source.forget-after"
	optionFileSize = "sink.rolling-policy.file-size"

	pathRemedy     = "name a file, a folder or a glob, as a local path or a URL such as s3://bucket/folder"
	moveRemedy     = "name a folder of the same store, beside what the option 'path' selects"
	sinkPathRemedy = "name a folder, as a local path or a URL such as s3://bucket/folder"
)

// TableSource makes the source of a table.
func TableSource(t table.Spec, f codec.Format, log *slog.Logger) (connector.Source, error) {
	o := t.Options
	o.Allow(optionFileSize)
	c := SourceConfig{Format: f, Schema: t.Schema, Log: log}
	var err error
	if c.Path, err = o.Required(OptionPath, pathRemedy); err != nil {
		return nil, err
	}
	if c.Monitor, err = o.Duration(optionMonitor, 0); err != nil {
		return nil, err
	}
	if _, set := o.Get(optionMonitor); set && c.Monitor <= 0 {
		return nil, o.Errorf(optionMonitor, "write a span such as '10 s', or remove it to read once", "it must be longer than nothing")
	}
	if c.Order, err = order(o, c.Monitor > 0); err != nil {
		return nil, err
	}
	if c.SplitBytes, err = o.MemorySize(optionSplit, DefaultSplitBytes); err != nil {
		return nil, err
	}
	if c.SplitBytes <= 0 {
		return nil, o.Errorf(optionSplit, "write a size such as '64 mb'", "it must be at least one byte")
	}
	if err := afterRead(o, &c); err != nil {
		return nil, err
	}
	if err := forgetAfter(o, &c); err != nil {
		return nil, err
	}
	s, err := NewSource(c)
	var move *moveError
	if errors.As(err, &move) {
		return nil, o.Errorf(optionMoveTo, moveRemedy, "%v", err)
	}
	if err != nil {
		return nil, o.Errorf(OptionPath, pathRemedy, "%v", err)
	}
	return s, nil
}

// order reads the order of splits. The default is none for bounded input, and path for a monitored folder (P4).
func order(o *table.Options, monitored bool) (connector.SplitOrder, error) {
	values := []string{"none", "path"}
	if monitored {
		values = []string{"path", "none"}
	}
	v, err := o.OneOf(optionOrder, values...)
	if v == "path" {
		return connector.OrderPath, err
	}
	return connector.OrderNone, err
}

// afterRead reads what becomes of files that were read.
func afterRead(o *table.Options, c *SourceConfig) error {
	v, err := o.OneOf(optionAfter, "keep", "delete", "move")
	if err != nil {
		return err
	}
	to, set := o.Get(optionMoveTo)
	switch {
	case v == "move" && to == "":
		return o.Errorf(optionMoveTo, moveRemedy, "'%s' = 'move' needs it", optionAfter)
	case v != "move" && set:
		return o.Errorf(optionMoveTo, "set '"+optionAfter+"' = 'move', or remove it", "it has no effect with '%s' = '%s'", optionAfter, v)
	}
	c.AfterRead, c.MoveTo = map[string]AfterRead{"keep": KeepFiles, "delete": DeleteFiles, "move": MoveFiles}[v], to
	return nil
}

// forgetAfter reads when files are forgotten.
func forgetAfter(o *table.Options, c *SourceConfig) (err error) {
	c.ForgetAfter, err = o.Duration(optionForget, 0)
	if _, set := o.Get(optionForget); err != nil || !set {
		return err
	}
	if c.Monitor == 0 {
		return o.Errorf(optionForget, "set '"+optionMonitor+"', or remove it", "it has no effect on a source that reads once")
	}
	if c.ForgetAfter <= 0 {
		return o.Errorf(optionForget, "write a span such as '7 d', or remove it to forget nothing", "it must be longer than nothing")
	}
	return nil
}

// TableSink makes the sink of a table.
func TableSink(t table.Spec, f codec.WriteFormat) (connector.Sink, error) {
	o := t.Options
	o.Allow(optionMonitor, optionOrder, optionSplit, optionAfter, optionMoveTo, optionForget)
	c := SinkConfig{Format: f, Schema: t.Schema}
	var err error
	if c.Path, err = o.Required(OptionPath, sinkPathRemedy); err != nil {
		return nil, err
	}
	if c.FileBytes, err = o.MemorySize(optionFileSize, DefaultFileBytes); err != nil {
		return nil, err
	}
	if c.FileBytes <= 0 {
		return nil, o.Errorf(optionFileSize, "write a size such as '128 mb'", "it must be at least one byte")
	}
	s, err := NewSink(c)
	if err != nil {
		return nil, o.Errorf(OptionPath, sinkPathRemedy, "%v", err)
	}
	return s, nil
}
