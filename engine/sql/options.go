package sql

import (
	"fmt"
	"strings"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/sql/catalog"
	"github.com/weirstream/weir/engine/sql/parser"
)

const (
	optionConnector = "connector"
	// optionIdle is how long a source without input holds the watermark back; Flink's name.
	optionIdle = "scan.watermark.idle-timeout"
	// The number of subtasks that read and that write a table, if it is not that of the job; Flink's names.
	optionScanParallelism = "scan.parallelism"
	optionSinkParallelism = "sink.parallelism"
)

// readParallelism returns the parallelism that an option of a table asks for; 0: none.
func readParallelism(o *table.Options, key string) (int, error) {
	if _, ok := o.Get(key); !ok {
		return 0, nil
	}
	n, err := o.Int(key, 0)
	if err == nil && (n < 1 || n > int64(config.Parallelism.Most)) {
		err = o.Errorf(key, "leave it out for that of the job", "%d is not within 1 and %d", n, config.Parallelism.Most)
	}
	return int(n), err
}

func (c Compiler) at(p parser.Pos) string { return fmt.Sprintf("%s:%d:%d", c.File, p.Line, p.Column) }

// spec declares a table to its connector, with the secrets in its options resolved.
func (c Compiler) spec(t *catalog.Table) (name string, s table.Spec, err error) {
	s = table.Spec{Name: t.Name, Schema: t.Physical, Options: table.NewOptions(t.Name, c.at(t.Pos))}
	for i := range t.Physical {
		if m := t.Metadata(i); m != nil {
			s.Metadata = append(s.Metadata, table.Metadata{Column: i, Key: m.Key, Virtual: m.Virtual, Place: c.at(m.Pos)})
		}
	}
	for _, o := range t.Options {
		value, secret, err := c.resolve(t, o)
		if err != nil {
			return "", s, err
		}
		s.Options.Set(o.Key, value, c.at(o.Pos), secret)
	}
	name, err = s.Options.Required(optionConnector, "write 'connector' = 'filesystem' or the like")
	return name, s, err
}

// resolve replaces every ${secret:name/key} in the value of an option (P11).
func (c Compiler) resolve(t *catalog.Table, o parser.Option) (value string, secret bool, err error) {
	const open = "${secret:"
	var out strings.Builder
	rest := o.Value
	for {
		before, after, found := strings.Cut(rest, open)
		out.WriteString(before)
		if !found {
			return out.String(), secret, nil
		}
		secret = true
		ref, tail, closed := strings.Cut(after, "}")
		name, key, whole := strings.Cut(ref, "/")
		switch {
		case !closed || !whole || name == "" || key == "":
			return "", true, parser.Errorf(o.ValuePos, "write '${secret:<name>/<key>}'", "the option '%s' of table %s has a malformed reference to a secret", o.Key, t.Name)
		case c.Secret == nil:
			return "", true, parser.Errorf(o.ValuePos, "leave it out: credentials are taken from the environment, in pods from spec.checkpoint.credentialsSecret", "the option '%s' of table %s refers to the secret %s, but there are no secrets here", o.Key, t.Name, ref)
		}
		v, err := c.Secret(ref)
		if err != nil {
			return "", true, parser.Errorf(o.ValuePos, "leave it out: credentials are taken from the environment, in pods from spec.checkpoint.credentialsSecret", "the option '%s' of table %s: secret %s: %v", o.Key, t.Name, ref, err)
		}
		out.WriteString(v)
		rest = tail
	}
}
