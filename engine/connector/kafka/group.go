package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine/connector"
)

// groupWait bounds one attempt to tell a group. It is for people: what could not be told is told with the next checkpoint.
const groupWait = 10 * time.Second

// group tells a consumer group how far complete checkpoints are, for people and their tools.
type group struct {
	source *Source
	client *kgo.Client
	wake   chan struct{}
	done   sync.WaitGroup

	mu struct {
		sync.Mutex
		offsets kadm.Offsets // to be told; nil: nothing is
		closed  bool
	}
}

func newGroup(s *Source, cl *kgo.Client) *group {
	g := &group{source: s, client: cl, wake: make(chan struct{}, 1)}
	g.done.Go(g.run)
	return g
}

// tell has offsets told, in place of those that were not told yet.
func (g *group) tell(splits []connector.CompleteSplit) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range splits {
		spec, err := decodeSplit(s.Split)
		if err != nil {
			return err
		}
		at := spec.Start
		if len(s.Position) > 0 {
			if at, err = spec.decodePosition(s.Position); err != nil {
				return err
			}
		}
		if g.mu.offsets == nil {
			g.mu.offsets = kadm.Offsets{}
		}
		g.mu.offsets.Add(kadm.Offset{Topic: spec.Topic, Partition: spec.Partition, At: at, LeaderEpoch: -1})
	}
	signal(g.wake)
	return nil
}

// run tells the newest, again and again.
func (g *group) run() {
	for range g.wake {
		g.mu.Lock()
		offsets, closed := g.mu.offsets, g.mu.closed
		g.mu.offsets = nil
		g.mu.Unlock()
		if offsets != nil {
			g.commit(offsets)
		}
		if closed {
			return
		}
	}
}

func (g *group) commit(offsets kadm.Offsets) {
	ctx, cancel := context.WithTimeout(context.Background(), groupWait)
	defer cancel()
	c := &g.source.config
	responses, err := kadm.NewClient(g.client).CommitOffsets(ctx, c.GroupID, offsets)
	if err == nil {
		err = responses.Error()
	}
	if err != nil {
		c.Log.Warn("the consumer group is not told of a complete checkpoint; its offsets are for people alone", "group", c.GroupID, "error", err)
	}
}

// close ends the telling, when the newest is told or could not be.
func (g *group) close() {
	g.mu.Lock()
	g.mu.closed = true
	g.mu.Unlock()
	signal(g.wake)
	g.done.Wait()
}
