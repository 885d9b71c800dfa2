//go:build !linux

package kafkatest

import "os/exec"

// noOrphan does nothing where the kernel knows no such bond.
func noOrphan(*exec.Cmd) {}
