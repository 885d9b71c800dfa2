package stream

import (
	"encoding/json"
	"reflect"
	"testing"
	"unsafe"

	"github.com/weirstream/weir/engine/state"
)

// packed is a type whose fields do not lie one behind the other.
type packed struct {
	A bool
	B int64
	C [3]struct {
		D uint8
		E float32
		F int16
	}
	G [0]int64
	H struct{}
	I int8
}

func TestLayoutsAreReadAsGoLaysThemOut(t *testing.T) {
	v := packed{A: true, B: -5, I: -128}
	for i := range v.C {
		v.C[i].D, v.C[i].E, v.C[i].F = uint8(200+i), float32(i)/4, int16(-i)
	}
	layout, err := fixedLayout(reflect.TypeFor[packed]())
	if err != nil {
		t.Fatal(err)
	}
	f, ok := parseFixed(layout)
	if !ok || f.size != int(unsafe.Sizeof(v)) || f.align != int(unsafe.Alignof(v)) {
		t.Fatalf("%s has %d bytes, aligned at %d, %v; Go says %d and %d", layout, f.size, f.align, ok, unsafe.Sizeof(v), unsafe.Alignof(v))
	}
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.append(nil, unsafe.Slice((*byte)(unsafe.Pointer(&v)), f.size)); string(got) != string(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, wrong := range []string{"", "int9", "[", "[2]", "[-1]int8", "[x]int8", "{", "{A}", "{A int8", "int8}", "[9999999999]int64", "{A int8} "} {
		if f, ok := parseFixed(wrong); ok {
			t.Errorf("%q was read as %+v", wrong, f)
		}
	}
}

// FuzzStateReader holds that whatever a snapshot says of a state, what is shown of it is JSON.
func FuzzStateReader(f *testing.F) {
	f.Add("cell", "{A int8; B [2]float64}", "", "key string\n", []byte("key"), []byte{1, 2, 3}, []byte{0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
	f.Add("timers", "timer", "", "key int64", []byte{1, 2, 3, 4, 5, 6, 7, 8}, []byte{}, []byte{0})
	f.Add("waiting-rows", "next uint32", "row {A bool}", "key bool", []byte{1}, []byte{}, []byte{1, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Add("list", "place uint64", "value text", "", []byte{0xff}, []byte{0, 0, 0, 0, 0, 0, 0, 9}, []byte("a\x00<"))
	f.Add("map", "key integer", "value json", "key uint8", []byte{}, []byte{128, 0, 0, 0, 0, 0, 0, 9}, []byte(`{"a":1}`))
	f.Add("0", " uint", "row {\xbc bool}", "key bool", []byte{1}, []byte{}, []byte("0123456789abcdef"))
	f.Add("windows", "start end since acc", "json", "key text", []byte("k"), make([]byte, boundsBytes), []byte("\x01\x00\x00\x00{}"))
	f.Add("window-rows", "window place row", "row json", "key text", []byte("k"), make([]byte, rowsOfWindow), []byte("[1]"))
	f.Fuzz(func(t *testing.T, name, first, second, fingerprint string, key, entry, value []byte) {
		fields := []string{first}
		if second != "" {
			fields = append(fields, second)
		}
		r := NewStateReader(state.Descriptor{Name: name, Value: fields}, fingerprint)
		for what, text := range map[string][]byte{
			"key": r.AppendKey(nil, key), "cell": r.AppendCell(nil, value), "name": r.AppendName(nil, entry), "value": r.AppendValue(nil, value),
		} {
			if !json.Valid(text) && !(what == "name" && len(text) == 0) {
				t.Errorf("the %s is %s", what, text)
			}
		}
	})
}
