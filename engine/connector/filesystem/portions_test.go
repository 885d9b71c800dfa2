package filesystem

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/connector"
)

// portions is a source of a folder with files of one record, which hands out so many splits at once.
func portions(t *testing.T, files, portion int) (dir string, s *Source) {
	t.Helper()
	dir = t.TempDir()
	for i := range files {
		put(t, dir, fmt.Sprintf("%03d.json", i), testLines(jsonl.Format{}, i, 1))
	}
	s = newSource(t, SourceConfig{Path: dir})
	s.portion = portion
	return dir, s
}

func TestABoundedSourceHandsOutItsFilesInPortions(t *testing.T) {
	_, s := portions(t, 5, 2)
	var seen []byte
	for i, want := range []struct {
		splits int
		done   bool
	}{{2, false}, {2, false}, {1, true}, {0, true}} {
		d, err := discover(t, s, seen)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Splits) != want.splits || d.Done != want.done {
			t.Errorf("call %d: %d splits, done %v; want %+v", i, len(d.Splits), d.Done, want)
		}
		if len(d.Seen) > 40 {
			t.Errorf("call %d: what was seen has %d bytes; it must not grow with the files", i, len(d.Seen))
		}
		seen = d.Seen
	}
}

// What an execution found that no checkpoint covers is found again by the next, and what one covers may be removed.
func TestPortionsOfAnySizeAndRestartsFindTheSameSplits(t *testing.T) {
	for seed := range uint64(150) {
		for _, monitor := range []time.Duration{0, time.Second} {
			t.Run(fmt.Sprint(seed, monitor), func(t *testing.T) { findInPortions(t, rand.New(rand.NewPCG(seed, 0)), monitor) })
		}
	}
}

func findInPortions(t *testing.T, random *rand.Rand, monitor time.Duration) {
	const files = 12
	dir, s := portions(t, files, 1+random.IntN(files+1))
	s.config.SplitBytes, s.config.Monitor = 5+random.Int64N(100), monitor
	all, err := discover(t, newSource(t, SourceConfig{Path: dir, SplitBytes: s.config.SplitBytes}), nil)
	if err != nil || !all.Done {
		t.Fatalf("done %v, %v", all.Done, err)
	}
	e := enumeratorOf(t, s)
	var found, covered []connector.Split // by this execution, and by the newest checkpoint
	var seen, coveredSeen []byte
	for done := false; !done; {
		d, err := e.Discover(t.Context(), seen)
		if err != nil {
			t.Fatal(err)
		}
		found, seen, done = append(found, d.Splits...), d.Seen, d.Done || monitor > 0 && !d.More
		switch random.IntN(5) {
		case 0: // a checkpoint, and some of what it covers is removed
			covered, coveredSeen = slices.Clone(found), seen
			for _, split := range covered {
				if random.IntN(2) == 0 {
					continue
				}
				if err := os.RemoveAll(filepath.Join(filepath.Dir(dir), split.Chain)); err != nil {
					t.Fatal(err)
				}
			}
		case 1: // the process dies
			e = enumeratorOf(t, s)
			found, seen, done = slices.Clone(covered), coveredSeen, false
		case 2: // the tasks restart, and the enumerator lives on
			found, seen, done = slices.Clone(covered), coveredSeen, false
		}
	}
	if !slices.EqualFunc(all.Splits, found, func(a, b connector.Split) bool { return a.ID == b.ID }) {
		t.Errorf("found %q, want %q", chains(found), chains(all.Splits))
	}
}

func enumeratorOf(t *testing.T, s *Source) connector.Enumerator {
	t.Helper()
	e, err := s.Enumerator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestAFileThatIsRemovedBeforeItIsHandedOutIsMissed(t *testing.T) {
	dir, s := portions(t, 5, 2)
	first, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "003.json")); err != nil {
		t.Fatal(err)
	}
	_, err = discover(t, s, first.Seen)
	wantPermanent(t, err, "1 of 3 files", "001.json are gone", "put the files back")
}

func TestASourceThatWasReadInPartCannotBeMonitored(t *testing.T) {
	dir, s := portions(t, 3, 1)
	first, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = discover(t, newSource(t, SourceConfig{Path: dir, Monitor: 1}), first.Seen)
	wantPermanent(t, err, "does not say which files that were")
}

func TestAMonitoredSourceThatIsReadOnceFromNowOnHandsOutPortionsOfWhatIsNew(t *testing.T) {
	dir, s := portions(t, 4, 1)
	known, err := discover(t, newSource(t, SourceConfig{Path: dir, Monitor: 1}), nil)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "000-new.json", testLines(jsonl.Format{}, 0, 1))
	put(t, dir, "002-new.json", testLines(jsonl.Format{}, 1, 1))
	var found []connector.Split
	seen := known.Seen
	for done := false; !done; {
		d, err := discover(t, s, seen)
		if err != nil {
			t.Fatal(err)
		}
		found, seen, done = append(found, d.Splits...), d.Seen, d.Done
	}
	if got := chains(found); !slices.Equal(got, []string{"000-new.json", "002-new.json"}) {
		t.Errorf("found %q", got)
	}
}

// Event time waits for what is still to be handed out, also when the folder is away after a restart.
func TestWhatAMonitoredSourceHasNotHandedOutIsSaidToBeThere(t *testing.T) {
	dir, s := portions(t, 3, 2)
	s.config.Monitor = time.Minute
	first, err := discover(t, s, nil)
	if err != nil || !first.More || first.Next >= time.Minute || len(first.Splits) != 2 {
		t.Fatalf("%d splits, more %v, next %v, %v", len(first.Splits), first.More, first.Next, err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	away, err := discover(t, s, first.Seen)
	if err != nil || !away.More || len(away.Splits) > 0 {
		t.Fatalf("%d splits, more %v, %v", len(away.Splits), away.More, err)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	last, err := discover(t, s, away.Seen)
	if got := chains(last.Splits); err != nil || last.More || last.Next != time.Minute || !slices.Equal(got, []string{"002.json"}) {
		t.Fatalf("found %q, more %v, next %v, %v", got, last.More, last.Next, err)
	}
}

// What is written with each checkpoint is a share of what is written anyway, and the work for all portions stays linear.
func TestPortionsOfAMonitoredSourceGrowWithWhatItKnows(t *testing.T) {
	dir, s := portions(t, 0, 1)
	s.config.Monitor = time.Second
	for i := range 200 {
		put(t, dir, fmt.Sprintf("%03d.json", i), testLines(jsonl.Format{}, i, 1))
	}
	e := enumeratorOf(t, s)
	var seen []byte
	found, calls := 0, 0
	for more := true; more; calls++ {
		d, err := e.Discover(t.Context(), seen)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Splits) > max(1, found/portionShare) {
			t.Errorf("%d splits behind %d", len(d.Splits), found)
		}
		found, seen, more = found+len(d.Splits), d.Seen, d.More
	}
	if found != 200 || calls > 70 {
		t.Errorf("%d files in %d portions", found, calls)
	}
}
