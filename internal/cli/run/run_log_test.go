package run_test

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/internal/clitest"
)

func TestNoLogLineSaysTheJobTwice(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", "CREATE TABLE g (x INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3');\n"+
		"CREATE TABLE b (x INT) WITH ('connector' = 'blackhole');\nINSERT INTO b SELECT x FROM g;\n")
	if code := p.Run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d: %s", code, p.Stderr)
	}
	lines := strings.Split(strings.TrimSpace(p.Stderr.String()), "\n")
	for _, line := range lines {
		if n := strings.Count(line, " job=job"); n != 1 {
			t.Errorf("%d times: %s", n, line)
		}
	}
	if len(lines) < 2 {
		t.Errorf("%q", lines)
	}
}
