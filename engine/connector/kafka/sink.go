package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/types"
)

// Guarantee is how often a row is in the topic after failures.
type Guarantee string

// The guarantees.
const (
	// AtLeastOnce: a checkpoint is complete when brokers have all rows before it; after a failure those since are written again.
	AtLeastOnce Guarantee = "at-least-once"
	// ExactlyOnce: readers of committed records see each row once.
	ExactlyOnce Guarantee = "exactly-once"
	// None: nothing is waited for.
	None Guarantee = "none"
)

// Partitioner says which partition a row goes to.
type Partitioner string

// The partitioners, with Flink's names.
const (
	// ByKey is Kafka's own: the hash of the key; rows without a key stay together for a while, and are spread.
	ByKey Partitioner = "default"
	// Fixed gives each subtask one partition.
	Fixed Partitioner = "fixed"
	// RoundRobin takes the partitions in turn.
	RoundRobin Partitioner = "round-robin"
)

// SinkConfig says what a sink writes.
type SinkConfig struct {
	Connection Connection
	Topic      string
	Record     RecordFormat
	Schema     types.Schema
	Guarantee  Guarantee
	// IDPrefix begins the names of transactional ids.
	IDPrefix    string
	Partitioner Partitioner
	// PassOverLost goes on if a transaction of a complete checkpoint is lost, which is logged; else that stops the job.
	PassOverLost bool
	Producer     ProducerConfig
	// Log is told what people should know and no error says; nil: nobody is.
	Log *slog.Logger
}

// ProducerConfig is how records are sent; 0 is Kafka's default.
type ProducerConfig struct {
	// TransactionTimeout is when the broker aborts a transaction: 0 is an hour, or the most that the brokers allow.
	TransactionTimeout time.Duration
	// DeliveryTimeout is how long a record may wait for a broker before the job fails.
	DeliveryTimeout time.Duration
	Linger          time.Duration
	MaxRequest      int32 // bytes of a batch of records, and so of a record
	Compression     string
	// LeaderOnly does not wait for replicas, and NoAcks for nobody; only without a guarantee.
	LeaderOnly, NoAcks bool
}

// Sink is a connector.Sink of a topic. It is safe for concurrent use.
type Sink struct{ config SinkConfig }

// NewSink returns a sink. It asks no broker.
func NewSink(c SinkConfig) *Sink {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Producer.DeliveryTimeout == 0 {
		c.Producer.DeliveryTimeout = 2 * time.Minute
	}
	if c.IDPrefix == "" {
		c.IDPrefix = defaultTransactions
	}
	return &Sink{config: c}
}

// TakesChanges says whether the format of values writes the kind of a row.
func (s *Sink) TakesChanges() bool {
	v := newEncoder(&s.config.Record, s.config.Schema).value
	if v == nil {
		return false
	}
	_, ok := v.encoder.(codec.ChangelogEncoder)
	return ok
}

// Rewinds is false: what is in a topic stays.
func (s *Sink) Rewinds() bool { return false }

// Writer sends the rows of one subtask.
func (s *Sink) Writer(ctx context.Context, w connector.WriterContext) (connector.Writer, error) {
	cl, err := s.config.Connection.client()
	if err != nil {
		return nil, s.config.Connection.refused(err)
	}
	defer cl.Close()
	there, err := s.look(ctx, cl)
	if err != nil {
		return nil, s.config.Connection.classed("look for topic "+s.config.Topic, err)
	}
	return newWriter(s, w, there)
}

// topic is what a writer has to know of the topic and its brokers.
type topic struct {
	partitions int
	cluster    string
	timeout    time.Duration // of transactions
}

// defaultTimeout is how long a transaction may lie open, as in Flink, and brokersTimeout what brokers allow unless they are told otherwise.
const (
	defaultTimeout = time.Hour
	brokersTimeout = 15 * time.Minute
)

// look asks for the topic, and for what the sink needs of its brokers: so what would fail at the first commit fails now.
func (s *Sink) look(ctx context.Context, cl *kgo.Client) (t topic, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	adm := kadm.NewClient(cl)
	m, err := adm.Metadata(ctx, s.config.Topic)
	if err != nil {
		return t, err
	}
	d := m.Topics[s.config.Topic]
	if d.Err != nil {
		return t, fmt.Errorf("topic %s: %w", s.config.Topic, d.Err)
	}
	t.partitions, t.cluster = len(d.Partitions), m.Cluster
	if s.config.Guarantee != ExactlyOnce {
		return t, nil
	}
	most := s.mostTimeout(ctx, adm, m.Controller)
	asked := s.config.Producer.TransactionTimeout
	switch {
	case asked > most:
		return t, fault.Permanentf("kafka "+s.config.Connection.String(), "lower 'properties.transaction.timeout.ms', or raise transaction.max.timeout.ms of the brokers: what is prepared is lost if the job is stopped for longer",
			"transactions may lie open for %v at most, and %v are asked for", most, asked)
	case asked > 0:
		t.timeout = asked
	default:
		t.timeout = min(defaultTimeout, most)
	}
	return t, nil
}

// mostTimeout is how long brokers let a transaction lie open. Who may not ask gets their default.
func (s *Sink) mostTimeout(ctx context.Context, adm *kadm.Client, broker int32) time.Duration {
	const key = "transaction.max.timeout.ms"
	configs, err := adm.DescribeBrokerConfigs(ctx, broker)
	if err == nil {
		var of kadm.ResourceConfig
		if of, err = configs.On(strconv.Itoa(int(broker)), nil); err == nil {
			for _, c := range of.Configs {
				if ms, err := strconv.ParseInt(c.MaybeValue(), 10, 64); c.Key == key && err == nil {
					return time.Duration(ms) * time.Millisecond
				}
			}
			err = errors.Join(of.Err, errors.New("it is not among the settings of the broker"))
		}
	}
	s.config.Log.Info("how long brokers let transactions lie open is not known, and taken for what they are shipped with", "setting", key, "taken for", brokersTimeout, "error", err)
	return brokersTimeout
}

// transactions is what the transactional ids of an operator of a job begin with; attempt, restart, subtask and number follow.
func (s *Sink) transactions(job, uid string) string {
	return fmt.Sprintf("%s-%s-%s-", s.config.IDPrefix, job, snapshot.ShortUID(uid))
}

// Committer ends the transactions of complete checkpoints. There is none unless rows are to be there once.
func (s *Sink) Committer(_ context.Context, c connector.CommitterContext) (connector.Committer, error) {
	if s.config.Guarantee != ExactlyOnce {
		return nil, nil
	}
	cl, err := s.config.Connection.client()
	if err != nil {
		return nil, s.config.Connection.refused(err)
	}
	out := &committer{sink: s, client: cl, attempt: c.Attempt, ids: s.transactions(c.Job, c.UID)}
	out.ctx, out.cancel = context.WithCancel(context.Background())
	return out, nil
}
