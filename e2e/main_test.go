package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
)

// weir is the path of the binary under test.
var weir string

// patience is how long a job that has work for some seconds may take on a machine that does much else.
const patience = 3 * time.Minute

// TestMain lets four tests run at once: most of the time their jobs wait for the next row.
func TestMain(m *testing.M) { harness.Main(m, &weir, "4") }

// seed returns the source of all random choices of a test, and prints how to repeat them.
func seed(t *testing.T) (*rand.Rand, uint64) {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("WEIR_E2E_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("WEIR_E2E_SEED: %v", err)
		}
	}
	t.Logf("seed: repeat with WEIR_E2E_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 1)), n
}

// input makes flight records.
func input(t *testing.T, o flights.Options) []flights.File {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	extract, err := os.ReadFile(filepath.Join(root, flights.Extract))
	if err != nil {
		t.Fatal(err)
	}
	files, late, err := flights.Make(extract, o)
	if err != nil {
		t.Fatal(err)
	}
	if o.Late > 0 && late == 0 {
		t.Fatal("no record was made late")
	}
	return files
}

// contents returns the files' bytes, in the order of their names.
func contents(files []flights.File) [][]byte {
	var all [][]byte
	for _, f := range files {
		all = append(all, f.Content)
	}
	return all
}

// expect computes what a job must write.
func expect(t *testing.T, q oracle.Query, files []flights.File) oracle.Result {
	t.Helper()
	want, err := q.Run(contents(files))
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Rows) == 0 {
		t.Fatal("the oracle expects nothing: the test would prove nothing")
	}
	return want
}

// rows parses visible files.
func rows(t *testing.T, visible map[string][]byte) []oracle.Row {
	t.Helper()
	var all []oracle.Row
	for name, content := range visible {
		some, err := oracle.Parse(content)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, some...)
	}
	return all
}

// requireExact fails the test unless an output holds exactly the rows that it must.
func requireExact(t *testing.T, want []oracle.Row, output *harness.Place) {
	t.Helper()
	got := rows(t, output.Visible())
	wrong := oracle.Diff(want, got)
	for _, d := range wrong {
		t.Error(d)
	}
	if len(wrong) > 0 {
		t.Fatalf("%d rows are visible, %d are right", len(got), len(want))
	}
}

// sortedLines returns all lines of an output, sorted, as one text: what must be the same byte for byte in every run.
func sortedLines(output *harness.Place) string {
	var lines []string
	for _, content := range output.Visible() {
		lines = append(lines, splitLines(content)...)
	}
	slices.Sort(lines)
	return joinLines(lines)
}

func splitLines(content []byte) []string {
	return strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
}

func joinLines(lines []string) string { return strings.Join(lines, "\n") }
