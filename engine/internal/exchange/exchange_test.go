package exchange

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/state"
)

type item struct{ Producer, N int }

func newGate(channels int) *Gate { return NewGate(make([]int, channels), time.Now) }

// toGate is an output to a channel of one gate.
func toGate(g *Gate, channel int) *Output { return NewForward([]Sender{g.Sender(channel)}, 0) }

// sendersOf are the first channels of gates.
func sendersOf(gates []*Gate) (senders []Sender) {
	for _, g := range gates {
		senders = append(senders, g.Sender(0))
	}
	return senders
}

func items(from ...item) *batch.Batch { return batch.Of(&batch.Rows[item]{V: from}) }

func rowsOf(e Element) []item { return e.Batch.Data.(*batch.Rows[item]).V }

func TestAKeyedOutputHandsEachRowToTheOwnerOfItsKeyGroupInOrder(t *testing.T) {
	const consumers, groups = 3, 16
	r := rand.New(rand.NewPCG(1, 1))
	gates := []*Gate{newGate(1), newGate(1), newGate(1)}
	out := NewKeyed(sendersOf(gates), OwnersOf(len(gates), groups))
	want := make([][]item, consumers)
	for n := range 500 {
		b := items(item{0, n}, item{1, n})
		b.Hash = []uint64{r.Uint64(), r.Uint64()}
		b.SplitWatermark = []int64{1, 2}
		for i, h := range b.Hash {
			to := state.Owner(state.KeyGroup(h, groups), consumers, groups)
			want[to] = append(want[to], item{i, n})
		}
		if err := out.Emit(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	for to, g := range gates {
		var got []item
		for {
			e, ok, err := g.Poll()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if len(e.Batch.SplitWatermark) > 0 {
				t.Fatal("a mark crossed an edge between tasks")
			}
			if n := len(rowsOf(e)); n != len(e.Batch.Hash) || n > batch.TargetRows+1 {
				t.Fatalf("a batch has %d rows and %d hashes", n, len(e.Batch.Hash))
			}
			got = append(got, rowsOf(e)...)
			g.Recycle(e)
		}
		if !slices.Equal(got, want[to]) {
			t.Errorf("consumer %d got %d rows, want %d, or in another order", to, len(got), len(want[to]))
		}
	}
}

func TestRowsWithOtherOptionalPartsDoNotShareABatch(t *testing.T) {
	g := newGate(1)
	out := toGate(g, 0)
	plain, timed, kinds := items(item{0, 1}), items(item{0, 2}), items(item{0, 3}, item{0, 4})
	timed.Time = []int64{7}
	kinds.Kind = []batch.RowKind{batch.Insert, batch.Delete}
	for _, b := range []*batch.Batch{plain, plain, timed, kinds} {
		if err := out.Emit(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ rows, times, kinds int }{{2, 0, 0}, {1, 1, 0}, {2, 0, 2}} {
		e, _, err := g.Poll()
		if err != nil || e.Batch == nil {
			t.Fatalf("batch %d: %v", i, err)
		}
		if e.Batch.Len() != want.rows || len(e.Batch.Time) != want.times || len(e.Batch.Kind) != want.kinds {
			t.Errorf("batch %d: %d rows, %d times, %d kinds; want %v", i, e.Batch.Len(), len(e.Batch.Time), len(e.Batch.Kind), want)
		}
	}
}

func TestAnEdgeToMoreSubtasksDealsBatchesInTurnAndTellsAllOfWatermarksAndBarriers(t *testing.T) {
	gates := []*Gate{newGate(1), newGate(1), newGate(1)}
	out := NewForward(sendersOf(gates), 4)
	for n := range 7 {
		if err := out.Emit(items(item{n, 0}, item{n, 1})); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(out.Barrier(1), out.End()); err != nil {
		t.Fatal(err)
	}
	for to, want := range [][]int{{2, 5}, {0, 3, 6}, {1, 4}} {
		var got []int
		var last Kind
		for ended := false; !ended; {
			e, err := next(gates[to])
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == Batch {
				if last != Batch {
					t.Errorf("consumer %d got rows behind %v", to, last)
				}
				rows := rowsOf(e)
				for i := 0; i < len(rows); i += 2 {
					if rows[i].N != 0 || rows[i+1] != (item{rows[i].Producer, 1}) {
						t.Errorf("consumer %d got %v: rows of a batch were parted", to, rows)
					}
					got = append(got, rows[i].Producer)
				}
				gates[to].Recycle(e)
			}
			last, ended = e.Kind, e.Kind == EndOfInput
		}
		if !slices.Equal(got, want) {
			t.Errorf("consumer %d got the batches %v, want %v", to, got, want)
		}
	}
}

func TestRowsAreDealtOutOneByOneOrSentToAll(t *testing.T) {
	for name, c := range map[string]struct {
		make func([]Sender) *Output
		want [3][]int
	}{
		"rebalance": {func(s []Sender) *Output { return NewRebalance(s, 4) }, [3][]int{{2, 5}, {0, 3, 6}, {1, 4}}},
		"broadcast": {NewBroadcast, [3][]int{{0, 1, 2, 3, 4, 5, 6}, {0, 1, 2, 3, 4, 5, 6}, {0, 1, 2, 3, 4, 5, 6}}},
	} {
		gates := []*Gate{newGate(1), newGate(1), newGate(1)}
		out := c.make(sendersOf(gates))
		for _, b := range []*batch.Batch{items(item{N: 0}, item{N: 1}, item{N: 2}, item{N: 3}), items(item{N: 4}), items(item{N: 5}, item{N: 6})} {
			b.Time = make([]int64, b.Len())
			if err := out.Emit(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := out.Watermark(5); err != nil {
			t.Fatal(err)
		}
		for to, g := range gates {
			var got []int
			for {
				e, err := next(g)
				if err != nil {
					t.Fatal(err)
				}
				if e.Kind == Watermark {
					break
				}
				for _, row := range rowsOf(e) {
					got = append(got, row.N)
				}
			}
			if !slices.Equal(got, c.want[to]) {
				t.Errorf("%s: consumer %d got %v, want %v", name, to, got, c.want[to])
			}
		}
	}
}

func TestRowsThatChangeOthersAreNotDealtOut(t *testing.T) {
	update := func() *batch.Batch {
		b := items(item{0, 1}, item{0, 2})
		b.Kind = []batch.RowKind{batch.Insert, batch.UpdateBefore}
		return b
	}
	if err := NewForward(sendersOf([]*Gate{newGate(1), newGate(1)}), 0).Emit(update()); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("dealt out, got %v, want a permanent error", err)
	}
	if err := NewRebalance(sendersOf([]*Gate{newGate(1), newGate(1)}), 0).Emit(update()); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("rebalanced, got %v, want a permanent error", err)
	}
	if err := NewBroadcast(sendersOf([]*Gate{newGate(1), newGate(1)})).Emit(update()); err != nil {
		t.Errorf("to all: %v", err)
	}
	if err := toGate(newGate(1), 0).Emit(update()); err != nil {
		t.Errorf("to one subtask: %v", err)
	}
	inserts := update()
	inserts.Kind[1] = batch.Insert
	if err := NewForward(sendersOf([]*Gate{newGate(1), newGate(1)}), 0).Emit(inserts); err != nil {
		t.Errorf("inserts: %v", err)
	}
}

func TestMarksGoWithTheRowsOnlyWhereTheyAreWanted(t *testing.T) {
	for _, wanted := range []bool{false, true} {
		g := newGate(1)
		out := toGate(g, 0)
		want := [][]int64{nil}
		if wanted {
			out, want = out.WithSplitWatermarks(), [][]int64{{1, 2}, nil}
		}
		marked, plain := items(item{0, 1}, item{0, 2}), items(item{0, 3})
		marked.SplitWatermark = []int64{1, 2}
		for _, b := range []*batch.Batch{marked, plain} {
			if err := out.Emit(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := out.Flush(); err != nil {
			t.Fatal(err)
		}
		for i, marks := range want {
			e, _, err := g.Poll()
			if err != nil || e.Batch == nil {
				t.Fatalf("batch %d: %v", i, err)
			}
			if !slices.Equal(e.Batch.SplitWatermark, marks) {
				t.Errorf("wanted %v: the marks of batch %d are %v, want %v", wanted, i, e.Batch.SplitWatermark, marks)
			}
		}
	}
}

// next waits for the next element.
func next(g *Gate) (Element, error) {
	for {
		e, ok, err := g.Poll()
		if ok || err != nil {
			return e, err
		}
		<-g.Ready()
	}
}

// TestNoRowCrossesABarrier lets producers of very different speed send rows and barriers to one gate. When a checkpoint
// is aligned, the consumer has had exactly the rows that each producer sent before its barrier. An element that never
// comes is seen at once: then all goroutines wait.
func TestNoRowCrossesABarrier(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { noRowCrosses(t, rand.New(rand.NewPCG(seed, 5))) })
		})
	}
}

func noRowCrosses(t *testing.T, r *rand.Rand) {
	producers, checkpoints := 1+r.IntN(5), 1+r.IntN(20)
	g := newGate(producers)
	before := make([][]int, producers) // rows before each barrier
	var running sync.WaitGroup
	for p := range producers {
		counts := make([]int, checkpoints+1)
		for i := range counts {
			counts[i] = r.IntN(3000 / (p + 1))
		}
		before[p] = counts
		running.Go(func() { produce(t, toGate(g, p), p, counts) })
	}
	got, sum := make([]int, producers), make([]int, producers)
	for ended, aligned := false, 0; !ended; {
		e, err := next(g)
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind {
		case Batch:
			for _, it := range rowsOf(e) {
				if it.N != got[it.Producer] {
					t.Fatalf("row %d of producer %d came as number %d", it.N, it.Producer, got[it.Producer])
				}
				got[it.Producer]++
			}
			g.Recycle(e)
		case Barrier:
			if e.Value != int64(aligned+1) {
				t.Fatalf("checkpoint %d is aligned after %d", e.Value, aligned)
			}
			for p := range sum {
				sum[p] += before[p][aligned]
			}
			if !slices.Equal(got, sum) {
				t.Fatalf("at barrier %d the rows are %v, want %v", e.Value, got, sum)
			}
			aligned++
		case EndOfInput:
			ended = true
		}
	}
	running.Wait()
}

func produce(t *testing.T, out *Output, producer int, counts []int) {
	n := 0
	for i, count := range counts {
		for range count {
			if err := out.Emit(items(item{producer, n})); err != nil {
				t.Error(err)
			}
			n++
		}
		if i == len(counts)-1 {
			break
		}
		if err := out.Barrier(int64(i + 1)); err != nil {
			t.Error(err)
		}
	}
	if err := out.End(); err != nil {
		t.Error(err)
	}
}

func TestABlockedChannelBlocksNoOtherAndItsQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		blocked, free := toGate(g, 0), toGate(g, 1)
		if err := blocked.Barrier(1); err != nil {
			t.Fatal(err)
		}
		sent := 0
		go func() {
			for {
				if err := blocked.Emit(items(make([]item, batch.TargetRows)...)); err != nil {
					return
				}
				sent++
			}
		}()
		for n := range 1000 {
			if err := free.Emit(items(item{1, n})); err != nil {
				t.Fatal(err)
			}
			if err := free.Flush(); err != nil {
				t.Fatal(err)
			}
			e, err := next(g)
			if err != nil || e.Kind != Batch || rowsOf(e)[0].Producer != 1 {
				t.Fatalf("got %v, %v behind a blocked channel", e, err)
			}
			g.Recycle(e)
		}
		synctest.Wait()
		if sent != maxBatches {
			t.Errorf("a blocked channel took %d batches, want %d", sent, maxBatches)
		}
		g.Cancel()
	})
}

func TestAChannelIsBoundedInBytesButTakesOneBatchOfAnySize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		out, sent := toGate(g, 0), 0
		go func() {
			for {
				if err := out.Emit(items(make([]item, maxBytes/16)...)); err != nil {
					return
				}
				sent++
			}
		}()
		synctest.Wait()
		if sent != 1 {
			t.Errorf("the channel took %d batches of %d bytes, want 1", sent, maxBytes)
		}
		g.Cancel()
	})
}

func TestCancelWakesEveryone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full, empty := newGate(1), newGate(1)
		results := make(chan error, 2)
		go func() {
			out := toGate(full, 0)
			for {
				if err := out.Emit(items(make([]item, batch.TargetRows)...)); err != nil {
					results <- err
					return
				}
			}
		}()
		go func() {
			_, err := next(empty)
			results <- err
		}()
		synctest.Wait()
		full.Cancel()
		empty.Cancel()
		for range 2 {
			if err := <-results; !errors.Is(err, ErrCancelled) {
				t.Errorf("got %v, want ErrCancelled", err)
			}
		}
	})
}

func TestTheLossOfAProducerWakesTheConsumerAndTheOtherProducers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waiting, full := newGate(2), newGate(2)
		lost := NewKeyed([]Sender{waiting.Sender(0), full.Sender(0)}, Owners{0, 1})
		results := make(chan error, 2)
		go func() {
			_, err := next(waiting)
			results <- err
		}()
		go func() {
			out := toGate(full, 1)
			for {
				if err := out.Emit(items(make([]item, batch.TargetRows)...)); err != nil {
					results <- err
					return
				}
			}
		}()
		synctest.Wait()
		lost.Cancel()
		lost.Cancel()
		for range 2 {
			if err := <-results; !errors.Is(err, ErrCancelled) || fault.ClassOf(err) != fault.Transient {
				t.Errorf("got %v, class %v, want ErrCancelled, which is transient", err, fault.ClassOf(err))
			}
		}
		if err := lost.Watermark(1); !errors.Is(err, ErrCancelled) {
			t.Errorf("the producer that is lost goes on with %v, want ErrCancelled", err)
		}
	})
}

// relay is a channel whose gate is reached by another goroutine, as one in another process would be.
type relay struct {
	to       Sender
	elements chan Element
	lost     chan struct{}
	once     sync.Once
}

func newRelay(to Sender) *relay {
	return &relay{to: to, elements: make(chan Element, 2), lost: make(chan struct{})}
}

// carry copies what is sent, until either side has cancelled.
func (r *relay) carry() {
	for {
		select {
		case e := <-r.elements:
			if e.Kind == Batch {
				sent := e.Batch
				e.Batch = r.to.Borrow(sent)
				all := make([]int32, sent.Len())
				for i := range all {
					all[i] = int32(i)
				}
				e.Batch.AppendSelected(sent, all)
			}
			if r.to.Send(e) != nil {
				r.Cancel()
				return
			}
		case <-r.lost:
			r.to.Cancel()
			return
		}
	}
}

func (r *relay) Borrow(like *batch.Batch) *batch.Batch { return like.New() }

func (r *relay) Send(e Element) error {
	select {
	case r.elements <- e:
		return nil
	case <-r.lost:
		return ErrCancelled
	}
}

func (r *relay) Cancel() { r.once.Do(func() { close(r.lost) }) }

func TestAnOutputCarriesOverAnyTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		r := newRelay(g.Sender(0))
		go r.carry()
		out := NewForward([]Sender{r}, 0)
		const batches = 50
		go func() {
			for n := range batches {
				if err := errors.Join(out.Emit(items(item{0, n})), out.Barrier(int64(n+1))); err != nil {
					t.Error(err)
				}
			}
		}()
		for n := range batches {
			e, err := next(g)
			if err != nil || e.Kind != Batch || !slices.Equal(rowsOf(e), []item{{0, n}}) {
				t.Fatalf("got %v, %v, want row %d", e, err, n)
			}
			g.Recycle(e)
			if e, err = next(g); err != nil || e.Kind != Barrier || e.Value != int64(n+1) {
				t.Fatalf("got %v, %v, want barrier %d", e, err, n+1)
			}
		}
		g.Cancel() // and the producer hears of it
		for out.Watermark(1) == nil {
			synctest.Wait()
		}
	})
}

// BenchmarkAKeyedEdge is what a row costs from a producer to the consumer that owns it, in batches of which each consumer gets a
// few rows or many.
func BenchmarkAKeyedEdge(b *testing.B) {
	for _, consumers := range []int{2, 32} {
		b.Run(strconv.Itoa(consumers), func(b *testing.B) {
			gates := make([]*Gate, consumers)
			for i := range gates {
				gates[i] = newGate(1)
			}
			out := NewKeyed(sendersOf(gates), OwnersOf(consumers, 128))
			r := rand.New(rand.NewPCG(1, 2))
			rows := items(make([]item, batch.TargetRows)...)
			for range batch.TargetRows {
				rows.Hash = append(rows.Hash, r.Uint64())
			}
			for b.Loop() {
				if err := errors.Join(out.Emit(rows), out.Flush()); err != nil {
					b.Fatal(err)
				}
				for _, g := range gates {
					for {
						e, ok, err := g.Poll()
						if err != nil {
							b.Fatal(err)
						}
						if !ok {
							break
						}
						g.Recycle(e)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.TargetRows), "ns/row")
		})
	}
}

// TestEventTimeIsMergedOverTheChannels plays scripts on a gate with two channels, a and b: what they send, and what
// the consumer gets.
func TestEventTimeIsMergedOverTheChannels(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"the watermark is the minimum", "a10 b5 b20 a15", "5 10 15"},
		{"a channel that has sent none holds it back", "a10 a20", ""},
		{"it never goes back", "a10 b10 a5 b5", "10"},
		{"an idle channel holds nothing back", "a10 bi a20", "10 20"},
		{"the rest may be further on when a channel becomes idle", "b5 a10 bi", "5 10"},
		{"a channel that is active again holds it back, but does not turn it back", "a10 bi a20 ba a30 b25", "10 20 25"},
		{"all idle is idle, and the first that is active ends it", "ai bi ba aa", "idle active"},
		{"a channel at the end of event time holds nothing back", "a10 b$ a20", "10 20"},
		{"when all are at the end it is the end", "a10 b$ a$", "10 end"},
		{"a channel at its end does not speak for an idle one", "a10 b10 bi a$", "10 idle"},
		{"the input is over when every channel has ended", "a10 b5 a. b20 b.", "5 10 over"},
		{"the end of a channel does not end event time", "a10 a. b20", "10"},
		{"a channel that ends twice is one", "a. a. b.", "over"},
		{"an idle channel that comes back goes on where it was", "a10 b10 bi a$ ba b20", "10 idle active 20"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGate(2)
			outs := map[byte]*Output{'a': toGate(g, 0), 'b': toGate(g, 1)}
			var got []string
			for _, word := range strings.Fields(c.script) {
				if err := send(outs[word[0]], word[1:]); err != nil {
					t.Fatal(err)
				}
				for {
					e, ok, err := g.Poll()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					got = append(got, wordOf(e))
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", strings.Join(got, " "), c.want)
			}
		})
	}
}

func send(out *Output, what string) error {
	switch what {
	case "i", "a":
		return out.Idle(what == "i")
	case "$":
		return out.Watermark(math.MaxInt64)
	case ".":
		return out.End()
	}
	var ms int64
	if _, err := fmt.Sscan(what, &ms); err != nil {
		return err
	}
	return out.Watermark(ms)
}

func wordOf(e Element) string {
	switch {
	case e.Kind == Idle:
		return "idle"
	case e.Kind == Active:
		return "active"
	case e.Kind == EndOfInput:
		return "over"
	case e.Value == math.MaxInt64:
		return "end"
	}
	return fmt.Sprint(e.Value)
}

func TestANewerBarrierIsToldAndTheOldOneIsGivenUp(t *testing.T) {
	g := newGate(2)
	a, b := toGate(g, 0), toGate(g, 1)
	for _, err := range []error{a.Barrier(1), b.Barrier(2), a.Barrier(2)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []Element{{Kind: Superseded, Value: 1}, {Kind: Barrier, Value: 2}} {
		e, ok, err := g.Poll()
		if err != nil || !ok || e.Kind != want.Kind || e.Value != want.Value {
			t.Fatalf("got %v (%v, %v), want %v", e, ok, err, want)
		}
	}
}

func TestAnAbortFreesTheChannelsThatWait(t *testing.T) {
	g := newGate(2)
	a := toGate(g, 0)
	for _, err := range []error{a.Barrier(1), a.Emit(items(item{0, 1})), a.Flush()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if e, ok, err := g.Poll(); ok || err != nil {
		t.Fatalf("got %v, %v from behind a barrier", e, err)
	}
	g.Abort(1)
	if e, ok, err := g.Poll(); !ok || err != nil || e.Kind != Batch {
		t.Fatalf("got %v (%v), %v after the abort", e, ok, err)
	}
}

func TestBatchesAreRecycled(t *testing.T) {
	g := newGate(1)
	out := toGate(g, 0)
	b := items(make([]item, batch.TargetRows)...)
	allocs := testing.AllocsPerRun(1000, func() {
		if err := out.Emit(b); err != nil {
			t.Fatal(err)
		}
		e, err := next(g)
		if err != nil {
			t.Fatal(err)
		}
		g.Recycle(e)
	})
	if allocs > 0 {
		t.Errorf("%v allocations for each batch", allocs)
	}
}
