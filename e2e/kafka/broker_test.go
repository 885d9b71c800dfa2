package kafka

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/engine/connector/kafka/kafkatest"
)

// weir is the path of the binary under test.
var weir string

func TestMain(m *testing.M) { harness.Main(m, &weir, "2") }

// TestTheScriptStartsAndStopsABroker is what a person does who tries things.
func TestTheScriptStartsAndStopsABroker(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	script, dir := filepath.Join(root, "hack", "kafka", "kafka"), t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(script, args...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	for i := range 2 {
		address := run("start", dir, "29092")
		if i == 0 {
			kafkatest.Topic(t, address, "a", 1)
			kafkatest.Produce(t, address, kafkatest.Record("a", 0, "kept"))
		}
		if got := kafkatest.Values(kafkatest.Committed(t, address, "a")); len(got) != 1 || got[0] != "0: kept" {
			t.Errorf("start %d: the topic has %q", i, got)
		}
		run("stop", dir)
		if _, err := exec.Command(script, "stop", dir).Output(); err == nil {
			t.Error("what was stopped is stopped once more")
		}
	}
}
