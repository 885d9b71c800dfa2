package heap

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/state"
)

// oneGroup is a backend whose only key group holds a sorted map of n entries of 40 bytes for each of some keys.
func oneGroup(t testing.TB, keys, n int) (*Backend, state.Sorted) {
	t.Helper()
	made, err := New(backend.Scope{UID: "op", EndGroup: 1, MaxParallelism: 1, States: []state.Descriptor{{Name: "s", Kind: state.SortedMap}}})
	if err != nil {
		t.Fatal(err)
	}
	b := made.(*Backend)
	for k := range keys {
		key := fmt.Appendf(nil, "key-%d", k)
		for i := range n {
			b.sorted[0].Put(xxh3.Hash(key), key, binary.BigEndian.AppendUint64(nil, uint64(i)), make([]byte, 32))
		}
	}
	return b, b.sorted[0]
}

// shared counts the leaves of a tree that another one has too, and those that it has alone.
func shared(of, other *node) (shared, alone int) {
	in := map[*node]bool{}
	var mark func(n *node)
	mark = func(n *node) {
		in[n] = n.leaf()
		for _, c := range n.children {
			mark(c)
		}
	}
	mark(other)
	var count func(n *node)
	count = func(n *node) {
		switch {
		case n.leaf() && in[n]:
			shared++
		case n.leaf():
			alone++
		}
		for _, c := range n.children {
			count(c)
		}
	}
	count(of)
	return shared, alone
}

func TestAWriteAfterAFreezeCopiesOneLeaf(t *testing.T) {
	b, s := oneGroup(t, 10, 3000)
	key := []byte("key-5")
	put := func() {
		s.Put(xxh3.Hash(key), key, binary.BigEndian.AppendUint64(nil, 1500), make([]byte, 32))
	}
	before := b.sorted[0].trees[0].root
	frozen := b.Freeze(1, 0)
	put()
	now := b.sorted[0].trees[0].root
	if same, alone := shared(now, before); alone != 1 || same < 100 {
		t.Errorf("after a write, %d leaves are new and %d shared with the frozen version", alone, same)
	}
	put()
	if again := b.sorted[0].trees[0].root; again != now {
		t.Error("a second write has copied again")
	}
	frozen.Release()
	b.Freeze(1, 0).Release()
	put()
	if again := b.sorted[0].trees[0].root; again != now {
		t.Error("a write has copied for a version that was released")
	}
}

func TestASortedMapAllocatesNothingForAnEntryAndGivesItsMemoryBack(t *testing.T) {
	b, s := oneGroup(t, 1, 3000)
	key, name, value := []byte("key-0"), binary.BigEndian.AppendUint64(nil, 700), make([]byte, 32)
	hash, cursor := xxh3.Hash(key), s.Cursor()
	for what, f := range map[string]func(){
		"Get": func() { s.Get(hash, key, name) },
		"Put": func() { s.Put(hash, key, name, value) },
		"a cursor": func() {
			cursor.Seek(hash, key, name)
			for range 100 {
				cursor.Next()
			}
			for range 50 {
				cursor.Prev()
			}
		},
	} {
		if n := testing.AllocsPerRun(100, f); n > 0 {
			t.Errorf("%s allocates %v times", what, n)
		}
	}
	s.Clear(hash, key)
	if s.Len() != 0 || b.sorted[0].trees[0].root != nil {
		t.Error("a key that was cleared keeps memory")
	}
}
