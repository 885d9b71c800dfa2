package kafka_test

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/kafka"
	"github.com/weirstream/weir/engine/connector/kafka/kafkatest"
)

// What is in snapshots as the first version wrote it. It is read for ever.
const (
	firstSplit       = `{"format":1,"topic":"orders","id":"000102030405060708090a0b0c0d0e0f","partition":3,"start":42,"stop":-1}`
	firstSeen        = `{"format":1,"cluster":"CLUSTER","topics":{}}`
	firstCommittable = `{"format":1,"cluster":"CLUSTER","topic":"orders","id":"weir-j-01234567-1.0-0-0","producer":7,"epoch":0,"records":3,"prepared":"2026-11-29T12:00:00Z","timeout":"15m0s"}`
)

func TestWhatTheFirstVersionWroteIsRead(t *testing.T) {
	topic := topicOf(t, 1)
	s := kafka.NewSource(boundedSource(topic))
	r, err := s.Reader(t.Context(), connector.ReaderContext{Parallelism: 1, BatchRows: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	split := connector.Split{ID: "orders-3", Chain: "orders-3", Spec: []byte(firstSplit)}
	if err := r.Add(split, []byte{43}); err != nil {
		t.Errorf("a split: %v", err)
	}
	if err := r.Add(split, []byte{41}); err == nil {
		t.Error("a position before the start of its split is accepted")
	}
	now, err := found(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, cluster, _ := strings.Cut(string(now.Seen), `"cluster":"`)
	cluster, _, _ = strings.Cut(cluster, `"`)
	if d, err := found(t, s, []byte(strings.Replace(firstSeen, "CLUSTER", cluster, 1))); err != nil || len(d.Splits) != 1 {
		t.Errorf("what was seen: %+v, %v", d, err)
	}
	c, err := kafka.NewSink(kafka.SinkConfig{Connection: connection(), Topic: topic, Record: testRecord, Schema: testSchema, Guarantee: kafka.ExactlyOnce}).
		Committer(t.Context(), connector.CommitterContext{Job: "j", UID: "sink/o", Attempt: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := kafkatest.Within(t)
	if err := c.Commit(ctx, [][]byte{[]byte(strings.Replace(firstCommittable, "CLUSTER", cluster, 1))}); err == nil || !strings.Contains(err.Error(), "3 records of a complete checkpoint are lost") {
		t.Errorf("a committable that no broker knows: %v", err)
	}
	if err := c.Commit(ctx, [][]byte{[]byte(firstCommittable)}); err == nil || !strings.Contains(err.Error(), "to be committed on the cluster CLUSTER") {
		t.Errorf("a committable of another cluster: %v", err)
	}
	for _, malformed := range []string{"", "{}", firstCommittable[1:], strings.Replace(firstCommittable, `"format":1`, `"format":2`, 1)} {
		if err := c.Commit(ctx, [][]byte{[]byte(malformed)}); err == nil || !strings.Contains(err.Error(), "use the version of Weir that wrote the snapshot") {
			t.Errorf("the committable %q: %v", malformed, err)
		}
	}
}
