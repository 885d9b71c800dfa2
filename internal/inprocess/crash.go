package inprocess

import (
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/internal/cli"
)

// CrashPoint reads WEIR_CRASH_AT, "<step>:<n>": the process kills itself, as SIGKILL would at that moment, when the job comes
// to a step for the n-th time. End-to-end tests put crashes with it where no timing could.
func CrashPoint(text string) (atStep func(job.Step), err error) {
	if text == "" {
		return nil, nil
	}
	step, count, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil || n < 1 {
		return nil, cli.Usagef("WEIR_CRASH_AT is %q; write <step>:<n>, such as %s:1", text, job.StepPublished)
	}
	var seen atomic.Int64
	return func(s job.Step) {
		if string(s) != step || seen.Add(1) != n {
			return
		}
		// The signal cannot be caught; nothing of this process goes on after it.
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {}
	}, nil
}
