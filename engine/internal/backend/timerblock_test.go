package backend

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/snapshot"
)

// timerSample is a block of three timers. Its bytes are the format: state that was written once is restored for ever.
func timerSample() []byte {
	b := AppendTimerBlock(nil)
	var last []byte
	for _, t := range []struct {
		ms  int64
		key string
	}{{-1, "b"}, {1000, ""}, {1000, "a"}} {
		place := AppendTimerPlace(nil, t.ms, []byte(t.key))
		b = AppendTimer(b, last, place)
		last = place
	}
	return b
}

const timerSampleHex = "05" + "00097fffffffffffffff62" + "000880000000000003e8" + "080161"

func decodeTimers(content []byte) (string, error) {
	var got []string
	block := snapshot.Block{Group: 7, State: "s", Offset: 100}
	err := DecodeTimerBlock("file", block, content, func(ms int64, key []byte) error {
		if string(key) == "refused" {
			return Refusal("not this one")
		}
		got = append(got, fmt.Sprintf("%d %q", ms, key))
		return nil
	})
	return strings.Join(got, ", "), err
}

// decodeTimerChanges reads what has changed in group 8.
func decodeTimerChanges(content []byte) (string, error) {
	var got []string
	block := snapshot.Block{Group: 7, End: 9, State: "s", Offset: 100}
	err := DecodeTimerChanges("file", block, content, TimerChanges{
		Wants:  func(group int) bool { return group == 8 },
		Remove: func(ms int64, key []byte) error { got = append(got, fmt.Sprintf("-%d %q", ms, key)); return nil },
		Put:    func(ms int64, key []byte) error { got = append(got, fmt.Sprintf("+%d %q", ms, key)); return nil },
	})
	return strings.Join(got, ", "), err
}

func timerChangesSample() []byte {
	b := AppendTimerChanges(nil)
	for group := 7; group < 9; group++ {
		var gone Removals
		gone.RemovePlace(AppendTimerPlace(nil, 5, []byte("x")))
		b = AppendSortedGroupChanges(b, group, gone, 1)
		b = AppendTimer(b, nil, AppendTimerPlace(nil, int64(group), []byte("k")))
	}
	return b
}

func TestTheEncodingOfTimersStaysAsItIs(t *testing.T) {
	if got := hex.EncodeToString(timerSample()); got != timerSampleHex {
		t.Errorf("the block is\n%s, want\n%s", got, timerSampleHex)
	}
	got, err := decodeTimers(timerSample())
	if want := `-1 "b", 1000 "", 1000 "a"`; err != nil || got != want {
		t.Errorf("decoded %s, %v; want %s", got, err, want)
	}
	if got, err := decodeTimers(AppendTimerBlock(nil)); err != nil || got != "" {
		t.Errorf("a block without timers is %q, %v", got, err)
	}
	const changes = "06" + "0701" + "09800000000000000578" + "01" + "0009" + "80000000000000076b" + "0801" + "09800000000000000578" + "01" + "0009" + "80000000000000086b"
	if got := hex.EncodeToString(timerChangesSample()); got != changes {
		t.Errorf("the block of changes is\n%s, want\n%s", got, changes)
	}
	got, err = decodeTimerChanges(timerChangesSample())
	if want := `-5 "x", +8 "k"`; err != nil || got != want {
		t.Errorf("decoded %s, %v; want %s", got, err, want)
	}
}

func TestAMalformedBlockOfTimersIsCorruptAtItsPlace(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		offset    int64
		reason    string
	}{
		{"empty", "", 100, "version"},
		{"a block of a sorted map", "0200", 100, "version"},
		{"cut off in the place", "05 00 09 0000", 103, "does not fit"},
		{"no time", "05 00 07 00000000000000", 101, "has no time"},
		{"a timer twice", "05 00 08 0000000000000000 08 00", 111, "not above"},
		{"timers in the wrong order", "05 00 08 0000000000000001 07 01 00", 111, "not above"},
		{"a timer that is refused", "05 00 0f 0000000000000000 72656675736564", 101, "not this one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			content, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			_, err = decodeTimers(content)
			requireCorrupt(t, err, c.offset, c.reason)
		})
	}
}

func FuzzDecodeTimerBlock(f *testing.F) {
	f.Add(timerSample())
	for i := range timerSample() {
		f.Add(timerSample()[:i])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, err := decodeTimers(content)
		requireOwnDamage(t, content, err)
	})
}

func FuzzDecodeTimerChanges(f *testing.F) {
	f.Add(timerChangesSample())
	for i := range timerChangesSample() {
		f.Add(timerChangesSample()[:i])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, err := decodeTimerChanges(content)
		requireOwnDamage(t, content, err)
	})
}
