package task_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operator"
)

// timeOf sets the event time of rows.
type timeOf struct {
	operator.Stateless
	out batch.Batch
}

func (o *timeOf) Process(_ int, b *batch.Batch, out operator.Output) error {
	o.out = batch.Batch{Data: b.Data, Time: o.out.Time[:0]}
	for _, r := range b.Data.(*batch.Rows[row]).V {
		o.out.Time = append(o.out.Time, r.Time)
	}
	return out.Emit(&o.out)
}

// topic is a job over partitions with an idle timeout of ten seconds, in one subtask that reads two of them.
type topic struct {
	*driver
	in *enginetest.Partitions[row]
}

func newTopic(t *testing.T, src func(*enginetest.Partitions[row]) connector.Source) *topic {
	in := enginetest.NewPartitions[row](2)
	g := eventGraph(src(in), newCollected(), 10*time.Second)
	g.Nodes[0].Source.Event.Timestamps = func() (operator.Operator, error) { return &timeOf{}, nil }
	d := newDriver(t, backendtest.NewStore(t, nil), g, nil)
	d.start(1)
	for i, id := range []string{"a", "b"} {
		d.command(0, message.Assign{Split: connector.Split{ID: id, Spec: []byte{byte(i)}}, MaxTime: math.MinInt64})
	}
	d.all(message.WatermarkBound{MaxTime: math.MaxInt64})
	return &topic{d, in}
}

// at appends a row with an event time, lets a time pass, and demands a watermark then.
func (o *topic) at(partition int, ms int64, pass time.Duration, watermark int64) {
	o.t.Helper()
	o.in.Append(partition, row{Key: "k", Time: ms})
	<-time.After(pass) // of the test's own clock
	synctest.Wait()
	if got := watermarks(o.driver, "count")[0]; got != watermark {
		o.t.Errorf("after a row at %d of partition %d the watermark is %d, want %d", ms, partition, got, watermark)
	}
}

// told are the splits that were said to be idle or active, in their order.
func (o *topic) told() (all []string) {
	for {
		select {
		case r := <-o.mailbox:
			if idle, ok := r.(message.SplitIdle); ok {
				word := "active "
				if idle.Idle {
					word = "idle "
				}
				all = append(all, word+idle.Split)
			}
		default:
			return all
		}
	}
}

func TestASilentSplitHoldsTheWatermarkForItsTimeoutAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTopic(t, func(p *enginetest.Partitions[row]) connector.Source { return p })
		o.at(1, 1005, time.Second, math.MinInt64) // nothing is known of partition 0
		o.at(0, 2000, 6*time.Second, 995)
		o.at(0, 3000, time.Second, 995)
		o.at(0, 4000, 5*time.Second, 3990) // 12 s after its last row partition 1 counts no more
		o.at(1, 1500, time.Second, 3990)   // its rows are late, and the watermark does not go back
		o.at(0, 5000, time.Second, 3990)   // it counts again
		o.at(1, 4500, time.Second, 4490)
		o.at(1, 6000, 30*time.Second, 5990) // partition 0 is idle first, then all are: nobody speaks for event time
		o.at(0, 7000, time.Second, 6990)    // only partition 1 is
		want := []string{"idle b", "active b", "idle a", "idle b", "active a"}
		if got := o.told(); !slices.Equal(got, want) {
			t.Errorf("told is %v, want %v", got, want)
		}
		o.stop()
	})
}

// lagging are partitions whose reader never says that it has handed out all.
type lagging struct{ *enginetest.Partitions[row] }

func (l lagging) Reader(ctx context.Context, c connector.ReaderContext) (connector.Reader, error) {
	r, err := l.Partitions.Reader(ctx, c)
	return laggingReader{r}, err
}

type laggingReader struct{ connector.Reader }

func (laggingReader) CaughtUp(string) bool { return false }

// TestASplitThatIsNotReadFastEnoughIsNotIdle: what decides is what there is to read, not how busy the reader was.
func TestASplitThatIsNotReadFastEnoughIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTopic(t, func(p *enginetest.Partitions[row]) connector.Source { return lagging{p} })
		o.at(1, 1005, time.Second, math.MinInt64)
		o.at(0, 2000, time.Minute, 995)
		o.at(0, 3000, time.Minute, 995)
		o.stop()
	})
}
