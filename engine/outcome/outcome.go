// Package outcome says how a run of a job has ended, and with it why a checkpoint is the last of its run (P3): one type for
// the coordinator, `_metadata`, REST and the operator.
package outcome

import "strings"

// Outcome is how a run ended. Its text is that of REST and of a StreamJob's history.
type Outcome string

// The outcomes of a run.
const (
	// None: it goes on, or ended without saying so. It is the outcome of a checkpoint within a run, and of the last one
	// before a SIGTERM.
	None Outcome = ""

	// Completed: the bounded input is processed and committed.
	Completed Outcome = "Completed"
	// Stopped: by a request, and may go on from its last checkpoint.
	Stopped Outcome = "Stopped"
	// Drained: by a request that ended event time first, so that all windows closed; nothing goes on from it by itself.
	Drained Outcome = "Drained"

	// Cancelled: by a request, at once, without a last checkpoint.
	Cancelled Outcome = "Cancelled"
	// Interrupted: by a signal, with a last checkpoint if there was time for one.
	Interrupted Outcome = "Interrupted"
	// Fenced: a later attempt has claimed the job (P1).
	Fenced Outcome = "Fenced"
	// Failed: by an error that will not pass (P13).
	Failed Outcome = "Failed"
	// Lost: with its process, before it could say anything.
	Lost Outcome = "Lost"
)

// EndsChain tells that a checkpoint with this outcome ended the job: Completed, Stopped and Drained alone are recorded in
// `_metadata`.
func (o Outcome) EndsChain() bool { return o == Stopped || o.Final() }

// Final tells that the job never runs again: its input is processed, or its event time has ended.
func (o Outcome) Final() bool { return o == Completed || o == Drained }

// Word is the outcome within a sentence, as in "the job has stopped"; "none" for None.
func (o Outcome) Word() string {
	if o == None {
		return "none"
	}
	return strings.ToLower(string(o))
}
