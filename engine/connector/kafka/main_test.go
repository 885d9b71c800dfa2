package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/weirstream/weir/engine/connector/kafka/kafkatest"
)

// real says that the tests run against a real Kafka, as in `make test-connectors`; else one is played in this process.
var real = os.Getenv("WEIR_KAFKA") == "real"

// address is that of the broker of all tests: each has topics of its own.
var address string

func TestMain(m *testing.M) {
	code, err := withBroker(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code) //nolint:forbidigo // it is the main of the tests
}

func withBroker(run func() int) (code int, err error) {
	if !real {
		c, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.DefaultNumPartitions(1))
		if err != nil {
			return 1, err
		}
		defer c.Close()
		address = c.ListenAddrs()[0]
		return run(), nil
	}
	dir, err := os.MkdirTemp("", "kafka")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := kafkatest.Launch(context.Background(), dir, nil)
	if err != nil {
		return 1, err
	}
	defer b.Kill()
	address = b.Address
	return run(), nil
}

// topicOf is a name of its own for each test, which is a topic with so many partitions.
func topicOf(t *testing.T, partitions int32, configs ...string) string {
	t.Helper()
	name := strings.NewReplacer("/", ".", " ", "_", "#", "_", "'", "", ",", "", ":", "").Replace(t.Name())
	name = name[max(0, len(name)-150):]
	name = fmt.Sprintf("t%d-%s", topics.Add(1), name)
	kafkatest.Topic(t, address, name, partitions, configs...)
	return name
}
