package bind

import (
	"fmt"
	"strings"
	"testing"
)

// doubled inserts a view that reads t 2^n times.
func doubled(n int) string {
	var b strings.Builder
	b.WriteString(tables + "CREATE VIEW v0 AS SELECT k, s FROM t;\n")
	for i := range n {
		fmt.Fprintf(&b, "CREATE VIEW v%d AS SELECT k, s FROM v%d UNION ALL SELECT k, s FROM v%d;\n", i+1, i, i)
	}
	return b.String() + fmt.Sprintf("INSERT INTO o SELECT k, s FROM v%d", n)
}

func TestBranchesOfUnionsAreBounded(t *testing.T) {
	if _, err := build(doubled(9)); err != nil {
		t.Errorf("512 branches: %v", err)
	}
	// Two branches of each of 60 views are more than could ever be gone through.
	want := "65:1: the query has more than 1000 branches of UNION ALL, those of its views included"
	if _, err := build(doubled(60)); err == nil || err.Error() != want {
		t.Errorf("2^60 branches: %v, want %s", err, want)
	}
}
