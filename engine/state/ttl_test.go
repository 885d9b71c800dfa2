package state_test

import (
	"encoding/hex"
	"math"
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/state"
)

func TestAStampStaysAsItIsInSnapshots(t *testing.T) {
	for text, ms := range map[string]int64{
		"0000000000000000": state.Unwritten,
		"0100000000000000": state.Untimed,
		"0000000000000080": 0,
		"15cd5b0700000080": 123456789,
		"ffffffffffffff7f": -1,
		"ffffffffffffffff": math.MaxInt64,
	} {
		content, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := state.Stamp(content); got != ms {
			t.Errorf("%s is %d, want %d", text, got, ms)
		}
		if got := hex.EncodeToString(state.AppendStamped(nil, ms, []byte("v"))); ms != state.Unwritten && got != text+"76" {
			t.Errorf("%d is written as %s, want %s", ms, got, text+"76")
		}
	}
}

func TestAnEntryIsThereForItsTTL(t *testing.T) {
	ttl := &state.TTL{MS: 100}
	for _, c := range []struct {
		stamp, now int64
		live       bool
	}{
		{0, 99, true},
		{0, 100, false},
		{0, -1000, true},
		{-50, 49, true},
		{-50, 50, false},
		{state.Unwritten, state.Unwritten, false},
		{state.Untimed, math.MaxInt64, true},
		{math.MaxInt64 - 100, math.MaxInt64, false},
		{math.MaxInt64 - 99, math.MaxInt64, true}, // it would expire behind the end of time
	} {
		if got := ttl.Live(c.stamp, c.now); got != c.live {
			t.Errorf("written at %d it is there at %d: %v, want %v", c.stamp, c.now, got, c.live)
		}
	}
}

func TestTheTTLOfAStateStandsBeforeTheFieldsOfItsValue(t *testing.T) {
	plain := state.Descriptor{Name: "n", Kind: state.Value, Value: []string{"n BIGINT"}, CellBytes: 12}
	if got := plain.Fields(); !slices.Equal(got, plain.Value) {
		t.Errorf("the fields are %q", got)
	}
	for _, ttl := range []state.TTL{{MS: 1}, {MS: 86_400_000, Processing: true}} {
		d := plain.Expires(ttl)
		if d.CellBytes != 20 {
			t.Errorf("a cell has %d bytes", d.CellBytes)
		}
		got, fields := state.SplitTTL(d.Fields())
		if got == nil || *got != ttl || !slices.Equal(fields, plain.Value) {
			t.Errorf("%q is read as %+v, %q", d.Fields(), got, fields)
		}
	}
	for _, fields := range [][]string{nil, {"n BIGINT"}, {"ttl BIGINT"}, {"ttl 0 ms of event time"}, {"ttl 5 ms of moon time"}, {"ttl int64"}} {
		if ttl, rest := state.SplitTTL(fields); ttl != nil || !slices.Equal(rest, fields) {
			t.Errorf("%q is read as %+v, %q", fields, ttl, rest)
		}
	}
}

// plainMap is a sorted map of one key, as far as Expiring needs one.
type plainMap struct {
	state.Sorted
	entries map[string]string
}

func (m plainMap) Get(_ uint64, _, name []byte) ([]byte, bool) {
	v, found := m.entries[string(name)]
	return []byte(v), found
}

func (m plainMap) Put(_ uint64, _, name, value []byte) { m.entries[string(name)] = string(value) }

func (m plainMap) Delete(_ uint64, _, name []byte) bool {
	_, found := m.entries[string(name)]
	delete(m.entries, string(name))
	return found
}

func TestWhatIsWrittenOutOfOrderIsThereAsLongAsIfItHadComeInOrder(t *testing.T) {
	x := state.NewExpiring(plainMap{entries: map[string]string{}}, state.TTL{MS: 100})
	name := []byte("n")
	x.Put(0, nil, name, []byte("first"), 50)
	x.Put(0, nil, name, []byte("late"), 20)
	if v, found := x.Get(0, nil, name, 149); !found || string(v) != "late" {
		t.Errorf("there is %q (%v)", v, found)
	}
	if v, found := x.Get(0, nil, name, 150); found {
		t.Errorf("there is %q", v)
	}
	if x.Delete(0, nil, name, 150) {
		t.Error("what has expired was deleted as if it were there")
	}
	if _, found := x.Get(0, nil, name, 149); found {
		t.Error("what has expired was not deleted")
	}
	cell, ttl := make([]byte, 9), state.TTL{MS: 100}
	ttl.Use(cell, 50)[0] = 1
	ttl.Use(cell, 20)[0] = 2
	if v := ttl.Read(cell, 149); len(v) != 1 || v[0] != 2 {
		t.Errorf("there is %v", v)
	}
	if v := ttl.Read(cell, 150); v != nil {
		t.Errorf("there is %v", v)
	}
}

func TestWhatIsReadIsThereLongerIfTheTTLSaysSo(t *testing.T) {
	for _, onRead := range []bool{false, true} {
		ttl := state.TTL{MS: 100, OnRead: onRead}
		x := state.NewExpiring(plainMap{entries: map[string]string{}}, ttl)
		name := []byte("n")
		x.Put(0, nil, name, []byte("v"), 0)
		cell := make([]byte, 9)
		ttl.Use(cell, 0)
		for _, now := range []int64{90, 10, 180} {
			if v, found := x.Get(0, nil, name, now); found != (onRead || now < 100) || found && string(v) != "v" {
				t.Errorf("at %d there is %q (%v)", now, v, found)
			}
			if v := ttl.Read(cell, now); (v != nil) != (onRead || now < 100) {
				t.Errorf("at %d there is %v", now, v)
			}
		}
	}
}
