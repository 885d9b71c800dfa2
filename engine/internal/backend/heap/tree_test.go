package heap

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// heldIf is a holder of versions of one group.
type heldIf func(epoch int64) bool

func (f heldIf) held(_ int, epoch int64) bool { return f(epoch) }

// check fails the test unless a tree below n is in order, and returns its entries and its depth.
func check(t *testing.T, n *node, from, to []byte, top bool) (entries map[string]string, depth int) {
	t.Helper()
	entries = map[string]string{}
	if n == nil {
		return entries, 0
	}
	if !top && n.empty() {
		t.Fatal("there is an empty node")
	}
	if !n.leaf() {
		if len(n.separators) != len(n.children)-1 || len(n.children) > maxChildren || n.data != nil {
			t.Fatalf("a node has %d children and %d separators", len(n.children), len(n.separators))
		}
		for i, c := range n.children {
			if c.epoch > n.epoch {
				t.Fatalf("a node was written in epoch %d, the one above it in %d", c.epoch, n.epoch)
			}
			f, e := from, to
			if i > 0 {
				f = n.separators[i-1]
			}
			if i < len(n.separators) {
				e = n.separators[i]
			}
			below, d := check(t, c, f, e, false)
			if depth > 0 && d != depth {
				t.Fatal("leaves are at different depths")
			}
			depth = d
			maps.Copy(entries, below)
		}
		return entries, depth + 1
	}
	size, largest := 0, 0
	var last []byte
	for i := range n.starts {
		key, value := n.entry(i)
		if i > 0 && bytes.Compare(last, key) >= 0 || from != nil && bytes.Compare(key, from) < 0 || to != nil && bytes.Compare(key, to) >= 0 {
			t.Fatalf("%q does not belong behind %q, in %q to %q", key, last, from, to)
		}
		last = key
		size += entryBytes(key, value)
		largest = max(largest, entryBytes(key, value))
		entries[string(key)] = string(value)
	}
	if size != n.live() || size-largest > leafBytes {
		t.Fatalf("a leaf of %d entries holds %d bytes, of which the largest has %d, and says %d", len(n.starts), size, largest, n.live())
	}
	return entries, 1
}

// A tree does what a map does, in order, and a version stays as it was, whatever is written after it.
func TestATreeIsAMapInOrderOfWhichVersionsStay(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			tree, want := &tree{}, map[string]string{}
			type frozen struct {
				epoch int64
				root  *node
				want  map[string]string
			}
			var versions []frozen
			w := &writer{epoch: 1}
			w.versions = heldIf(func(epoch int64) bool {
				return slices.ContainsFunc(versions, func(v frozen) bool { return v.epoch >= epoch })
			})
			large := []int{10, 200, 3000, 20000}[seed%4] // values, in one of 50
			span := []int{30, 3000, 30000}[seed%3]       // keys
			key := func() []byte { return fmt.Appendf(nil, "%0*d", 3+r.IntN(3), r.IntN(span)) }
			phase := 0
			for i := range 12000 {
				if i%1500 == 0 {
					phase = r.IntN(3) // growing, shrinking, or keeping its size
				}
				switch n := r.IntN(100); {
				case n < []int{70, 25, 48}[phase]:
					k, v := key(), make([]byte, r.IntN(60))
					if r.IntN(50) == 0 {
						v = make([]byte, r.IntN(large))
					}
					for j := range v {
						v[j] = byte(i + j)
					}
					w.put(tree, k, v)
					want[string(k)] = string(v)
				case n < 98:
					k := key()
					_, there := want[string(k)]
					if w.remove(tree, k) != there {
						t.Fatalf("removing %q, which is there: %v, said otherwise", k, there)
					}
					delete(want, string(k))
				case n < 99:
					versions = append(versions, frozen{w.epoch, tree.root, maps.Clone(want)})
					w.epoch++
				default:
					if len(versions) > 0 {
						one := r.IntN(len(versions))
						got, _ := check(t, versions[one].root, nil, nil, true)
						if !maps.Equal(got, versions[one].want) {
							t.Fatalf("the version of epoch %d has changed", versions[one].epoch)
						}
						versions = slices.Delete(versions, one, one+1)
					}
				}
				if i%500 == 0 || i == 11999 {
					got, _ := check(t, tree.root, nil, nil, true)
					if !maps.Equal(got, want) || tree.n != len(want) {
						t.Fatalf("after %d steps the tree holds %d entries, says %d, and must hold %d", i, len(got), tree.n, len(want))
					}
					walk(t, r, tree, slices.Sorted(maps.Keys(want)))
				}
			}
			for _, k := range slices.Collect(maps.Keys(want)) {
				w.remove(tree, []byte(k))
			}
			if tree.root != nil || tree.n != 0 {
				t.Error("an empty tree keeps memory")
			}
		})
	}
}

// walk seeks a place and goes forth and back from it.
func walk(t *testing.T, r *rand.Rand, tree *tree, keys []string) {
	t.Helper()
	var p path
	for range 20 {
		from := fmt.Sprintf("%0*d", 3+r.IntN(3), r.IntN(30000))
		beyond := r.IntN(2) == 0
		i, found := slices.BinarySearch(keys, from)
		if found && beyond {
			i++
		}
		p.seek(tree, []byte(from), beyond)
		if r.IntN(2) == 0 {
			for ok := p.here(); ok != (i >= len(keys)); ok = p.next() {
				if !ok {
					break
				}
				if key, _ := p.entry(); string(key) != keys[i] {
					t.Fatalf("from %q forth: %q, want %q", from, key, keys[i])
				}
				if i++; r.IntN(40) == 0 {
					return
				}
			}
			if i < len(keys) {
				t.Fatalf("from %q forth: the end comes before %q", from, keys[i])
			}
			continue
		}
		for p.prev() {
			i--
			if i < 0 {
				t.Fatalf("from %q back: there is more than there is", from)
			}
			if key, _ := p.entry(); string(key) != keys[i] {
				t.Fatalf("from %q back: %q, want %q", from, key, keys[i])
			}
		}
		if i != 0 {
			t.Fatalf("from %q back: %d entries were not met", from, i)
		}
	}
}

// What is written in ascending order, as a restore does, fills its leaves.
func TestLeavesThatAreWrittenInOrderAreFull(t *testing.T) {
	tree, w := &tree{}, &writer{epoch: 1, versions: heldIf(func(int64) bool { return false })}
	bytes := 0
	for i := range 50_000 {
		key, value := fmt.Appendf(nil, "%08d", i), make([]byte, 32)
		bytes += entryBytes(key, value)
		w.put(tree, key, value)
	}
	leaves := 0
	var count func(n *node)
	count = func(n *node) {
		if n.leaf() {
			leaves++
		}
		for _, c := range n.children {
			count(c)
		}
	}
	count(tree.root)
	if least := bytes / leafBytes; leaves > least+least/20 {
		t.Errorf("%d leaves hold what fits into %d", leaves, least)
	}
}
