package kafkatest

import (
	"os/exec"
	"syscall"
)

// noOrphan makes a command end with this process, however that ends.
func noOrphan(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
