package state_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/state"
)

// itemsHex is the operator state of a subtask. Its bytes are the format: state that was written once is restored for ever.
const itemsHex = "01" + "046c697374" + "02" + "000178" + "0000" + "057275 6c6573" + "02" + "0161 0131" + "0162 00"

func itemsSample() (names []string, states []*state.Items) {
	list, rules := state.NewItems(state.OperatorList), state.NewItems(state.Broadcast)
	list.Add([]byte("x"))
	list.Add(nil)
	rules.Put([]byte("b"), []byte("to be replaced"))
	rules.Put([]byte("a"), []byte("1"))
	rules.Put([]byte("c"), []byte("to be deleted"))
	rules.Put([]byte("b"), nil)
	if !rules.Delete([]byte("c")) || rules.Delete([]byte("c")) {
		panic("what is there is deleted once")
	}
	return []string{"list", "rules"}, []*state.Items{list, rules}
}

func TestTheEncodingOfOperatorStateStaysAsItIs(t *testing.T) {
	names, states := itemsSample()
	want := strings.ReplaceAll(itemsHex, " ", "")
	content := state.AppendItems(nil, names, states)
	if got := hex.EncodeToString(content); got != want {
		t.Errorf("it is\n%s, want\n%s", got, want)
	}
	for i, name := range names {
		kind := []state.Kind{state.OperatorList, state.Broadcast}[i]
		back, err := state.ReadItems(content, state.Descriptor{Name: name, Kind: kind}, nil)
		if err != nil || text(back) != text(states[i]) || back.Bytes() != states[i].Bytes() || back.Len() != states[i].Len() {
			t.Errorf("%s is read as %s (%d bytes), %v, want %s (%d)", name, text(back), back.Bytes(), err, text(states[i]), states[i].Bytes())
		}
	}
	if none, err := state.ReadItems(nil, state.Descriptor{Name: "list", Kind: state.OperatorList}, nil); err != nil || none.Len() > 0 {
		t.Errorf("nothing is read as %s, %v", text(none), err)
	}
}

func text(s *state.Items) string {
	var all []string
	for name, value := range s.All() {
		all = append(all, string(name)+"="+string(value))
	}
	return strings.Join(all, " ")
}

func TestDamagedOperatorStateIsAnError(t *testing.T) {
	names, states := itemsSample()
	content := state.AppendItems(nil, names, states)
	for end := 1; end < len(content); end++ {
		err := state.DecodeItems(content[:end], func(string, []byte, []byte) error { return nil })
		if end > 1 && end != 1+5+1+3+2 && err == nil { // which are the ends of states
			t.Errorf("of %d bytes, %d were read", len(content), end)
		}
	}
	content[0]++
	if err := state.DecodeItems(content, nil); err == nil {
		t.Error("another version was read")
	}
}

func TestOperatorStateIsSharedAsItsKindSays(t *testing.T) {
	had := func(kind state.Kind) (all []*state.Items) {
		for subtask := range 3 {
			s := state.NewItems(kind)
			for i := range 3 {
				if kind == state.Broadcast {
					s.Put([]byte(fmt.Sprint(i)), nil)
				} else {
					s.Add([]byte(fmt.Sprint(subtask*3 + i)))
				}
			}
			all = append(all, s)
		}
		return all
	}
	for _, c := range []struct {
		kind        state.Kind
		parallelism int
		want        []string
	}{
		{state.OperatorList, 3, []string{"=0 =1 =2", "=3 =4 =5", "=6 =7 =8"}},
		{state.OperatorList, 1, []string{"=0 =1 =2 =3 =4 =5 =6 =7 =8"}},
		{state.OperatorList, 2, []string{"=0 =1 =2 =3", "=4 =5 =6 =7 =8"}},
		{state.OperatorList, 4, []string{"=0 =1", "=2 =3", "=4 =5", "=6 =7 =8"}},
		{state.UnionList, 2, slices.Repeat([]string{"=0 =1 =2 =3 =4 =5 =6 =7 =8"}, 2)},
		{state.UnionList, 3, slices.Repeat([]string{"=0 =1 =2 =3 =4 =5 =6 =7 =8"}, 3)},
		{state.Broadcast, 5, slices.Repeat([]string{"0= 1= 2="}, 5)},
	} {
		for i := range c.parallelism {
			if got := state.Share(c.kind, had(c.kind), i, c.parallelism); text(got) != c.want[i] {
				t.Errorf("%v: subtask %d of %d gets %s, want %s", c.kind, i, c.parallelism, text(got), c.want[i])
			}
		}
	}
	if got := state.Share(state.UnionList, nil, 0, 2); got.Len() > 0 {
		t.Errorf("of nothing there is %s", text(got))
	}
}

func FuzzDecodeItems(f *testing.F) {
	names, states := itemsSample()
	f.Add(state.AppendItems(nil, names, states))
	f.Add([]byte{1, 0, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, content []byte) {
		total := 0
		err := state.DecodeItems(content, func(state string, name, value []byte) error {
			total += 2 // the lengths of both
			total += len(name) + len(value)
			return nil
		})
		if err == nil && total > len(content) {
			t.Errorf("%d bytes were read of %d", total, len(content))
		}
	})
}
