package kafka_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/connectortest"
	"github.com/weirstream/weir/engine/connector/kafka"
	"github.com/weirstream/weir/engine/connector/kafka/kafkatest"
	"github.com/weirstream/weir/engine/types"
)

// topics is the number of topics that were made.
var topics atomic.Int64

var testSchema = types.Schema{{Name: "n", Type: types.BigInt()}, {Name: "text", Type: types.String()}}

var testRecord = kafka.RecordFormat{Value: jsonl.Format{}, Values: []kafka.Field{{Column: 0, Name: "n"}, {Column: 1, Name: "text"}}}

func testText(i int) string { return strings.Repeat("x", i*i%37) }

func testBatch(from, n int) *batch.Batch {
	c := batch.NewColumns(testSchema.Layout())
	for i := from; i < from+n; i++ {
		c.Cols[0].(*batch.Fixed[int64]).Append(int64(i))
		c.Cols[1].(*batch.Strings).AppendString(testText(i))
	}
	c.N = n
	return batch.Of(c)
}

func testValue(i int) string { return fmt.Sprintf(`{"n":%d,"text":"%s"}`, i, testText(i)) }

func testRow(p batch.Payload, i int) string {
	c := p.(*batch.Columns)
	return fmt.Sprintf(`{"n":%d,"text":"%s"}`, c.Cols[0].(*batch.Fixed[int64]).V[i], c.Cols[1].(*batch.Strings).At(i))
}

func connection() kafka.Connection { return kafka.Connection{Bootstrap: []string{address}} }

// boundedSource reads a topic to its end.
func boundedSource(topic string) kafka.SourceConfig {
	return kafka.SourceConfig{
		Connection: connection(), Topics: []string{topic}, Record: testRecord, Schema: testSchema,
		Start: kafka.Range{Place: kafka.Earliest}, Stop: kafka.Range{Place: kafka.Latest},
	}
}

func TestSourceConformance(t *testing.T) {
	topic := topicOf(t, 3)
	var want []string
	for i := range 100 {
		want = append(want, testValue(i))
		kafkatest.Produce(t, address, kafkatest.Record(topic, int32(i%3), testValue(i))) // one by one: many batches
	}
	config := boundedSource(topic)
	config.GroupID = "group-of-" + topic
	connectortest.RunSource(t, connectortest.Source{
		New:  func(*testing.T) connector.Source { return kafka.NewSource(config) },
		Row:  testRow,
		Want: want,
		Told: func(t *testing.T, split string) []byte {
			committed, err := kadm.NewClient(kafkatest.Client(t, address)).FetchOffsets(kafkatest.Within(t), config.GroupID)
			if err != nil {
				t.Fatal(err)
			}
			var partition int32
			if _, err := fmt.Sscanf(split[strings.LastIndexByte(split, '-')+1:], "%d", &partition); err != nil {
				t.Fatal(err)
			}
			o, ok := committed.Lookup(topic, partition)
			if !ok || o.At == 0 {
				return nil // as it is told of a partition of which nothing was read
			}
			return binary.AppendUvarint(nil, uint64(o.At))
		},
	})
}

func TestSinkConformance(t *testing.T) {
	connectortest.RunSink(t, connectortest.Sink{
		New: func(_ *testing.T, place string) connector.Sink {
			return kafka.NewSink(kafka.SinkConfig{Connection: connection(), Topic: place, Record: testRecord, Schema: testSchema, Guarantee: kafka.ExactlyOnce})
		},
		Place: func(t *testing.T) string { return topicOf(t, 2) },
		Batch: testBatch,
		Row:   testValue,
		Visible: func(t *testing.T, place string) map[string][]string {
			visible := map[string][]string{}
			for _, records := range kafkatest.Committed(t, address, place) {
				for _, r := range records {
					visible[fmt.Sprintf("%d@%d", r.Partition, r.Offset)] = []string{string(r.Value)}
				}
			}
			return visible
		},
		Staged: func(t *testing.T, place string) int { return len(openTransactions(t, place)) },
	})
}

func TestSinksWithoutTransactionsCommitNothing(t *testing.T) {
	for _, guarantee := range []kafka.Guarantee{kafka.AtLeastOnce, kafka.None} {
		t.Run(string(guarantee), func(t *testing.T) {
			connectortest.RunPlainSink(t, func(t *testing.T) connector.Sink {
				return kafka.NewSink(kafka.SinkConfig{Connection: connection(), Topic: topicOf(t, 2), Record: testRecord, Schema: testSchema, Guarantee: guarantee})
			}, func() *batch.Batch { return testBatch(0, 10) })
		})
	}
}

// openTransactions are the ids of those that are open with records of a topic.
func openTransactions(t *testing.T, topic string) (ids []string) {
	t.Helper()
	ctx, adm := kafkatest.Within(t), kadm.NewClient(kafkatest.Client(t, address))
	listed, err := adm.ListTransactions(ctx, nil, []string{"Ongoing"})
	if err != nil {
		t.Fatal(err)
	}
	if len(listed) == 0 {
		return nil // no name at all means all of them
	}
	described, err := adm.DescribeTransactions(ctx, listed.TransactionalIDs()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range described.Sorted() {
		if d.Topics.Sorted() != nil && slices.ContainsFunc(d.Topics.Sorted(), func(l kadm.TopicPartitions) bool { return l.Topic == topic }) && d.State == "Ongoing" {
			ids = append(ids, d.TxnID)
		}
	}
	return ids
}
