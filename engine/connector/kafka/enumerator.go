package kafka

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
)

// seen is what an enumerator knows, as it is in snapshots. Members are only added.
type seen struct {
	Format int `json:"format"`
	// Cluster is the id of the brokers' cluster: offsets of another one mean nothing.
	Cluster string `json:"cluster"`
	// Topics are those that were found.
	Topics map[string]seenTopic `json:"topics"`
}

type seenTopic struct {
	ID         topicID `json:"id"`
	Partitions int32   `json:"partitions"`
}

const seenFormat = 1

// never is longer than any job runs.
const never = 10 * 365 * 24 * time.Hour

type enumerator struct {
	source *Source
	client *kgo.Client
}

// Discover lists the partitions that are new. Where one begins is decided here, once: at first as the configuration says, later at its
// beginning, so that what is written to it before it is found is read as well (P15).
func (e *enumerator) Discover(ctx context.Context, known []byte) (d connector.Discovery, err error) {
	c := &e.source.config
	at := seen{Topics: map[string]seenTopic{}}
	first := len(known) == 0
	if !first {
		if at, err = decodeSeen(known); err != nil {
			return d, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	topics, cluster, err := e.topics(ctx, &at)
	if err != nil {
		return d, c.Connection.classed("find the partitions", err)
	}
	if !first && at.Cluster != cluster {
		return d, fault.Permanentf("kafka "+c.Connection.String(), "correct 'properties.bootstrap.servers', or begin without this snapshot",
			"this is the cluster %s, and the positions of the snapshot are offsets of the cluster %s", cluster, at.Cluster)
	}
	fresh, err := newPartitions(topics, &at)
	if err != nil {
		return d, err
	}
	if err := e.place(ctx, fresh, first); err != nil {
		return d, c.Connection.classed("find where to begin", err)
	}
	for i := range fresh {
		s, err := fresh[i].split()
		if err != nil {
			return d, err
		}
		d.Splits = append(d.Splits, s)
	}
	at.Format, at.Cluster = seenFormat, cluster
	if d.Seen, err = json.Marshal(at); err != nil {
		return d, err
	}
	d.Done = e.source.Bounded()
	d.Next = c.Discovery
	if d.Next == 0 {
		d.Next = never // not Done: a subtask without a partition would end, and end event time (P15)
	}
	return d, nil
}

func decodeSeen(known []byte) (s seen, err error) {
	dec := json.NewDecoder(bytes.NewReader(known))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil || s.Format != seenFormat {
		return s, malformed("list", errors.Join(err, fmt.Errorf("format %d", s.Format)))
	}
	if s.Topics == nil {
		s.Topics = map[string]seenTopic{}
	}
	return s, nil
}

// topics asks for the topics that are read, by name.
func (e *enumerator) topics(ctx context.Context, at *seen) (found []kadm.TopicDetail, cluster string, err error) {
	c := &e.source.config
	ask := slices.Clone(c.Topics)
	if c.Pattern != nil {
		ask = nil // all that there are
	}
	m, err := kadm.NewClient(e.client).Metadata(ctx, ask...)
	if err != nil {
		return nil, "", err
	}
	for _, t := range m.Topics.Sorted() {
		_, known := at.Topics[t.Topic]
		switch {
		case c.Pattern != nil && !known && (t.IsInternal || !c.Pattern.MatchString(t.Topic)):
			continue
		case t.Err != nil:
			return nil, "", fmt.Errorf("topic %s: %w", t.Topic, t.Err)
		}
		found = append(found, t)
	}
	for name := range at.Topics {
		if !slices.ContainsFunc(found, func(t kadm.TopicDetail) bool { return t.Topic == name }) {
			return nil, "", fmt.Errorf("topic %s: %w", name, kerr.UnknownTopicOrPartition)
		}
	}
	if c.Pattern != nil && len(found) == 0 && e.source.Bounded() {
		return nil, "", fault.Permanentf("kafka "+c.Connection.String(), "correct the option 'topic-pattern', which has to match whole names", "no topic matches the pattern '%s'", c.Pattern)
	}
	return found, m.Cluster, nil
}

// newPartitions are those that were not seen, which they are after it.
func newPartitions(topics []kadm.TopicDetail, at *seen) (fresh []partitionSplit, err error) {
	for _, t := range topics {
		was, known := at.Topics[t.Topic]
		n := int32(len(t.Partitions))
		switch {
		case known && was.ID != topicID(t.ID) && was.ID != (topicID{}):
			return nil, madeAnew(t.Topic)
		case known && n < was.Partitions:
			return nil, madeAnew(t.Topic) // by brokers that give topics no ids: partitions are never taken away
		}
		for p := was.Partitions; p < n; p++ {
			fresh = append(fresh, partitionSplit{Topic: t.Topic, ID: topicID(t.ID), Partition: p, Stop: noStop})
		}
		at.Topics[t.Topic] = seenTopic{ID: topicID(t.ID), Partitions: n}
	}
	return fresh, nil
}

func madeAnew(topic string) error {
	return fault.Permanentf("kafka topic "+topic, "restore a savepoint that does not read it, or begin without state",
		"the topic was deleted and made anew: the positions of the job are offsets of the old one, and what it held is gone")
}

// place decides where partitions begin and end.
func (e *enumerator) place(ctx context.Context, fresh []partitionSplit, first bool) error {
	if len(fresh) == 0 {
		return nil
	}
	c := &e.source.config
	start := c.Start
	if !first {
		start = Range{Place: Earliest}
	}
	begins, err := e.offsets(ctx, fresh, start, Earliest)
	if err != nil {
		return err
	}
	var ends []int64
	if c.Stop.Place != Unbounded {
		if ends, err = e.offsets(ctx, fresh, c.Stop, Latest); err != nil {
			return err
		}
	}
	for i := range fresh {
		fresh[i].Start = begins[i]
		if ends != nil {
			fresh[i].Stop = max(ends[i], 0)
		}
	}
	return nil
}

// offsets returns an offset for each partition; other is where those are that a list of offsets does not name.
func (e *enumerator) offsets(ctx context.Context, of []partitionSplit, r Range, other Place) ([]int64, error) {
	switch r.Place {
	case Specific:
		out, err := e.offsets(ctx, of, Range{Place: other}, other)
		if err != nil {
			return nil, err
		}
		for i, p := range of {
			if o, ok := r.Offsets[p.Partition]; ok {
				out[i] = o
			}
		}
		return out, e.named(of, r.Offsets)
	case Group:
		return e.groupOffsets(ctx, of)
	}
	return e.listed(ctx, of, r)
}

// named refuses offsets of partitions that there are not.
func (e *enumerator) named(of []partitionSplit, offsets map[int32]int64) error {
	for partition := range offsets {
		if !slices.ContainsFunc(of, func(p partitionSplit) bool { return p.Partition == partition }) {
			return fault.Permanentf("kafka topic "+strings.Join(e.source.config.Topics, ", "), "correct the option", "an offset is given for partition %d, which the topic does not have", partition)
		}
	}
	return nil
}

// listed asks brokers for offsets.
func (e *enumerator) listed(ctx context.Context, of []partitionSplit, r Range) ([]int64, error) {
	adm, names := kadm.NewClient(e.client), topicsOf(of)
	var listed kadm.ListedOffsets
	var err error
	switch {
	case r.Place == Earliest:
		listed, err = adm.ListStartOffsets(ctx, names...)
	case r.Place == Timestamp:
		listed, err = adm.ListOffsetsAfterMilli(ctx, r.Millis, names...)
	case e.source.config.Uncommitted:
		listed, err = adm.ListEndOffsets(ctx, names...)
	default: // what is behind belongs to transactions that are open
		listed, err = adm.ListCommittedOffsets(ctx, names...)
	}
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(of))
	for i, p := range of {
		o, ok := listed.Lookup(p.Topic, p.Partition)
		if !ok {
			o.Err = errors.New("the broker said nothing of it")
		}
		if o.Err != nil {
			return nil, fmt.Errorf("partition %s: %w", p.name(), o.Err)
		}
		out[i] = o.Offset
	}
	return out, nil
}

// groupOffsets asks for what a consumer group has committed.
func (e *enumerator) groupOffsets(ctx context.Context, of []partitionSplit) ([]int64, error) {
	c := &e.source.config
	committed, err := kadm.NewClient(e.client).FetchOffsetsForTopics(ctx, c.GroupID, topicsOf(of)...)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // a group that there is not has no offsets
		return nil, err
	}
	var reset []int64
	out := make([]int64, len(of))
	for i, p := range of {
		o, ok := committed.Lookup(p.Topic, p.Partition)
		switch {
		case ok && o.Err != nil:
			return nil, fmt.Errorf("partition %s: %w", p.name(), o.Err)
		case ok && o.At >= 0:
			out[i] = o.At
			continue
		case c.OffsetReset == "":
			return nil, fault.Permanentf("kafka topic "+p.Topic, "set 'properties.auto.offset.reset' = 'earliest' or 'latest', or another 'scan.startup.mode'",
				"the group '%s' has no committed offset of partition %d", c.GroupID, p.Partition)
		case reset == nil:
			if reset, err = e.listed(ctx, of, Range{Place: c.OffsetReset}); err != nil {
				return nil, err
			}
		}
		out[i] = reset[i]
	}
	return out, nil
}

func topicsOf(of []partitionSplit) (names []string) {
	for _, p := range of {
		if !slices.Contains(names, p.Topic) {
			names = append(names, p.Topic)
		}
	}
	return names
}

// Close ends the client.
func (e *enumerator) Close() error {
	e.client.Close()
	return nil
}
