package controllertest

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// Scenario is a test that can be run in any world: it starts an operator, asks for things, waits until they are so, and
// checks them. It must be the same scenario each time.
type Scenario func(t *testing.T, w *World)

// EveryStep runs a scenario once as it should be, and then for each write that its operator made, and each fault, once
// more in a world where that happens at this write. The scenario has to end well every time. With -short, for those who
// change a rule and want to know soon, it is told once.
func EveryStep(t *testing.T, scenario Scenario, faults ...Fault) {
	t.Helper()
	EveryStepAfter(t, func(*testing.T, *World) {}, scenario, faults...)
}

// EveryStepAfter is EveryStep for a scenario that goes on from another one, in which nothing goes wrong.
func EveryStepAfter(t *testing.T, begin, scenario Scenario, faults ...Fault) {
	t.Helper()
	if len(faults) == 0 {
		faults = AllFaults
	}
	var steps []string
	if !t.Run("nothing goes wrong", func(t *testing.T) {
		w := NewWorld(t)
		begin(t, w)
		w.Faults.Arm("", 0)
		scenario(t, w)
		steps = w.Faults.Writes()
	}) {
		return
	}
	t.Logf("%d writes: %q", len(steps), steps)
	if len(steps) == 0 {
		t.Fatal("the scenario's operator wrote nothing")
	}
	if testing.Short() {
		return
	}
	var happened, all atomic.Int32
	t.Cleanup(func() { // after the parallel ones
		if t.Logf("%d of %d faults happened", happened.Load(), all.Load()); happened.Load() < all.Load()/2 {
			t.Errorf("most faults did not come: what survives here proves little")
		}
	})
	for i, step := range steps {
		for _, fault := range faults {
			t.Run(fmt.Sprintf("%s write %d", fault, i+1), func(t *testing.T) {
				t.Parallel()
				w := NewWorld(t)
				begin(t, w)
				w.Faults.Arm(fault, i+1)
				t.Logf("in the scenario that is: %s", step)
				all.Add(1)
				scenario(t, w)
				if w.Faults.Happened() {
					happened.Add(1)
				}
			})
		}
	}
}
