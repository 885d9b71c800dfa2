package job_test

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/sql"
)

// TestASavepointOfTheFirstFormatRestoresTheSameText goes on from testdata/earlier, which an engine of format 1 wrote while it
// ran testdata/earlier.sql: two INSERTs into one table, whose states it does not tell apart but by their place.
func TestASavepointOfTheFirstFormatRestoresTheSameText(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("testdata", "earlier.sql"))
	if err != nil {
		t.Fatal(err)
	}
	// How fast the rows come is no part of what they are, and nobody waits for them here.
	text := strings.Replace(string(content), "'rows-per-second' = '400'", "'rows-per-second' = '0'", 1)
	taken, err := snapshot.OpenSnapshot(t.Context(), filepath.Join("testdata", "earlier"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if f := taken.Metadata.Format; f != 1 {
		t.Fatalf("the savepoint is of format %d", f)
	}
	declared, first, _ := strings.Cut(text, "INSERT")
	first, second, _ := strings.Cut(first, "INSERT")
	hint := func(insert, uid string) string {
		return "INSERT" + strings.Replace(insert, "SELECT", "SELECT /*+ UID('"+uid+"') */", 1)
	}
	const refusal = "of an earlier version, does not say which of them has which rows; name the queries: SELECT /*+ UID('counts/aggregate.1') */"
	for _, c := range []struct {
		name, revision, text string
		allow                bool
		refused              string
	}{
		{"unchanged", taken.Metadata.Revision, text, false, ""},
		{"exchanged", "another", declared + "INSERT" + second + "INSERT" + first, false, refusal},
		{"exchanged, with -n", "another", declared + "INSERT" + second + "INSERT" + first, true, refusal},
		{"edited, in their order", "another", text + "-- a comment", false, refusal},
		{"exchanged, with names", "another", declared + hint(second, "counts.2/aggregate.1") + hint(first, "counts/aggregate.1"), false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			g, err := sql.Compile(c.text, "earlier.sql", registry.New(registry.Environment{Stdout: &out, Stderr: &out, Now: time.Now}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = job.Run(t.Context(), job.Config{
				Job: "earlier", Owner: "test", Revision: c.revision, Storage: "mem://" + rand.Text(), MaxParallelism: 8,
				Settings: job.Settings{
					Parallelism: 1,
					Interval:    time.Hour,
					Timeout:     time.Minute,
					Retained:    1,
					Restart:     job.Restart{InitialDelay: time.Millisecond, MaxDelay: time.Second, ResetAfter: time.Hour},
					Restore:     job.Restore{Path: filepath.Join("testdata", "earlier"), AllowNonRestoredState: c.allow},
				},
			}, g, job.Options{Process: job.Process{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}})
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("got  %v\nwant %s", err, c.refused)
				}
				return
			}
			got := strings.Fields(strings.NewReplacer("+I[", "", "]", "", ", ", ",").Replace(out.String()))
			slices.Sort(got)
			if want := []string{"few,300,448500", "many,2700,4050000"}; err != nil || !slices.Equal(got, want) {
				t.Errorf("%v, printed %v, want %v", err, got, want)
			}
		})
	}
}
