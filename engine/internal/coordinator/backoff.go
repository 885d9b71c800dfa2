package coordinator

import (
	"errors"
	"time"

	"github.com/weirstream/weir/engine/backoff"
	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
)

// EqualFailures is the number of equal failures at one position after which an unclassified error is permanent (P13).
const EqualFailures = 3

// retries are the pauses between the tries of one operation on storage: transient errors are repeated within storage already.
var retries = backoff.Backoff{First: 500 * time.Millisecond, Most: 30 * time.Second, Jitter: backoff.Around}

// RestartDelay returns how long to wait before what has failed so many times, from 1, is begun again. random is in [0, 1).
func RestartDelay(r config.Restart, failures int, random float64) time.Duration {
	return backoff.Backoff{First: r.InitialDelay, Most: r.MaxDelay, Jitter: backoff.Around}.Pause(failures, random)
}

// repeats counts equal failures at one position.
type repeats struct {
	text     string
	position int64
	count    int
}

// damaged stands for what all errors say that damage in a snapshot has caused: which of several damaged objects is met first, and
// by whom, is chance. It is tried again like any error that has no class, because an answer of storage that was cut short looks
// like damage.
const damaged = "damage"

// permanent tells whether an error is permanent, by its class or because it is the third that is equal (P13).
func (r *repeats) permanent(err error, position int64) bool {
	class := fault.ClassOf(err)
	if class != fault.Unknown {
		r.count = 0
		return class == fault.Permanent
	}
	text := err.Error()
	var corrupt *snapshot.CorruptError
	if errors.As(err, &corrupt) {
		text = damaged
	}
	if r.count == 0 || r.text != text || r.position != position {
		*r = repeats{text: text, position: position}
	}
	r.count++
	return r.count >= EqualFailures
}

// retry is an operation that is tried again until it succeeds or fails for good.
type retry struct {
	underWay bool
	failures int
	at       time.Duration // of the next try
	last     error
	repeats  repeats
}

// begin notes that the operation has been started.
func (r *retry) begin() { r.underWay = true }

// failed notes a failure, and tells whether it is permanent; if not, the next try is due at r.at.
func (r *retry) failed(now time.Duration, err error, random float64) (permanent bool) {
	r.underWay = false
	r.last = err
	r.failures++
	r.at = now + retries.Pause(r.failures, random)
	return r.repeats.permanent(err, 0)
}
