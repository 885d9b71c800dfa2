package connectortest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// wrong is what a reader of counting does against the contract.
type wrong string

const (
	nothing        wrong = ""
	saysNothing    wrong = "it says nothing, though it has a split"
	staysWhereItIs wrong = "it repeats its position"
	keepsPositions wrong = "it keeps the positions that it is told"
	forgetsEnds    wrong = "it tells nothing of ended splits outside"
	closesAtOnce   wrong = "it tells nothing outside when it is closed"
)

// counting is a source of three splits: split i has the numbers from 10*i to 10*i+9. Readers tell outside what is complete, in a goroutine
// of their own, as those of a broker do.
type counting struct {
	wrong   wrong
	outside *outside
}

// outside is what is known of the splits.
type outside struct {
	mu       sync.Mutex
	position map[string][]byte
}

const countingSplits, countingRows = 3, 10

func (counting) Bounded() bool               { return true }
func (counting) Order() connector.SplitOrder { return connector.OrderNone }
func (counting) Payload() batch.Payload      { return &batch.Rows[uint64]{} }
func (counting) Enumerator(context.Context) (connector.Enumerator, error) {
	return countingEnumerator{}, nil
}

type countingEnumerator struct{}

func (countingEnumerator) Discover(_ context.Context, seen []byte) (connector.Discovery, error) {
	d := connector.Discovery{Seen: []byte{1}, Done: true}
	for i := range byte(countingSplits) {
		if len(seen) == 0 {
			d.Splits = append(d.Splits, connector.Split{ID: fmt.Sprint("split-", i), Chain: fmt.Sprint(i), Spec: []byte{i}})
		}
	}
	return d, nil
}

func (countingEnumerator) Close() error { return nil }

func (s counting) Reader(_ context.Context, c connector.ReaderContext) (connector.Reader, error) {
	r := &countingReader{counting: s, batchRows: c.BatchRows, told: make(chan []connector.CompleteSplit, 1), closed: make(chan struct{})}
	go r.tell()
	return r, nil
}

type countingReader struct {
	counting
	batchRows int
	splits    []countingSplit
	position  []byte
	calls     int

	told   chan []connector.CompleteSplit
	newest map[string]connector.CompleteSplit // all that CheckpointComplete said
	closed chan struct{}
}

type countingSplit struct {
	id         string
	first, end uint64
}

func (r *countingReader) Add(s connector.Split, position []byte) error {
	if len(s.Spec) != 1 || s.Spec[0] >= countingSplits {
		return errors.New("the split is malformed")
	}
	first := uint64(s.Spec[0]) * countingRows
	split := countingSplit{s.ID, first, first + countingRows}
	if len(position) > 0 {
		at, n := binary.Uvarint(position)
		if n != len(position) || at < first || at > split.end {
			return errors.New("the position is malformed")
		}
		split.first = at
	}
	r.splits = append(r.splits, split)
	return nil
}

func (r *countingReader) Next(_ context.Context, into *batch.Batch) (connector.Progress, error) {
	if len(r.splits) == 0 {
		return connector.Progress{}, nil
	}
	s := &r.splits[0]
	r.calls++
	switch {
	case r.wrong == saysNothing && r.calls > 3:
		return connector.Progress{}, nil
	case r.wrong == staysWhereItIs && r.calls > 3:
		return connector.Progress{Split: s.id, Position: r.position}, nil
	}
	rows := into.Data.(*batch.Rows[uint64])
	for range min(uint64(r.batchRows), 3, s.end-s.first) {
		rows.V = append(rows.V, s.first)
		s.first++
	}
	r.position = binary.AppendUvarint(r.position[:0], s.first)
	p := connector.Progress{Split: s.id, Position: r.position, Done: s.first == s.end}
	if p.Done {
		r.splits = r.splits[1:]
	}
	return p, nil
}

func (r *countingReader) CheckpointComplete(_ int64, splits []connector.CompleteSplit) error {
	if r.newest == nil {
		r.newest = map[string]connector.CompleteSplit{}
	}
	for _, s := range splits {
		if s.Ended && r.wrong == forgetsEnds {
			continue
		}
		if r.wrong != keepsPositions {
			s.Position = bytes.Clone(s.Position)
		}
		r.newest[s.ID] = s
	}
	select {
	case r.told <- r.takeNewest():
	default: // what is told now comes first
	}
	return nil
}

// takeNewest is all that was told; what is not sent is told with the next.
func (r *countingReader) takeNewest() (all []connector.CompleteSplit) {
	for _, s := range r.newest {
		all = append(all, s)
	}
	return all
}

// tell tells outside what is complete.
func (r *countingReader) tell() {
	defer close(r.closed)
	for splits := range r.told {
		if r.wrong == closesAtOnce {
			continue
		}
		r.outside.mu.Lock()
		for _, s := range splits {
			r.outside.position[s.ID] = s.Position
		}
		r.outside.mu.Unlock()
	}
}

// Close ends what the reader does when the newest is told.
func (r *countingReader) Close() error {
	if all := r.takeNewest(); len(all) > 0 {
		r.told <- all
	}
	close(r.told)
	<-r.closed
	return nil
}

// runCounting runs the suite on a source that does something wrong, or nothing.
func runCounting(t *testing.T, w wrong) {
	var want []string
	for i := range countingSplits * countingRows {
		want = append(want, fmt.Sprint(i))
	}
	known := &outside{position: map[string][]byte{}}
	RunSource(t, Source{
		New:  func(*testing.T) connector.Source { return counting{w, known} },
		Row:  func(p batch.Payload, i int) string { return fmt.Sprint(p.(*batch.Rows[uint64]).V[i]) },
		Want: want,
		Told: func(_ *testing.T, split string) []byte {
			known.mu.Lock()
			defer known.mu.Unlock()
			return slices.Clone(known.position[split])
		},
	})
}

// wrongOf is the variable in the environment that has the test run itself on a source that does something wrong.
const wrongOf = "WEIR_CONNECTORTEST_WRONG"

func TestASourceThatKeepsTheContractPasses(t *testing.T) { runCounting(t, wrong(os.Getenv(wrongOf))) }

func TestASourceThatBreaksTheContractIsRefused(t *testing.T) {
	for w, says := range map[wrong]string{
		saysNothing:    "the reader stands still",
		staysWhereItIs: "the reader stands still",
		keepsPositions: "is told outside to be at",
		forgetsEnds:    "is told outside to be at",
		closesAtOnce:   "is told outside to be at",
	} {
		t.Run(string(w), func(t *testing.T) {
			c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestASourceThatKeepsTheContractPasses$")
			c.Env = append(os.Environ(), wrongOf+"="+string(w))
			out, err := c.CombinedOutput()
			var failed *exec.ExitError
			if !errors.As(err, &failed) || !strings.Contains(string(out), says) {
				t.Errorf("%v; it does not say %q:\n%s", err, says, out)
			}
		})
	}
}
