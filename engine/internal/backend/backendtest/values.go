package backendtest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// values restores entries of sorted maps, in runs, whose values become others, with stamps and without.
func values(t *testing.T, factory backend.Factory) {
	ttl := state.TTL{MS: 1000, Processing: true}
	for _, expires := range []bool{false, true} {
		d := state.Descriptor{Name: "entries", Kind: state.SortedMap}
		if expires {
			d = d.Expires(ttl)
		}
		scope := func(subtask, parallelism int) backend.Scope {
			s := scopeOf(subtask, parallelism)
			s.States = []state.Descriptor{d}
			return s
		}
		c := &checkpoints{t: t, r: rand.New(rand.NewPCG(1, 7)), store: NewStore(t, nil), factory: factory, scope: scope, incremental: true}
		b := open(t, factory, c.scopeOf(0, 1))
		put := func(key, value string) {
			s, err := b.Sorted("entries")
			if err != nil {
				t.Fatal(err)
			}
			entry := []byte(value)
			if expires {
				entry = state.AppendStamped(nil, 77, entry)
			}
			s.Put(xxh3.HashString(key), []byte(key), nil, entry)
		}
		for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
			put(key, "first")
		}
		c.take([]backend.Backend{b}, func() {})
		put("a", "second")
		snap := c.take([]backend.Backend{b}, func() {})
		conversion := state.Conversion{Value: func(dst, earlier []byte) ([]byte, error) { return append(append(dst, "made of "...), earlier...), nil }}
		if expires {
			conversion.TTL = &ttl
		}
		to := c.scopeOf(0, 1)
		to.Conversions = map[string]state.Conversion{"entries": conversion}
		restored := open(t, factory, to)
		if err := restored.Restore(t.Context(), snap.Metadata.Operator("op").Subtasks, snap); err != nil {
			t.Fatal(err)
		}
		s, err := restored.Sorted("entries")
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{"a": "made of second", "b": "made of first"} {
			entry := []byte(want)
			if expires {
				entry = state.AppendStamped(nil, 77, entry)
			}
			if got, found := s.Get(xxh3.HashString(key), []byte(key), nil); !found || !bytes.Equal(got, entry) {
				t.Errorf("expires %v: %s is %q (%v), want %q", expires, key, got, found, entry)
			}
		}
		to.Conversions["entries"] = state.Conversion{TTL: conversion.TTL, Value: func([]byte, []byte) ([]byte, error) { return nil, errors.New("odd") }}
		var corrupt *snapshot.CorruptError
		if err := open(t, factory, to).Restore(t.Context(), snap.Metadata.Operator("op").Subtasks, snap); !errors.As(err, &corrupt) {
			t.Errorf("a value that cannot be read: %v, want a *snapshot.CorruptError", err)
		}
	}
}
