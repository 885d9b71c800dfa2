package csv

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/codectest"
	"github.com/weirstream/weir/engine/connector/table"
)

var people = &batch.Schema{Fields: []batch.Field{
	{Name: "name", Type: batch.String}, {Name: "age", Type: batch.Int}, {Name: "note", Type: batch.String},
}}

func decode(t *testing.T, f Format, s *batch.Schema, lines ...string) (*batch.Columns, error) {
	t.Helper()
	c := batch.NewColumns(s)
	d := f.Decoder(s)
	d.Into(c)
	for _, line := range lines {
		_, err := d.Decode([]byte(line))
		if bad := codectest.Check(c); bad != nil {
			t.Fatalf("after %q: %v", line, bad)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func TestDecode(t *testing.T) {
	plain := New()
	null := New()
	null.NullLiteral, null.HasNullLiteral = `\N`, true
	escape := New()
	escape.Escape = '\\'
	bare := New()
	bare.Quote = 0
	comments := New()
	comments.AllowComments = true
	ignore := New()
	ignore.IgnoreParseErrors = true
	for _, c := range []struct {
		name   string
		format Format
		line   string
		want   []string
	}{
		{"values in order", plain, `Ann,31,x`, []string{`["Ann", 31, "x"]`}},
		{"a carriage return before the line end", plain, "Ann,31,x\r", []string{`["Ann", 31, "x"]`}},
		{"white space around numbers", plain, `Ann, 31 ,x`, []string{`["Ann", 31, "x"]`}},
		{"white space in strings", plain, ` Ann ,31, `, []string{`[" Ann ", 31, " "]`}},
		{"quoted delimiters and quotes", plain, `"Smith, ""Ann""",31,""""`, []string{`["Smith, \"Ann\"", 31, "\""]`}},
		{"a quote inside a bare value", plain, `5" tall,31,x`, []string{`["5\" tall", 31, "x"]`}},
		{"empty values", plain, `,,`, []string{`["", NULL, ""]`}},
		{"quoted empty values", plain, `"","",""`, []string{`["", NULL, ""]`}},
		{"the null literal", null, `\N,\N,"\N"`, []string{`[NULL, NULL, "\\N"]`}},
		{"escapes", escape, `a\,b,31,"\"q\" \\"`, []string{`["a,b", 31, "\"q\" \\"]`}},
		{"no quotes", bare, `"Ann",31,"`, []string{`["\"Ann\"", 31, "\""]`}},
		{"blank", plain, ``, []string{}},
		{"comment", comments, `# Ann,31,x`, []string{}},
		{"no comment unless asked", plain, `#Ann,31,x`, []string{`["#Ann", 31, "x"]`}},
		{"a short row, errors ignored", ignore, `Ann`, []string{`["Ann", NULL, NULL]`}},
		{"a long row, errors ignored", ignore, `Ann,31,x,y,z`, []string{`["Ann", 31, "x"]`}},
		{"a word for a number, errors ignored", ignore, `Ann,old,x`, []string{`["Ann", NULL, "x"]`}},
		{"open quotes, errors ignored", ignore, `Ann,31,"x`, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decode(t, c.format, people, c.line)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, codectest.Rows(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMalformedLinesAreErrorsThatSayWhere(t *testing.T) {
	escape := New()
	escape.Escape = '\\'
	for _, c := range []struct {
		name   string
		format Format
		line   string
		at     int
		field  string
		want   string
	}{
		{"too few values", New(), `Ann,31`, 0, "", "2 values for 3 columns"},
		{"too many values", New(), `Ann,31,x,y`, 0, "", "4 values for 3 columns"},
		{"a word for a number", New(), `Ann,old,x`, 4, "age", "INT"},
		{"a number too large", New(), `Ann,4294967296,x`, 4, "age", "fit INT"},
		{"quotes left open", New(), `Ann,31,"x`, 7, "", "line breaks are not supported"},
		{"text behind quotes", New(), `"Ann"x,31,x`, 5, "", "closing quote"},
		{"not UTF-8", New(), "Ann,31,\xff", 7, "note", "UTF-8"},
		{"an escape at the end", escape, `Ann,31,x\`, 9, "", "escape"},
		{"an escape at the end of quotes", escape, `Ann,31,"x\`, 10, "", "escape"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decode(t, c.format, people, `Bob,7,before`, c.line)
			var bad *codec.Error
			if !errors.As(err, &bad) {
				t.Fatalf("no *codec.Error: %v", err)
			}
			if bad.At != c.at || bad.Field != c.field || !strings.Contains(bad.Reason, c.want) || bad.Remedy == "" {
				t.Errorf("at %d, field %q: %v", bad.At, bad.Field, bad)
			}
			if got.N != 1 {
				t.Errorf("%d rows remain, want the one before", got.N)
			}
		})
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	null := New()
	null.NullLiteral, null.HasNullLiteral = "null", true
	comments := null
	comments.AllowComments = true
	escape := null
	escape.Escape, escape.Delimiter = '\\', ';'
	for name, f := range map[string]Format{"quotes": null, "comments": comments, "escape": escape} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				rows := codectest.Random(rand.New(rand.NewPCG(seed, 1)), 50)
				lines := strings.Split(strings.TrimSuffix(string(f.Encoder(codectest.Schema).Append(nil, rows)), "\n"), "\n")
				back, err := decode(t, f, codectest.Schema, lines...)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if diff := cmp.Diff(codectest.Rows(rows), codectest.Rows(back)); diff != "" {
					t.Fatalf("seed %d: %s", seed, diff)
				}
			}
		})
	}
}

func TestARowOfOneEmptyValueIsNoBlankLine(t *testing.T) {
	for _, typ := range []batch.Type{batch.String, batch.Int} {
		s := &batch.Schema{Fields: []batch.Field{{Name: "v", Type: typ}}}
		rows := batch.NewColumns(s)
		if v, ok := rows.Cols[0].(*batch.Strings); ok {
			v.AppendString("")
		} else {
			rows.Cols[0].AppendNull()
		}
		rows.N = 1
		for _, quote := range []byte{'"', 0} {
			f := New()
			f.Quote = quote
			line := strings.TrimSuffix(string(f.Encoder(s).Append(nil, rows)), "\n")
			back, err := decode(t, f, s, line)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(codectest.Rows(rows), codectest.Rows(back)); diff != "" {
				t.Errorf("%v written as %q: %s", typ, line, diff)
			}
		}
	}
}

func TestFromOptions(t *testing.T) {
	want := Format{Delimiter: '\t', Quote: '\'', Escape: '\\', NullLiteral: "", HasNullLiteral: true, AllowComments: true, IgnoreParseErrors: true}
	for _, c := range []struct {
		name    string
		options map[string]string
		want    codec.Format
		err     string
	}{
		{"the defaults", nil, New(), ""},
		{"all", map[string]string{fieldDelimiter: `\t`, quoteCharacter: "'", escapeChar: `\`, nullLiteral: "", allowComments: "true", ignoreErrors: "true"}, want, ""},
		{"no quotes", map[string]string{disableQuote: "true"}, Format{Delimiter: ','}, ""},
		{"two characters", map[string]string{fieldDelimiter: "||"}, nil, "one ASCII character"},
		{"quotes given and disabled", map[string]string{disableQuote: "true", quoteCharacter: "'"}, nil, "contradicts"},
		{"one character for two", map[string]string{fieldDelimiter: `"`}, nil, "differ"},
		{"a delimiter in the null literal", map[string]string{nullLiteral: "a,b"}, nil, "delimiter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := table.NewOptions("t", "job.sql:1:1")
			for k, v := range c.options {
				o.Set(k, v, "job.sql:2:1", false)
			}
			got, err := FromOptions(o)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzADecodedRowIsWrittenAndReadBackTheSame(f *testing.F) {
	f.Add([]byte(`"Smith, ""Ann""",31,x`))
	f.Add([]byte(`a\,b,,"\N"`))
	f.Fuzz(func(t *testing.T, line []byte) {
		format := New()
		format.NullLiteral, format.HasNullLiteral = `\N`, true
		c := batch.NewColumns(people)
		d := format.Decoder(people)
		d.Into(c)
		ok, err := d.Decode(line)
		if bad := codectest.Check(c); bad != nil {
			t.Fatal(bad)
		}
		if ok != (c.N == 1) || ok && err != nil {
			t.Fatalf("%v, %v, %d rows", ok, err, c.N)
		}
		if !ok || bytes.ContainsAny(line, "\r\n") {
			return
		}
		written := bytes.TrimSuffix(format.Encoder(people).Append(nil, c), []byte("\n"))
		back := batch.NewColumns(people)
		d.Into(back)
		if _, err := d.Decode(written); err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		if diff := cmp.Diff(codectest.Rows(c), codectest.Rows(back)); diff != "" {
			t.Fatalf("%q: %s", written, diff)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var data []byte
	for i := range 4096 {
		data = fmt.Appendf(data, "2001-01-01 00:%02d:00,%d,%d,MCI,\"MDW, Chicago\"\n", i%60, i%300-30, i)
	}
	s := &batch.Schema{Fields: []batch.Field{
		{Name: "date", Type: batch.Timestamp}, {Name: "delay", Type: batch.BigInt}, {Name: "distance", Type: batch.BigInt},
		{Name: "origin", Type: batch.String}, {Name: "destination", Type: batch.String},
	}}
	c := batch.NewColumns(s)
	d := New().Decoder(s)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := data; len(rest) > 0; {
			if c.N >= batch.TargetRows || c.N == 0 {
				c.Reset()
				d.Into(c)
			}
			end := bytes.IndexByte(rest, '\n')
			if _, err := d.Decode(rest[:end]); err != nil {
				b.Fatal(err)
			}
			rest = rest[end+1:]
		}
	}
}
