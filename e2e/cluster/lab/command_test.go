package lab

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatTakesLongIsToldLineByLine(t *testing.T) {
	var told []string
	say := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	l := &Lab{root: t.TempDir()}
	out, err := l.told(t.Context(), time.Minute, say, "sh", "-c", "printf 'cluster: one\\ncluster: ' >&2; printf 'two\\nhalf' >&2; echo result")
	if err != nil || out != "result\n" {
		t.Errorf("%q, %v", out, err)
	}
	if d := cmp.Diff([]string{"cluster: one", "cluster: two"}, told); d != "" {
		t.Error(d)
	}
}
