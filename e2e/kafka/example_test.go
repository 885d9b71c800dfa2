package kafka

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/engine/connector/kafka/kafkatest"
)

// TestTheExampleSumsOrdersUp runs examples/kafka/streamjob.yaml as it is, but for the address of the broker and the folder of its checkpoints.
func TestTheExampleSumsOrdersUp(t *testing.T) {
	t.Parallel()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "examples", "kafka", "streamjob.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	b, dir := kafkatest.Start(t), t.TempDir()
	manifest := filepath.Join(dir, "streamjob.yaml")
	if err := os.WriteFile(manifest, []byte(strings.ReplaceAll(string(text), "127.0.0.1:9092", b.Address)), 0o644); err != nil {
		t.Fatal(err)
	}
	kafkatest.Topic(t, b.Address, "orders", 2)
	kafkatest.Topic(t, b.Address, "totals", 1)
	for i, amount := range []int{1, 2, 3, 4, 1000} { // the last is of a minute that stays open
		for partition := range int32(2) {
			r := kafkatest.Record("orders", partition, fmt.Sprintf(`{"customer":"c%d","amount":%d}`, i%2, amount))
			r.Timestamp = time.UnixMilli(int64(1_700_000_040_000 + 50_000*i))
			kafkatest.Produce(t, b.Address, r)
		}
	}
	p := harness.Start(t, harness.Launch{Path: weir, Args: []string{"run", "-f", manifest}, Dir: dir, Logs: dir, Env: []string{"XDG_RUNTIME_DIR=" + dir}})
	want := []string{
		`{"customer":"c0"} {"customer":"c0","window_start":"2023-11-14 22:14:00","total":2.0}`,
		`{"customer":"c0"} {"customer":"c0","window_start":"2023-11-14 22:15:00","total":6.0}`,
		`{"customer":"c1"} {"customer":"c1","window_start":"2023-11-14 22:14:00","total":4.0}`,
		`{"customer":"c1"} {"customer":"c1","window_start":"2023-11-14 22:16:00","total":8.0}`,
	}
	var got []string
	p.Until(patience, "the totals are there", func() bool {
		got = nil
		for _, r := range kafkatest.Committed(t, b.Address, "totals")[0] {
			got = append(got, fmt.Sprintf("%s %s", r.Key, r.Value))
		}
		return len(got) >= len(want)
	})
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the totals differ: %s", diff)
	}
	p.Interrupt()
	p.Exit(patience)
}
