package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
)

// order is a row of which the state of its key is told afterwards.
type order struct {
	Key  string
	Item int32
	N    int32
}

// told is what the states of a key hold after a row.
type told struct{ Key, State string }

// basket is a value of no fixed size.
type basket struct {
	Items []string       `json:"items"`
	Sums  map[string]int `json:"sums"`
}

// baskets is a function with a state of every shape.
func baskets(s *stream.Setup) stream.Functions[order, told] {
	byItem := stream.MapState(s, "by-item", stream.Integer[int32](), stream.Text[string]())
	recent := stream.ListState(s, "recent", stream.Fixed[order2]())
	whole := stream.EncodedState(s, "basket", stream.JSON[basket]())
	rows := stream.ValueState[int64](s, "rows")
	return stream.Functions[order, told]{Row: func(c *stream.Context[told], o *order) error {
		*rows.Ref(c)++
		before, _ := byItem.Get(c, o.Item)
		switch {
		case o.N == 0:
			byItem.Delete(c, o.Item)
		case o.N == 1 && o.Item == 3:
			for item := range byItem.All(c) { // which it changes
				if item%2 == 0 {
					byItem.Delete(c, item)
				}
				byItem.Put(c, 100, "last")
			}
		default:
			byItem.Put(c, o.Item, before+strings.Repeat("x", int(o.N)))
		}
		recent.Add(c, order2{o.Item, o.N})
		if *rows.Ref(c)%13 == 0 {
			recent.Clear(c)
		}
		b, found := whole.Get(c)
		if !found {
			b.Sums = map[string]int{}
		}
		if b.Items = append(b.Items, fmt.Sprint(o.Item)); len(b.Items) > 6 {
			whole.Clear(c)
		} else {
			b.Sums[fmt.Sprint(o.Item)] += int(o.N)
			whole.Put(c, b)
		}
		if *rows.Ref(c)%29 == 0 {
			byItem.Clear(c)
		}
		b, _ = whole.Get(c)
		c.Emit(told{o.Key, tell(*rows.Ref(c), byItem.All(c), byItem.From(c, 0), byItem.Backward(c), recent.All(c), b)})
		return nil
	}}
}

type order2 struct{ Item, N int32 }

// tell puts all that a key holds into words. It goes through the map within a loop over the map.
func tell(rows int64, all, from, back iter.Seq2[int32, string], recent iter.Seq[order2], b basket) string {
	var w strings.Builder
	fmt.Fprintf(&w, "%d rows;", rows)
	for item, text := range all {
		higher := 0
		for other := range all {
			if other > item {
				higher++
			}
		}
		fmt.Fprintf(&w, " %d=%s(%d)", item, text, higher)
	}
	w.WriteString("; from 0:")
	for item := range from {
		fmt.Fprintf(&w, " %d", item)
	}
	w.WriteString("; the last two:")
	n := 0
	for item := range back {
		fmt.Fprintf(&w, " %d", item)
		if n++; n == 2 {
			break
		}
	}
	return fmt.Sprint(w.String(), "; ", slices.Collect(recent), "; ", b.Items, " ", len(b.Sums))
}

// basketModel is baskets with Go's own maps and slices, for one key.
type basketModel struct {
	rows   int64
	byItem map[int32]string
	recent []order2
	whole  *basket
}

func (m *basketModel) row(o order) string {
	m.rows++
	switch {
	case o.N == 0:
		delete(m.byItem, o.Item)
	case o.N == 1 && o.Item == 3:
		if len(m.byItem) > 0 {
			m.byItem[100] = "last"
		}
		maps.DeleteFunc(m.byItem, func(item int32, _ string) bool { return item%2 == 0 && item != 100 })
		// The loop meets the entry that it puts in as the last, deletes it, and puts it in again.
	default:
		m.byItem[o.Item] += strings.Repeat("x", int(o.N))
	}
	m.recent = append(m.recent, order2{o.Item, o.N})
	if m.rows%13 == 0 {
		m.recent = nil
	}
	if m.whole == nil {
		m.whole = &basket{Sums: map[string]int{}}
	}
	if m.whole.Items = append(m.whole.Items, fmt.Sprint(o.Item)); len(m.whole.Items) > 6 {
		m.whole = nil
	} else {
		m.whole.Sums[fmt.Sprint(o.Item)] += int(o.N)
	}
	if m.rows%29 == 0 {
		clear(m.byItem)
	}
	var b basket
	if m.whole != nil {
		b = *m.whole
	}
	items := slices.Sorted(maps.Keys(m.byItem))
	pairs := func(items []int32) iter.Seq2[int32, string] {
		return func(yield func(int32, string) bool) {
			for _, item := range items {
				if !yield(item, m.byItem[item]) {
					return
				}
			}
		}
	}
	back := slices.Clone(items)
	slices.Reverse(back)
	from, _ := slices.BinarySearch(items, 0)
	return tell(m.rows, pairs(items), pairs(items[from:]), pairs(back), slices.Values(m.recent), b)
}

// States of every shape do what Go's own maps and slices do, through restarts at other parallelisms.
func TestStatesOfEveryShapeSurviveRestartsAndRescales(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	var rows []order
	models, want := map[string]*basketModel{}, map[string][]string{}
	const n = 3000
	for i := range n {
		// The keys of the two splits are others, so that the rows of a key are in one order.
		o := order{Key: fmt.Sprintf("%d-%d", i/(n/2), r.IntN(9)), Item: r.Int32N(20) - 8, N: r.Int32N(5)}
		rows = append(rows, o)
		m := models[o.Key]
		if m == nil {
			m = &basketModel{byItem: map[int32]string{}}
			models[o.Key] = m
		}
		want[o.Key] = append(want[o.Key], m.row(o))
	}
	tap := enginetest.NewTap(rows, n/2)
	j := stream.New()
	byKey := stream.KeyBy(stream.From[order](j, "orders", tap), func(o *order) string { return o.Key })
	sink := enginetest.NewLedger[told]()
	stream.To(stream.Process(byKey, "baskets", baskets), "out", sink)
	g := graphOf(t, j)
	cfg := config(t, 2)
	for i, open := range []int{500, 1400, 1600, 2100, 2101, 2900, n} {
		tap.Open(open)
		cfg.Parallelism = []int{2, 3, 1, 5}[i%4]
		interrupt, started, ended := make(chan struct{}), make(chan *job.Handle, 1), make(chan error, 1)
		go func() {
			_, err := job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
			ended <- err
		}()
		running := <-started
		if open < n {
			waitFor(t, running, func(o rest.Job) bool { return tap.Read() >= open && o.State == rest.Running })
			close(interrupt)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	got := map[string][]string{}
	for _, row := range sink.Rows() {
		got[row.Key] = append(got[row.Key], row.State)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// serialized runs a job of one row with one state, to its end or its error.
func serialized[V any](t *testing.T, values stream.Serializer[V], use func(c *stream.Context[told], state stream.Encoded[V])) error {
	t.Helper()
	j := stream.New()
	byKey := stream.KeyBy(stream.From[order](j, "orders", enginetest.Of([]order{{Key: "a"}})), func(o *order) string { return o.Key })
	stream.To(stream.Process(byKey, "p", func(s *stream.Setup) stream.Functions[order, told] {
		state := stream.EncodedState(s, "kept", values)
		return stream.Functions[order, told]{Row: func(c *stream.Context[told], _ *order) error {
			use(c, state)
			return nil
		}}
	}), "out", enginetest.NewLedger[told]())
	g, err := j.Graph()
	if err != nil {
		return err
	}
	cfg := config(t, 1)
	_, err = job.Run(t.Context(), cfg, g, job.Options{})
	return err
}

func TestWhatIsWrongWithASerializerNamesTheState(t *testing.T) {
	broken := stream.Text[string]()
	broken.Decode = func([]byte) (string, error) { return "", errors.New("not mine") }
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no functions":  {serialized(t, stream.Serializer[int]{}, nil), "needs a Layout, Append and Decode"},
		"no fixed size": {serialized(t, stream.Fixed[[]int](), nil), "cannot be state"},
		"no JSON": {serialized(t, stream.JSON[float64](), func(c *stream.Context[told], s stream.Encoded[float64]) {
			s.Put(c, math.NaN())
		}), "a value cannot be encoded"},
		"not decoded": {serialized(t, broken, func(c *stream.Context[told], s stream.Encoded[string]) {
			s.Put(c, "text")
			if _, found := s.Get(c); found {
				t.Error("what cannot be decoded was found")
			}
		}), "a value cannot be decoded: not mine"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) || !strings.Contains(c.err.Error(), "state kept") {
			t.Errorf("%s: %v, want an error about state kept: %s", name, c.err, c.want)
		}
	}
}

func TestSerializedIntegersAreInTheOrderOfTheirValues(t *testing.T) {
	numbers := stream.Integer[int64]()
	var last []byte
	for i, n := range []int64{math.MinInt64, -1 << 40, -2, -1, 0, 1, 255, 256, 1 << 40, math.MaxInt64} {
		text, err := numbers.Append(nil, n)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && bytes.Compare(last, text) >= 0 {
			t.Errorf("%d is not above the one before", n)
		}
		last = text
		if back, err := numbers.Decode(text); back != n || err != nil {
			t.Errorf("%d comes back as %d, %v", n, back, err)
		}
	}
	for _, wrong := range [][]byte{nil, {1}, make([]byte, 9)} {
		if _, err := numbers.Decode(wrong); err == nil {
			t.Errorf("%x was decoded", wrong)
		}
	}
	if _, err := stream.Integer[int8]().Decode(last); err == nil {
		t.Error("a number that does not fit was decoded")
	}
}
