package harness

import (
	"fmt"
	"os"
	"strings"
)

// stopped says whether the kernel has stopped a process. The state is the letter after the name, which is in
// parentheses (proc(5)).
func stopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, found := strings.Cut(string(stat), ") ")
	return found && strings.HasPrefix(after, "T")
}
