package task_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/snapshot"
)

// told is what readers and operators were told of complete checkpoints.
type told struct {
	mu        sync.Mutex
	positions map[int64]map[string]string // by checkpoint and split
	ended     map[int64][]string          // splits with their last position, by checkpoint
	order     map[string][]int64          // by who was told
}

func newTold() *told {
	return &told{positions: map[int64]map[string]string{}, ended: map[int64][]string{}, order: map[string][]int64{}}
}

func (w *told) note(who string, checkpoint int64, splits ...connector.CompleteSplit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order[who] = append(w.order[who], checkpoint)
	if w.positions[checkpoint] == nil {
		w.positions[checkpoint] = map[string]string{}
	}
	for _, s := range splits {
		if s.Ended {
			w.ended[checkpoint] = append(w.ended[checkpoint], fmt.Sprintf("%s at %d", s.ID, binary.LittleEndian.Uint64(s.Position)))
			continue
		}
		w.positions[checkpoint][s.ID] = string(s.Position)
	}
}

// listening is numbers whose readers want to know what is complete.
type listening struct {
	numbers
	told *told
}

func (l *listening) Reader(_ context.Context, c connector.ReaderContext) (connector.Reader, error) {
	return &listeningReader{numbersReader{source: &l.numbers, rows: c.BatchRows}, l.told, fmt.Sprint("reader ", c.Subtask)}, nil
}

type listeningReader struct {
	numbersReader
	told *told
	name string
}

func (r *listeningReader) CheckpointComplete(checkpoint int64, splits []connector.CompleteSplit) error {
	r.told.note(r.name, checkpoint, splits...)
	return nil
}

// listeningCount is count that wants to know what is complete.
type listeningCount struct {
	count
	told *told
	name string
}

func (c *listeningCount) Open(ctx operator.Context) error {
	subtask, _ := ctx.Subtask()
	c.name = fmt.Sprint("operator ", subtask)
	return c.count.Open(ctx)
}

func (c *listeningCount) CheckpointComplete(checkpoint int64) error {
	c.told.note(c.name, checkpoint)
	return nil
}

// positionsOf are those of the splits that readers had in a snapshot.
func positionsOf(m *snapshot.Metadata) map[string]string {
	positions := map[string]string{}
	for _, s := range m.Operator("numbers").Subtasks {
		for _, split := range s.Splits {
			positions[split.ID] = string(split.Position)
		}
	}
	return positions
}

// pass handles reports until so much of the test's own time has passed.
func (d *driver) pass(span time.Duration) {
	d.t.Helper()
	over := message.SplitProgress{Split: "the time is over"}
	mailbox := d.mailbox
	time.AfterFunc(span, func() { mailbox <- over })
	for d.next() != message.Report(over) {
	}
}

func TestReadersAndOperatorsAreToldWhatIsComplete(t *testing.T) {
	for _, parallelism := range []int{1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			src := &listening{numbers: numbers{splits: 4, rows: 5000, keys: 10, rate: 1000, batchRows: func() int { return 20 }}, told: newTold()}
			g := countGraph(src, newCollected())
			g.Nodes[0].Source.RowsPerSecond = src.rate
			g.Nodes[2].Operator = func() (operator.Operator, error) { return &listeningCount{told: src.told}, nil }
			d := newDriver(t, backendtest.NewStore(t, nil), g, src.names())
			want := map[int64]map[string]string{}
			complete := func() {
				id := d.trigger(message.Continue)
				d.until(func() bool { return len(d.acks[id]) == d.subtasks() })
				d.pass(time.Second) // the readers read on meanwhile
				d.complete(id)
				want[d.newest.Metadata.ID] = positionsOf(d.newest.Metadata)
			}
			d.start(parallelism)
			d.pass(2 * time.Second)
			complete()
			d.pass(2 * time.Second)
			d.abort(d.trigger(message.Continue))
			d.pass(2 * time.Second)
			complete()
			d.stop()
			// What was restored is not told again, and what is read after it goes on from there.
			d.start(parallelism)
			d.pass(2 * time.Second)
			complete()
			d.stop()

			for id, positions := range want {
				if len(positions) == 0 {
					t.Errorf("parallelism %d: no split was half read in checkpoint %d", parallelism, id)
				}
			}
			if diff := cmp.Diff(want, src.told.positions); diff != "" {
				t.Errorf("parallelism %d: the positions differ: %s", parallelism, diff)
			}
			for i := range parallelism {
				for _, who := range []string{"reader", "operator"} {
					if got := src.told.order[fmt.Sprint(who, " ", i)]; !slices.Equal(got, []int64{1, 3, 4}) {
						t.Errorf("parallelism %d: %s %d was told of %v, want 1, 3 and 4", parallelism, who, i, got)
					}
				}
			}
		})
	}
}

func TestTheEndOfASplitIsToldOnceWithTheNextCompleteCheckpoint(t *testing.T) {
	src := &listening{numbers: numbers{splits: 3, rows: 100, keys: 10}, told: newTold()}
	d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, newCollected()), src.names())
	d.start(1)
	for done := false; !done; {
		_, done = d.next().(message.SplitDone)
	}
	aborted := d.trigger(message.Continue)
	d.until(func() bool { return len(d.acks[aborted]) == d.subtasks() })
	d.abort(aborted)
	d.until(func() bool { return d.ended == 1 })
	d.checkpoint(message.Continue)
	d.checkpoint(message.Continue)
	d.stop()
	want := map[int64][]string{2: {"split-0 at 100", "split-1 at 100", "split-2 at 100"}}
	if diff := cmp.Diff(want, src.told.ended); diff != "" {
		t.Errorf("the ends that were told differ: %s", diff)
	}
	if diff := cmp.Diff(map[int64]map[string]string{2: {}, 3: {}}, src.told.positions); diff != "" {
		t.Errorf("the open splits that were told differ: %s", diff)
	}
}
