package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirstream/weir/engine/backoff"
	"github.com/weirstream/weir/engine/fault"
)

const (
	// aheadFetches is how many answers of a partition may wait to be read before no more is asked for.
	aheadFetches = 2
	// aheadBytes is how much of all partitions of a reader may.
	aheadBytes = 64 << 20
	// awayLimit is how long a partition may be out of reach before the job restarts, which its status shows. It goes on from its
	// positions, so nothing is lost either way.
	awayLimit = time.Minute
	// goneLimit is how long brokers may say that they do not know a topic before it is taken to be gone: after a change of leaders
	// they do not know it for a moment.
	goneLimit = 10 * time.Second
)

// retryPause is the time between tries of brokers that do not answer.
var retryPause = backoff.Backoff{First: 50 * time.Millisecond, Most: 2 * time.Second, Jitter: backoff.UpperHalf}

// fetcher reads ahead of a reader: one request at a time to each broker that leads partitions of it. All of mu is for short
// sections; requests are made outside.
type fetcher struct {
	source *Source
	client *kgo.Client
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup // of all goroutines
	wake   chan struct{}  // there may be something to ask for
	ready  chan struct{}  // there may be something to read

	mu struct {
		sync.Mutex
		parts   []*partition
		bytes   int            // that wait
		busy    map[int32]bool // brokers that are being asked
		leaders map[string]int32
		stale   bool // leaders have to be asked for
		asking  bool // for leaders
	}
}

// partition is one that is read. Its fields are guarded by the fetcher's mu, but those that never change, and at, which is the reader's.
type partition struct {
	partitionSplit
	split string // its id
	at    int64  // offset of what is handed out next

	fetched  []fetch // not handed out
	next     int64   // offset to ask for
	end      int64   // where the broker says that the partition ends, for who reads everything; -1: it said nothing yet
	caughtUp bool    // the newest answer said that there is nothing behind next
	inFlight bool
	failures int
	pausedTo time.Time
	away     time.Time // since when it could not be read; zero: it can
	err      error     // that ends the reader
}

// fetch is what one request gave of a partition.
type fetch struct {
	records []*kgo.Record
	next    int64 // offset behind all of it: records, those of aborted transactions, markers, gaps
	bytes   int
}

func newFetcher(s *Source, cl *kgo.Client) *fetcher {
	f := &fetcher{source: s, client: cl, wake: make(chan struct{}, 1), ready: make(chan struct{}, 1)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.mu.busy, f.mu.leaders, f.mu.stale = map[int32]bool{}, map[string]int32{}, true
	f.done.Go(f.run)
	return f
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run asks for whatever there is room for, until the fetcher is closed.
func (f *fetcher) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(f.ask())
		select {
		case <-f.wake:
		case <-timer.C:
		case <-f.ctx.Done():
			return
		}
	}
}

// ask begins every request that can be made now, and returns when to look again.
func (f *fetcher) ask() (again time.Duration) {
	again = time.Minute
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	byLeader := map[int32][]*partition{}
	for _, p := range f.mu.parts {
		switch {
		case p.err != nil || p.inFlight || p.ended() || len(p.fetched) >= aheadFetches || f.mu.bytes >= aheadBytes && len(p.fetched) > 0:
			continue
		case now.Before(p.pausedTo):
			again = min(again, p.pausedTo.Sub(now))
			continue
		}
		leader, ok := f.mu.leaders[p.split]
		if !ok || f.mu.stale {
			f.askLeaders()
			return again
		}
		byLeader[leader] = append(byLeader[leader], p)
	}
	for leader, parts := range byLeader {
		if f.mu.busy[leader] {
			continue
		}
		f.mu.busy[leader] = true
		for _, p := range parts {
			p.inFlight = true
		}
		req, offsets := f.request(parts)
		f.done.Go(func() {
			f.fetch(leader, req, parts, offsets)
			f.mu.Lock()
			f.mu.busy[leader] = false
			for _, p := range parts {
				p.inFlight = false
			}
			f.mu.Unlock()
			signal(f.ready)
			signal(f.wake)
		})
	}
	return again
}

// ended says that all of a bounded partition was fetched. Called with mu held.
func (p *partition) ended() bool { return p.Stop != noStop && p.next >= p.Stop }

// request makes the request for partitions, and the offsets that it asks for.
func (f *fetcher) request(parts []*partition) (*kmsg.FetchRequest, []int64) {
	c := &f.source.config
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(c.Fetch.MaxWait.Milliseconds()), c.Fetch.MinBytes, c.Fetch.MaxBytes
	req.IsolationLevel = f.source.isolation()
	offsets := make([]int64, len(parts))
	for i, p := range parts {
		t := slices.IndexFunc(req.Topics, func(t kmsg.FetchRequestTopic) bool { return t.Topic == p.Topic })
		if t < 0 {
			topic := kmsg.NewFetchRequestTopic()
			topic.Topic, topic.TopicID = p.Topic, p.ID
			req.Topics = append(req.Topics, topic)
			t = len(req.Topics) - 1
		}
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = p.Partition, p.next, c.Fetch.PerPart
		req.Topics[t].Partitions = append(req.Topics[t].Partitions, rp)
		offsets[i] = p.next
	}
	return req, offsets
}

// fetch makes a request to a broker and takes its answer.
func (f *fetcher) fetch(leader int32, req *kmsg.FetchRequest, parts []*partition, offsets []int64) {
	answer, err := f.client.Broker(int(leader)).RetriableRequest(f.ctx, req)
	if f.ctx.Err() != nil {
		return
	}
	resp, ok := answer.(*kmsg.FetchResponse)
	if err == nil && !ok {
		err = fmt.Errorf("the broker answered a fetch with %T", answer)
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		f.failed(parts, fmt.Errorf("read from broker %d: %w", leader, err))
		return
	}
	answered := make([]bool, len(parts))
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			rp := &t.Partitions[j]
			k := slices.IndexFunc(parts, func(p *partition) bool {
				return p.Partition == rp.Partition && (t.Topic == p.Topic || t.Topic == "" && topicID(t.TopicID) == p.ID)
			})
			if k >= 0 {
				answered[k] = true
				f.take(parts[k], offsets[k], rp)
			}
		}
	}
	for i, p := range parts {
		if !answered[i] {
			f.failed(parts[i:i+1], fmt.Errorf("broker %d said nothing of partition %s", leader, p.split))
		}
	}
}

// take keeps what a broker says of a partition.
func (f *fetcher) take(p *partition, offset int64, rp *kmsg.FetchResponseTopicPartition) {
	if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
		f.refused(p, offset, err)
		return
	}
	bytes := len(rp.RecordBatches)
	opts := kgo.ProcessFetchPartitionOpts{Offset: offset, IsolationLevel: kgo.ReadUncommitted(), Topic: p.Topic, Partition: p.Partition}
	if !f.source.config.Uncommitted {
		opts.IsolationLevel = kgo.ReadCommitted()
	}
	got, next := kgo.ProcessFetchPartition(opts, rp, decompressor, nil)
	if got.Err != nil {
		f.give(p, &fault.Error{Class: fault.Unknown, Place: "kafka partition " + p.split, Remedy: "look at what the broker has there: it may be damaged",
			Err: fmt.Errorf("read from offset %d: %w", next, got.Err)})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p.failures, p.away, p.pausedTo = 0, time.Time{}, time.Time{}
	p.end = rp.HighWatermark
	if next = max(next, offset); next > offset {
		p.fetched = append(p.fetched, fetch{got.Records, next, bytes})
		f.mu.bytes += bytes
		p.next = next
	}
	p.caughtUp = next >= rp.HighWatermark
}

// decompressor has no state.
var decompressor = kgo.DefaultDecompressor()

// failed notes that partitions could not be read, and tries again later.
func (f *fetcher) failed(parts []*partition, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.mu.stale = true
	for _, p := range parts {
		if p.away.IsZero() {
			p.away = now
			f.source.config.Log.Warn("a partition cannot be read; trying again", "partition", p.split, "error", err)
		}
		p.failures++
		p.caughtUp = false
		p.pausedTo = now.Add(retryPause.Pause(p.failures, rand.Float64())) // nothing depends on when it is tried again
		if now.Sub(p.away) > awayLimit {
			p.err = f.source.config.Connection.classed(fmt.Sprintf("read partition %s, which could not be read for %v", p.split, awayLimit), err)
		}
	}
}

// give ends the reader with an error.
func (f *fetcher) give(p *partition, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.err = err
}

// refused takes a broker's refusal to give a partition.
func (f *fetcher) refused(p *partition, offset int64, err error) {
	switch {
	case errors.Is(err, kerr.OffsetOutOfRange):
		f.outOfRange(p, offset)
	case errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.InconsistentTopicID):
		f.unknownTopic(p, err)
	case kerr.IsRetriable(err):
		f.failed([]*partition{p}, err)
	default:
		f.give(p, f.source.config.Connection.classed("read partition "+p.split, err))
	}
}

// outOfRange says what the partition has in place of the offset.
func (f *fetcher) outOfRange(p *partition, offset int64) {
	adm := kadm.NewClient(f.client)
	ctx, cancel := context.WithTimeout(f.ctx, askWait)
	defer cancel()
	starts, err := adm.ListStartOffsets(ctx, p.Topic)
	var ends kadm.ListedOffsets
	if err == nil {
		ends, err = adm.ListEndOffsets(ctx, p.Topic)
	}
	start, ok := starts.Lookup(p.Topic, p.Partition)
	end, _ := ends.Lookup(p.Topic, p.Partition)
	if err != nil || !ok || start.Err != nil || end.Err != nil {
		f.failed([]*partition{p}, errors.Join(kerr.OffsetOutOfRange, err, start.Err, end.Err))
		return
	}
	place := "kafka partition " + p.split
	switch {
	case offset < start.Offset:
		f.give(p, fault.Permanentf(place, "let the topic keep records for longer than the job may be away (retention.ms, retention.bytes), and begin without state or from a snapshot whose positions are still there",
			"offset %d is next, but the broker has deleted everything before %d: %d offsets are lost to the job", offset, start.Offset, start.Offset-offset))
	case offset > end.Offset:
		f.give(p, fault.Permanentf(place, "begin without state, or correct the offset that reading begins at",
			"offset %d is next, but the partition ends at %d: it has lost records, or is another one than it was", offset, end.Offset))
	default:
		f.failed([]*partition{p}, kerr.OffsetOutOfRange) // it was so, and is no more: the broker is catching up
	}
}

// unknownTopic finds out whether a topic is another one now, or gone.
func (f *fetcher) unknownTopic(p *partition, err error) {
	ctx, cancel := context.WithTimeout(f.ctx, askWait)
	defer cancel()
	m, askErr := kadm.NewClient(f.client).Metadata(ctx, p.Topic)
	t := m.Topics[p.Topic]
	f.failed([]*partition{p}, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case askErr != nil || p.err != nil:
	case t.Err == nil && topicID(t.ID) != p.ID && t.ID != (kadm.TopicID{}) && p.ID != (topicID{}):
		p.err = madeAnew(p.Topic)
	case errors.Is(t.Err, kerr.UnknownTopicOrPartition) && time.Since(p.away) > goneLimit:
		p.err = fault.Permanentf("kafka topic "+p.Topic, "restore a savepoint that does not read it, or begin without state", "the topic was deleted while the job read it")
	}
}

// askLeaders asks which broker leads which partition. Called with mu held.
func (f *fetcher) askLeaders() {
	if f.mu.asking {
		return
	}
	f.mu.asking = true
	parts := slices.Clone(f.mu.parts)
	f.done.Go(func() {
		leaders, err := f.leadersOf(parts)
		f.mu.Lock()
		f.mu.asking, f.mu.stale = false, false
		f.mu.leaders = leaders
		f.mu.Unlock()
		if f.ctx.Err() == nil {
			for _, p := range parts {
				if _, ok := leaders[p.split]; !ok {
					f.failed([]*partition{p}, errors.Join(err, fmt.Errorf("no broker leads partition %s", p.split)))
				}
			}
		}
		signal(f.ready)
		signal(f.wake)
	})
}

func (f *fetcher) leadersOf(parts []*partition) (map[string]int32, error) {
	leaders := map[string]int32{}
	var topics []string
	for _, p := range parts {
		if !slices.Contains(topics, p.Topic) {
			topics = append(topics, p.Topic)
		}
	}
	ctx, cancel := context.WithTimeout(f.ctx, askWait)
	defer cancel()
	m, err := kadm.NewClient(f.client).Metadata(ctx, topics...)
	if err != nil {
		return leaders, err
	}
	var errs []error
	for _, p := range parts {
		t := m.Topics[p.Topic]
		d, ok := t.Partitions[p.Partition]
		switch {
		case t.Err != nil:
			errs = append(errs, t.Err)
		case !ok || d.Leader < 0:
			errs = append(errs, d.Err)
		default:
			leaders[p.split] = d.Leader
		}
	}
	return leaders, errors.Join(errs...)
}

// close ends all goroutines.
func (f *fetcher) close() {
	f.cancel()
	f.done.Wait()
}
