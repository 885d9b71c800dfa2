package backend

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/snapshot"
)

// sortedSample is a block of three entries of two keys. Its bytes are the format: state that was written once is restored for ever.
func sortedSample() []byte {
	b := AppendSortedBlock(nil)
	var last []byte
	for _, e := range []struct{ place, value string }{{"\x01ka", "one"}, {"\x01kab", ""}, {"\x02kk\xff", "three"}} {
		b = AppendSortedEntry(b, last, []byte(e.place), []byte(e.value))
		last = []byte(e.place)
	}
	return b
}

const sortedSampleHex = "02" + "0003016b61036f6e65" + "03016200" + "0004026b6bff057468726565"

func decodeSorted(content []byte) (string, error) {
	var got []string
	block := snapshot.Block{Group: 7, State: "s", Offset: 100}
	err := DecodeSortedBlock("file", block, content, func(key, name, value []byte) error {
		if string(key) == "refused" {
			return Refusal("not this one")
		}
		got = append(got, fmt.Sprintf("%q %q %q", key, name, value))
		return nil
	})
	return strings.Join(got, ", "), err
}

func TestTheEncodingOfASortedBlockStaysAsItIs(t *testing.T) {
	if got := hex.EncodeToString(sortedSample()); got != sortedSampleHex {
		t.Errorf("the block is\n%s, want\n%s", got, sortedSampleHex)
	}
	got, err := decodeSorted(sortedSample())
	if want := `"k" "a" "one", "k" "ab" "", "kk" "\xff" "three"`; err != nil || got != want {
		t.Errorf("decoded %s, %v; want %s", got, err, want)
	}
	if got, err := decodeSorted(AppendSortedBlock(nil)); err != nil || got != "" {
		t.Errorf("a block without entries is %q, %v", got, err)
	}
}

func TestAMalformedSortedBlockIsCorruptAtItsPlace(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		offset    int64
		reason    string
	}{
		{"empty", "", 100, "version"},
		{"a block of cells", "0102", 100, "version"},
		{"cut off in the place", "02 00 03 016b", 103, "does not fit"},
		{"a place longer than memory", "02 00 ffffffffffffffffff01 01", 112, "does not fit"},
		{"cut off before the value", "02 00 02 016b", 105, "length of a value"},
		{"cut off in the value", "02 00 02 016b 02 61", 106, "does not fit"},
		{"shared with nothing", "02 01 01 6b 00", 102, "shares 1 bytes with one of 0"},
		{"an entry twice", "02 00 02 016b 00 02 00 00", 106, "not above"},
		{"entries in the wrong order", "02 00 02 016b 00 01 01 61 00", 106, "not above"},
		{"a key that does not fit", "02 00 02 056b 00", 101, "does not fit in"},
		{"an entry that is refused", "02 00 08 0772656675736564 00", 101, "not this one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			content, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			_, err = decodeSorted(content)
			requireCorrupt(t, err, c.offset, c.reason)
		})
	}
}

func FuzzDecodeSortedBlock(f *testing.F) {
	f.Add(sortedSample())
	for i := range sortedSample() {
		f.Add(sortedSample()[:i])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, err := decodeSorted(content)
		requireOwnDamage(t, content, err)
	})
}
