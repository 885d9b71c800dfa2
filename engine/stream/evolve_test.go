package stream_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
)

type itemThen struct {
	Name  string
	Count int8
	Gone  map[string]int32
}

type itemNow struct {
	New   []string
	Count int64
	Name  string
}

type then struct {
	A     int32
	Text  string
	Items []itemThen
	By    map[string]itemThen
	One   *itemThen
	Two   [2]uint16
	Ratio float32
	At    time.Time
	Gone  time.Time
	Small int8
	Flag  bool
}

type now struct {
	Flag    bool
	Added   float64
	AddedAt time.Time
	Ratio   float64
	By      map[string]itemNow
	Small   int
	A       int64
	Two     [2]int32
	One     *itemNow
	At      time.Time
	Text    string
	Items   []itemNow
	Pointer *then
}

func derivedBytes[V any](t *testing.T, v V) []byte {
	t.Helper()
	b, err := stream.Derived[V]().Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAValueOfAnEarlierTypeIsReadByTheNamesOfItsFields(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	full := then{
		A: math.MinInt32, Text: "text", Items: []itemThen{{"a", -1, nil}, {"b", 2, map[string]int32{"x": 1}}},
		By: map[string]itemThen{"k": {"c", 3, nil}}, One: &itemThen{"d", 4, nil}, Two: [2]uint16{1, math.MaxUint16}, Ratio: -0.5, At: at, Gone: at, Small: -128, Flag: true,
	}
	want := now{
		Flag: true, Ratio: -0.5, By: map[string]itemNow{"k": {nil, 3, "c"}}, Small: -128, A: math.MinInt32, Two: [2]int32{1, math.MaxUint16},
		One: &itemNow{nil, 4, "d"}, At: at, Text: "text", Items: []itemNow{{nil, -1, "a"}, {nil, 2, "b"}},
	}
	is := stream.Derived[now]()
	evolve, err := is.Evolve(stream.Derived[then]().Layout)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		was  then
		want now
	}{{full, want}, {then{}, now{}}, {then{Items: []itemThen{}}, now{Items: []itemNow{}}}} {
		b, err := evolve([]byte("before"), derivedBytes(t, c.was))
		if err != nil || !strings.HasPrefix(string(b), "before") {
			t.Fatal(err)
		}
		got, err := is.Decode(b[len("before"):])
		if diff := gocmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	whole := derivedBytes(t, full)
	for end := range whole {
		if b, err := evolve(nil, whole[:end]); err == nil {
			t.Errorf("%d bytes of %d became %x", end, len(whole), b)
		}
	}
	if _, err := evolve(nil, append(whole, 0)); err == nil {
		t.Error("a byte too many was read")
	}
}

// The encoding is the format of states: what was written once is read for ever.
func TestTheEncodingOfADerivedValueStaysAsItIs(t *testing.T) {
	v := then{A: 1, Text: "t", Items: []itemThen{{"n", 2, map[string]int32{"x": 3}}}, One: &itemThen{}, Two: [2]uint16{4, 5}, Ratio: 1, Small: -1, Flag: true}
	layout := "derived {A int32; Text string; Items []{Name string; Count int8; Gone map[string]int32}; By map[string]{Name string; Count int8; Gone map[string]int32}; " +
		"One *{Name string; Count int8; Gone map[string]int32}; Two [2]uint16; Ratio float32; At marshaled time.Time; Gone marshaled time.Time; Small int8; Flag bool}"
	if got := stream.Derived[then]().Layout; got != layout {
		t.Errorf("the layout is\n%s, want\n%s", got, layout)
	}
	zeroTime := "0f" + "010000000000000000" + "00000000" + "ffff"
	want := "01000000" + "0174" + "02" + "016e" + "02" + "02" + "0178" + "03000000" + "00" + "01" + "00" + "00" + "00" + "0400" + "0500" + "0000803f" + zeroTime + zeroTime + "ff" + "01"
	if got := hex.EncodeToString(derivedBytes(t, v)); got != want {
		t.Errorf("it is\n%s, want\n%s", got, want)
	}
}

func TestWhatAValueCannotBecomeIsRefusedWithItsField(t *testing.T) {
	type inner struct{ A int64 }
	for want, err := range map[string]error{
		"field A: a int64 cannot become a int32":         becomes[struct{ A int64 }, struct{ A int32 }](),
		"field A: a int64 cannot become a uint64":        becomes[struct{ A int64 }, struct{ A uint64 }](),
		"field A: a uint64 cannot become a int64":        becomes[struct{ A uint64 }, struct{ A int64 }](),
		"field A: a float64 cannot become a float32":     becomes[struct{ A float64 }, struct{ A float32 }](),
		"field A: a int32 cannot become a float64":       becomes[struct{ A int32 }, struct{ A float64 }](),
		"field A: a float32 cannot become a int64":       becomes[struct{ A float32 }, struct{ A int64 }](),
		"field A: a bool cannot become a uint8":          becomes[struct{ A bool }, struct{ A uint8 }](),
		"field A: a string cannot become a []uint8":      becomes[struct{ A string }, struct{ A []byte }](),
		"field A: a [2]int8 cannot become a [3]int8":     becomes[struct{ A [2]int8 }, struct{ A [3]int8 }](),
		"field B: field A: a int64 cannot become a int8": becomes[struct{ B []inner }, struct{ B []struct{ A int8 } }](),
		"a marshaled time.Time cannot become a string":   becomes[time.Time, string](),
		`"text" is no layout of Derived`:                 evolvesFrom[string]("text"),
		"is not told by its layout":                      evolvesFrom[string]("derived {A int64"),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for name, err := range map[string]error{
		"uint32 to int64":   becomes[uint32, int64](),
		"int to int64":      becomes[int, int64](),
		"uint8 to uint":     becomes[uint8, uint](),
		"float32 to 64":     becomes[map[string]float32, map[string]float64](),
		"another key width": becomes[map[int8]string, map[int32]string](),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	type recursive struct{ Next *recursive }
	if s := stream.Derived[recursive](); s.Layout == "" {
		t.Error("values that may hold their like have no layout")
	}
	if err := serialized(t, stream.Derived[func()](), nil); err == nil || !strings.Contains(err.Error(), "state kept: a func() has no meaning in another process") {
		t.Errorf("a state of functions: %v", err)
	}
}

func becomes[Was, Is any]() error { return evolvesFrom[Is](stream.Derived[Was]().Layout) }

func evolvesFrom[Is any](layout string) error {
	_, err := stream.Derived[Is]().Evolve(layout)
	return err
}

// evolving keeps values of one type, of which say tells, in states of every shape.
func evolving[V any](tap *enginetest.Tap[order], sink *enginetest.Ledger[told], of func(o *order) V, say func(V) string, options ...stream.StateOption) *stream.Job {
	j := stream.New()
	in := stream.From[order](j, "orders", tap)
	byKey := stream.KeyBy(in, func(o *order) string { return o.Key })
	stream.To(stream.BroadcastProcess(byKey, in, "kept", func(s *stream.Setup) stream.BroadcastFunctions[order, order, told] {
		one := stream.EncodedState(s, "one", stream.Derived[V](), options...)
		list := stream.ListState(s, "list", stream.Derived[V](), options...)
		by := stream.MapState(s, "by", stream.Integer[int32](), stream.Derived[V](), options...)
		all := stream.BroadcastState(s, "all", stream.Text[string](), stream.Derived[V]())
		return stream.BroadcastFunctions[order, order, told]{
			Row: func(c *stream.Context[told], o *order) error {
				var w strings.Builder
				v, _ := one.Get(c)
				fmt.Fprint(&w, say(v), ";")
				for v := range list.All(c) {
					fmt.Fprint(&w, " ", say(v))
				}
				for item, v := range by.All(c) {
					fmt.Fprint(&w, " ", item, "=", say(v))
				}
				if o.N == 9 { // the broadcast state is there since before the restore
					v, found := all.Get(c, o.Key)
					fmt.Fprint(&w, " all ", say(v), found)
				}
				c.Emit(told{o.Key, w.String()})
				one.Put(c, of(o))
				list.Add(c, of(o))
				by.Put(c, o.Item, of(o))
				return nil
			},
			Broadcast: func(c *stream.BroadcastContext[told], o *order) error {
				if o.N < 9 {
					all.Put(c, o.Key, of(o))
				}
				return nil
			},
		}
	}), "out", sink)
	return j
}

type valueThen struct {
	N    int32
	Text string
	Gone bool
}

type valueNow struct {
	Text  string
	Added []int64
	N     int64
}

// States whose values have gained and lost fields go on, whatever the parallelism, with a TTL and without; what they cannot become is refused before anything starts.
func TestStatesGoOnWithValuesOfAnotherType(t *testing.T) {
	rows := []order{{"a", 1, 1}, {"b", 2, 2}, {"a", 3, 3}, {"a", 1, 9}, {"b", 5, 9}, {}}
	for name, options := range map[string][2][]stream.StateOption{
		"no TTL":        {},
		"a TTL":         {{stream.TTL(time.Hour)}, {stream.TTL(time.Hour)}},
		"a new TTL":     {nil, {stream.TTL(time.Hour)}},
		"a TTL is gone": {{stream.TTL(time.Hour)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tap, sink := enginetest.NewTap(rows, len(rows)), enginetest.NewLedger[told]()
			cfg := config(t, 2)
			until := func(n int, j *stream.Job) {
				t.Helper()
				tap.Open(n)
				runUntil(t, cfg, graphOf(t, j), func(o rest.Job) bool { return tap.Read() >= n && o.State == rest.Running }, false)
			}
			until(3, evolving(tap, sink, func(o *order) valueThen { return valueThen{o.N, "x", true} },
				func(v valueThen) string { return fmt.Sprint(v.N, v.Text) }, options[0]...))

			j := evolving(tap, sink, func(*order) struct{ N int8 } { return struct{ N int8 }{} }, func(struct{ N int8 }) string { return "" }, options[1]...)
			_, err := job.Run(t.Context(), cfg, graphOf(t, j), job.Options{})
			if err == nil || !strings.Contains(err.Error(), "the state of operator kept does not fit the job: its state one holds value derived {N int32; Text string; Gone bool}, "+
				"and should now hold value derived {N int8}: field N: a int32 cannot become a int8") {
				t.Errorf("got %v", err)
			}
			cfg.Parallelism = 3
			until(5, evolving(tap, sink, func(o *order) valueNow { return valueNow{"y", []int64{7}, int64(o.N)} },
				func(v valueNow) string { return fmt.Sprint(v.N, v.Text, v.Added) }, options[1]...))
			got := map[string][]string{}
			for _, row := range sink.Rows() {
				got[row.Key] = append(got[row.Key], row.State)
			}
			want := map[string][]string{
				"a": {"0;", "1x; 1x 1=1x", "3x[]; 1x[] 3x[] 1=1x[] 3=3x[] all 3x[]true"},
				"b": {"0;", "2x[]; 2x[] 2=2x[] all 2x[]true"},
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
