package attempt

import (
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/outcome"
)

// closeTimeout bounds the wait for what was cancelled. Code of a user or of a driver that heeds no context must not keep
// the process from ending: it is left behind, and can neither publish nor commit any more.
// After an interrupt there is less time: with the last checkpoint (20 s) and the deletions all must fit into the 60 s that a
// pod is given.
const (
	closeTimeout            = 30 * time.Second
	closeInterruptedTimeout = 15 * time.Second
)

// close ends all that open and run have begun, and waits for it.
func (d *driver) close() error {
	d.tidy()
	d.stop()
	limit := d.closeLimit()
	ended := within(limit, func() {
		if d.executor != nil {
			d.executor.Close()
		}
		d.work.Wait()
	})
	if !ended {
		return &StuckError{after: limit}
	}
	var errs []error
	for _, e := range d.sources {
		errs = append(errs, e.Close())
	}
	for _, c := range d.committers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// closeLimit is how long close waits.
func (d *driver) closeLimit() time.Duration {
	select {
	case <-d.process.Interrupt:
		return closeInterruptedTimeout
	default:
		return closeTimeout
	}
}

// StuckError says that something of an attempt could not be ended. The process should end: it may have no other attempt.
type StuckError struct{ after time.Duration }

func (e *StuckError) Error() string {
	return fmt.Sprintf("something of the job still runs %v after it was cancelled: an operator, connector or store does not return", e.after)
}

// tidyTimeout bounds the wait for deletions at the end of a run: an interrupted process has little time.
const tidyTimeout = 5 * time.Second

// tidy lets the last deletions end, unless the run was to end at once. What they leave is for the next run.
func (d *driver) tidy() {
	if d.exit == nil {
		return
	}
	switch d.exit.Outcome {
	case outcome.Completed, outcome.Stopped, outcome.Drained, outcome.Interrupted:
		if d.exit.Outcome != outcome.Interrupted {
			within(retireTimeout, d.retiring.Wait)
		}
		if within(tidyTimeout, d.tidying.Wait) && d.nextSweep != nil { // the loop would have begun it
			d.sweeping = false
			d.sweep(d.nextSweep)
			within(tidyTimeout, d.tidying.Wait)
		}
	}
}

// within runs f in a goroutine, and tells whether it has ended in time.
func within(limit time.Duration, f func()) (ended bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
