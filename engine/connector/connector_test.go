package connector

import "testing"

func TestAReaderStandsStillOnlyIfItsCallChangedNothing(t *testing.T) {
	wait := make(chan struct{})
	for _, c := range []struct {
		name   string
		p      Progress
		rows   int
		before string
		stands bool
	}{
		{"nothing", Progress{}, 0, "", true},
		{"nothing, after a position", Progress{}, 0, "5", true},
		{"the same position", Progress{Split: "s", Position: []byte("5")}, 0, "5", true},
		{"no position yet, as before", Progress{Split: "s"}, 0, "", true},
		{"only what was dropped", Progress{Skipped: 3}, 0, "", true},
		{"another position", Progress{Split: "s", Position: []byte("6")}, 0, "5", false},
		{"rows", Progress{Split: "s", Position: []byte("5")}, 1, "5", false},
		{"the end", Progress{Split: "s", Position: []byte("5"), Done: true}, 0, "5", false},
		{"a wait", Progress{Wait: wait}, 0, "", false},
	} {
		if got := c.p.Stands(c.rows, []byte(c.before)); got != c.stands {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
