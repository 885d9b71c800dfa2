package kafka

import (
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/engine/connector/kafka/kafkatest"
)

// steps are the places between two writes at which a process dies.
var steps = []string{"restore", "deploy", "publish", "commit", "confirm"}

// TestEveryRecordIsInTheOutputOnceWhateverDies kills a job that copies a topic: at random moments and between any two steps, with partitions added, the parallelism
// changed and brokers that die and come back. Readers of committed records see each row once.
func TestEveryRecordIsInTheOutputOnceWhateverDies(t *testing.T) {
	t.Parallel()
	random := seed(t)
	b := kafkatest.Start(t)
	kafkatest.Topic(t, b.Address, "in", 3)
	kafkatest.Topic(t, b.Address, "out", 2)
	stop := feed(t, b.Address, "in", 3)
	j := newJob(t, copied(b.Address))
	at := func() string { return "--set=spec.parallelism=" + []string{"1", "2", "5"}[random.IntN(3)] }
	for round := range 30 {
		var p *harness.Process
		if round%2 == 0 {
			step, n := steps[round/2%len(steps)], 1+random.IntN(3)
			if step == "restore" || step == "deploy" {
				n = 1 // of each attempt
			}
			p = j.startToCrash(step, n, at())
			harness.Await(t, patience, "it has killed itself", p.Ended)
			if !p.WasKilled() {
				t.Fatalf("round %d: it ended by itself: %s", round, p.Stderr())
			}
		} else {
			p = j.start(at())
			harness.Pass(t, time.Duration(random.Int64N(int64(1500*time.Millisecond))))
			p.Kill()
		}
		switch round {
		case 10:
			grow(t, b.Address, "in", 5)
		case 15:
			b.Kill()
			if err := b.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := j.start(at())
	p.UntilCheckpoint(j.chain(), j.chain().Newest())
	b.Stop()
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := stop()
	n += more(t, b.Address, "in", 5, n)
	var err error
	p.Until(patience, "all is in the output", func() bool {
		err = once(numbersOf(t, b.Address, "out"), n)
		return err == nil || len(numbersOf(t, b.Address, "out")) > n
	})
	if err != nil {
		t.Error(err)
	}
	p.Interrupt()
	p.Exit(patience)
	if err := once(numbersOf(t, b.Address, "out"), n); err != nil {
		t.Errorf("after the end: %v", err)
	}
	j.chain().RequireOneEmptyStart()
}
