package stream_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/stream"
)

// codecOf returns the codec that rows of a type have in a job.
func codecOf[T any](t testing.TB, declare ...stream.Serializer[T]) batch.Codec {
	t.Helper()
	j := stream.New()
	for _, s := range declare {
		stream.Serialize(j, s)
	}
	stream.To(stream.From[T](j, "rows", enginetest.Of([]T{})), "out", enginetest.NewLedger[T]())
	g := graphOf(t, j)
	return g.Nodes[1].Inputs[0].Codec
}

// through returns what comes of rows on their way to another process.
func through[T any](c batch.Codec, rows []T) ([]T, error) {
	encoded, err := batch.AppendBatch(nil, batch.Of(&batch.Rows[T]{V: rows}), c)
	if err != nil {
		return nil, err
	}
	into := batch.Of(c.New())
	into.Data.(*batch.Rows[T]).V = slices.Clone(rows) // what a recycled batch holds
	into.Reset()
	err = batch.DecodeBatch(encoded, into, c)
	clear(encoded)
	return into.Data.(*batch.Rows[T]).V, err
}

type inner struct {
	Yes  bool
	Name string
	Tags []string
}

type named map[int16]inner

// everything is made of all that rows can be made of.
type everything struct {
	Flag        bool
	Small       int8
	Numbers     [3]uint16
	Real        float64
	Complex     complex64
	Text        string
	Raw         []byte
	Bools       []bool
	Yes         [2]bool
	Large       []int64
	In          inner
	Many        []inner
	Ptr         *inner
	PtrPtr      **int32
	ByName      map[string]int64
	Nested      map[string]map[uint8][]string
	Named       named
	Structs     map[[2]int8]struct{ A, B string }
	Nothing     struct{}
	Empties     []struct{}
	ByNumber    map[float32]*inner
	Slices      [][][]byte
	Strings     [2]string
	Last, After int32
}

func TestRowsAreReadAsTheyWereWritten(t *testing.T) {
	codec := codecOf[everything](t)
	same := func(rows []everything) bool {
		got, err := through(codec, rows)
		if err != nil {
			t.Error(err)
		}
		return len(rows) == 0 && len(got) == 0 || reflect.DeepEqual(rows, got) // which tells nil from empty
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
}

// tree is made of itself.
type tree struct {
	Value    int
	Left     *tree
	Children []tree
	ByName   map[string]tree
}

// hidden has fields that are not exported, and a marker that it is not to be compared.
type hidden struct {
	_    [0]func()
	name string
	n    int32
	more []hidden
}

// stamped embeds what says itself how it is written; the rest must not be lost.
type stamped struct {
	time.Time
	N int
}

func TestRowsOfSpecialTypes(t *testing.T) {
	at := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	check(t, "trees", []tree{{1, &tree{Value: 2}, []tree{{Value: 3}, {}}, map[string]tree{"four": {Value: 4}}}, {}})
	check(t, "fields that are not exported", []hidden{{name: "a", n: 1, more: []hidden{{name: "b"}}}})
	check(t, "times", []time.Time{at, {}})
	check(t, "what embeds a time", []stamped{{at, 7}})
	check(t, "big numbers", []*big.Int{big.NewInt(7), nil, new(big.Int).Lsh(big.NewInt(1), 200)})
	check(t, "strings", []string{"", "a", strings.Repeat("long", 1000)})
	check(t, "named strings", []json.Number{"1"})
	check(t, "numbers", []int32{1, -1})
	check(t, "bools", []bool{true, false})
	check(t, "hashes", [][sha256.Size]byte{sha256.Sum256(nil)})
	check(t, "nothing", []struct{}{{}, {}})
	check(t, "what is empty, and what is nil", []inner{{Tags: nil}, {Tags: []string{}}})
}

func check[T any](t *testing.T, name string, rows []T) {
	t.Run(name, func(t *testing.T) {
		got, err := through(codecOf[T](t), rows)
		if err != nil || !reflect.DeepEqual(rows, got) {
			t.Errorf("%+v was read as %+v: %v", rows, got, err)
		}
	})
}

func TestValuesWithoutAnEndAreRefused(t *testing.T) {
	endless := &tree{}
	endless.Left = endless
	if _, err := through(codecOf[*tree](t), []*tree{endless}); err == nil || !strings.Contains(err.Error(), "more than 1000 deep, or hold themselves") {
		t.Errorf("a tree that is its own branch: %v", err)
	}
}

type lazy struct {
	Name string
	Next struct{ Load func() string }
}

func TestRowsThatCannotBeEncodedAreRefusedBeforeTheJobRuns(t *testing.T) {
	for name, c := range map[string]struct {
		build func(j *stream.Job)
		want  string // empty: it is not refused
	}{
		"a function in a row that is keyed": {func(j *stream.Job) {
			in := stream.From[lazy](j, "in", enginetest.Of([]lazy{}))
			byName := stream.KeyBy(in, func(l *lazy) string { return l.Name })
			stream.To(stream.Process(byName, "names", func(*stream.Setup) stream.Functions[lazy, string] { return stream.Functions[lazy, string]{} }),
				"out", enginetest.NewLedger[string]())
		}, "operator names: rows of type stream_test.lazy go from in/key.1 to it, maybe in another process, and cannot be encoded: " +
			"field Next: field Load: a func() string has no meaning in another process; declare how they are with stream.Serialize"},
		"any value, in a union": {func(j *stream.Job) {
			a, b := stream.From[any](j, "a", enginetest.Of([]any{})), stream.From[any](j, "b", enginetest.Of([]any{}))
			stream.To(stream.Union("all", a, b), "out", enginetest.NewLedger[any]())
		}, "operator all: rows of type interface {} go from a to it"},
		"a channel in a row that goes on where it is": {func(j *stream.Job) {
			in := stream.From[chan int](j, "in", enginetest.Of([]chan int{}))
			stream.To(stream.Map(in, func(*chan int, *string) {}), "out", enginetest.NewLedger[string]())
		}, ""},
		"a channel in a row that is dealt out among more subtasks": {func(j *stream.Job) {
			in := stream.From[chan int](j, "in", enginetest.Of([]chan int{}))
			stream.To(stream.Map(in, func(*chan int, *string) {}).Parallelism(2), "out", enginetest.NewLedger[string]())
		}, "operator in/map.1: rows of type chan int go from in to it"},
		"a function in a row of a side output": {func(j *stream.Job) {
			tag := stream.NewOutputTag[lazy]("lazy")
			byName := stream.KeyBy(stream.From[string](j, "in", enginetest.Of([]string{})), func(s *string) string { return *s })
			names := stream.Process(byName, "names", func(s *stream.Setup) stream.Functions[string, string] {
				stream.SideOutput(s, tag)
				return stream.Functions[string, string]{}
			})
			stream.To(names, "out", enginetest.NewLedger[string]())
			stream.To(stream.GetSideOutput(names, tag), "lazies", enginetest.NewLedger[lazy]()).Parallelism(3)
		}, "operator lazies: rows of type stream_test.lazy go from names to it"},
		"a function in a row that has a serializer": {func(j *stream.Job) {
			in := stream.From[lazy](j, "in", enginetest.Of([]lazy{}))
			stream.Serialize(j, lazySerializer)
			stream.To(stream.Union("all", in, in), "out", enginetest.NewLedger[lazy]())
		}, ""},
		"a serializer that is none": {func(j *stream.Job) { stream.Serialize(j, stream.Serializer[lazy]{}) },
			"the serializer of rows of type stream_test.lazy: its serializer of stream_test.lazy needs a Layout"},
		"two serializers": {func(j *stream.Job) {
			stream.Serialize(j, lazySerializer)
			stream.Serialize(j, lazySerializer)
		}, "the serializer of rows of type stream_test.lazy: it has a serializer already"},
	} {
		t.Run(name, func(t *testing.T) {
			j := stream.New()
			c.build(j)
			_, err := j.Graph()
			if got := fmt.Sprint(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

var lazySerializer = stream.Serializer[lazy]{
	Layout: "lazy",
	Append: func(dst []byte, l lazy) ([]byte, error) {
		if l.Name == "secret" {
			return nil, errors.New("it is secret")
		}
		return append(append(append(dst, l.Name...), '='), l.Next.Load()...), nil
	},
	Decode: func(b []byte) (l lazy, err error) {
		name, text, found := bytes.Cut(b, []byte("="))
		if !found {
			return l, errors.New("there is no =")
		}
		l.Name = string(name)
		value := string(text)
		l.Next.Load = func() string { return value }
		return l, nil
	},
}

func TestRowsGoByTheSerializerThatIsDeclared(t *testing.T) {
	row := lazy{Name: "a"}
	row.Next.Load = func() string { return "loaded" }
	codec := codecOf(t, lazySerializer)
	got, err := through(codec, []lazy{row, row})
	if err != nil || len(got) != 2 || got[1].Name != "a" || got[1].Next.Load() != "loaded" {
		t.Errorf("the rows are %v, %v", got, err)
	}
	row.Name = "secret"
	if _, err := through(codec, []lazy{row}); err == nil || !strings.Contains(err.Error(), "serialize a row of type stream_test.lazy: it is secret") {
		t.Errorf("a row that its serializer refuses: %v", err)
	}
	row.Name = "a"
	encoded, err := batch.AppendBatch(nil, batch.Of(&batch.Rows[lazy]{V: []lazy{row}}), codec)
	if err != nil {
		t.Fatal(err)
	}
	for n := range encoded {
		if batch.DecodeBatch(encoded[:n], batch.Of(codec.New()), codec) == nil {
			t.Errorf("cut off after %d bytes it is read", n)
		}
	}
	if batch.DecodeBatch(append(encoded, 0), batch.Of(codec.New()), codec) == nil {
		t.Error("with a byte behind it, it is read")
	}
}

// How rows are encoded is part of what processes of a job compare: one word for one encoding.
func TestTheLayoutOfRowsSaysHowTheyAreEncoded(t *testing.T) {
	for want, c := range map[string]batch.Codec{
		"rows {Text string; At int64}":                codecOf[word](t),
		"rows {Yes bool; Name string; Tags []string}": codecOf[inner](t),
		"rows {Time marshaled time.Time; N int}":      codecOf[stamped](t),
		"rows map[int16]{A uint8; B *memory complex128}": codecOf[map[int16]struct {
			A uint8
			B *complex128
		}](t),
		"rows {Value int; Left *recursive stream_test.tree; Children []recursive stream_test.tree; ByName map[string]recursive stream_test.tree}": codecOf[tree](t),
		"rows serializer lazy": codecOf(t, lazySerializer),
	} {
		if got := c.Layout(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestTheEncodingOfRowsStays(t *testing.T) {
	seven := int32(7)
	ptr := &seven
	rows := []everything{{
		Flag: true, Small: -1, Numbers: [3]uint16{1, 2, 3}, Real: 0.5, Text: "weir", Raw: []byte{1, 2}, Bools: []bool{true}, Large: []int64{-2},
		In: inner{Name: "in"}, Many: []inner{{Tags: []string{}}}, PtrPtr: &ptr, ByName: map[string]int64{"n": 1}, Last: 9,
	}}
	encoded, err := batch.AppendBatch(nil, batch.Of(&batch.Rows[everything]{V: rows}), codecOf[everything](t))
	want := strings.Join([]string{
		"0100", "01", "ff" + "0100" + "0200" + "0300" + "000000000000e03f" + "0000000000000000", // rows and parts, the flag, numbers
		"04" + "77656972", "03" + "0102", "02" + "01", "0000", "02" + "feffffffffffffff", "00" + "02" + "696e" + "00", // Text to In
		"02" + "00" + "00" + "01", "00", "01" + "01" + "07000000", "02" + "01" + "6e" + "0100000000000000", // Many to ByName
		"00", "00", "00", "00", "00", "00", "00" + "00", "09000000" + "00000000", // Nested to After
	}, "")
	if got := fmt.Sprintf("%x", encoded); err != nil || got != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
}

func FuzzDecodeRows(f *testing.F) {
	codec := codecOf[everything](f)
	for _, rows := range [][]everything{nil, {{}}, {{Text: "a", Many: []inner{{}}, ByName: map[string]int64{"b": 1}, Ptr: &inner{}}}, {{Empties: make([]struct{}, math.MaxInt32-1)}}} {
		encoded, err := batch.AppendBatch(nil, batch.Of(&batch.Rows[everything]{V: rows}), codec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		read := batch.Of(codec.New())
		if batch.DecodeBatch(b, read, codec) != nil {
			return
		}
		rows := read.Data.(*batch.Rows[everything]).V
		again, err := through(codec, rows)
		if err != nil || printed(rows) != printed(again) {
			t.Errorf("written and read again they differ: %v\n%s\n%s", err, printed(rows), printed(again))
		}
	})
}

// printed is rows as text, so that NaN can be compared: without what is printed as an address, and of what takes no memory, and so may
// be there two thousand million times, how often.
func printed(rows []everything) string {
	rows = slices.Clone(rows)
	empties := make([]int, len(rows))
	for i := range rows {
		empties[i] = len(rows[i].Empties)
		rows[i].Ptr, rows[i].PtrPtr, rows[i].ByNumber, rows[i].Empties = nil, nil, nil, nil
	}
	return fmt.Sprintf("%+v with %d", rows, empties)
}

func TestEncodingRowsAllocatesForABatchNotForARow(t *testing.T) {
	codec := codecOf[word](t)
	rows := make([]word, batch.TargetRows)
	for i := range rows {
		rows[i] = word{fmt.Sprintf("word %d", i), int64(i)}
	}
	b, into := batch.Of(&batch.Rows[word]{V: rows}), batch.Of(codec.New())
	var encoded []byte
	round := func() {
		var err error
		if encoded, err = batch.AppendBatch(encoded[:0], b, codec); err != nil {
			t.Fatal(err)
		}
		into.Reset()
		if err := batch.DecodeBatch(encoded, into, codec); err != nil {
			t.Fatal(err)
		}
	}
	round()
	if diff := cmp.Diff(rows, into.Data.(*batch.Rows[word]).V); diff != "" {
		t.Fatal(diff)
	}
	if n := testing.AllocsPerRun(50, round); n > 2 { // the strings of all, and the reader
		t.Errorf("%v allocations for a batch of %d rows", n, len(rows))
	}
}

func BenchmarkEncodingRows(b *testing.B) {
	const rows = batch.TargetRows
	b.Run("flat", func(b *testing.B) { benchmarkRows(b, make([]struct{ A, B, C, D, E int64 }, rows)) })
	words := make([]count, rows)
	for i := range words {
		words[i] = count{"eight by", int64(i), int64(i)}
	}
	b.Run("text and two numbers", func(b *testing.B) { benchmarkRows(b, words) })
	tagged := make([]inner, rows)
	for i := range tagged {
		tagged[i] = inner{Name: "eight by", Tags: []string{"one", "two"}}
	}
	b.Run("text and a slice of two", func(b *testing.B) { benchmarkRows(b, tagged) })
	b.Run("text and two numbers as JSON", func(b *testing.B) { benchmarkRows(b, words, stream.JSON[count]()) })
}

func benchmarkRows[T any](b *testing.B, rows []T, declare ...stream.Serializer[T]) {
	codec := codecOf(b, declare...)
	from, into := batch.Of(&batch.Rows[T]{V: rows}), batch.Of(codec.New())
	encoded, err := batch.AppendBatch(nil, from, codec)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for b.Loop() {
		if encoded, err = batch.AppendBatch(encoded[:0], from, codec); err != nil {
			b.Fatal(err)
		}
		into.Reset()
		if err := batch.DecodeBatch(encoded, into, codec); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/row")
}
