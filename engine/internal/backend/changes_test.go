package backend

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/snapshot"
)

// changed is where the samples of changes lie: in the key groups 7 to 9.
var changed = snapshot.Block{Group: 7, End: 10, State: "s", Offset: 100}

// changesSample has changes of cells of two bytes in two key groups, sortedChangesSample those of a sorted map. Their bytes are
// the format: state that was written once is restored for ever.
func changesSample() []byte {
	var gone Removals
	gone.Drop(-1)
	gone.Drop(1000)
	gone.Remove(5, []byte("key"))
	b := AppendChanges(nil, 2)
	b = AppendGroupChanges(b, 7, gone, 1)
	b = AppendWindow(b, 1000, 1)
	b = AppendEntry(b, []byte("x"), []byte{5, 6})
	return AppendGroupChanges(b, 9, Removals{}, 0)
}

const changesSampleHex = "0302" + "07" + "02" + "01d00f" + "01" + "0a036b6579" + "01" + "d00f01" + "01780506" + "09000000"

func sortedChangesSample() []byte {
	var gone Removals
	gone.RemovePlace([]byte("\x01kb"))
	b := AppendSortedChanges(nil)
	b = AppendSortedGroupChanges(b, 8, gone, 2)
	b = AppendSortedEntry(b, nil, []byte("\x01ka"), []byte("one"))
	b = AppendSortedEntry(b, []byte("\x01ka"), []byte("\x01kab"), nil)
	return AppendSortedGroupChanges(b, 9, Removals{}, 0)
}

const sortedChangesSampleHex = "04" + "08" + "01" + "03016b62" + "02" + "0003016b61036f6e65" + "03016200" + "090000"

// decodeChanges says what is in a block, of all key groups but the ones from 9 on.
func decodeChanges(content []byte) (string, error) {
	var got []string
	say := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
	refuse := func(key []byte) error {
		if string(key) == "refused" {
			return Refusal("not this one")
		}
		return nil
	}
	wants := func(group int) bool {
		say("group %d", group)
		return group < 9
	}
	var err error
	if len(content) > 0 && content[0] == sortedChangesVersion {
		err = DecodeSortedChanges("file", changed, content, SortedChanges{
			Wants:  wants,
			Remove: func(key, name []byte) error { say("remove %q %q", key, name); return refuse(key) },
			Put:    func(key, name, value []byte) error { say("put %q %q %q", key, name, value); return refuse(key) },
		})
	} else {
		err = DecodeChanges("file", changed, content, 2, CellChanges{
			Wants:  wants,
			Drop:   func(window int64) { say("drop %d", window) },
			Remove: func(window int64, key []byte) error { say("remove %d %q", window, key); return refuse(key) },
			Put:    func(window int64, key, cell []byte) error { say("put %d %q %x", window, key, cell); return refuse(key) },
		})
	}
	return strings.Join(got, ", "), err
}

func TestTheEncodingOfChangesStaysAsItIs(t *testing.T) {
	for _, c := range []struct {
		content   []byte
		hex, want string
	}{
		{changesSample(), changesSampleHex, `group 7, drop -1, drop 1000, remove 5 "key", put 1000 "x" 0506, group 9`},
		{sortedChangesSample(), sortedChangesSampleHex, `group 8, remove "k" "b", put "k" "a" "one", put "k" "ab" "", group 9`},
		{AppendChanges(nil, 2), "0302", ""},
		{AppendSortedChanges(nil), "04", ""},
	} {
		if got := hex.EncodeToString(c.content); got != c.hex {
			t.Errorf("the block is\n%s, want\n%s", got, c.hex)
		}
		if got, err := decodeChanges(c.content); err != nil || got != c.want {
			t.Errorf("decoded %s, %v; want %s", got, err, c.want)
		}
	}
}

func TestMalformedChangesAreCorruptAtTheirPlace(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		offset    int64
		reason    string
	}{
		{"a whole block", "0102", 100, "version"},
		{"a group before the block", "0302 06 000000", 102, "key group 6 does not follow"},
		{"a group behind the block", "0302 0a 000000", 102, "key group 10 does not follow"},
		{"a group that is too large", "0302 ffffffffffffffffff01 000000", 102, "does not follow"},
		{"a group twice", "0302 07 000000 07 000000", 106, "key group 7 does not follow"},
		{"cut off in the drops", "0302 07 02 01", 105, "start of a window"},
		{"cut off in the key that went", "0302 07 00 01 0a 036b", 107, "does not fit"},
		{"a key that went and is refused", "0302 07 00 01 0a 0772656675736564 00", 105, "not this one"},
		{"cut off in the windows", "0302 07 00 00 01", 106, "start of a window"},
		{"a cell that is refused", "0302 07 00 00 01 0001 0772656675736564 0000", 108, "not this one"},
		{"a group of a sorted map twice", "04 07 0000 07 0000", 104, "does not follow"},
		{"cut off in the entry that went", "04 07 01 036b", 104, "does not fit"},
		{"the key of an entry that went", "04 07 01 02056b 00", 103, "does not fit in"},
		{"an entry that went and is refused", "04 07 01 08 0772656675736564 00", 103, "not this one"},
		{"entries in the wrong order", "04 07 00 02 0002016b00 00020161 00", 109, "not above"},
		{"an entry that is refused", "04 07 00 01 00 08 0772656675736564 00", 104, "not this one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			content, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			_, err = decodeChanges(content)
			requireCorrupt(t, err, c.offset, c.reason)
		})
	}
}

func FuzzDecodeChanges(f *testing.F) {
	for _, sample := range [][]byte{changesSample(), sortedChangesSample()} {
		for i := range sample {
			f.Add(sample[:i])
		}
		f.Add(sample)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, err := decodeChanges(content)
		requireOwnDamage(t, content, err)
	})
}
