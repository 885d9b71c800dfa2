package state_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/state"
)

func TestTheHashOfAKeyIsXXH3WhateverItsLength(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 4))
	var keys batch.Bytes
	var hashes []uint64
	for range 3 { // later rounds into memory that is in use
		keys.Reset()
		for i := range 400 {
			key := make([]byte, 8)
			if i%4 == 3 {
				key = make([]byte, r.IntN(40))
			}
			for k := range key {
				key[k] = byte(r.Uint32())
			}
			keys.Append(key)
		}
		hashes = state.HashKeys(hashes, &keys)
		for i, got := range hashes {
			if want := xxh3.Hash(keys.At(i)); got != want {
				t.Fatalf("the hash of %x is %x, want %x", keys.At(i), got, want)
			}
		}
		if len(hashes) != keys.Len() {
			t.Fatalf("%d hashes of %d keys", len(hashes), keys.Len())
		}
	}
	if got := state.HashKeys(hashes, &batch.Bytes{}); len(got) > 0 {
		t.Errorf("no keys have %d hashes", len(got))
	}
}

func FuzzHashWord(f *testing.F) {
	f.Add(uint64(0))
	f.Add(^uint64(0))
	f.Fuzz(func(t *testing.T, key uint64) {
		want := xxh3.Hash(binary.LittleEndian.AppendUint64(nil, key))
		if got := state.HashWord(key); got != want {
			t.Errorf("the hash of %x is %x, want %x", key, got, want)
		}
	})
}
