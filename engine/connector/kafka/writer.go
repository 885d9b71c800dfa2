package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// closeWait bounds what Close waits for. What it leaves open is aborted by the next attempt, or when it has timed out.
const closeWait = 10 * time.Second

// writer sends the rows of one subtask.
type writer struct {
	sink    *Sink
	encoder *encoder
	topic   topic
	subtask int
	ids     string // what the transactional ids begin with, up to the number

	// ctx is that of the records: a record lives longer than the call that sends it.
	ctx     context.Context
	cancel  context.CancelFunc
	client  *kgo.Client // nil: none is needed yet, or the one of the last transaction is done with
	number  int         // of transactions
	id      string      // of the transaction that is open
	records int64       // in it
	closing sync.WaitGroup

	mu struct {
		sync.Mutex
		err error // the first record that could not be written
	}
}

func newWriter(s *Sink, w connector.WriterContext, t topic) (*writer, error) {
	out := &writer{
		sink: s, topic: t, subtask: w.Subtask, encoder: newEncoder(&s.config.Record, s.config.Schema),
		ids: fmt.Sprintf("%s%d.%d-%d-", s.transactions(w.Job, w.UID), w.Attempt, w.Restart, w.Subtask),
	}
	out.ctx, out.cancel = context.WithCancel(context.Background())
	return out, nil
}

// Write sends the rows of a batch. Whether brokers have them is known by the next Prepare.
func (w *writer) Write(ctx context.Context, b *batch.Batch) error {
	columns, ok := b.Data.(*batch.Columns)
	if !ok {
		return fmt.Errorf("a sink of Kafka takes columns, not %T", b.Data)
	}
	if columns.N == 0 {
		return nil
	}
	if err := w.failure(); err != nil {
		return err
	}
	records, err := w.encoder.encode(columns, b.Kind)
	if err != nil {
		return w.encoder.refused(w.sink.config.Topic, err)
	}
	if err := w.open(); err != nil {
		return err
	}
	w.records += int64(len(records))
	// Produce blocks while too many records wait; a caller that gives up leaves the job's records behind anyway.
	stop := context.AfterFunc(ctx, w.cancel)
	defer stop()
	for i := range records {
		w.client.Produce(w.ctx, &records[i], w.produced)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return w.failure()
}

// open makes the client of the next transaction, or the one of a sink without.
func (w *writer) open() error {
	if w.client != nil {
		return nil
	}
	opts := w.sink.config.producer(w.topic.partitions, w.subtask)
	if w.sink.config.Guarantee == ExactlyOnce {
		w.id = fmt.Sprintf("%s%d", w.ids, w.number)
		w.number++
		opts = append(opts, kgo.TransactionalID(w.id), kgo.TransactionTimeout(w.topic.timeout))
	}
	cl, err := w.sink.config.Connection.client(opts...)
	if err != nil {
		return w.sink.config.Connection.refused(err)
	}
	w.client, w.records = cl, 0
	if w.id != "" {
		return w.sink.config.Connection.classed("begin transaction "+w.id, cl.BeginTransaction())
	}
	return nil
}

// produced is told what became of a record.
func (w *writer) produced(r *kgo.Record, err error) {
	if err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.err == nil {
		w.mu.err = fmt.Errorf("write to topic %s, partition %d: %w", r.Topic, r.Partition, err)
	}
}

func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.err == nil {
		return nil
	}
	return w.sink.config.Connection.classed("send records", w.mu.err)
}

// Prepare waits until brokers have all rows, and names the transaction that they are in.
func (w *writer) Prepare(ctx context.Context, _ int64) ([][]byte, error) {
	if w.client == nil {
		return nil, nil
	}
	c := &w.sink.config
	if c.Guarantee == None {
		return nil, w.failure()
	}
	if err := w.client.Flush(ctx); err != nil {
		return nil, c.Connection.classed("send records", errors.Join(err, w.failure()))
	}
	if err := w.failure(); err != nil {
		return nil, err
	}
	if c.Guarantee != ExactlyOnce {
		return nil, nil
	}
	producer, epoch, err := w.client.ProducerID(ctx)
	if err != nil {
		return nil, c.Connection.classed("prepare transaction "+w.id, err)
	}
	encoded, err := json.Marshal(committable{
		Format: committableFormat, Cluster: w.topic.cluster, Topic: c.Topic, ID: w.id, Producer: producer, Epoch: epoch, Records: w.records, Prepared: time.Now().UTC().Truncate(time.Second),
		Timeout: w.topic.timeout.String(),
	})
	if err != nil {
		return nil, err
	}
	done := w.client
	w.client, w.id = nil, ""
	w.closing.Go(done.Close) // the transaction stays open
	return [][]byte{encoded}, nil
}

// Close aborts the transaction that is open. Without transactions, what was sent is left to arrive.
func (w *writer) Close() error {
	defer w.closing.Wait()
	defer w.cancel()
	cl := w.client
	w.client = nil
	if cl == nil {
		return nil
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	if w.id == "" {
		if w.sink.config.Guarantee == None && w.failure() == nil {
			return w.sink.config.Connection.classed("send the last records", errors.Join(cl.Flush(ctx), w.failure()))
		}
		return nil
	}
	err := cl.AbortBufferedRecords(ctx)
	if err == nil {
		err = cl.EndTransaction(ctx, kgo.TryAbort)
	}
	if err != nil { // what is closed is not needed any more: it is aborted by the next attempt, or times out
		w.sink.config.Log.Warn("a transaction is left open, and readers of committed records wait for it until it is aborted", "transactional id", w.id, "for at most", w.topic.timeout, "error", err)
	}
	return nil
}

// producer are the options of a client that writes.
func (c *SinkConfig) producer(partitions, subtask int) []kgo.Opt {
	p := &c.Producer
	opts := []kgo.Opt{
		kgo.DefaultProduceTopic(c.Topic), kgo.RecordDeliveryTimeout(p.DeliveryTimeout), kgo.ProducerLinger(p.Linger), kgo.MaxBufferedRecords(1 << 16), kgo.MaxBufferedBytes(32 << 20),
	}
	switch c.Partitioner {
	case Fixed:
		opts = append(opts, kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			return func(_ *kgo.Record, n int) int { return subtask % n }
		})))
	case RoundRobin:
		opts = append(opts, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	default:
		opts = append(opts, kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	}
	if p.MaxRequest > 0 {
		opts = append(opts, kgo.ProducerBatchMaxBytes(p.MaxRequest))
	}
	codecs := map[string]kgo.CompressionCodec{"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	codec, ok := codecs[p.Compression]
	if !ok {
		codec = kgo.NoCompression()
	}
	opts = append(opts, kgo.ProducerBatchCompression(codec))
	switch {
	case p.NoAcks:
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	case p.LeaderOnly:
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	return opts
}
