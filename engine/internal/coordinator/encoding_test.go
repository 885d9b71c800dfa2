package coordinator

import (
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/snapshot"
)

func example() *enumerator {
	return &enumerator{
		seen: []byte("seen"), done: true, nextSeq: 7, highest: 1 << 51,
		bounds: []bound{{chain: "", maxTime: -3}, {chain: "f", maxTime: 1 << 50}},
		queue: []split{
			{Split: connector.Split{ID: "f.2", Chain: "f", Spec: []byte{0, 1}}, seq: 5, position: []byte("p"), maxTime: -1},
			{Split: connector.Split{ID: "g"}, seq: 6, maxTime: snapshot.NoTime},
		},
		assigned: []reference{{id: "f.1", chain: "f", seq: 4}},
		finished: []connector.Split{{ID: "e.1", Chain: "e", Spec: []byte{3}}, {ID: "d"}},
		spoilt:   []string{"f"},
	}
}

func TestEnumeratorStateSurvivesEncoding(t *testing.T) {
	for name, e := range map[string]*enumerator{"an example": example(), "nothing": {}} {
		got, err := decodeEnumerator(e.encode())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got.encode(), e.encode()) || len(got.queue) != len(e.queue) {
			t.Errorf("%s: got %+v, want %+v", name, got, e)
		}
	}
	got, err := decodeEnumerator(example().encode())
	if err != nil || got.queue[1].maxTime != snapshot.NoTime || got.queue[1].begun() || !got.queue[0].begun() {
		t.Errorf("a fresh split is not fresh, or a begun one is: %+v, %v", got.queue, err)
	}
}

func TestDamagedEnumeratorStateIsRefused(t *testing.T) {
	whole := example().encode()
	noID := appendBytes(appendUint(nil, 1, 1), 6, appendBytes(nil, 3, []byte("spec")))
	cases := map[string]struct {
		bytes []byte
		want  string
	}{
		"a newer version":    {appendUint(nil, 1, 2), "version 2"},
		"no version":         {whole[2:], "version"},
		"a truncated field":  {whole[:len(whole)-1], "too early"},
		"an unknown field":   {appendUint(appendUint(nil, 1, 1), 99, 1), "field 99 is not known"},
		"a wrong wire type":  {appendBytes(appendUint(nil, 1, 1), 3, nil), "wrong type"},
		"a split without id": {noID, "no id"},
		"a fixed64 field":    {protowire.AppendTag(appendUint(nil, 1, 1), 2, protowire.Fixed64Type), "unknown type"},
	}
	for name, c := range cases {
		if _, err := decodeEnumerator(c.bytes); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", name, err, c.want)
		}
	}
}

func FuzzDecodeEnumerator(f *testing.F) {
	f.Add(example().encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEnumerator(b)
		if err != nil {
			return
		}
		again, err := decodeEnumerator(e.encode())
		if err != nil {
			t.Fatalf("what was decoded does not decode again: %v", err)
		}
		if !reflect.DeepEqual(again.encode(), e.encode()) {
			t.Fatalf("got %+v, want %+v", again, e)
		}
	})
}
