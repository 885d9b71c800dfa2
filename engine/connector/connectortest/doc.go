// Package connectortest is the conformance suite of package connector: what the runtime relies on in every source and
// sink, as tests that each implementation runs.
//
// [RunSource] holds for all bounded sources, [RunSink] for sinks that commit, [RunPlainSink] for those that do not. The
// suites play the runtime: they restart, restore and repeat at every step where a process may die.
package connectortest

import (
	"context"
	"testing"
	"time"
)

// patience bounds the waits of a suite. It decides nothing: a connector that keeps its contract never comes near it.
const patience = time.Minute

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
