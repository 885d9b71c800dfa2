package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/csv"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/kafka"
	"github.com/weirstream/weir/engine/connector/kafka/kafkatest"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/types"
)

// found is what a source finds, after what it has seen.
func found(t *testing.T, s *kafka.Source, seen []byte) (connector.Discovery, error) {
	t.Helper()
	e, err := s.Enumerator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.Discover(kafkatest.Within(t), seen)
}

// rowsOf reads all that a bounded source has, and says how many records it skipped.
func rowsOf(t *testing.T, c kafka.SourceConfig, show func(c *batch.Columns, i int) string) (rows []string, skipped int64, err error) {
	t.Helper()
	s := kafka.NewSource(c)
	d, err := found(t, s, nil)
	if err != nil {
		return nil, 0, err
	}
	return readSplits(t, s, d.Splits, show)
}

func readSplits(t *testing.T, s *kafka.Source, splits []connector.Split, show func(c *batch.Columns, i int) string) (rows []string, skipped int64, err error) {
	t.Helper()
	ctx := kafkatest.Within(t)
	r, err := s.Reader(ctx, connector.ReaderContext{Parallelism: 1, BatchRows: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, split := range splits {
		if err := r.Add(split, nil); err != nil {
			t.Fatal(err)
		}
	}
	into := batch.Of(s.Payload())
	for open := len(splits); open > 0; {
		into.Reset()
		p, err := r.Next(ctx, into)
		if err != nil {
			return rows, skipped, err
		}
		skipped += p.Skipped
		for i := range into.Len() {
			rows = append(rows, show(into.Data.(*batch.Columns), i))
		}
		if p.Done {
			open--
		}
		if p.Wait != nil {
			select {
			case <-p.Wait:
			case <-ctx.Done():
				t.Fatalf("the source stands still after %d rows, with %d of %d splits open", len(rows), open, len(splits))
			}
		}
	}
	slices.Sort(rows)
	return rows, skipped, nil
}

func asValue(c *batch.Columns, i int) string { return testRow(c, i) }

// transact writes records in a transaction and ends it.
func transact(t *testing.T, commit bool, records ...*kgo.Record) {
	t.Helper()
	cl := kafkatest.Client(t, address, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(fmt.Sprintf("%s-%d", t.Name(), topics.Add(1))))
	ctx := kafkatest.Within(t)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		t.Fatal(err)
	}
	// The broker writes the markers after it has answered.
	adm, topic := kadm.NewClient(cl), records[0].Topic
	for {
		decided, err := adm.ListCommittedOffsets(ctx, topic)
		ends, endsErr := adm.ListEndOffsets(ctx, topic)
		if err = errors.Join(err, endsErr); err != nil {
			t.Fatal(err)
		}
		if d, e := decided[topic][records[0].Partition], ends[topic][records[0].Partition]; d.Offset == e.Offset {
			return
		}
	}
}

func TestABoundedReadEndsAtItsOffsetWhateverIsBeforeIt(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(t *testing.T, topic string)
		want []int
	}{
		{"nothing at all", func(*testing.T, string) {}, nil},
		{"a marker after the last record", func(t *testing.T, topic string) {
			transact(t, true, kafkatest.Record(topic, 0, testValue(1)), kafkatest.Record(topic, 0, testValue(2)))
		}, []int{1, 2}},
		{"an aborted transaction at the end", func(t *testing.T, topic string) {
			kafkatest.Produce(t, address, kafkatest.Record(topic, 0, testValue(1)))
			transact(t, false, kafkatest.Record(topic, 0, testValue(2)))
		}, []int{1}},
		{"nothing but an aborted transaction", func(t *testing.T, topic string) { transact(t, false, kafkatest.Record(topic, 0, testValue(2))) }, nil},
		{"a partition without records", func(t *testing.T, topic string) {
			kafkatest.Produce(t, address, kafkatest.Record(topic, 1, testValue(1)))
		}, []int{1}},
		{"records that were deleted", func(t *testing.T, topic string) {
			kafkatest.Produce(t, address, kafkatest.Record(topic, 0, testValue(1)), kafkatest.Record(topic, 0, testValue(2)))
			if _, err := kadm.NewClient(kafkatest.Client(t, address)).DeleteRecords(kafkatest.Within(t), kadm.Offsets{topic: {0: {Topic: topic, At: 1}}}); err != nil {
				t.Fatal(err)
			}
		}, []int{2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic := topicOf(t, 2)
			c.fill(t, topic)
			rows, _, err := rowsOf(t, boundedSource(topic), asValue)
			var want []string
			for _, i := range c.want {
				want = append(want, testValue(i))
			}
			if diff := cmp.Diff(want, rows); diff != "" || err != nil {
				t.Errorf("%v; the rows differ: %s", err, diff)
			}
		})
	}
}

func TestAnOpenTransactionIsNotWaitedForNorRead(t *testing.T) {
	topic := topicOf(t, 1)
	kafkatest.Produce(t, address, kafkatest.Record(topic, 0, testValue(1)))
	cl := kafkatest.Client(t, address, kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic))
	if err := errors.Join(cl.BeginTransaction(), cl.ProduceSync(kafkatest.Within(t), &kgo.Record{Value: []byte(testValue(2))}).FirstErr()); err != nil {
		t.Fatal(err)
	}
	rows, _, err := rowsOf(t, boundedSource(topic), asValue)
	if len(rows) != 1 || err != nil {
		t.Errorf("committed: %v %v", rows, err)
	}
	c := boundedSource(topic)
	c.Uncommitted = true
	rows, _, err = rowsOf(t, c, asValue)
	if len(rows) != 2 || err != nil {
		t.Errorf("uncommitted: %v %v", rows, err)
	}
}

func TestReadingBeginsAndEndsWhereItIsTold(t *testing.T) {
	topic := topicOf(t, 1)
	for i := range 10 {
		r := kafkatest.Record(topic, 0, testValue(i))
		r.Timestamp = time.UnixMilli(int64(1000 * (i + 1)))
		kafkatest.Produce(t, address, r)
	}
	group := "group-" + topic
	if err := kadm.NewClient(kafkatest.Client(t, address)).CommitAllOffsets(kafkatest.Within(t), group, kadm.Offsets{topic: {0: {Topic: topic, At: 4, LeaderEpoch: -1}}}); err != nil {
		t.Fatal(err)
	}
	end := kafka.Range{Place: kafka.Latest}
	for _, c := range []struct {
		name        string
		start, stop kafka.Range
		group       string
		reset       kafka.Place
		from, to    int
		wrong       string
	}{
		{"from the end", kafka.Range{Place: kafka.Latest}, end, "", "", 0, 0, ""},
		{"from the group's offset", kafka.Range{Place: kafka.Group}, end, group, "", 4, 10, ""},
		{"to the group's offset", kafka.Range{Place: kafka.Earliest}, kafka.Range{Place: kafka.Group}, group, "", 0, 4, ""},
		{"from the offset of a group that has none", kafka.Range{Place: kafka.Group}, end, "another-" + group, "", 0, 0, "has no committed offset of partition 0"},
		{"from the beginning for a group that has none", kafka.Range{Place: kafka.Group}, end, "another-" + group, kafka.Earliest, 0, 10, ""},
		{"from a time", kafka.Range{Place: kafka.Timestamp, Millis: 3500}, end, "", "", 3, 10, ""},
		{"between times", kafka.Range{Place: kafka.Timestamp, Millis: 3000}, kafka.Range{Place: kafka.Timestamp, Millis: 6000}, "", "", 2, 5, ""},
		{"from a time that has not come", kafka.Range{Place: kafka.Timestamp, Millis: 1 << 42}, end, "", "", 0, 0, ""},
		{"between offsets", kafka.Range{Place: kafka.Specific, Offsets: map[int32]int64{0: 2}}, kafka.Range{Place: kafka.Specific, Offsets: map[int32]int64{0: 7}}, "", "", 2, 7, ""},
		{"from behind the end to before it", kafka.Range{Place: kafka.Specific, Offsets: map[int32]int64{0: 7}}, kafka.Range{Place: kafka.Specific, Offsets: map[int32]int64{0: 3}}, "", "", 0, 0, ""},
		{"from an offset of a partition that there is not", kafka.Range{Place: kafka.Specific, Offsets: map[int32]int64{3: 7}}, end, "", "", 0, 0, "partition 3, which the topic does not have"},
		{"from an offset that there is not yet", kafka.Range{Place: kafka.Specific, Offsets: map[int32]int64{0: 99}}, kafka.Range{Place: kafka.Specific, Offsets: map[int32]int64{0: 100}}, "", "", 0, 0, "offset 99 is next, but the partition ends at 10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := boundedSource(topic)
			config.Start, config.Stop, config.GroupID, config.OffsetReset = c.start, c.stop, c.group, c.reset
			rows, _, err := rowsOf(t, config, asValue)
			if c.wrong != "" {
				if fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("got %v, want %s", err, c.wrong)
				}
				return
			}
			var want []string
			for i := c.from; i < c.to; i++ {
				want = append(want, testValue(i))
			}
			if diff := cmp.Diff(want, rows); diff != "" || err != nil {
				t.Errorf("%v; the rows differ: %s", err, diff)
			}
		})
	}
}

func TestAPartitionThatIsNewIsReadFromItsBeginning(t *testing.T) {
	topic := topicOf(t, 1)
	kafkatest.Produce(t, address, kafkatest.Record(topic, 0, testValue(0)))
	c := boundedSource(topic)
	c.Start, c.Stop = kafka.Range{Place: kafka.Latest}, kafka.Range{Place: kafka.Unbounded}
	c.Discovery = time.Second
	s := kafka.NewSource(c)
	first, err := found(t, s, nil)
	if err != nil || len(first.Splits) != 1 || first.Done || first.Next != time.Second {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := kadm.NewClient(kafkatest.Client(t, address)).UpdatePartitions(kafkatest.Within(t), 2, topic); err != nil {
		t.Fatal(err)
	}
	kafkatest.Produce(t, address, kafkatest.Record(topic, 1, testValue(1)))
	then, err := found(t, s, first.Seen)
	if err != nil || len(then.Splits) != 1 || then.Splits[0].ID != topic+"-1" {
		t.Fatalf("%+v, %v", then, err)
	}
	if !strings.Contains(string(then.Splits[0].Spec), `"start":0,`) {
		t.Errorf("it begins as in %s", then.Splits[0].Spec)
	}
	if again, err := found(t, s, then.Seen); err != nil || len(again.Splits) != 0 {
		t.Errorf("what is known is found again: %+v, %v", again, err)
	}
	if _, err := found(t, s, []byte(strings.Replace(string(then.Seen), `"cluster":"`, `"cluster":"other-`, 1))); err == nil || !strings.Contains(err.Error(), "offsets of the cluster other-") {
		t.Errorf("another cluster is not noticed: %v", err)
	}
}

func TestATopicThatIsNotThereIsNamed(t *testing.T) {
	_, err := found(t, kafka.NewSource(boundedSource("nothing-there")), nil)
	if err == nil || !strings.Contains(err.Error(), "topic nothing-there") || !strings.Contains(err.Error(), "create the topic") {
		t.Errorf("the source says %v", err)
	}
	_, err = kafka.NewSink(kafka.SinkConfig{Connection: connection(), Topic: "nothing-there", Record: testRecord, Schema: testSchema}).Writer(kafkatest.Within(t), connector.WriterContext{})
	if err == nil || !strings.Contains(err.Error(), "topic nothing-there") || !strings.Contains(err.Error(), "create the topic") {
		t.Errorf("the sink says %v", err)
	}
}

func TestAWrongBootstrapServerIsNamed(t *testing.T) {
	c := boundedSource("t")
	c.Connection.Bootstrap = []string{"127.0.0.1:1"}
	_, err := found(t, kafka.NewSource(c), nil)
	if fault.ClassOf(err) != fault.Transient || !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "properties.bootstrap.servers") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("it says %v", err)
	}
}

func TestKeysValuesAndMetadataAreColumns(t *testing.T) {
	topic := topicOf(t, 2)
	schema := types.Schema{{Name: "k_id", Type: types.BigInt()}, {Name: "text", Type: types.String()}, {Name: "p", Type: types.Int()}, {Name: "o", Type: types.BigInt()}, {Name: "at", Type: types.Timestamp(3)}, {Name: "of", Type: types.String()}}
	c := boundedSource(topic)
	c.Schema = schema
	c.Record = kafka.RecordFormat{
		Value: jsonl.Format{}, Values: []kafka.Field{{Column: 1, Name: "text"}}, Key: csv.Format{}, Keys: []kafka.Field{{Column: 0, Name: "id"}},
		Metadata: []kafka.MetadataField{{Column: 2, Key: kafka.MetadataPartition}, {Column: 3, Key: kafka.MetadataOffset}, {Column: 4, Key: kafka.MetadataTimestamp}, {Column: 5, Key: kafka.MetadataTopic}},
	}
	record := func(key, value string, tombstone bool) {
		r := kafkatest.Record(topic, 1, value)
		r.Timestamp, r.Headers = time.UnixMilli(86_400_000), []kgo.RecordHeader{{Key: "h", Value: []byte("x")}}
		if key != "" {
			r.Key = []byte(key)
		}
		if tombstone {
			r.Value = nil
		}
		kafkatest.Produce(t, address, r)
	}
	record("7", `{"text":"a"}`, false)
	record("", `{"text":"without a key"}`, false)
	record("8", "", true)
	record("9", `[{"text":"b"},{"text":"c"}]`, false)
	show := func(c *batch.Columns, i int) string {
		key := "NULL"
		if !c.Cols[0].Null(i) {
			key = fmt.Sprint(c.Cols[0].(*batch.Fixed[int64]).V[i])
		}
		return fmt.Sprintf("%s %s %d@%d %d %s", key, c.Cols[1].(*batch.Strings).At(i), c.Cols[2].(*batch.Fixed[int32]).V[i], c.Cols[3].(*batch.Fixed[int64]).V[i], c.Cols[4].(*batch.Fixed[int64]).V[i], c.Cols[5].(*batch.Strings).At(i))
	}
	rows, skipped, err := rowsOf(t, c, show)
	want := []string{"7 a 1@0 86400000 " + topic, "9 b 1@3 86400000 " + topic, "9 c 1@3 86400000 " + topic, "NULL without a key 1@1 86400000 " + topic}
	if diff := cmp.Diff(want, rows); diff != "" || err != nil || skipped != 1 {
		t.Errorf("%v, %d skipped; the rows differ: %s", err, skipped, diff)
	}
	record("no number", `{"text":"d"}`, false)
	if _, _, err = rowsOf(t, c, show); fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "kafka topic "+topic+", partition 1, offset 4, key") {
		t.Errorf("a wrong key is said as %v", err)
	}
}

func TestARecordThatCannotBeReadIsNamedOrSkipped(t *testing.T) {
	topic := topicOf(t, 1)
	kafkatest.Produce(t, address, kafkatest.Record(topic, 0, testValue(1)), kafkatest.Record(topic, 0, `{"n":`), kafkatest.Record(topic, 0, testValue(2)))
	c := boundedSource(topic)
	if _, _, err := rowsOf(t, c, asValue); fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "kafka topic "+topic+", partition 0, offset 1, byte") {
		t.Errorf("it is said as %v", err)
	}
	c.Record.Value = jsonl.Format{IgnoreParseErrors: true}
	rows, skipped, err := rowsOf(t, c, asValue)
	if len(rows) != 2 || skipped != 1 || err != nil {
		t.Errorf("%v, %d skipped, %v", rows, skipped, err)
	}
}

// pattern is what the option 'topic-pattern' becomes.
func pattern(text string) *regexp.Regexp { return regexp.MustCompile("^(?:" + text + ")$") }

func TestAPatternReadsWholeNames(t *testing.T) {
	topic := topicOf(t, 1)
	kafkatest.Topic(t, address, topic+"-more", 1)
	c := boundedSource("")
	c.Topics, c.Pattern = nil, pattern(topic)
	d, err := found(t, kafka.NewSource(c), nil)
	if err != nil || len(d.Splits) != 1 || d.Splits[0].ID != topic+"-0" {
		t.Errorf("%+v, %v", d, err)
	}
	c.Pattern = pattern("no-such-topic")
	if _, err := found(t, kafka.NewSource(c), nil); err == nil || !strings.Contains(err.Error(), "no topic matches") {
		t.Errorf("it says %v", err)
	}
}

// TestAReaderIsCaughtUpWhenTheBrokerSaysSo is what idleness goes by (P15): not that nothing is at hand, and an open transaction is
// something that will come.
func TestAReaderIsCaughtUpWhenTheBrokerSaysSo(t *testing.T) {
	topic := topicOf(t, 1)
	c := boundedSource(topic)
	c.Stop, c.Fetch.MaxWait = kafka.Range{Place: kafka.Unbounded}, 50*time.Millisecond
	s := kafka.NewSource(c)
	d, err := found(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(kafkatest.Within(t))
	defer cancel()
	r, err := s.Reader(ctx, connector.ReaderContext{Parallelism: 1, BatchRows: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lag := r.(connector.LagReporter)
	split := d.Splits[0]
	if err := r.Add(split, nil); err != nil {
		t.Fatal(err)
	}
	if lag.CaughtUp(split.ID) {
		t.Error("it is caught up before the broker has said anything")
	}
	read := func(rows int, caughtUp bool) {
		t.Helper()
		into := batch.Of(s.Payload())
		for {
			into.Reset()
			p, err := r.Next(ctx, into)
			if err != nil {
				t.Fatal(err)
			}
			rows -= into.Len()
			if rows == 0 && lag.CaughtUp(split.ID) == caughtUp {
				return
			}
			if p.Wait != nil {
				select {
				case <-p.Wait:
				case <-ctx.Done():
					t.Fatalf("%d rows are still to come; caught up: %v", rows, lag.CaughtUp(split.ID))
				}
			}
		}
	}
	read(0, true)
	kafkatest.Produce(t, address, kafkatest.Record(topic, 0, testValue(1)))
	read(1, true)
	cl := kafkatest.Client(t, address, kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic))
	if err := errors.Join(cl.BeginTransaction(), cl.ProduceSync(ctx, &kgo.Record{Value: []byte(testValue(2))}).FirstErr()); err != nil {
		t.Fatal(err)
	}
	read(0, false)
	if s.Lag() == 0 {
		t.Error("there is no lag, though a record is to come")
	}
	if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	read(1, true)
}
