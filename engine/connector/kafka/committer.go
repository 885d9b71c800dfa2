package kafka

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/weirstream/weir/engine/fault"
)

// committable is a transaction that is open with all of its records, as it is in snapshots. Members are only added.
type committable struct {
	Format   int    `json:"format"`
	Cluster  string `json:"cluster"`
	Topic    string `json:"topic"`
	ID       string `json:"id"`
	Producer int64  `json:"producer"`
	Epoch    int16  `json:"epoch"`
	Records  int64  `json:"records"`
	// Prepared is when, and Timeout after how long the broker aborts it: for messages, nothing is decided by them.
	Prepared time.Time `json:"prepared"`
	Timeout  string    `json:"timeout"`
}

const committableFormat = 1

func decodeCommittables(encoded [][]byte) ([]committable, error) {
	out := make([]committable, len(encoded))
	for i, b := range encoded {
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&out[i]); err != nil || out[i].Format != committableFormat || out[i].ID == "" {
			return nil, fault.Permanentf("committable of the snapshot", "use the version of Weir that wrote the snapshot", "it cannot be read: %w", errors.Join(err, fmt.Errorf("format %d", out[i].Format)))
		}
	}
	return out, nil
}

// committer ends transactions. Its methods may be called at the same time, but for Close.
type committer struct {
	sink    *Sink
	client  *kgo.Client
	attempt int64
	ids     string // what the transactional ids of the operator begin with

	mu struct {
		sync.Mutex
		ender *ender // nil: not made yet
		swept lower
	}
	// sweeping looks again and again for what lower executions leave open, once it is known what of theirs is live.
	sweeping sync.Once
	ctx      context.Context
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

// lower are the transactions of executions before one, but for some.
type lower struct {
	before execution
	keep   []committable
}

// execution is what wrote a transaction, as it is in its id: of two, the lower one is over when the other has begun.
type execution struct{ attempt, restart int64 }

func (e execution) before(o execution) bool {
	return e.attempt < o.attempt || e.attempt == o.attempt && e.restart < o.restart
}

// ender is who ends transactions, as the brokers want it.
type ender struct {
	client  *kgo.Client
	cluster string
	// keepsEpoch says that the end of a transaction leaves the producer's epoch as it is (transaction.version below 2): so another producer has
	// to be registered to fence the one that had it.
	keepsEpoch bool
}

// endTxn is the key of the request, which at version 5 ends a transaction as of transaction.version 2. Brokers of Kafka 4 take it
// though their cluster has an older one.
const endTxn, endTxnKeepingEpoch = 26, 4

// ready asks the brokers once which cluster they are, and how transactions end there.
func (c *committer) ready(ctx context.Context) (*ender, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.ender != nil {
		return c.mu.ender, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	conn := &c.sink.config.Connection
	m, err := kadm.NewClient(c.client).BrokerMetadata(ctx)
	if err != nil {
		return nil, conn.classed("ask which cluster this is", err)
	}
	api, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, c.client)
	if err == nil {
		err = kerr.ErrorForCode(api.ErrorCode)
	}
	if err != nil {
		return nil, conn.classed("ask how transactions end", err)
	}
	e := &ender{client: c.client, cluster: m.Cluster, keepsEpoch: true}
	for _, f := range api.FinalizedFeatures {
		if f.Name == "transaction.version" && f.MaxVersionLevel >= 2 {
			e.keepsEpoch = false
		}
	}
	if e.keepsEpoch {
		versions := kversion.Stable()
		versions.SetMaxKeyVersion(endTxn, endTxnKeepingEpoch)
		if e.client, err = conn.client(kgo.MaxVersions(versions)); err != nil {
			return nil, conn.refused(err)
		}
	}
	c.mu.ender = e
	return e, nil
}

// Commit commits transactions. A transactional id is used for one, so what the broker says of it says what became of it: that
// it is committed, now or before, or that it was aborted.
func (c *committer) Commit(ctx context.Context, committables [][]byte) error {
	transactions, err := decodeCommittables(committables)
	if err != nil {
		return err
	}
	e, err := c.ready(ctx)
	if err != nil {
		return err
	}
	for i := range transactions {
		t := &transactions[i]
		if t.Cluster != e.cluster { // these brokers would say that it is lost
			return fault.Permanentf("kafka "+c.sink.config.Connection.String(), "correct 'properties.bootstrap.servers'",
				"this is the cluster %s, and transaction %s with %d records of a complete checkpoint is to be committed on the cluster %s", e.cluster, t.ID, t.Records, t.Cluster)
		}
		err := e.end(ctx, t.ID, t.Producer, t.Epoch, true)
		if err == nil { // it is decided, but seen only when its markers are written: until then the broker wants to be asked again
			err = e.end(ctx, t.ID, t.Producer, t.Epoch, true)
		}
		if aborted(err) {
			err = c.lost(t, err)
		}
		if err != nil {
			return c.sink.config.Connection.classed("commit transaction "+t.ID, err)
		}
		c.sweepBefore(ctx, t.ID)
	}
	return nil
}

// sweepBefore aborts what executions before that of a transaction have left open. Checkpoints are committed in their order, so when one of an
// execution is, all is committed that earlier ones have in complete checkpoints; and what they have besides, readers of
// committed records would wait for.
func (c *committer) sweepBefore(ctx context.Context, id string) {
	if of, ok := c.executionOf(id); ok {
		c.warn(c.sweepLower(ctx, lower{before: of}))
	}
}

// sweepLower sweeps what is lower than before, unless that was done.
func (c *committer) sweepLower(ctx context.Context, l lower) error {
	c.mu.Lock()
	due := c.mu.swept.before.before(l.before)
	if due {
		c.mu.swept = l
	}
	c.mu.Unlock()
	if !due {
		return nil
	}
	c.sweeping.Do(func() { c.done.Go(c.sweepAgain) })
	return c.sweep(ctx, l)
}

// sweepInterval is after how long it is looked again for what lower executions have left open.
const sweepInterval = 20 * time.Second

// sweepAgain sweeps as long as the committer is there. An execution that does not know yet that it is over may open and prepare
// a transaction after it was looked for them, and then learns that its checkpoint came too late.
func (c *committer) sweepAgain() {
	for {
		select {
		case <-time.After(sweepInterval):
		case <-c.ctx.Done():
			return
		}
		c.mu.Lock()
		l := c.mu.swept
		c.mu.Unlock()
		ctx, cancel := context.WithTimeout(c.ctx, sweepInterval) // brokers that do not answer are asked again
		err := c.sweep(ctx, l)
		cancel()
		c.warn(err)
	}
}

func (c *committer) warn(err error) {
	if err != nil && c.ctx.Err() == nil {
		c.sink.config.Log.Warn("transactions that a restart has left behind may lie open, and readers of committed records wait for them; it is tried again", "sink", c.ids, "error", err)
	}
}

// aborted says that a broker will never commit a transaction, because it was aborted or is not known.
func aborted(err error) bool {
	for _, e := range []error{kerr.InvalidTxnState, kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// lost says that output of a complete checkpoint will never be seen, or passes it over if the table says so.
func (c *committer) lost(t *committable, err error) error {
	what := "was aborted by the broker"
	if errors.Is(err, kerr.InvalidProducerIDMapping) {
		what = "is not known to the broker any more: it was committed or aborted long ago, and which of the two nobody can tell"
	}
	lost := fault.Permanentf("kafka topic "+t.Topic,
		"restore the checkpoint before it with --allow-repeated-output (restore.allowRepeatedOutput), which writes them again, or set '"+optionLost+"' = 'pass-over' to go on without them; "+
			"'properties.transaction.timeout.ms' must be longer than the job is ever stopped",
		"%d records of a complete checkpoint are lost: their transaction %s, prepared %s with a timeout of %s, %s: %w", t.Records, t.ID, t.Prepared.Format(time.RFC3339), t.Timeout, what, err)
	if !c.sink.config.PassOverLost {
		return lost
	}
	c.sink.config.Log.Error("output is lost, and passed over as the table says", "error", lost)
	return nil
}

// end asks the broker to end a transaction, until it has an answer.
func (e *ender) end(ctx context.Context, id string, producer int64, epoch int16, commit bool) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		req := kmsg.NewPtrEndTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = id, producer, epoch, commit
		resp, err := req.RequestWith(ctx, e.client)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) {
			return err
		}
		select { // its markers are being written
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// Forget has nothing to do: a committed transaction leaves nothing, and the broker forgets its id by itself.
func (c *committer) Forget(context.Context, [][]byte) error { return nil }

// Sweep aborts the transactions that lower attempts have left open and no live committable names: readers of committed records
// wait for them.
func (c *committer) Sweep(ctx context.Context, live [][]byte) error {
	keep, err := decodeCommittables(live)
	if err != nil {
		return err
	}
	return c.sweepLower(ctx, lower{execution{attempt: c.attempt}, keep})
}

// sweep aborts lower transactions that are open.
func (c *committer) sweep(ctx context.Context, l lower) error {
	e, err := c.ready(ctx)
	if err != nil {
		return err
	}
	open, err := kadm.NewClient(c.client).ListTransactions(ctx, nil, []string{"Ongoing"})
	if err != nil {
		return c.sink.config.Connection.classed("list transactions", err)
	}
	spared := map[string]bool{}
	for _, t := range l.keep {
		spared[t.ID] = true
	}
	var errs []error
	for id := range open {
		if of, ok := c.executionOf(id); ok && of.before(l.before) && !spared[id] {
			errs = append(errs, c.abort(ctx, e, id))
		}
	}
	return errors.Join(errs...)
}

// abort ends a transaction as it is now: one that was ended meanwhile stays as it is.
func (c *committer) abort(ctx context.Context, e *ender, id string) error {
	all, err := kadm.NewClient(c.client).DescribeTransactions(ctx, id)
	t := all[id]
	if err = errors.Join(err, t.Err); err == nil && t.State == "Ongoing" {
		err = e.end(ctx, id, t.ProducerID, t.ProducerEpoch, false)
		if err == nil && e.keepsEpoch {
			err = e.fence(ctx, id)
		}
	}
	if aborted(err) || errors.Is(err, kerr.TransactionalIDNotFound) {
		return nil
	}
	return c.sink.config.Connection.classed("abort transaction "+id, err)
}

// fence keeps the producer that had a transactional id from opening another transaction.
func (e *ender) fence(ctx context.Context, id string) error {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &id, int32(time.Minute.Milliseconds())
	resp, err := req.RequestWith(ctx, e.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// executionOf reads who wrote a transaction of this sink.
func (c *committer) executionOf(id string) (e execution, ok bool) {
	rest, ours := strings.CutPrefix(id, c.ids)
	parts := strings.Split(rest, "-")
	attempt, restart, dotted := strings.Cut(parts[0], ".")
	var errs [2]error
	e.attempt, errs[0] = strconv.ParseInt(attempt, 10, 64)
	e.restart, errs[1] = strconv.ParseInt(restart, 10, 64)
	return e, ours && dotted && len(parts) == 3 && errs[0] == nil && errs[1] == nil
}

// Close ends the clients.
func (c *committer) Close() error {
	c.cancel()
	c.done.Wait()
	if e := c.mu.ender; e != nil && e.client != c.client {
		e.client.Close()
	}
	c.client.Close()
	return nil
}
