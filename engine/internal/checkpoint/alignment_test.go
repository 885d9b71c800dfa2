package checkpoint

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestScripts runs the protocol scripts: each begins with a number of channels and lists what happens; the answer says
// what the gate is to do.
func TestScripts(t *testing.T) {
	datadriven.RunTest(t, "testdata/alignment", func(t *testing.T, d *datadriven.TestData) string {
		var channels int
		d.ScanArgs(t, "channels", &channels)
		a := New(channels)
		var out strings.Builder
		for line := range strings.Lines(d.Input) {
			line = strings.TrimSpace(line)
			fmt.Fprintf(&out, "%s: %s\n", line, actions(a.Step(parse(t, line))))
		}
		return out.String()
	})
}

func parse(t *testing.T, line string) Event {
	t.Helper()
	e := Event{Kind: Barrier}
	if _, err := fmt.Sscanf(line, "barrier %d %d", &e.Channel, &e.ID); err == nil {
		return e
	}
	e = Event{Kind: Abort}
	if _, err := fmt.Sscanf(line, "abort %d", &e.ID); err != nil {
		t.Fatalf("line %q is no event: %v", line, err)
	}
	return e
}

func actions(all []Action) string {
	if len(all) == 0 {
		return "-"
	}
	texts := make([]string, len(all))
	for i, a := range all {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

// TestEveryInterleavingAlignsWithoutCrossing plays what several producers send, in a random order that respects the
// blocked channels, with aborts in between. A checkpoint is aligned exactly when every channel has delivered its barrier
// and none has gone beyond it; one that was neither aborted nor overtaken always is; and nothing stays blocked.
func TestEveryInterleavingAlignsWithoutCrossing(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		interleave(t, seed, r, 1+r.IntN(5), int64(1+r.IntN(6)))
	}
}

func interleave(t *testing.T, seed uint64, r *rand.Rand, channels int, checkpoints int64) {
	a := New(channels)
	at := make([]int64, channels) // last barrier delivered
	blocked := make([]bool, channels)
	aborted, givenUp, aligned := map[int64]bool{}, map[int64]bool{}, map[int64]bool{}
	apply := func(e Event) {
		for _, act := range a.Step(e) {
			switch act.Kind {
			case Block:
				blocked[act.Channel] = true
			case Unblock:
				clear(blocked)
			case GiveUp:
				givenUp[act.ID] = true
			case Aligned:
				for c := range at {
					if at[c] != act.ID {
						t.Fatalf("seed %d: checkpoint %d is aligned, but channel %d is at %d", seed, act.ID, c, at[c])
					}
				}
				if aligned[act.ID] || aborted[act.ID] || givenUp[act.ID] {
					t.Fatalf("seed %d: checkpoint %d is aligned after it was over", seed, act.ID)
				}
				aligned[act.ID] = true
			}
		}
	}
	for {
		var ready []int
		for c := range at {
			if !blocked[c] && at[c] < checkpoints {
				ready = append(ready, c)
			}
		}
		if len(ready) == 0 {
			break
		}
		if r.IntN(8) == 0 {
			id := 1 + r.Int64N(checkpoints)
			if !aligned[id] {
				aborted[id] = true
			}
			apply(Event{Kind: Abort, ID: id})
			continue
		}
		c := ready[r.IntN(len(ready))]
		at[c]++
		if r.IntN(10) == 0 && at[c] < checkpoints {
			at[c]++ // the producer never saw this one, because it was aborted there
			aborted[at[c]-1] = true
			apply(Event{Kind: Abort, ID: at[c] - 1})
		}
		apply(Event{Kind: Barrier, Channel: c, ID: at[c]})
	}
	for id := range checkpoints {
		if id++; !aligned[id] && !aborted[id] && !givenUp[id] {
			t.Fatalf("seed %d: checkpoint %d was never aligned", seed, id)
		}
	}
	for c, is := range blocked {
		if is {
			t.Fatalf("seed %d: channel %d stays blocked", seed, c)
		}
	}
}
