package kafka

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/engine/connector/kafka/kafkatest"
)

// patience is how long a job that has work for some seconds may take on a machine that does much else.
const patience = 3 * time.Minute

// job is a job that reads and writes topics of a broker.
type job struct {
	t   *testing.T
	dir string
	// SQL is its text, and Spec what else its manifest says, each line indented by two blanks.
	SQL, Spec string
	// Interval is that of its checkpoints.
	Interval time.Duration
	env      []string
}

func newJob(t *testing.T, sql string) *job {
	return &job{t: t, dir: t.TempDir(), SQL: sql, Interval: 100 * time.Millisecond}
}

func (j *job) manifest() string {
	j.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: weir.stream/v1alpha1\nkind: StreamJob\nmetadata: {name: k}\nspec:\n  checkpoint: {storage: %q, interval: %v}\n  restart: {initialDelay: 100ms, maxDelay: 1s}\n%s  sql: |\n",
		j.checkpoints(), j.Interval, j.Spec)
	for line := range strings.SplitSeq(strings.TrimSpace(j.SQL), "\n") {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	path := filepath.Join(j.dir, "job.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		j.t.Fatal(err)
	}
	return path
}

func (j *job) checkpoints() string { return filepath.Join(j.dir, "checkpoints") }

func (j *job) chain() *harness.Chain {
	return harness.OpenChain(j.t, filepath.Join(j.checkpoints(), "k"))
}

// start runs the job, with arguments after those that name its manifest.
func (j *job) start(args ...string) *harness.Process {
	j.t.Helper()
	return harness.Start(j.t, harness.Launch{
		Path: weir, Args: append([]string{"run", "-f", j.manifest()}, args...), Dir: j.dir, Logs: j.dir, Env: append([]string{"XDG_RUNTIME_DIR=" + j.dir}, j.env...),
	})
}

// startToCrash runs it so that it kills itself when it reaches a step for the n-th time.
func (j *job) startToCrash(step string, n int, args ...string) *harness.Process {
	j.t.Helper()
	crash := *j
	crash.env = append([]string{fmt.Sprintf("WEIR_CRASH_AT=%s:%d", step, n)}, j.env...)
	return crash.start(args...)
}

// feed writes numbered records to a topic, some at a time, until it is stopped, and then says how many there are.
func feed(t *testing.T, address, topic string, partitions int32) (stop func() int) {
	t.Helper()
	cl := kafkatest.Client(t, address, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	ctx, cancel := context.WithCancel(context.Background())
	written := make(chan int)
	go func() {
		n := 0
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			var records []*kgo.Record
			for range 20 {
				records = append(records, kafkatest.Record(topic, int32(n)%partitions, numbered(n)))
				n++
			}
			// To the end, so that it is known what is there: brokers that are away come back.
			if err := cl.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
				t.Error(err)
				break
			}
			<-tick.C
		}
		written <- n
	}()
	return func() int {
		cancel()
		return <-written
	}
}

func numbered(i int) string { return fmt.Sprintf(`{"n":%d,"k":"key-%d"}`, i, i%17) }

// numbersOf are the numbers in the records of a topic that readers of committed records see, in order.
func numbersOf(t *testing.T, address, topic string) (numbers []int) {
	t.Helper()
	for _, records := range kafkatest.Committed(t, address, topic) {
		for _, r := range records {
			var row struct{ N int }
			if err := json.Unmarshal(r.Value, &row); err != nil {
				t.Fatalf("%s: %v", r.Value, err)
			}
			numbers = append(numbers, row.N)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// once says whether the numbers are 0 to n-1, each once; an error names the first that is missing or there twice.
func once(numbers []int, n int) error {
	for i, got := range numbers {
		switch {
		case got < i:
			return fmt.Errorf("%d is there twice, among %d of %d", got, len(numbers), n)
		case got > i:
			return fmt.Errorf("%d is missing, and the next is %d, among %d of %d", i, got, len(numbers), n)
		}
	}
	if len(numbers) != n {
		return fmt.Errorf("there are %d of %d", len(numbers), n)
	}
	return nil
}

// seed returns the source of all random choices of a test, and prints how to repeat them.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("WEIR_E2E_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("WEIR_E2E_SEED: %v", err)
		}
	}
	t.Logf("seed: repeat with WEIR_E2E_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 1))
}

// copied is the text of a job that copies a topic to another one.
func copied(address string, more ...string) string {
	return fmt.Sprintf(`CREATE TABLE i (n BIGINT, k STRING) WITH ('connector' = 'kafka', 'topic' = 'in', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset',
  'scan.topic-partition-discovery.interval' = '200 ms', 'properties.fetch.max.wait.ms' = '50', 'properties.bootstrap.servers' = '%[1]s'%[2]s);
CREATE TABLE o (n BIGINT, k STRING) WITH ('connector' = 'kafka', 'topic' = 'out', 'format' = 'json', 'key.format' = 'json', 'key.fields' = 'k',
  'sink.delivery-guarantee' = 'exactly-once', 'properties.bootstrap.servers' = '%[1]s');
INSERT INTO o SELECT n, k FROM i;
`, address, strings.Join(more, ""))
}

// grow gives a topic more partitions.
func grow(t *testing.T, address, topic string, to int) {
	t.Helper()
	r, err := kadm.NewClient(kafkatest.Client(t, address)).UpdatePartitions(kafkatest.Within(t), to, topic)
	if err == nil {
		err = r.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// more writes a record to each partition, numbered from n on, and says how many.
func more(t *testing.T, address, topic string, partitions int32, n int) int {
	t.Helper()
	for p := range partitions {
		kafkatest.Produce(t, address, kafkatest.Record(topic, p, numbered(n+int(p))))
	}
	return int(partitions)
}
