package table

import (
	"errors"
	"testing"
	"time"
)

func optionsOf(pairs ...string) *Options {
	o := NewOptions("t", "job.sql:1:1")
	for i := 0; i < len(pairs); i += 2 {
		o.Set(pairs[i], pairs[i+1], "job.sql:2:7", false)
	}
	return o
}

func TestOptionsAreReadAsFlinkWritesThem(t *testing.T) {
	for _, c := range []struct {
		value string
		want  time.Duration
	}{{"10 s", 10 * time.Second}, {"1min", time.Minute}, {"2 d", 48 * time.Hour}, {"500 ms", 500 * time.Millisecond}, {"1500", 1500 * time.Millisecond}, {" 1 H ", time.Hour}, {"1m30s", 90 * time.Second}} {
		if got, err := optionsOf("k", c.value).Duration("k", 0); err != nil || got != c.want {
			t.Errorf("%q is %v (%v), want %v", c.value, got, err, c.want)
		}
	}
	for _, c := range []struct {
		value string
		want  int64
	}{{"128mb", 128 << 20}, {"64 kb", 64 << 10}, {"1g", 1 << 30}, {"77", 77}, {"2 Bytes", 2}} {
		if got, err := optionsOf("k", c.value).MemorySize("k", 0); err != nil || got != c.want {
			t.Errorf("%q is %v (%v), want %v", c.value, got, err, c.want)
		}
	}
	if n, err := optionsOf().Int("k", 7); n != 7 || err != nil {
		t.Errorf("the default is %d (%v)", n, err)
	}
	if b, err := optionsOf("k", "TRUE").Bool("k", false); !b || err != nil {
		t.Errorf("TRUE is %v (%v)", b, err)
	}
}

func TestWrongOptionsNameTheTableThePlaceAndTheRemedy(t *testing.T) {
	for _, c := range []struct {
		name string
		read func(o *Options) error
		o    *Options
		want string
	}{
		{"a number", func(o *Options) error { _, err := o.Int("k", 0); return err }, optionsOf("k", "ten"), "job.sql:2:7: option 'k' of table t: 'ten' is not a whole number; write digits such as '100'"},
		{"a fraction", func(o *Options) error { _, err := o.Float("k", 0); return err }, optionsOf("k", "NaN"), "job.sql:2:7: option 'k' of table t: 'NaN' is not a number; write a number such as '0.5'"},
		{"a truth value", func(o *Options) error { _, err := o.Bool("k", false); return err }, optionsOf("k", "yes"), "job.sql:2:7: option 'k' of table t: 'yes' is neither true nor false; write 'true' or 'false'"},
		{"a span", func(o *Options) error { _, err := o.Duration("k", 0); return err }, optionsOf("k", "-1s"), "job.sql:2:7: option 'k' of table t: '-1s' is not a time span; write a span such as '10 s', '5 min' or '1 h'"},
		{"a span beyond all time", func(o *Options) error { _, err := o.Duration("k", 0); return err }, optionsOf("k", "999999999999 d"), "job.sql:2:7: option 'k' of table t: '999999999999 d' is not a time span; write a span such as '10 s', '5 min' or '1 h'"},
		{"a size", func(o *Options) error { _, err := o.MemorySize("k", 0); return err }, optionsOf("k", "99999999999 gb"), "job.sql:2:7: option 'k' of table t: '99999999999 gb' is not a memory size; write a size such as '64 kb' or '128 mb'"},
		{"one of several", func(o *Options) error { _, err := o.OneOf("k", "none", "path"); return err }, optionsOf("k", "size"), "job.sql:2:7: option 'k' of table t: 'size' is not one of its values; write one of 'none', 'path'"},
		{"one that must be there", func(o *Options) error { _, err := o.Required("path", "write 'path' = '/data'"); return err }, optionsOf(), "job.sql:1:1: option 'path' of table t: it is required and is not set; write 'path' = '/data'"},
		{"a misspelt one", func(o *Options) error { o.Allow("path", "format"); return o.Check() }, optionsOf("fromat", "json"), "job.sql:2:7: option 'fromat' of table t: there is no such option; did you mean 'format'?"},
		{"one that nobody knows", func(o *Options) error { o.Allow("path", "format"); return o.Check() }, optionsOf("zzz", "json"), "job.sql:2:7: option 'zzz' of table t: there is no such option; the known options are 'format', 'path'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.read(c.o)
			var typed *OptionError
			if !errors.As(err, &typed) || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestASecretIsNotQuoted(t *testing.T) {
	o := NewOptions("t", "job.sql:1:1")
	o.Set("n", "hunter2", "job.sql:2:7", true)
	_, err := o.Int("n", 0)
	if want := "job.sql:2:7: option 'n' of table t: the secret is not a whole number; write digits such as '100'"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestOnlyNearWordsAreOffered(t *testing.T) {
	words := []string{"connector", "format", "path"}
	for _, c := range []struct{ word, want string }{{"conector", "connector"}, {"FORMAT", "format"}, {"pth", "path"}, {"zebra", ""}, {"", ""}} {
		if got := Nearest(c.word, words); got != c.want {
			t.Errorf("%q: %q, want %q", c.word, got, c.want)
		}
	}
}
