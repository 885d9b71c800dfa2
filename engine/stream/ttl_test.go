package stream_test

import (
	cryptorand "crypto/rand"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
)

// visit is a row of which is told what was left of those before it.
type visit struct {
	At        int64
	Key, Item int32
}

// visits keeps what it has seen of a key in a state of every shape; of is the TTL of a state by its name, nil none.
func visits(of func(state string) []stream.StateOption, alarmAfter int64) func(s *stream.Setup) stream.Functions[visit, told] {
	return func(s *stream.Setup) stream.Functions[visit, told] {
		last := stream.ValueState[[3]int32](s, "last", of("last")...) // of no width that a stamp needs
		seen := stream.ValueState[int64](s, "seen", of("seen")...)
		text := stream.EncodedState(s, "text", stream.Text[string](), of("text")...)
		sum := stream.ReducingState(s, "sum", stream.Integer[int64](), func(a, b int64) int64 { return a + b }, of("sum")...)
		mean := stream.AggregatingState(s, "mean", stream.JSON[[]int32](), func(all []int32, v int32) []int32 { return append(all, v) },
			func(all []int32) string { return fmt.Sprint(all) }, of("mean")...)
		list := stream.ListState(s, "list", stream.Integer[int32](), of("list")...)
		items := stream.MapState(s, "items", stream.Integer[int32](), stream.Text[string](), of("items")...)
		read := stream.MapState(s, "read", stream.Integer[int32](), stream.Text[string](), of("read")...)
		tell := func(c *stream.Context[told]) string {
			var w strings.Builder
			t, _ := text.Get(c)
			n, _ := sum.Get(c)
			m, _ := mean.Get(c)
			fmt.Fprint(&w, last.Get(c), seen.Get(c), " ", t, " ", n, " ", m, " list")
			for v := range list.All(c) {
				fmt.Fprint(&w, " ", v)
			}
			fmt.Fprint(&w, " items")
			for item, v := range items.Backward(c) {
				fmt.Fprintf(&w, " %d=%s", item, v)
			}
			for item := range read.From(c, 5) {
				fmt.Fprint(&w, " read ", item)
			}
			return w.String()
		}
		return stream.Functions[visit, told]{
			Row: func(c *stream.Context[told], v *visit) error {
				before := tell(c)
				ref := last.Ref(c)
				ref[0], ref[1], ref[2] = ref[1], ref[2], v.Item
				if v.Item%2 == 0 {
					*seen.Ref(c)++
				}
				t, _ := text.Get(c)
				text.Put(c, t+"x")
				sum.Add(c, int64(v.Item))
				mean.Add(c, v.Item)
				list.Add(c, v.Item)
				deleted := items.Delete(c, v.Item-1)
				items.Put(c, v.Item, fmt.Sprint(v.At))
				read.Put(c, v.Item, "")
				if alarmAfter > 0 {
					c.Timer(v.At + alarmAfter)
				}
				c.Emit(told{fmt.Sprint(v.Key), fmt.Sprintf("%d: %s, deleted %v", v.At, before, deleted)})
				return nil
			},
			OnTimer: func(c *stream.Context[told], ms int64) error {
				c.Emit(told{fmt.Sprint(binary.LittleEndian.Uint64(c.Key())), fmt.Sprintf("timer at %d: %s", ms, tell(c))})
				return nil
			},
		}
	}
}

// visitModel is visits in plain Go, for one key: what was written, when, and what is left of it.
type visitModel struct {
	ttl  map[string]int64 // by state
	last struct {
		v  [3]int32
		at int64
	}
	seen  struct{ n, at int64 }
	text  aged[string]
	sum   aged[int64]
	mean  aged[[]int32]
	list  []aged[int32]
	items map[int32]aged[string]
	read  map[int32]aged[string]
}

type aged[V any] struct {
	v     V
	at    int64
	there bool
}

func get[V any](a aged[V], ttl, now int64) (v V, found bool) {
	if !a.there || now >= a.at+ttl {
		return v, false
	}
	return a.v, true
}

func (m *visitModel) tell(now int64) string {
	var w strings.Builder
	last, seen := m.last.v, m.seen.n
	if now >= m.last.at+m.ttl["last"] {
		last = [3]int32{}
	}
	if now >= m.seen.at+m.ttl["seen"] {
		seen = 0
	}
	text, _ := get(m.text, m.ttl["text"], now)
	sum, _ := get(m.sum, m.ttl["sum"], now)
	mean, found := get(m.mean, m.ttl["mean"], now)
	means := ""
	if found {
		means = fmt.Sprint(mean)
	}
	fmt.Fprint(&w, last, seen, " ", text, " ", sum, " ", means, " list")
	for _, a := range m.list {
		if v, found := get(a, m.ttl["list"], now); found {
			fmt.Fprint(&w, " ", v)
		}
	}
	fmt.Fprint(&w, " items")
	for item := int32(20); item >= 0; item-- {
		if v, found := get(m.items[item], m.ttl["items"], now); found {
			fmt.Fprintf(&w, " %d=%s", item, v)
		}
	}
	for item := int32(5); item < 20; item++ {
		if _, found := get(m.read[item], m.ttl["read"], now); found {
			fmt.Fprint(&w, " read ", item)
			m.read[item] = aged[string]{"", max(m.read[item].at, now), true}
		}
	}
	return w.String()
}

func (m *visitModel) row(v visit) string {
	before := m.tell(v.At)
	if v.At >= m.last.at+m.ttl["last"] {
		m.last.v = [3]int32{}
	}
	m.last.v, m.last.at = [3]int32{m.last.v[1], m.last.v[2], v.Item}, v.At
	if v.Item%2 == 0 {
		if v.At >= m.seen.at+m.ttl["seen"] {
			m.seen.n = 0
		}
		m.seen.n, m.seen.at = m.seen.n+1, v.At
	}
	text, _ := get(m.text, m.ttl["text"], v.At)
	m.text = aged[string]{text + "x", v.At, true}
	sum, _ := get(m.sum, m.ttl["sum"], v.At)
	m.sum = aged[int64]{sum + int64(v.Item), v.At, true}
	mean, _ := get(m.mean, m.ttl["mean"], v.At)
	m.mean = aged[[]int32]{append(mean, v.Item), v.At, true}
	m.list = append(m.list, aged[int32]{v.Item, v.At, true})
	_, deleted := get(m.items[v.Item-1], m.ttl["items"], v.At)
	delete(m.items, v.Item-1)
	m.items[v.Item] = aged[string]{fmt.Sprint(v.At), v.At, true}
	m.read[v.Item] = aged[string]{"", v.At, true}
	return fmt.Sprintf("%d: %s, deleted %v", v.At, before, deleted)
}

func ttlByState() map[string]int64 {
	return map[string]int64{"last": 900, "seen": 1500, "text": 700, "sum": 2000, "mean": 300, "list": 1100, "items": 1300, "read": 400}
}

// What has expired by event time is not there for rows and timers in any run: not through restarts at other parallelisms, checkpoints that are
// incremental, nor sweeps.
func TestWhatHasExpiredByEventTimeIsTheSameInEveryRun(t *testing.T) {
	const alarmAfter = 350
	r := rand.New(rand.NewPCG(8, 5))
	ttl := ttlByState()
	of := func(state string) []stream.StateOption {
		o := stream.TTL(time.Duration(ttl[state]) * time.Millisecond).EventTime()
		if state == "read" {
			o = o.OnReadAndWrite()
		}
		return []stream.StateOption{o}
	}
	var rows []visit
	models, want, timers := map[int32]*visitModel{}, map[string][]string{}, map[int32][]int64{}
	const n = 3000
	at := int64(1_000_000)
	for i := range n {
		if i == n/2 {
			at = 1_000_000 // the second split
		}
		v := visit{Key: int32(i/(n/2)*100) + r.Int32N(9), At: at, Item: r.Int32N(20)} // the keys of the splits are others
		at += 1 + r.Int64N(60)
		if r.IntN(40) == 0 {
			at += r.Int64N(3000)
		}
		rows = append(rows, v)
	}
	fire := func(key int32, until int64) {
		m := models[key]
		for len(timers[key]) > 0 && timers[key][0] < until {
			want[fmt.Sprint(key)] = append(want[fmt.Sprint(key)], fmt.Sprintf("timer at %d: %s", timers[key][0], m.tell(timers[key][0])))
			timers[key] = timers[key][1:]
		}
	}
	for _, v := range rows {
		m := models[v.Key]
		if m == nil {
			m = &visitModel{ttl: ttl, items: map[int32]aged[string]{}, read: map[int32]aged[string]{}}
			models[v.Key] = m
		}
		fire(v.Key, v.At) // rows and timers of one time: the row comes first, and its order is that of event time
		want[fmt.Sprint(v.Key)] = append(want[fmt.Sprint(v.Key)], m.row(v))
		if l := timers[v.Key]; len(l) == 0 || l[len(l)-1] != v.At+alarmAfter {
			timers[v.Key] = append(l, v.At+alarmAfter)
		}
	}
	for key := range models {
		fire(key, 1<<62)
	}
	tap := enginetest.NewTap(rows, n/2)
	j := stream.New()
	in := stream.FromEvents(j, "in", tap, func(v *visit) int64 { return v.At }, 0)
	sink := enginetest.NewLedger[told]()
	byKey := stream.KeyBy(in, func(v *visit) int32 { return v.Key })
	stream.To(stream.ProcessInOrder(byKey, "visits", visits(of, alarmAfter)), "out", sink)
	g := graphOf(t, j)
	cfg := config(t, 2)
	for i, open := range []int{500, 1400, 1600, 2100, 2101, 2900, n} {
		tap.Open(open)
		cfg.Parallelism = []int{2, 3, 1, 5}[i%4]
		runUntil(t, cfg, g, func(o rest.Job) bool { return tap.Read() >= open && o.State == rest.Running }, open == n)
	}
	got := map[string][]string{}
	for _, row := range sink.Rows() {
		got[row.Key] = append(got[row.Key], row.State)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// runUntil runs a job until a fact is true of it, or to its end.
func runUntil(t *testing.T, cfg job.Config, g *stream.Graph, fact func(rest.Job) bool, toTheEnd bool) {
	t.Helper()
	interrupt, started, ended := make(chan struct{}), make(chan *job.Handle, 1), make(chan error, 1)
	go func() {
		_, err := job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
		ended <- err
	}()
	running := <-started
	if !toTheEnd {
		waitFor(t, running, fact)
		close(interrupt)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// Processing time passes for what is there while a job runs and while it does not; a TTL that changes, comes and goes brings nothing back.
func TestWhatHasExpiredByProcessingTimeStaysAwayWhateverBecomesOfTheTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := enginetest.NewPartitions[word](1)
		var calls called
		build := func(options ...stream.StateOption) *stream.Graph {
			j := stream.New()
			words := stream.From[word](j, "words", in)
			out := stream.Process(stream.KeyBy(words, func(w *word) string { return w.Text }), "seen", func(s *stream.Setup) stream.Functions[word, count] {
				n := stream.ValueState[int64](s, "n", options...)
				list := stream.ListState(s, "list", stream.Integer[int64](), options...)
				return stream.Functions[word, count]{Row: func(c *stream.Context[count], w *word) error {
					var all []int64
					for v := range list.All(c) {
						all = append(all, v)
					}
					if w.At != 0 { // else it only looks
						*n.Ref(c) += w.At
						list.Add(c, w.At)
					}
					calls.add(fmt.Sprintf("%s %d %v", w.Text, n.Get(c), all))
					return nil
				}}
			})
			stream.To(out, "out", enginetest.NewLedger[count]())
			return graphOf(t, j)
		}
		cfg := config(t, 1)
		cfg.Storage, cfg.Interval = "mem://"+cryptorand.Text(), time.Hour // a name that no other run has
		run := func(g *stream.Graph) (stop func()) {
			t.Helper()
			interrupt, ended := make(chan struct{}), make(chan error, 1)
			go func() {
				_, err := job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}})
				ended <- err
			}()
			return func() {
				t.Helper()
				close(interrupt)
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
			}
		}
		// says appends a row, and says what it meets.
		says := func(want string, w word) {
			t.Helper()
			in.Append(0, w)
			<-time.After(10 * time.Millisecond) // of the test's own clock
			synctest.Wait()
			if got := calls.take(); got != want {
				t.Errorf("there was %s, want %s", got, want)
			}
		}
		stop := run(build(stream.TTL(time.Second)))
		says("a 1 []", word{"a", 1})
		says("b 1 []", word{"b", 1})
		<-time.After(600 * time.Millisecond)
		says("a 3 [1]", word{"a", 2})
		<-time.After(600 * time.Millisecond)
		says("a 3 [2]", word{"a", 0}) // what was added to a list first has expired by itself
		says("b 0 []", word{"b", 0})
		says("c 5 []", word{"c", 5})
		stop()

		<-time.After(900 * time.Millisecond) // a expires while the job does not run
		stop = run(build(stream.TTL(20 * time.Second)))
		says("a 0 []", word{"a", 0})
		says("b 0 []", word{"b", 0})
		says("c 5 [5]", word{"c", 0})
		<-time.After(15 * time.Second)
		says("c 5 [5]", word{"c", 0})
		stop()

		stop = run(build()) // no TTL any more
		<-time.After(time.Minute)
		says("b 0 []", word{"b", 0})
		says("c 6 [5]", word{"c", 1})
		stop()

		<-time.After(5 * time.Second)
		stop = run(build(stream.TTL(time.Second).OnReadAndWrite())) // counts from now on
		<-time.After(800 * time.Millisecond)
		says("c 6 [5 1]", word{"c", 0})
		<-time.After(800 * time.Millisecond)
		says("c 6 [5 1]", word{"c", 0})
		<-time.After(995 * time.Millisecond)
		says("c 0 []", word{"c", 0})
		stop()
	})
}

func TestWhatIsWrongWithATTLIsToldBeforeTheJobRuns(t *testing.T) {
	for want, options := range map[string][]stream.StateOption{
		"state n: a TTL of less than a millisecond": {stream.TTL(time.Microsecond)},
		"state n: it has two TTLs":                  {stream.TTL(time.Hour), stream.TTL(time.Minute).EventTime()},
	} {
		j := stream.New()
		byKey := stream.KeyBy(stream.From[order](j, "orders", enginetest.Of([]order{{Key: "a"}})), func(o *order) string { return o.Key })
		stream.To(stream.Process(byKey, "p", func(s *stream.Setup) stream.Functions[order, told] {
			stream.ValueState[int64](s, "n", options...)
			return stream.Functions[order, told]{}
		}), "out", enginetest.NewLedger[told]())
		if _, err := j.Graph(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error: %s", err, want)
		}
	}
}
