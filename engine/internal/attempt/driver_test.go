package attempt

import (
	"testing"
	"time"
)

func TestAfterTheLoopsEndQuestionsAreAnsweredAndLeaveNothing(t *testing.T) {
	d := &driver{box: newMailbox(), done: make(chan struct{})}
	close(d.done)
	answered := 0
	for range 100 {
		(&Handle{d}).ask(func(*driver) { answered++ })
	}
	if left := len(d.box.take()); answered != 100 || left != 0 {
		t.Errorf("%d questions were answered, and %d are left in the mailbox", answered, left)
	}
}

func TestAnInterruptedProcessWaitsLessForWhatDoesNotEnd(t *testing.T) {
	interrupt := make(chan struct{})
	d := &driver{process: Process{Interrupt: interrupt}}
	if got := d.closeLimit(); got != closeTimeout {
		t.Errorf("without an interrupt it waits for %v", got)
	}
	close(interrupt)
	// The kubelet gives a pod 60 s.
	whole := d.closeLimit() + 20*time.Second + 2*tidyTimeout
	if whole >= time.Minute {
		t.Errorf("with its last checkpoint it takes %v", whole)
	}
}
