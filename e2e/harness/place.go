package harness

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/storage"
)

// Place is a folder or a prefix of a bucket, looked at from outside.
type Place struct {
	t      testing.TB
	bucket storage.Bucket
}

// Open opens a place by its path or URL.
func Open(t testing.TB, name string) *Place {
	t.Helper()
	b, err := storage.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Place{t: t, bucket: b}
}

// Listing returns a line for each object, sorted: its key, size and version. Objects that only probe the store are left
// out.
func (p *Place) Listing() []string {
	p.t.Helper()
	objects, err := p.bucket.List(p.t.Context(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	return lines(objects, func(key string) bool { return !strings.HasPrefix(path.Base(key), storage.ProbePrefix) })
}

// VisibleListing is the listing of the visible objects alone.
func (p *Place) VisibleListing() []string {
	p.t.Helper()
	objects, err := p.bucket.List(p.t.Context(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	return lines(objects, func(key string) bool { return !hidden(key) })
}

// quiet is how long nothing must change until a place counts as settled.
const quiet = 500 * time.Millisecond

// Settle waits until what a frozen process had asked the store for is done: its requests are on their way, or in the hands
// of the store, when it freezes.
func (p *Place) Settle() {
	p.t.Helper()
	before, since := p.Listing(), time.Now()
	Await(p.t, time.Minute, "nothing changes any more", func() bool {
		now := p.Listing()
		if !slices.Equal(now, before) {
			before, since = now, time.Now()
		}
		return time.Since(since) >= quiet
	})
}

func lines(objects []storage.Object, shown func(key string) bool) []string {
	var lines []string
	for _, o := range objects {
		if shown(o.Key) {
			lines = append(lines, fmt.Sprintf("%s %d %s", o.Key, o.Size, o.Version))
		}
	}
	sort.Strings(lines)
	return lines
}

// write makes an object.
func (p *Place) write(key string, content []byte) {
	p.t.Helper()
	if err := p.bucket.Create(p.t.Context(), key, content); err != nil {
		p.t.Fatal(err)
	}
}

// Visible returns the content of what readers of the output see: objects below no name that begins with "." or "_".
func (p *Place) Visible() map[string][]byte {
	p.t.Helper()
	return p.contents(func(key string) bool { return !hidden(key) }, func(key string) {
		p.t.Errorf("%s was visible and has vanished", key)
	})
}

// Contents returns the content of every object that is there, hidden ones too. One that goes meanwhile is left out.
func (p *Place) Contents() map[string][]byte {
	p.t.Helper()
	return p.contents(func(string) bool { return true }, func(string) {})
}

// contents reads the objects that are to be shown; vanished is told of those that are listed and cannot be found.
func (p *Place) contents(shown func(key string) bool, vanished func(key string)) map[string][]byte {
	p.t.Helper()
	objects, err := p.bucket.List(p.t.Context(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	found := map[string][]byte{}
	for _, o := range objects {
		if !shown(o.Key) {
			continue
		}
		content, err := p.bucket.Read(p.t.Context(), o.Key)
		if errors.Is(err, storage.ErrNotFound) {
			vanished(o.Key)
			continue
		}
		if err != nil {
			p.t.Fatal(err)
		}
		found[o.Key] = content
	}
	return found
}

func hidden(key string) bool {
	for part := range strings.SplitSeq(key, "/") {
		if strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_") {
			return true
		}
	}
	return false
}

// Audit remembers every visible object that it has seen.
type Audit struct {
	place *Place
	seen  map[string][sha256.Size]byte
}

// Audit starts to watch a place.
func (p *Place) Audit() *Audit { return &Audit{place: p, seen: map[string][sha256.Size]byte{}} }

// Look hashes all visible objects and reports those that have changed or vanished since any look before.
func (a *Audit) Look() {
	a.place.t.Helper()
	now := a.place.Visible()
	for key, before := range a.seen {
		content, there := now[key]
		switch {
		case !there:
			a.place.t.Errorf("visible file %s has vanished", key)
		case sha256.Sum256(content) != before:
			a.place.t.Errorf("visible file %s has changed", key)
		}
	}
	for key, content := range now {
		a.seen[key] = sha256.Sum256(content)
	}
}

// Seen is the number of objects that were ever visible.
func (a *Audit) Seen() int { return len(a.seen) }

// Difference returns the lines that are only in before ("- ") or only in after ("+ ").
func Difference(before, after []string) []string {
	was, is := map[string]bool{}, map[string]bool{}
	for _, line := range before {
		was[line] = true
	}
	for _, line := range after {
		is[line] = true
	}
	var lines []string
	for _, line := range before {
		if !is[line] {
			lines = append(lines, "- "+line)
		}
	}
	for _, line := range after {
		if !was[line] {
			lines = append(lines, "+ "+line)
		}
	}
	return lines
}
