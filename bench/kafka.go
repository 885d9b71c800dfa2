package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	kafkaRecords = 2_000_000
	// kafkaValue is a record of a hundred bytes.
	kafkaValue = `{"n":%010d,"text":"sixty-odd bytes of text that nobody reads but everybody has to move......"}`

	kafkaRead = `CREATE TABLE i (n BIGINT, text STRING) WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset', 'properties.bootstrap.servers' = '%[1]s');
CREATE TABLE o (n BIGINT, text STRING) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT n, text FROM i;`
	kafkaWrite = `CREATE TABLE i (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000000000', 'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '%[3]d');
CREATE TABLE o (n BIGINT, text STRING) WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'format' = 'json', 'properties.bootstrap.servers' = '%[1]s');
INSERT INTO o SELECT n, 'sixty-odd bytes of text that nobody reads but everybody has to move......' FROM i;`
)

// kafkaSection measures topics in and out, JSON included, against the client library alone, which neither reads nor makes JSON: what it
// costs to move the same bytes. The broker is a process of its own, whose CPU time does not count.
func kafkaSection(ctx context.Context, o options) error {
	if o.kafka == "" {
		fmt.Println("kafka: -kafka names no broker; hack/kafka/kafka start DIR starts one on 127.0.0.1:9092")
		return nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(o.kafka))
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	in, out := fmt.Sprintf("bench-in-%d", time.Now().UnixNano()), fmt.Sprintf("bench-out-%d", time.Now().UnixNano())
	if _, err := adm.CreateTopics(ctx, 2, 1, nil, in, out); err != nil {
		return err
	}
	err = errors.Join(kafkaFill(ctx, o.kafka, in), kafkaCompare(ctx, o, in, out))
	_, removeErr := adm.DeleteTopics(ctx, in, out)
	return errors.Join(err, removeErr)
}

func kafkaCompare(ctx context.Context, o options, in, out string) error {
	bytes := int64(kafkaRecords * len(fmt.Sprintf(kafkaValue, 0)))
	fmt.Printf("Kafka, %d records of %d bytes in two partitions: SQL with JSON against the client library alone\n", kafkaRecords, bytes/kafkaRecords)
	fmt.Printf("%8s %24s %24s %20s %16s %10s %16s\n", "", "engine, cpu-ns/record", "client, cpu-ns/record", "ratio of CPU", "engine, rec/s", "MB/s", "of client's rec/s")
	for _, side := range []struct {
		name           string
		engine, client func() error
	}{
		{"source", func() error { return kafkaJob(ctx, fmt.Sprintf(kafkaRead, o.kafka, in)) }, func() error { return kafkaPoll(ctx, o.kafka, in) }},
		{"sink", func() error { return kafkaJob(ctx, fmt.Sprintf(kafkaWrite, o.kafka, out, kafkaRecords-1)) }, func() error { return kafkaFill(ctx, o.kafka, out) }},
	} {
		c, err := compare(o.rounds, side.engine, side.client)
		if err != nil {
			return fmt.Errorf("%s: %w", side.name, err)
		}
		engine, client := median(rates(c.a, kafkaRecords)), median(rates(c.b, kafkaRecords))
		fmt.Printf("%8s %24s %24s %20s %16.0f %10.1f %16.2f\n", side.name, spread(cpuPerRecord(c.a, kafkaRecords)), spread(cpuPerRecord(c.b, kafkaRecords)), spread(c.ratio),
			engine, median(rates(c.a, bytes))/1e6, engine/client)
	}
	return nil
}

func kafkaJob(ctx context.Context, text string) error {
	g, err := compileSQL(text)
	if err != nil {
		return err
	}
	return runJob(ctx, g, config("kafka", 2))
}

// kafkaFill writes the records with the client alone.
func kafkaFill(ctx context.Context, address, topic string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(1<<16))
	if err != nil {
		return err
	}
	defer cl.Close()
	failed := make(chan error, 1)
	value := fmt.Sprintf(kafkaValue, 0)
	for i := range kafkaRecords {
		record := &kgo.Record{Value: []byte(value[:5] + strconv.Itoa(1_000_000_000+i) + value[15:])}
		cl.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// kafkaPoll reads the records with the client alone.
func kafkaPoll(ctx context.Context, address, topic string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return err
	}
	defer cl.Close()
	bytes := 0
	for n := 0; n < kafkaRecords; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) { n, bytes = n+1, bytes+len(r.Value) })
	}
	if want := kafkaRecords * len(fmt.Sprintf(kafkaValue, 0)); bytes != want {
		return fmt.Errorf("the client read %d bytes, want %d", bytes, want)
	}
	return nil
}
