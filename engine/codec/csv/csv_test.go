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
	"github.com/weirstream/weir/engine/types"
)

var people = types.Schema{
	{Name: "name", Type: types.String()}, {Name: "age", Type: types.Int()}, {Name: "note", Type: types.String()},
}

func decode(t *testing.T, f Format, s types.Schema, lines ...string) (*batch.Columns, error) {
	t.Helper()
	c := batch.NewColumns(s.Layout())
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
	emptyNull := New()
	emptyNull.HasNullLiteral = true
	tabs := New()
	tabs.Delimiter = '\t'
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
		{"the null literal, in quotes as well", null, `\N,\N,"\N"`, []string{`[NULL, NULL, NULL]`}},
		{"the empty null literal, in quotes another", emptyNull, `,"",""`, []string{`[NULL, NULL, ""]`}},
		{"one delimiter at the end", plain, `Ann,31,x,`, []string{`["Ann", 31, "x"]`}},
		{"one empty value more", plain, `Ann,31,x," "`, []string{`["Ann", 31, "x"]`}},
		{"blanks behind a closing quote", plain, "\"Ann\" \t,31,\"x\" ", []string{`["Ann", 31, "x"]`}},
		{"blanks before a quote", plain, ` "Ann",31,x`, []string{`[" \"Ann\"", 31, "x"]`}},
		{"a tab as delimiter behind a closing quote", tabs, "\"Ann\"\t31\tx", []string{`["Ann", 31, "x"]`}},
		{"a line break in quotes", plain, "\"An\nn\",31,\"x\r\n\"", []string{`["An\nn", 31, "x\r\n"]`}},
		{"escapes that stand for characters", escape, `\n\t\r\0\x,31,"\n\t\r\0\x"`, []string{`["\n\t\r\x00x", 31, "\n\t\r\x00x"]`}},
		{"an escaped line break", escape, "a\\\nb,31,x", []string{`["a\nb", 31, "x"]`}},
		{"an escaped carriage return before the line end", escape, "Ann,31,x\\\r", []string{`["Ann", 31, "x\r"]`}},
		{"an escaped escape and a carriage return", escape, "Ann,31,x\\\\\r", []string{`["Ann", 31, "x\\"]`}},
		{"escapes", escape, `a\,b,31,"\"q\" \\"`, []string{`["a,b", 31, "\"q\" \\"]`}},
		{"no quotes", bare, `"Ann",31,"`, []string{`["\"Ann\"", 31, "\""]`}},
		{"blank", plain, ``, []string{}},
		{"comment", comments, `# Ann,31,x`, []string{}},
		{"indented comment", comments, `  # Ann,31,x`, []string{}},
		{"a comment behind a tab is none", comments, "\t#Ann,31,x", []string{`["\t#Ann", 31, "x"]`}},
		{"a comment in quotes is none", comments, `"#Ann",31,x`, []string{`["#Ann", 31, "x"]`}},
		{"no comment unless asked", plain, `#Ann,31,x`, []string{`["#Ann", 31, "x"]`}},
		{"a short row, errors ignored", ignore, `Ann`, []string{`["Ann", NULL, NULL]`}},
		{"a long row, errors ignored", ignore, `Ann,31,x,y,z`, []string{}},
		{"a long row that ends in delimiters, errors ignored", ignore, `Ann,31,x,,`, []string{}},
		{"text behind quotes, errors ignored", ignore, `"Ann"x,31,x`, []string{}},
		{"text that is not UTF-8, errors ignored", ignore, "Ann,31,\xff", []string{}},
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
	single := New()
	single.SingleLine = true
	for _, c := range []struct {
		name   string
		format Format
		line   string
		at     int
		field  string
		want   string
	}{
		{"too few values", New(), `Ann,31`, 0, "", "2 values for 3 columns"},
		{"too many values", New(), `Ann,31,x,y`, 9, "", "more values than the 3 columns"},
		{"two delimiters at the end", New(), `Ann,31,x,,`, 9, "", "more values than the 3 columns"},
		{"a word for a number", New(), `Ann,old,x`, 4, "age", "INT"},
		{"a number too large", New(), `Ann,4294967296,x`, 4, "age", "fit INT"},
		{"quotes left open", New(), `Ann,31,"x`, 7, "", "never closed"},
		{"quotes left open where values have no line breaks", single, `Ann,31,"x`, 7, "", "'csv.quoted-line-breaks' = 'false'"},
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

// read cuts text into records as a file source does, and decodes them.
func read(t *testing.T, f Format, s types.Schema, text []byte) (*batch.Columns, error) {
	t.Helper()
	c := batch.NewColumns(s.Layout())
	d := f.Decoder(s)
	d.Into(c)
	h, header := d.(codec.HeaderDecoder)
	for len(text) > 0 {
		n, _ := f.Framing().Next(text, true)
		record := bytes.TrimSuffix(text[:n], []byte{'\n'})
		text = text[n:]
		var err error
		if header {
			var was bool
			was, err = h.Header(record)
			header = !was
		} else {
			_, err = d.Decode(record)
		}
		if bad := codectest.Check(c); bad != nil {
			t.Fatalf("after %q: %v", record, bad)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// formats are those that everything can be written in, but the string that stands for NULL.
func formats() map[string]Format {
	null := New()
	null.NullLiteral, null.HasNullLiteral = `NULL`, true
	comments := null
	comments.AllowComments = true
	escape := null
	escape.Escape, escape.Delimiter = '\\', ';'
	bare := escape
	bare.Quote, bare.AllowComments = 0, true
	single := escape
	single.SingleLine = true
	header := null
	header.Header, header.ISO8601 = true, true
	empty := New()
	empty.HasNullLiteral = true
	odd := null
	odd.Delimiter, odd.Quote = ':', '\''
	nul := null
	nul.Delimiter = 0
	digits := null
	digits.Delimiter, digits.Quote, digits.Escape = '1', 'e', '-'
	return map[string]Format{
		"quotes": null, "comments": comments, "escape": escape, "escapes alone": bare, "single lines": single, "header": header, "empty is NULL": empty,
		"NUL as delimiter": nul, "a delimiter that is in times": odd, "a delimiter that is in numbers": digits,
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	for name, f := range formats() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				rows := codectest.Random(rand.New(rand.NewPCG(seed, 1)), 50)
				e := f.Encoder(codectest.Schema)
				text, err := e.AppendHeader(nil)
				if err == nil {
					text, err = e.Append(text, rows)
				}
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				back, err := read(t, f, codectest.Schema, text)
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

// tableOf is the rows of a schema.
type tableOf struct {
	schema types.Schema
	*batch.Columns
}

// column returns a table of one column with one value, or NULL.
func column(typ types.Type, value any) tableOf {
	s := types.Schema{{Name: "v", Type: typ}}
	c := batch.NewColumns(s.Layout())
	switch v := value.(type) {
	case nil:
		c.Cols[0].AppendNull()
	case string:
		c.Cols[0].(*batch.Strings).AppendString(v)
	case int:
		c.Cols[0].(*batch.Fixed[int32]).Append(int32(v))
	}
	c.N = 1
	return tableOf{s, c}
}

func TestARowOfOneEmptyValueIsNoBlankLine(t *testing.T) {
	for name, f := range formats() {
		for _, rows := range []tableOf{column(types.String(), ""), column(types.String(), nil), column(types.Int(), nil)} {
			e := f.Encoder(rows.schema)
			written, err := e.AppendHeader(nil)
			if err == nil {
				written, err = e.Append(written, rows.Columns)
			}
			if err != nil {
				t.Fatal(err)
			}
			back, err := read(t, f, rows.schema, written)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(codectest.Rows(rows.Columns), codectest.Rows(back)); diff != "" {
				t.Errorf("%s: %v written as %q: %s", name, rows.schema[0].Type, written, diff)
			}
		}
	}
}

func TestWhatCannotBeReadBackIsNotWritten(t *testing.T) {
	bare := New()
	bare.Quote = 0
	comments := bare
	comments.AllowComments = true
	single := New()
	single.SingleLine = true
	null := New()
	null.HasNullLiteral, null.NullLiteral = true, "-1"
	bareNull := bare
	bareNull.HasNullLiteral = true
	for _, c := range []struct {
		name   string
		format Format
		rows   tableOf
		want   string
	}{
		{"a delimiter without quotes", bare, column(types.String(), "a,b"), "needs quotes"},
		{"a line break without quotes", bare, column(types.String(), "a\nb"), "needs quotes"},
		{"a carriage return without quotes", bare, column(types.String(), "a\rb"), "needs quotes"},
		{"a comment without quotes", comments, column(types.String(), "  #a"), "needs quotes"},
		{"a byte order mark without quotes", bare, column(types.String(), "\ufeffa"), "needs quotes"},
		{"a line break where there is none", single, column(types.String(), "a\nb"), "'csv.quoted-line-breaks' = 'false'"},
		{"a string that stands for NULL", null, column(types.String(), "-1"), "read as NULL"},
		{"a number that stands for NULL", null, column(types.Int(), -1), "read as NULL"},
		{"the empty string that stands for NULL, without quotes", bareNull, column(types.String(), ""), "read as NULL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			written, err := c.format.Encoder(c.rows.schema).Append([]byte("before"), c.rows.Columns)
			var bad *codec.Error
			if !errors.As(err, &bad) || !strings.Contains(bad.Reason, c.want) || bad.Field != "v" || bad.Remedy == "" {
				t.Errorf("%v, want %s", err, c.want)
			}
			if string(written) != "before" {
				t.Errorf("%q is left", written)
			}
		})
	}
}

func TestRecordsEndWhereFlinkEndsThem(t *testing.T) {
	escape := New()
	escape.Escape = '\\'
	comments := New()
	comments.AllowComments = true
	bare := New()
	bare.Quote = 0
	for _, c := range []struct {
		name   string
		format Format
		text   string
		want   []string
	}{
		{"lines", New(), "a\nb\n", []string{"a\n", "b\n"}},
		{"no last line end", New(), "a\nb", []string{"a\n", "b"}},
		{"CRLF", New(), "a\r\nb\r\n", []string{"a\r\n", "b\r\n"}},
		{"CR alone", New(), "a\rb\r\rc", []string{"a\r", "b\r", "\r", "c"}},
		{"quoted breaks", New(), "\"a\nb\",\"c\r\nd\"\ne\n", []string{"\"a\nb\",\"c\r\nd\"\n", "e\n"}},
		{"a quoted CR", New(), "\"a\rb\"\rc", []string{"\"a\rb\"\r", "c"}},
		{"doubled quotes before a break", New(), "\"a\"\"\nb\"\nc", []string{"\"a\"\"\nb\"\n", "c"}},
		{"a quote in a bare value", New(), "5\" tall\nb\n", []string{"5\" tall\n", "b\n"}},
		{"a quote behind a blank", New(), "a, \"b\nc\n", []string{"a, \"b\n", "c\n"}},
		{"text behind a closing quote", New(), "\"a\"b\"\nc\n", []string{"\"a\"b\"\n", "c\n"}},
		{"quotes left open end with their first line", New(), "a\n\"b\nc\nd", []string{"a\n", "\"b\n", "c\n", "d"}},
		{"escaped breaks", escape, "a\\\nb\n\"c\\\"\nd\"\ne", []string{"a\\\nb\n", "\"c\\\"\nd\"\n", "e"}},
		{"quotes in a comment", comments, "#\"a\nb\n", []string{"#\"a\n", "b\n"}},
		{"a comment in quotes", comments, "\"a\n#b\"\nc", []string{"\"a\n#b\"\n", "c"}},
		{"no quotes", bare, "\"a\nb\"\n", []string{"\"a\n", "b\"\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for rest := []byte(c.text); len(rest) > 0; {
				n, lines := c.format.Framing().Next(rest, true)
				if want := max(bytes.Count(rest[:n], []byte{'\n'}), 1); lines != want {
					t.Errorf("%q has %d lines, want %d", rest[:n], lines, want)
				}
				got = append(got, string(rest[:n]))
				// However much of what follows is seen, the record is the same or not yet known.
				for k := range rest {
					if m, _ := c.format.Framing().Next(rest[:k], false); m != 0 && m != n {
						t.Errorf("of %q the first record is %q, of its first %d bytes %q", rest, rest[:n], k, rest[:m])
					}
				}
				rest = rest[n:]
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAHeaderThatContradictsTheTableIsRefused(t *testing.T) {
	f := New()
	f.Header = true
	for text, want := range map[string]string{
		"name,age,note\nAnn,31,x\n":               "",
		"\r\n\"name\", age ,Remark\r\nAnn,31,x\n": "",
		"Full Name,years,note\nAnn,31,x\n":        "",
		"name,note,age\nAnn,x,31\n":               `"note" as value 2, but it is column 3`,
		"name,Age,note,age\nAnn,31,x,31\n":        `"age" as value 4, but it is column 2`,
		"\"name,age,note\nAnn,31,x\n":             "never closed",
	} {
		got, err := read(t, f, people, []byte(text))
		var bad *codec.Error
		if want != "" {
			if !errors.As(err, &bad) || !strings.Contains(bad.Reason, want) || bad.Remedy == "" {
				t.Errorf("%q: %v, want %s", text, err, want)
			}
		} else if diff := cmp.Diff([]string{`["Ann", 31, "x"]`}, codectest.Rows(got)); diff != "" || err != nil {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
}

func TestWhatIsSkippedIsCounted(t *testing.T) {
	f := New()
	f.IgnoreParseErrors, f.AllowComments = true, true
	c := batch.NewColumns(people.Layout())
	d := f.Decoder(people)
	d.Into(c)
	for _, record := range []string{"Ann,31,x", "Ann,31,x,y", "", "#", `"Ann`, "Ann,old,x"} {
		if _, err := d.Decode([]byte(record)); err != nil {
			t.Fatal(err)
		}
	}
	if d.Skipped() != 2 || c.N != 2 {
		t.Errorf("%d skipped, %d rows; want 2 and 2", d.Skipped(), c.N)
	}
}

func TestDatesOfOneDigitAndTimesWithOffsetsAreRead(t *testing.T) {
	s := types.Schema{{Name: "d", Type: types.Date()}, {Name: "t", Type: types.Timestamp(3)}}
	iso := New()
	iso.ISO8601 = true
	got, err := read(t, iso, s, []byte("2001-2-5,1970-01-01T01:00:00.5+01:00\n"))
	if diff := cmp.Diff([]string{"[11358, 500]"}, codectest.Rows(got)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	_, err = read(t, New(), s, []byte("2001-2-5,1970-01-01T01:00:00\n"))
	var bad *codec.Error
	if !errors.As(err, &bad) || !strings.Contains(bad.Reason, "yyyy-MM-dd HH:mm:ss[.SSS]") || !strings.Contains(bad.Remedy, "'csv.timestamp-format.standard' = 'ISO-8601'") {
		t.Errorf("%v names neither layout nor option", err)
	}
}

func TestFromOptions(t *testing.T) {
	want := Format{
		Delimiter: '\t', Quote: '\'', Escape: '\\', NullLiteral: "", HasNullLiteral: true, AllowComments: true, IgnoreParseErrors: true,
		Header: true, SingleLine: true, ISO8601: true,
	}
	for _, c := range []struct {
		name    string
		options map[string]string
		want    codec.Format
		err     string
	}{
		{"the defaults", nil, New(), ""},
		{"all", map[string]string{fieldDelimiter: `\t`, quoteCharacter: "'", escapeChar: `\`, nullLiteral: "", allowComments: "true", ignoreErrors: "true", header: "true", lineBreaks: "false", timestamps: "ISO-8601"}, want, ""},
		{"a delimiter by its number", map[string]string{fieldDelimiter: `\u0001`}, Format{Delimiter: 1, Quote: '"'}, ""},
		{"a delimiter beyond ASCII by its number", map[string]string{fieldDelimiter: `\u00e9`}, nil, "one ASCII character"},
		{"an escape in the null literal", map[string]string{escapeChar: `\`, nullLiteral: `\N`}, nil, "escape"},
		{"a delimiter that an escape makes another character", map[string]string{escapeChar: `\`, fieldDelimiter: "n"}, nil, "escape"},
		{"a null literal that is a comment", map[string]string{allowComments: "true", nullLiteral: " #"}, nil, "comment"},
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
	f.Add([]byte(`"Smith, ""Ann""",31,x`), uint8(0))
	f.Add([]byte("a\\,b,,\"\\N\"\n\"c\nd\",1,x\r\n"), uint8(1))
	f.Add([]byte("#a,,\n  #b,1,x\r"), uint8(14))
	f.Fuzz(func(t *testing.T, text []byte, kind uint8) {
		format := New()
		format.IgnoreParseErrors = true
		if kind&1 != 0 {
			format.HasNullLiteral, format.NullLiteral = true, "N"
		}
		if kind&2 != 0 {
			format.Escape = '\\'
		}
		if kind&4 != 0 {
			format.Quote = 0
		}
		format.AllowComments, format.SingleLine, format.Header = kind&8 != 0, kind&16 != 0, kind&32 != 0
		plain := format
		plain.Header = false // what is fuzzed are rows
		rows, err := read(t, plain, people, text)
		if err != nil {
			t.Fatal(err)
		}
		e := format.Encoder(people)
		written, err := e.AppendHeader(nil)
		if err == nil {
			written, err = e.Append(written, rows)
		}
		if err != nil {
			return // refused, which loses nothing
		}
		strict := format
		strict.IgnoreParseErrors = false
		back, err := read(t, strict, people, written)
		if err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		want := codectest.Rows(rows)
		if !format.HasNullLiteral {
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], "NULL", `""`)
			}
		}
		got := codectest.Rows(back)
		if !format.HasNullLiteral {
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], "NULL", `""`)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q: %s", written, diff)
		}
	})
}

func FuzzARecordDoesNotDependOnWhatFollows(f *testing.F) {
	f.Add([]byte("\"a\r\nb\"\"\",c\r\nd"), 3, uint8(1))
	f.Add([]byte("a\\\n\"b\"c\n\"d"), 5, uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, cut int, kind uint8) {
		format := New()
		if kind&1 != 0 {
			format.Escape = '\\'
		}
		format.AllowComments = kind&2 != 0
		if len(text) == 0 || cut < 0 || cut >= len(text) {
			return
		}
		whole, _ := format.Framing().Next(text, true)
		if whole <= 0 || whole > len(text) {
			t.Fatalf("a record of %d of %d bytes", whole, len(text))
		}
		if part, _ := format.Framing().Next(text[:cut], false); part != 0 && part != whole {
			t.Fatalf("%q ends after %d bytes, with the rest after %d", text[:cut], part, whole)
		}
		if again, _ := format.Framing().Next(text[:whole], true); again != whole {
			t.Fatalf("the record %q of %q is cut again after %d", text[:whole], text, again)
		}
	})
}

var benchSchema = types.Schema{
	{Name: "date", Type: types.Timestamp(3)}, {Name: "delay", Type: types.BigInt()}, {Name: "distance", Type: types.BigInt()},
	{Name: "origin", Type: types.String()}, {Name: "destination", Type: types.String()},
}

// benchLines are records of benchSchema.
func benchLines() [][]byte {
	var lines [][]byte
	for i := range 4096 {
		lines = append(lines, fmt.Appendf(nil, "2001-01-%02d 00:%02d:00,%d,%d,MCI,\"MDW, Chicago\"", i%28+1, i%60, i%300-30, i))
	}
	return lines
}

func decodeAll(b *testing.B, d codec.Decoder, c *batch.Columns, lines [][]byte) {
	c.Reset()
	d.Into(c)
	for _, line := range lines {
		if _, err := d.Decode(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	lines, c, d := benchLines(), batch.NewColumns(benchSchema.Layout()), New().Decoder(benchSchema)
	b.SetBytes(int64(len(bytes.Join(lines, nil)) + len(lines)))
	b.ReportAllocs()
	for b.Loop() {
		decodeAll(b, d, c, lines)
	}
}

func BenchmarkEncode(b *testing.B) {
	lines, c, e := benchLines(), batch.NewColumns(benchSchema.Layout()), New().Encoder(benchSchema)
	decodeAll(b, New().Decoder(benchSchema), c, lines)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, err = e.Append(out[:0], c); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(out)))
	}
}
