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

// day is midnight of a day.
func day(n int) time.Time { return time.Unix(1_700_000_000, 0).AddDate(0, 0, n) }

// putOn writes a file that was modified on a day.
func putOn(t *testing.T, dir, name string, n int) {
	t.Helper()
	put(t, dir, name, testLines(jsonl.Format{}, n, 1))
	if err := os.Chtimes(filepath.Join(dir, name), day(n), day(n)); err != nil {
		t.Fatal(err)
	}
}

// forgets is a source that forgets after a week, and what it does to its folder one look after the other.
type forgets struct {
	t      *testing.T
	dir    string
	source *Source
	seen   []byte
}

func newForgets(t *testing.T) *forgets {
	t.Helper()
	dir := t.TempDir()
	return &forgets{t: t, dir: dir, source: newSource(t, SourceConfig{Path: dir, Monitor: time.Second, ForgetAfter: 7 * 24 * time.Hour})}
}

// finds looks, and wants these files to be new, and so many to be passed over in all and known.
func (f *forgets) finds(passedOver int64, known int, names ...string) {
	f.t.Helper()
	d, err := discover(f.t, f.source, f.seen)
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := decodeSeen(d.Seen)
	if err != nil {
		f.t.Fatal(err)
	}
	if got := chains(d.Splits); !slices.Equal(got, names) || s.refused != passedOver || f.source.PassedOver() != passedOver || len(s.files) != known {
		f.t.Fatalf("found %q, %d passed over, %d known; want %q, %d, %d", got, s.refused, len(s.files), names, passedOver, known)
	}
	f.seen = d.Seen
}

func (f *forgets) remove(names ...string) {
	f.t.Helper()
	for _, name := range names {
		if err := os.Remove(filepath.Join(f.dir, name)); err != nil {
			f.t.Fatal(err)
		}
	}
}

func TestAFileIsForgottenWhenItIsGoneAndOld(t *testing.T) {
	f := newForgets(t)
	putOn(t, f.dir, "a", 0)
	putOn(t, f.dir, "b", 1)
	f.finds(0, 2, "a", "b")
	f.remove("a")
	f.finds(0, 2) // gone, and not old
	putOn(t, f.dir, "c", 9)
	f.finds(0, 3, "c")
	f.finds(0, 2) // a is forgotten; b is as old, and there
	putOn(t, f.dir, "a", 0)
	f.finds(1, 3) // what comes back is passed over once, and known again
	f.finds(1, 3)
	putOn(t, f.dir, "aa", -1) // it may be one that was forgotten
	f.finds(2, 4)
	putOn(t, f.dir, "d", 1) // late, and younger than all that were forgotten
	f.finds(2, 5, "d")
}

// A time far in the future makes files go that are gone, no more: what comes then is read.
func TestAFileFromTheFutureHidesNoOther(t *testing.T) {
	f := newForgets(t)
	putOn(t, f.dir, "a", 0)
	putOn(t, f.dir, "future", 30_000)
	f.finds(0, 2, "a", "future")
	f.remove("a", "future")
	f.finds(0, 1)
	putOn(t, f.dir, "b", 1)
	f.finds(0, 2, "b")
}

// A list without times, of before the option was set, is dated by what is still there.
func TestFilesThatWereGoneBeforeTheOptionWasSetStayKnown(t *testing.T) {
	f := newForgets(t)
	f.source.config.ForgetAfter = 0
	putOn(t, f.dir, "a", 0)
	putOn(t, f.dir, "b", 0)
	putOn(t, f.dir, "c", 9)
	f.finds(0, 3, "a", "b", "c")
	if f.seen[0] != seenFormat {
		t.Errorf("format %d, which an earlier version does not read", f.seen[0])
	}
	f.remove("a")
	f.source.config.ForgetAfter = time.Hour
	f.finds(0, 3)
	f.remove("b")
	f.finds(0, 2)
	f.source.config.ForgetAfter = 0 // and what was forgotten is passed over all the same
	putOn(t, f.dir, "b", 0)
	f.finds(1, 3)
}

// A file that was found in time and waits for a portion is read, also if the process dies before that and others are forgotten.
func TestWhatWaitsToBeHandedOutIsNotTakenForForgotten(t *testing.T) {
	f := newForgets(t)
	f.source.portion = 2
	putOn(t, f.dir, "a", 5)
	putOn(t, f.dir, "b", 20)
	putOn(t, f.dir, "c", 3)
	f.finds(0, 2, "a", "b")
	f.remove("a")
	f.finds(0, 3, "c")
	f.finds(0, 2)
}

// TestNoFileIsReadTwiceNorMissedWhateverIsForgotten: files come late and in any order, go, and come back as they were; portions
// are small, and the process dies. Each is read at most once; one that was never handed out is counted as passed over.
func TestNoFileIsReadTwiceNorMissedWhateverIsForgotten(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { forgetAtRandom(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func forgetAtRandom(t *testing.T, random *rand.Rand) {
	f := newForgets(t)
	f.source.portion = 1 + random.IntN(3)
	e := enumeratorOf(t, f.source)
	modified := map[string]int{} // of all files that ever were
	read := map[string]bool{}
	name := func() string { return fmt.Sprintf("%02d", random.IntN(40)) }
	for today := range 40 {
		for range random.IntN(4) {
			n := name()
			if _, known := modified[n]; !known {
				modified[n] = today - random.IntN(3)*random.IntN(10)
			}
			putOn(t, f.dir, n, modified[n])
		}
		for range random.IntN(3) {
			if n := name(); read[n] {
				if err := os.Remove(filepath.Join(f.dir, n)); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
		}
		if random.IntN(4) == 0 {
			e = enumeratorOf(t, f.source)
		}
		forgetOnce(t, e, f, read)
	}
	for more := true; more; {
		more = forgetOnce(t, e, f, read)
	}
	for more := true; more; { // what has come while a rest was handed out
		more = forgetOnce(t, e, f, read)
	}
	missed := int64(0)
	for n := range modified {
		if !read[n] {
			missed++
		}
	}
	if missed > f.source.refused.Load() {
		t.Errorf("%d files were not read, %d passed over", missed, f.source.refused.Load())
	}
}

// forgetOnce looks once, and wants no file that was read before.
func forgetOnce(t *testing.T, e connector.Enumerator, f *forgets, read map[string]bool) (more bool) {
	t.Helper()
	d, err := e.Discover(t.Context(), f.seen)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range chains(d.Splits) {
		if read[n] {
			t.Fatalf("%s is read twice", n)
		}
		read[n] = true
	}
	f.seen = d.Seen
	return d.More
}
