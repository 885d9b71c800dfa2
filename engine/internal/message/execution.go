package message

import (
	"cmp"
	"fmt"
)

// Execution names one run of a job's tasks, for its whole life: the attempt that began it, and the restart within that
// attempt, from 0 (P1).
type Execution struct {
	Attempt, Restart int64
}

// Before tells that the execution was begun before another.
func (e Execution) Before(other Execution) bool {
	return cmp.Or(cmp.Compare(e.Attempt, other.Attempt), cmp.Compare(e.Restart, other.Restart)) < 0
}

// String is the name as in the names of files: attempt.restart.
func (e Execution) String() string { return fmt.Sprintf("%d.%d", e.Attempt, e.Restart) }
