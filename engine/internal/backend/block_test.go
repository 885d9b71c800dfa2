package backend

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
)

// sample is a block with two windows of cells of two bytes. Its bytes are the format: state that was written once is
// restored for ever.
func sample() []byte {
	b := AppendBlock(nil, 2)
	b = AppendWindow(b, -1, 1)
	b = AppendEntry(b, []byte("key"), []byte{1, 2})
	b = AppendWindow(b, 1000, 2)
	b = AppendEntry(b, nil, []byte{3, 4})
	return AppendEntry(b, []byte("x"), []byte{5, 6})
}

const sampleHex = "0102" + "0101" + "036b65790102" + "d00f02" + "000304" + "01780506"

func decode(content []byte) (string, error) {
	var got []string
	block := snapshot.Block{Group: 7, State: "s", Offset: 100}
	err := DecodeBlock("file", block, content, 2, func(window int64, key, cell []byte) error {
		if string(key) == "refused" {
			return Refusal("not this one")
		}
		got = append(got, fmt.Sprintf("%d %q %x", window, key, cell))
		return nil
	})
	return strings.Join(got, ", "), err
}

func TestTheEncodingOfABlockStaysAsItIs(t *testing.T) {
	if got := hex.EncodeToString(sample()); got != sampleHex {
		t.Errorf("the block is\n%s, want\n%s", got, sampleHex)
	}
	got, err := decode(sample())
	if want := `-1 "key" 0102, 1000 "" 0304, 1000 "x" 0506`; err != nil || got != want {
		t.Errorf("decoded %s, %v; want %s", got, err, want)
	}
	if got, err := decode(AppendBlock(nil, 2)); err != nil || got != "" {
		t.Errorf("a block without entries is %q, %v", got, err)
	}
}

func TestAMalformedBlockIsCorruptAtItsPlace(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		offset    int64
		reason    string
	}{
		{"empty", "", 100, "version"},
		{"another version", "0202", 100, "version"},
		{"cut off in the window", "0102d0", 102, "start of a window"},
		{"cut off in the key", "01020101036b", 105, "does not fit"},
		{"cut off in the cell", "010201010178 01", 105, "does not fit"},
		{"a key longer than memory", "01020101ffffffffffffffffff01", 114, "does not fit"},
		{"a number that is too large", "01020101ffffffffffffffffffffff01", 104, "length of a key"},
		{"a window without entries", "01020100", 104, "no entries"},
		{"windows in the wrong order", "0102 0401 000000 0201 000000", 108, "window 1 follows window 2"},
		{"a window twice", "0102 0201 000000 0201 000000", 108, "window 1 follows window 1"},
		{"an entry that is refused", "0102 0201 0772656675736564 0000", 104, "not this one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			content, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			_, err = decode(content)
			requireCorrupt(t, err, c.offset, c.reason)
		})
	}
}

// requireCorrupt fails the test unless an error says what is wrong with the file, and where.
func requireCorrupt(t *testing.T, err error, offset int64, reason string) {
	t.Helper()
	var corrupt *snapshot.CorruptError
	if !errors.As(err, &corrupt) || corrupt.Object != "file" || corrupt.Offset != offset || !strings.Contains(corrupt.Reason, reason) {
		t.Errorf("got %v, want a *snapshot.CorruptError of file at %d: %s", err, offset, reason)
	}
}

// requireOwnDamage fails the test if decoding any content gave an error that is not about a place in the block.
func requireOwnDamage(t *testing.T, content []byte, err error) {
	t.Helper()
	var corrupt *snapshot.CorruptError
	switch {
	case err == nil, fault.ClassOf(err) == fault.Permanent:
	case !errors.As(err, &corrupt):
		t.Errorf("the error is no *snapshot.CorruptError: %v", err)
	case corrupt.Offset < 100 || corrupt.Offset > 100+int64(len(content)):
		t.Errorf("the damage is at %d, outside of the block", corrupt.Offset)
	}
}

func TestCellsOfAnotherWidthAreThePlansFault(t *testing.T) {
	if _, err := decode(AppendBlock(nil, 3)); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("got %v, want a permanent error", err)
	}
}

func FuzzDecodeBlock(f *testing.F) {
	f.Add(sample())
	for i := range sample() {
		f.Add(sample()[:i])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, err := decode(content)
		requireOwnDamage(t, content, err)
	})
}
