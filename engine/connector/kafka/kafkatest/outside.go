package kafkatest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience bounds what tests wait for. It decides nothing.
const patience = time.Minute

// Fake plays a broker in this process, for the duration of a test, and returns its address.
func Fake(t *testing.T, opts ...kfake.Opt) (address string, c *kfake.Cluster) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0], c
}

// Client is a client of the broker at an address, for the duration of a test.
func Client(t *testing.T, address string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(address)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// Within is a context that ends when the test has waited too long.
func Within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	return ctx
}

// Topic makes a topic.
func Topic(t *testing.T, address, name string, partitions int32, configs ...string) {
	t.Helper()
	set := map[string]*string{}
	for i := 0; i+1 < len(configs); i += 2 {
		set[configs[i]] = &configs[i+1]
	}
	if _, err := kadm.NewClient(Client(t, address)).CreateTopic(Within(t), partitions, 1, set, name); err != nil {
		t.Fatal(err)
	}
}

// Record is a record of a partition.
func Record(topic string, partition int32, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}
}

// Produce writes records to the partitions that they name, each acknowledged before it returns.
func Produce(t *testing.T, address string, records ...*kgo.Record) {
	t.Helper()
	cl := Client(t, address, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := cl.ProduceSync(Within(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// Committed reads what a reader of committed records sees of a topic, up to its ends as they are now, by partition.
func Committed(t *testing.T, address, topic string) map[int32][]*kgo.Record {
	t.Helper()
	ctx := Within(t)
	cl := Client(t, address, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	starts, err := kadm.NewClient(cl).ListStartOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	out, open := map[int32][]*kgo.Record{}, map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if start, _ := starts.Lookup(topic, o.Partition); o.Offset > start.Offset {
			open[o.Partition] = o.Offset
		}
	})
	for len(open) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s: %v; still to come: %v", topic, err, open)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				out[r.Partition] = append(out[r.Partition], r)
			}
			if end, ok := open[r.Partition]; ok && r.Offset+1 >= end {
				delete(open, r.Partition)
			}
		})
	}
	return out
}

// Values are the values of records, with their partitions, in the order of each partition.
func Values(records map[int32][]*kgo.Record) (values []string) {
	for partition, rs := range records {
		for _, r := range rs {
			values = append(values, fmt.Sprintf("%d: %s", partition, r.Value))
		}
	}
	return values
}

// ongoing describes the transactions that are open, which readers of committed records wait for.
func ongoing(ctx context.Context, address string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err.Error()
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	listed, err := adm.ListTransactions(ctx, nil, []string{"Ongoing"})
	if err != nil {
		return err.Error()
	}
	described, err := adm.DescribeTransactions(ctx, listed.TransactionalIDs()...)
	return fmt.Sprintf("%+v, %v", described, err)
}
