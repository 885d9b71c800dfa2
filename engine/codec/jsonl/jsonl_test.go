package jsonl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/codectest"
	"github.com/weirstream/weir/engine/types"
)

// decode reads lines until the first error.
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

func TestDecodeReadsWhatFlinkReads(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"a member for each column", `{"s":"x","b":true,"i":1,"l":2,"d":3.5,"day":"1970-01-02","ts":"1970-01-01 00:00:01.5"}`, `["x", true, 1, 2, 3.5, 1, 1500]`},
		{"members in another order", `{"l":2,"i":1,"s":"x"}`, `["x", NULL, 1, 2, NULL, NULL, NULL]`},
		{"an empty object", `{}`, `[NULL, NULL, NULL, NULL, NULL, NULL, NULL]`},
		{"null", `{"s":null,"i":null}`, `[NULL, NULL, NULL, NULL, NULL, NULL, NULL]`},
		{"white space", " { \"s\" : \"x\" , \"i\" :\t1 } \r", `["x", NULL, 1, NULL, NULL, NULL, NULL]`},
		{"white space before one colon", `{"s" :"x","i":1}`, `["x", NULL, 1, NULL, NULL, NULL, NULL]`},
		{"a very long name", `{"` + strings.Repeat("x", 300) + `":7,"i":1}`, `[NULL, NULL, 1, NULL, NULL, NULL, NULL]`},
		{"unknown members of every kind", `{"x":{"a":[1,{"b":"]}"}],"c":{}},"y":[[],[null,true]],"z":"\"}","w":-1e5,"i":1}`, `[NULL, NULL, 1, NULL, NULL, NULL, NULL]`},
		{"of equal names the last counts", `{"s":"a","s":"bc","i":1,"i":null,"d":1,"d":2}`, `["bc", NULL, NULL, NULL, 2, NULL, NULL]`},
		{"names with escapes", `{"\u0073":"x"}`, `["x", NULL, NULL, NULL, NULL, NULL, NULL]`},
		{"escapes", `{"s":"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00"}`, `["\"\\/\b\f\n\r\tä😀", NULL, NULL, NULL, NULL, NULL, NULL]`},
		{"numbers as text", `{"i":" 12 ","l":"-9223372036854775808","d":"1e2","b":"TRUE"}`, `[NULL, true, 12, -9223372036854775808, 100, NULL, NULL]`},
		{"fractions in integers are dropped", `{"i":3.99,"l":-3.99e2}`, `[NULL, NULL, 3, -399, NULL, NULL, NULL]`},
		{"the largest numbers", `{"i":2147483647,"l":9223372036854775807,"d":1.7976931348623157e308}`, `[NULL, NULL, 2147483647, 9223372036854775807, 1.7976931348623157e+308, NULL, NULL]`},
		{"negative zero", `{"d":-0}`, `[NULL, NULL, NULL, NULL, -0, NULL, NULL]`},
		{"doubles that JSON has no number for", `{"d":"NaN"}`, `[NULL, NULL, NULL, NULL, NaN, NULL, NULL]`},
		{"any value as a string", `{"s":{"a": [1]}}`, `["{\"a\": [1]}", NULL, NULL, NULL, NULL, NULL, NULL]`},
		{"a number as a string keeps its text", `{"s":1.50}`, `["1.50", NULL, NULL, NULL, NULL, NULL, NULL]`},
		{"a timestamp of milliseconds", `{"ts":"1970-01-01 00:00:01.005","i":1}`, `[NULL, NULL, 1, NULL, NULL, NULL, 1005]`},
		{"a truth value as a string", `{"s":false}`, `["false", NULL, NULL, NULL, NULL, NULL, NULL]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Twice: the second time the names are predicted.
			got, err := decode(t, Format{}, codectest.Schema, c.line, c.line)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{c.want, c.want}, codectest.Rows(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIntegersOfAllLengthsAreRead(t *testing.T) {
	s := types.Schema{{Name: "l", Type: types.BigInt()}, {Name: "i", Type: types.Int()}}
	var lines, want []string
	for power := int64(1); power <= math.MaxInt64/10; power *= 10 {
		for _, v := range []int64{power - 1, power, power + 1, -power, 1 - power, -power - 1} {
			i := v % (math.MaxInt32 + 1)
			lines = append(lines, fmt.Sprintf(`{"l":%d,"i":%d}`, v, i), fmt.Sprintf(`{"l":%d , "i":%d }    `, v, i))
			row := fmt.Sprintf("[%d, %d]", v, i)
			want = append(want, row, row)
		}
	}
	got, err := decode(t, Format{}, s, lines...)
	if diff := cmp.Diff(want, codectest.Rows(got)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// textsOfAllLengths has in each length a text without, and in each place one with each of some characters that are not as others.
func textsOfAllLengths() (texts []string) {
	const plain = "abcdefghijklmnopqrstuvwxyz"
	for n := range len(plain) {
		texts = append(texts, plain[:n])
		for at := range n {
			for _, c := range []string{`"`, `\`, "\n", "\r", "\t", "\x00", "\x1f", "\x7f", "ä", "日", "😀"} {
				texts = append(texts, plain[:at]+c+plain[at:n])
			}
		}
	}
	return texts
}

func TestStringsOfAllLengthsAreWrittenAndRead(t *testing.T) {
	s := types.Schema{{Name: "a", Type: types.String()}, {Name: "b", Type: types.String()}}
	rows := batch.NewColumns(s.Layout())
	texts := textsOfAllLengths()
	for i, text := range texts {
		rows.Cols[0].(*batch.Strings).AppendString(text)
		rows.Cols[1].(*batch.Strings).AppendString(texts[len(texts)-1-i])
		rows.N++
	}
	lines := strings.Split(strings.TrimSuffix(string(encode(t, Format{}, s, rows)), "\n"), "\n")
	for i, line := range lines {
		var m struct{ A, B string }
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.A != texts[i] || m.B != texts[len(texts)-1-i] {
			t.Fatalf("%q is written %s: %v", texts[i], line, err)
		}
	}
	back, err := decode(t, Format{}, s, lines...)
	if diff := cmp.Diff(codectest.Rows(rows), codectest.Rows(back)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestLongNamesThatBeginAlikeAreToldApart(t *testing.T) {
	const prefix = "a name of more than sixteen bytes "
	s := types.Schema{{Name: prefix + "1", Type: types.Int()}, {Name: prefix + "2", Type: types.Int()}}
	got, err := decode(t, Format{}, s,
		`{"`+prefix+`1":1,"`+prefix+`2":2}`, `{"`+prefix+`2":2,"`+prefix+`1":1}`, `{"`+prefix+`3":3,"`+prefix+`2":2}`)
	if diff := cmp.Diff([]string{"[1, 2]", "[1, 2]", "[NULL, 2]"}, codectest.Rows(got)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestDecodeSkipsBlankLines(t *testing.T) {
	got, err := decode(t, Format{}, codectest.Schema, "", " \t\r")
	if err != nil || got.N != 0 {
		t.Errorf("%d rows, %v", got.N, err)
	}
}

func TestMalformedLinesAreErrorsThatSayWhere(t *testing.T) {
	for _, c := range []struct {
		name, line string
		at         int
		want       string
	}{
		{"no object", `1`, 0, "one JSON object"},
		{"an array of something else", `[1]`, 1, "no JSON object"},
		{"an array in an array", `[[{}]]`, 1, "no JSON object"},
		{"an array that does not end", `[`, 1, "no JSON object"},
		{"no comma in an array", `[null null]`, 6, "','"},
		{"cut off behind the brace", `{`, 1, "name"},
		{"cut off in a name", `{"s`, 3, "does not end"},
		{"cut off in a string", `{"s":"abc`, 9, "does not end"},
		{"cut off in an escape", `{"s":"abc\`, 10, "does not end"},
		{"cut off in a value", `{"s":`, 5, "value is missing"},
		{"no colon", `{"s" 1}`, 5, "':'"},
		{"no comma", `{"s":1 "i":2}`, 7, "','"},
		{"a comma too many", `{"s":1,}`, 7, "name"},
		{"a bare word", `{"s":nil}`, 5, "not a JSON value"},
		{"a leading zero", `{"i":01}`, 5, "not a JSON value"},
		{"a point without digits", `{"i":1.}`, 5, "point"},
		{"an exponent without digits", `{"i":1e}`, 7, "exponent"},
		{"a plus sign", `{"i":+1}`, 5, "not a JSON value"},
		{"not UTF-8", "{\"s\":\"\xff\"}", 6, "UTF-8"},
		{"an unknown escape", `{"s":"\x"}`, 6, "escape"},
		{"a broken value of an unknown member", `{"x":[1,}`, 8, "not a JSON value"},
		{"an unknown escape in an unknown member", `{"x":"\q"}`, 6, "escape"},
		{"a bracket of the wrong kind", `{"x":[1}}`, 7, "']'"},
		{"too deep", `{"x":` + strings.Repeat("[", 5000), 1004, "nested"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decode(t, Format{}, codectest.Schema, `{"s":"before"}`, c.line)
			var bad *codec.Error
			if !errors.As(err, &bad) {
				t.Fatalf("no *codec.Error: %v", err)
			}
			if bad.At != c.at || !strings.Contains(bad.Reason, c.want) || bad.Remedy == "" {
				t.Errorf("at %d: %v; want at %d: %s", bad.At, bad, c.at, c.want)
			}
			if got.N != 1 {
				t.Errorf("%d rows remain, want the one before", got.N)
			}
			ignored, err := decode(t, Format{IgnoreParseErrors: true}, codectest.Schema, c.line, `{"s":"after"}`)
			if err != nil || ignored.N != 1 {
				t.Errorf("with errors ignored: %d rows, %v; want the one after", ignored.N, err)
			}
		})
	}
}

func TestIgnoringErrorsKeepsWhatFlinkKeeps(t *testing.T) {
	s := types.Schema{{Name: "s", Type: types.String()}, {Name: "i", Type: types.Int()}}
	for _, c := range []struct {
		name, line string
		want       []string
		skipped    int64
		strict     string // what is said where errors are not ignored; empty: the same rows
	}{
		{"text behind the object", `{"i":1} xyz`, []string{`[NULL, 1]`}, 1, "follows"},
		{"a second object", `{"i":1}{"i":2}`, []string{`[NULL, 1]`}, 1, "follows"},
		{"a comma behind the object", `{"i":1},`, []string{`[NULL, 1]`}, 1, "follows"},
		{"an array of objects", ` [{"i":1}, {"i":2} ] `, []string{`[NULL, 1]`, `[NULL, 2]`}, 0, ""},
		{"an empty array", `[]`, []string{}, 0, ""},
		{"null in an array", `[{"i":1},null,{"i":3}]`, []string{`[NULL, 1]`, `[NULL, 3]`}, 0, ""},
		{"a number in an array", `[{"i":1},2,{"i":3}]`, []string{`[NULL, 1]`, `[NULL, 3]`}, 1, "no JSON object"},
		{"an array with a value that does not fit", `[{"i":1},{"i":"k"},{"i":3}]`, []string{`[NULL, 1]`, `[NULL, NULL]`, `[NULL, 3]`}, 0, "INT"},
		{"an array that is cut off", `[{"i":1},{"i":2},{"i":`, []string{`[NULL, 1]`, `[NULL, 2]`}, 1, "missing"},
		{"an array and something behind it", `[{"i":1}] x`, []string{`[NULL, 1]`}, 1, "follows"},
		{"a control character", "{\"s\":\"a\x01\tb\",\"i\":1}", []string{`["a\x01\tb", 1]`}, 0, "control"},
		{"a control character that is skipped", "{\"z\x01\":\"\x02\",\"i\":1}", []string{`[NULL, 1]`}, 0, "control"},
		{"a control character in an array", "[{\"i\":1},{\"s\":\"\x02\"}]", []string{`[NULL, 1]`, `["\x02", NULL]`}, 0, "control"},
		{"the first half of a pair", `{"s":"a\ud83dz","i":1}`, []string{`["a�z", 1]`}, 0, "surrogate"},
		{"the second half of a pair", `{"s":"a\ude00","i":1}`, []string{`["a�", 1]`}, 0, "surrogate"},
		{"a half before a pair", `{"s":"\ud83d\ud83d\ude00","i":1}`, []string{`["�😀", 1]`}, 0, "surrogate"},
		{"a half that is skipped", `{"\ud83d":1,"i":1}`, []string{`[NULL, 1]`}, 0, "surrogate"},
		{"an escaped backslash before what looks like a half", "{\"s\":\"\\\\ud83d\x01\"}", []string{`["\\ud83d\x01", NULL]`}, 0, "control"},
		{"not UTF-8", "{\"s\":\"a\xff\",\"i\":1}", []string{}, 1, "UTF-8"},
		{"an unknown escape", `{"s":"\q","i":1}`, []string{}, 1, "escape"},
		{"no object", `null`, []string{}, 1, "one JSON object"},
		{"a name twice, the last does not fit", `{"i":1,"i":"k"}`, []string{`[NULL, NULL]`}, 0, "INT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			into := batch.NewColumns(s.Layout())
			d := Format{IgnoreParseErrors: true}.Decoder(s)
			d.Into(into)
			any, err := d.Decode([]byte(c.line))
			if bad := codectest.Check(into); bad != nil || err != nil || any != (len(c.want) > 0) {
				t.Fatal(any, err, bad)
			}
			if diff := cmp.Diff(c.want, codectest.Rows(into)); diff != "" {
				t.Error(diff)
			}
			if d.Skipped() != c.skipped {
				t.Errorf("%d skipped, want %d", d.Skipped(), c.skipped)
			}
			strict, err := decode(t, Format{}, s, c.line)
			if c.strict != "" {
				if err == nil || !strings.Contains(err.Error(), c.strict) || strict.N != 0 {
					t.Errorf("where errors are not ignored: %v and %d rows, want %s", err, strict.N, c.strict)
				}
			} else if diff := cmp.Diff(c.want, codectest.Rows(strict)); diff != "" || err != nil {
				t.Errorf("where errors are not ignored: %v %s", err, diff)
			}
		})
	}
}

func TestValuesThatDoNotFitAreErrorsOrNull(t *testing.T) {
	for _, c := range []struct{ name, column, value, want string }{
		{"a word for an INT", "i", `"x"`, "INT"},
		{"an INT too large", "i", `2147483648`, "fit INT"},
		{"an INT too large in text", "i", `"2147483648"`, "fit INT"},
		{"a fraction too large for INT", "i", `2147483648.5`, "fit INT"},
		{"a BIGINT too large", "l", `9223372036854775808`, "BIGINT"},
		{"2^63 with an exponent", "l", `9.223372036854775808e18`, "fit BIGINT"},
		{"an object for an INT", "i", `{"a":1}`, "INT"},
		{"a truth value for an INT", "i", `true`, "INT"},
		{"a number for a BOOLEAN", "b", `1`, "BOOLEAN"},
		{"a word for a BOOLEAN", "b", `"yes"`, "BOOLEAN"},
		{"a DOUBLE too large", "d", `1e999`, "DOUBLE"},
		{"a hexadecimal DOUBLE", "d", `"0x1p3"`, "DOUBLE"},
		{"a word for a DOUBLE", "d", `"inf"`, "DOUBLE"},
		{"no date", "day", `"2001-02-29"`, "DATE"},
		{"a number for a TIMESTAMP", "ts", `978307200000`, "TIMESTAMP"},
		{"an ISO timestamp under the SQL standard", "ts", `"2001-01-01T00:00:00"`, "it is not a TIMESTAMP(3), which is written yyyy-MM-dd HH:mm:ss[.SSS]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			line := fmt.Sprintf(`{"s":"x",%q:%s}`, c.column, c.value)
			_, err := decode(t, Format{}, codectest.Schema, line)
			var bad *codec.Error
			if !errors.As(err, &bad) || bad.Field != c.column || !strings.Contains(bad.Reason, c.want) {
				t.Fatalf("%v, want one of field %s: %s", err, c.column, c.want)
			}
			if at := strings.LastIndex(line, c.value); bad.At != at {
				t.Errorf("at %d, want %d", bad.At, at)
			}
			got, err := decode(t, Format{IgnoreParseErrors: true}, codectest.Schema, line)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{`["x", NULL, NULL, NULL, NULL, NULL, NULL]`}, codectest.Rows(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAMissingFieldIsAnErrorWhereItIsAsked(t *testing.T) {
	got, err := decode(t, Format{FailOnMissingField: true}, codectest.Schema, `{"s":"x"}`)
	var bad *codec.Error
	if !errors.As(err, &bad) || bad.Field != "b" || got.N != 0 {
		t.Errorf("%v, %d rows", err, got.N)
	}
}

func TestISO8601ReadsAndWritesT(t *testing.T) {
	s := types.Schema{{Name: "ts", Type: types.Timestamp(3)}}
	f := Format{ISO8601: true}
	got, err := decode(t, f, s, `{"ts":"2001-01-01T00:00:00.25Z"}`)
	if err != nil {
		t.Fatal(err)
	}
	if out := encode(t, f, s, got); string(out) != `{"ts":"2001-01-01T00:00:00.25"}`+"\n" {
		t.Errorf("%s", out)
	}
	got, err = decode(t, f, s, `{"ts":"1970-01-01T02:00:00+01:00"}`)
	if diff := cmp.Diff([]string{"[3600000]"}, codectest.Rows(got)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	_, err = decode(t, f, s, `{"ts":"2001-01-01 00:00:00"}`)
	var bad *codec.Error
	if !errors.As(err, &bad) || !strings.Contains(bad.Reason, "yyyy-MM-ddTHH:mm:ss[.SSS][Z or offset]") || !strings.Contains(bad.Remedy, "'json.timestamp-format.standard' = 'SQL'") {
		t.Errorf("%v names neither layout nor option", err)
	}
}

// encode writes all rows.
func encode(t *testing.T, f Format, s types.Schema, c *batch.Columns) []byte {
	t.Helper()
	e := f.Encoder(s)
	out, err := e.AppendHeader(nil)
	if err == nil {
		out, err = e.Append(out, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDoublesAreWrittenAsFlinkWritesThem(t *testing.T) {
	s := types.Schema{{Name: "d", Type: types.Double()}}
	for want, v := range map[string]float64{"1.0": 1, "9999999.0": 9999999, "1.0E7": 1e7, "0.001": 1e-3, "1.0E-4": 1e-4, "-0.0": math.Copysign(0, -1), "0.1": .1, `"NaN"`: math.NaN(), `"-Infinity"`: math.Inf(-1)} {
		c := batch.NewColumns(s.Layout())
		c.Cols[0].(*batch.Fixed[float64]).Append(v)
		c.N = 1
		if out := encode(t, Format{}, s, c); string(out) != `{"d":`+want+"}\n" {
			t.Errorf("%v is written %s, want %s", v, out, want)
		}
	}
}

func TestWhatIsWrittenIsReadBackAndIsWhatTheStandardLibraryReads(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		rows := codectest.Random(rng, 50)
		f := Format{EncodeIgnoreNullFields: seed%2 == 0}
		out := encode(t, f, codectest.Schema, rows)
		lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		for i, line := range lines {
			var m struct{ S *string }
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatalf("seed %d: %s: %v", seed, line, err)
			}
			if m.S != nil && *m.S != string(rows.Cols[0].(*batch.Strings).At(i)) {
				t.Errorf("seed %d: %s: %q", seed, line, *m.S)
			}
		}
		back, err := decode(t, f, codectest.Schema, lines...)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(codectest.Rows(rows), codectest.Rows(back)); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

func TestDecodingAndEncodingDoNotAllocatePerRecord(t *testing.T) {
	lines := bytes.Split(bytes.TrimSpace(flights(256)), []byte("\n"))
	c := batch.NewColumns(flightSchema.Layout())
	d, e := Format{}.Decoder(flightSchema), Format{}.Encoder(flightSchema)
	var out []byte
	run := func() {
		c.Reset()
		d.Into(c)
		for _, line := range lines {
			if _, err := d.Decode(line); err != nil {
				t.Fatal(err)
			}
		}
		out, _ = e.Append(out[:0], c)
	}
	run()
	if n := testing.AllocsPerRun(20, run); n > 0 {
		t.Errorf("%v allocations for %d records", n, len(lines))
	}
}

func FuzzDecodeAcceptsWhatTheStandardLibraryAccepts(f *testing.F) {
	f.Add([]byte(`{"s":"x","b":true,"i":1,"l":2,"d":3.5,"day":"1970-01-02","ts":"1970-01-01 00:00:01.5"}`))
	f.Add([]byte(`{"s":{"a":[1,"\ud83d\ude00"]},"x":[{}],"i":"1"}`))
	f.Add([]byte(`{"d":123456789012345678901234567890e-20}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsRune(line, '\n') {
			return
		}
		c := batch.NewColumns(codectest.Schema.Layout())
		d := newDecoder(Format{}, codectest.Schema)
		d.Into(c)
		_, err := d.Decode(line)
		if bad := codectest.Check(c); bad != nil {
			t.Fatal(bad)
		}
		var syntax *codec.Error
		first := bytes.TrimLeft(line, " \t\r")
		isObject := json.Valid(line) && bytes.HasPrefix(first, []byte("{"))
		malformed := errors.As(err, &syntax) && syntax.Field == ""
		// The standard library repairs what is not Unicode; this package refuses it.
		if isObject && malformed && utf8.Valid(line) && !bytes.Contains(line, []byte(`\u`)) && !strings.Contains(syntax.Reason, "nested") {
			t.Fatalf("refused: %v", err)
		}
		if !isObject && err == nil && c.N > 0 && !(json.Valid(line) && bytes.HasPrefix(first, []byte("["))) {
			t.Fatal("accepted")
		}
		ignoring := newDecoder(Format{IgnoreParseErrors: true}, codectest.Schema)
		into := batch.NewColumns(codectest.Schema.Layout())
		ignoring.Into(into)
		if _, ignored := ignoring.Decode(line); ignored != nil || err == nil && into.N != c.N || codectest.Check(into) != nil {
			t.Fatalf("with errors ignored: %v, %d rows, %v", ignored, into.N, codectest.Check(into))
		}
		if isObject && err == nil && c.N > 0 {
			compareDouble(t, line, c.Cols[4].(*batch.Fixed[float64]))
		}
	})
}

// FuzzARowIsReadAsIfNoneWereBefore holds what is predicted from a line to be no more than that.
func FuzzARowIsReadAsIfNoneWereBefore(f *testing.F) {
	f.Add([]byte(`{"i":1,"l":2}`), []byte(`{"i":01,"l":2}`))
	f.Add([]byte(`{"i":1,"l":2}`), []byte(`{"i":1.5,"l":2e1}`))
	f.Add([]byte(`{"i":1,"l":2}`), []byte(`{"i":,"l":-}`))
	f.Add([]byte(`{"i":1,"l":2}`), []byte(`{"i":4294967296,"l":2}`))
	f.Add([]byte(`{"s":"x","i":1}`), []byte("{\"s\":\"a\xff\",\"i\":1}"))
	f.Add([]byte(`{"s":"x","i":1}`), []byte("{\"s\":\"a long one with a \x01 in it\",\"i\":1}"))
	f.Add([]byte(`{"s":"x"}`), []byte(`{"s":"x`))
	f.Add([]byte(`{"s": "x", "i": 1}`), []byte(`{"s":   "x", "i":1}`))
	f.Add([]byte(`{"s":"x","s":"y","i":1}`), []byte(`{"s":"x","i":2,"i":3}`))
	f.Add([]byte(`{"ts":"2001-01-01 00:00:00","day":"2001-01-01"}`), []byte(`{"ts":"2001-01-32 00:00:00","day":"2001-01-01"}`))
	f.Add([]byte(`{"ts":"2001-01-01 00:00:00","day":"2001-01-01"}`), []byte(`{"ts":"2001-01-31 00:00:00.12\u0031"}`))
	f.Add([]byte(`{"s":"x","unknown":[1],"i":1}`), []byte(`[{"s":"x","unknown":{},"i":1},{"s":null,"i":2}]`))
	f.Fuzz(func(t *testing.T, before, line []byte) {
		for _, format := range []Format{{}, {IgnoreParseErrors: true}, {FailOnMissingField: true}} {
			fresh, warm := newDecoder(format, codectest.Schema), newDecoder(format, codectest.Schema)
			want, got := batch.NewColumns(codectest.Schema.Layout()), batch.NewColumns(codectest.Schema.Layout())
			warm.Into(got)
			if _, err := warm.Decode(before); err != nil && got.N > 0 {
				t.Fatalf("%d rows and %v", got.N, err)
			}
			got.Reset()
			warm.Into(got)
			fresh.Into(want)
			_, wantErr := fresh.Decode(line)
			_, gotErr := warm.Decode(line)
			if diff := cmp.Diff(wantErr, gotErr); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(codectest.Rows(want), codectest.Rows(got)); diff != "" {
				t.Error(diff)
			}
			if bad := codectest.Check(got); bad != nil {
				t.Error(bad)
			}
		}
	})
}

func compareDouble(t *testing.T, line []byte, got *batch.Fixed[float64]) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatal(err)
	}
	raw, ok := m["d"]
	if !ok || raw[0] == '"' || string(raw) == "null" {
		return
	}
	want, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || want != got.V[0] {
		t.Fatalf("%s is read as %v", raw, got.V[0])
	}
}
