package stream_test

import (
	"fmt"
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

// rule is a row of a broadcast stream: from now on, what is of an item counts so many times; 0: not at all any more.
type rule struct {
	Item  int32
	Times int64
}

// priced multiplies what is ordered by the rules, and says how much that was of each key.
func priced(s *stream.Setup) stream.BroadcastFunctions[order, rule, told] {
	rules := stream.BroadcastState(s, "rules", stream.Integer[int32](), stream.JSON[rule]())
	sum := stream.ValueState[int64](s, "sum")
	changes := stream.SideOutput(s, ruleChanges)
	return stream.BroadcastFunctions[order, rule, told]{
		Row: func(c *stream.Context[told], o *order) error {
			r, _ := rules.Get(c, o.Item)
			*sum.Ref(c) += r.Times * int64(o.N)
			var known []int32
			for item, r := range rules.All(c) {
				if r.Item != item {
					return fmt.Errorf("under %d there is %+v", item, r)
				}
				known = append(known, item)
			}
			c.Emit(told{o.Key, fmt.Sprintf("%d by %v of %d", *sum.Ref(c), known, rules.Len(c))})
			return nil
		},
		Broadcast: func(c *stream.BroadcastContext[told], r *rule) error {
			if r.Times == 0 {
				rules.Delete(c, r.Item)
			} else {
				rules.Put(c, r.Item, *r)
			}
			if i, _ := c.Subtask(); i == 0 {
				changes.Emit(c, fmt.Sprint(*r))
			}
			return nil
		},
	}
}

var ruleChanges = stream.NewOutputTag[string]("changes")

// Rules that are broadcast are known in all subtasks, and are known again after restarts with more subtasks and fewer, from checkpoints and
// savepoints.
func TestWhatIsBroadcastIsKnownInEverySubtaskThroughRestartsAndRescales(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	orders, rules := enginetest.NewPartitions[order](2), enginetest.NewPartitions[rule](1)
	j := stream.New()
	byKey := stream.KeyBy(stream.From[order](j, "orders", orders), func(o *order) string { return o.Key })
	out := stream.BroadcastProcess(byKey, stream.From[rule](j, "rules", rules), "priced", priced)
	sink, changed := enginetest.NewLedger[told](), enginetest.NewLedger[string]()
	stream.To(out, "out", sink)
	stream.To(stream.GetSideOutput(out, ruleChanges), "changes", changed)
	g := graphOf(t, j)
	cfg := config(t, 1)
	known, sums := map[int32]int64{}, map[string]int64{}
	want, wantChanges := map[string][]string{}, []string{}
	rows := 0
	for _, parallelism := range []int{2, 2, 5, 1, 3} {
		cfg.Parallelism = parallelism
		interrupt, started, ended := make(chan struct{}), make(chan *job.Handle, 1), make(chan error, 1)
		go func() {
			_, err := job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
			ended <- err
		}()
		running := <-started
		for range 4 {
			var next []rule
			for range r.IntN(4) {
				next = append(next, rule{r.Int32N(6), int64(r.IntN(4))})
			}
			for _, n := range next {
				known[n.Item] = n.Times
				if n.Times == 0 {
					delete(known, n.Item)
				}
				wantChanges = append(wantChanges, fmt.Sprint(n))
			}
			rules.Append(0, next...)
			rows += len(next) * parallelism // each subtask gets all
			waitFor(t, running, func(o rest.Job) bool { return o.State == rest.Running && recordsIn(running, "priced") == int64(rows) })
			var items []int32
			for item := range known {
				items = append(items, item)
			}
			slices.Sort(items)
			for range 30 {
				key := r.IntN(12)
				o := order{Key: fmt.Sprint(key), Item: r.Int32N(6), N: r.Int32N(5)}
				sums[o.Key] += known[o.Item] * int64(o.N)
				want[o.Key] = append(want[o.Key], fmt.Sprintf("%d by %v of %d", sums[o.Key], items, len(items)))
				orders.Append(key%2, o)
				rows++
			}
			waitFor(t, running, func(rest.Job) bool { return recordsIn(running, "priced") == int64(rows) })
		}
		close(interrupt)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		rows = 0
	}
	got := map[string][]string{}
	for _, row := range sink.Rows() {
		got[row.Key] = append(got[row.Key], row.State)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(sorted(wantChanges), sorted(changed.Rows())); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// recordsIn is how many rows have come to an operator.
func recordsIn(j *job.Handle, uid string) (n int64) {
	for _, o := range j.Operators() {
		if o.UID == uid {
			for _, s := range o.Subtasks {
				n += s.RecordsIn
			}
		}
	}
	return n
}

func sorted(lines []string) []string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	return lines
}

// Lists of subtasks are divided, or given whole to all, when there are more subtasks or fewer.
func TestListsOfSubtasksAreDividedOrUnited(t *testing.T) {
	in := enginetest.NewPartitions[order](1)
	var calls called
	j := stream.New()
	byKey := stream.KeyBy(stream.From[order](j, "orders", in), func(o *order) string { return o.Key })
	stream.To(stream.Process(byKey, "lists", func(s *stream.Setup) stream.Functions[order, told] {
		split := stream.OperatorListState(s, "split", stream.Text[string](), stream.SplitRedistribution)
		union := stream.OperatorListState(s, "union", stream.Text[string](), stream.UnionRedistribution)
		return stream.Functions[order, told]{Row: func(c *stream.Context[told], o *order) error {
			if o.N > 0 {
				split.Add(c, o.Key)
				union.Add(c, o.Key)
			}
			var all []string
			for v := range split.All(c) {
				all = append(all, v)
			}
			var united []string
			for v := range union.All(c) {
				united = append(united, v)
			}
			slices.Sort(united)
			calls.add(fmt.Sprintf("%s|%s", strings.Join(all, " "), strings.Join(united, " ")))
			return nil
		}}
	}), "out", enginetest.NewLedger[told]())
	g := graphOf(t, j)
	cfg := config(t, 3)
	run := func(parallelism int, rows ...order) (lines []string) {
		cfg.Parallelism = parallelism
		interrupt, started, ended := make(chan struct{}), make(chan *job.Handle, 1), make(chan error, 1)
		go func() {
			_, err := job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
			ended <- err
		}()
		running := <-started
		in.Append(0, rows...)
		waitFor(t, running, func(o rest.Job) bool {
			return o.State == rest.Running && recordsIn(running, "lists") == int64(len(rows))
		})
		close(interrupt)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		return strings.Split(calls.take(), ", ")
	}
	var adds, asks []order
	var keys []string
	for i := range 20 {
		adds = append(adds, order{Key: fmt.Sprint(i), N: 1})
		asks = append(asks, order{Key: fmt.Sprint(i)})
		keys = append(keys, fmt.Sprint(i))
	}
	slices.Sort(keys)
	run(3, adds...)
	for _, parallelism := range []int{3, 2, 5, 1} {
		lists := map[string]bool{}
		for _, line := range run(parallelism, asks...) {
			split, union, _ := strings.Cut(line, "|")
			lists[split] = true
			if got := slices.Compact(strings.Fields(union)); !slices.Equal(got, keys) {
				t.Errorf("at parallelism %d the list of all is %q", parallelism, got)
			}
		}
		var got []string
		for list := range lists { // 20 keys are in every subtask
			got = append(got, strings.Fields(list)...)
		}
		slices.Sort(got)
		if len(lists) != parallelism || !slices.Equal(got, keys) {
			t.Errorf("at parallelism %d the lists are %v", parallelism, lists)
		}
	}
}
