package stream

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/state"
)

// StateReader reads a state of a process function out of snapshots, for people: as JSON. It knows no types of the program, only
// the layouts that the snapshot names; what another serializer has written is shown as {"hex":"..."}.
type StateReader struct {
	descriptor state.Descriptor
	key        string // its type in the program, if the snapshot says it
}

// NewStateReader returns a reader of a state that a process function has declared. fingerprint is the operator's.
func NewStateReader(d state.Descriptor, fingerprint string) *StateReader {
	first, _, _ := strings.Cut(fingerprint, "\n")
	key, _ := strings.CutPrefix(first, "key ")
	return &StateReader{d, key}
}

// AppendKey appends a key of the stream. Those of named types and those that the program encodes are shown as text, if they are
// one.
func (r *StateReader) AppendKey(dst, key []byte) []byte {
	switch r.key {
	case "bool":
		if len(key) == 1 {
			return strconv.AppendBool(dst, key[0] != 0)
		}
	case "int", "int64", "int32", "int16", "int8":
		if len(key) == width {
			return strconv.AppendInt(dst, int64(binary.LittleEndian.Uint64(key)), 10)
		}
	case "uint", "uint64", "uint32", "uint16", "uint8":
		if len(key) == width {
			return strconv.AppendUint(dst, binary.LittleEndian.Uint64(key), 10)
		}
	}
	return appendText(dst, key)
}

// AppendCell appends the cell of a key.
func (r *StateReader) AppendCell(dst, cell []byte) []byte {
	at := 0
	fields := r.descriptor.Value
	if r.descriptor.Kind == state.Timer || r.descriptor.Name == eventTimers.Name && len(fields) == 1 && fields[0] == eventTimers.Value[0] {
		return append(dst, "null"...) // there is nothing but the time
	}
	if len(fields) == 1 && !labelled(fields[0]) {
		return appendFixed(dst, fields[0], cell)
	}
	dst = append(dst, '{')
	for i, field := range fields {
		label, text, _ := strings.Cut(field, " ")
		if r.descriptor.Name == rowsName && i == 1 {
			at = slotBytes
		}
		f, ok := parseFixed(text)
		if !ok || at+f.size > len(cell) {
			return appendRest(dst, i, cell[min(at, len(cell)):])
		}
		dst = appendLabel(dst, i, label)
		dst = f.append(dst, cell[at:])
		at += f.size
	}
	return append(dst, '}')
}

// labelled tells whether a field of a value has a name before its layout.
func labelled(field string) bool {
	_, bare := parseFixed(field)
	return !bare && strings.Contains(field, " ")
}

// AppendName appends the name of an entry of a sorted map, if entries have one.
func (r *StateReader) AppendName(dst, name []byte) []byte {
	switch kind := r.labels(); {
	case kind == "place value" && len(name) == 8:
		return strconv.AppendUint(dst, binary.BigEndian.Uint64(name), 10)
	case kind == "key value":
		return appendSerialized(dst, r.layout(0), name)
	case kind == "time row times" && len(name) >= timeBytes:
		dst = strconv.AppendInt(append(dst, `{"time":`...), timeOf(name), 10)
		dst = appendSerialized(append(dst, `,"row":`...), r.layout(1), name[timeBytes:])
		return append(dst, '}')
	case strings.HasPrefix(kind, "start end since ") && len(name) == boundsBytes:
		w := windowOf(name)
		return fmt.Appendf(dst, `{"start":%d,"end":%d}`, w.Start, w.End)
	case kind == "window place row" && len(name) == rowsOfWindow:
		return fmt.Appendf(dst, `{"window":%d,"place":%d}`, timeOf(name), binary.BigEndian.Uint64(name[timeBytes:]))
	case len(name) == 0:
		return dst
	}
	return appendHex(dst, name)
}

// AppendValue appends the value of an entry of a sorted map.
func (r *StateReader) AppendValue(dst, value []byte) []byte {
	switch kind := r.labels(); {
	case kind == "value", kind == "place value", kind == "key value", kind == "window place row":
		return appendSerialized(dst, r.layout(len(r.descriptor.Value)-1), value)
	case kind == "start end since rows" && len(value) == sinceBytes+rowsOfWindow:
		return fmt.Appendf(dst, `{"window":%d,"rows":%d,"since":%d}`, timeOf(value[sinceBytes:]), binary.BigEndian.Uint64(value[sinceBytes+timeBytes:]), countOf(value))
	case strings.HasPrefix(kind, "start end since ") && len(value) >= sinceBytes:
		label := kind[len("start end since "):]
		dst = appendSerialized(fmt.Appendf(dst, `{%q:`, label), r.layout(len(r.descriptor.Value)-1), value[sinceBytes:])
		return fmt.Appendf(dst, `,"since":%d}`, countOf(value))
	case kind == "time row times" && len(value) == countBytes:
		return append(strconv.AppendUint(append(dst, `{"times":`...), uint64(countOf(value)), 10), '}')
	}
	return appendHex(dst, value)
}

// labels are the names of the fields of a sorted map's entries.
func (r *StateReader) labels() string {
	var labels []string
	for _, field := range r.descriptor.Value {
		label, _, _ := strings.Cut(field, " ")
		labels = append(labels, label)
	}
	return strings.Join(labels, " ")
}

func (r *StateReader) layout(i int) string {
	_, layout, _ := strings.Cut(r.descriptor.Value[i], " ")
	return layout
}

// appendSerialized appends what one of the serializers of this package has written.
func appendSerialized(dst []byte, layout string, b []byte) []byte {
	switch layout {
	case Text[string]().Layout:
		return appendText(dst, b)
	case Integer[int64]().Layout:
		if v, err := Integer[int64]().Decode(b); err == nil {
			return strconv.AppendInt(dst, v, 10)
		}
	case JSON[any]().Layout:
		if json.Valid(b) {
			return append(dst, b...)
		}
	default:
		return appendFixed(dst, layout, b)
	}
	return appendHex(dst, b)
}

func appendFixed(dst []byte, layout string, b []byte) []byte {
	if f, ok := parseFixed(layout); ok && len(b) >= f.size && len(b) < f.size+8 { // a cell may be rounded up
		return f.append(dst, b)
	}
	return appendHex(dst, b)
}

func appendText(dst, b []byte) []byte {
	if !utf8.Valid(b) {
		return appendHex(dst, b)
	}
	return appendString(dst, string(b))
}

// appendString writes U+FFFD for what is no UTF-8.
func appendString(dst []byte, s string) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a text has no value that JSON lacks
	}
	return append(dst, bytes.TrimSuffix(text.Bytes(), []byte{'\n'})...)
}

func appendHex(dst, b []byte) []byte {
	return append(hex.AppendEncode(append(dst, `{"hex":"`...), b), `"}`...)
}

func appendLabel(dst []byte, i int, label string) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return append(appendString(dst, label), ':')
}

func appendRest(dst []byte, i int, rest []byte) []byte {
	return append(appendHex(appendLabel(dst, i, "rest"), rest), '}')
}

// fixed is a type of a fixed size, as fixedLayout describes it.
type fixed struct {
	kind        string // of a number or bool; "[" or "{"
	size, align int
	elem        *fixed // of an array
	n           int
	fields      []fixedField // of a struct
}

type fixedField struct {
	name string
	at   int
	of   fixed
}

var scalarSizes = map[string]int{"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "float32": 4,
	"int": 8, "int64": 8, "uint": 8, "uint64": 8, "float64": 8}

// parseFixed reads all of a layout that fixedLayout has written.
func parseFixed(layout string) (fixed, bool) {
	f, rest, ok := cutFixed(layout)
	return f, ok && rest == ""
}

// cutFixed reads the layout at the beginning of a text.
func cutFixed(text string) (f fixed, rest string, ok bool) {
	switch {
	case strings.HasPrefix(text, "["):
		count, after, found := strings.Cut(text[1:], "]")
		n, err := strconv.Atoi(count)
		if !found || err != nil || n < 0 {
			return fixed{}, "", false
		}
		elem, rest, ok := cutFixed(after)
		if !ok || n > math.MaxInt32/max(elem.size, 1) {
			return fixed{}, "", false
		}
		return fixed{kind: "[", size: n * elem.size, align: elem.align, elem: &elem, n: n}, rest, true
	case strings.HasPrefix(text, "{"):
		return cutStruct(text[1:])
	}
	end := strings.IndexAny(text, ";}")
	if end < 0 {
		end = len(text)
	}
	size, ok := scalarSizes[text[:end]]
	return fixed{kind: text[:end], size: size, align: size}, text[end:], ok
}

// cutStruct reads the layout of a struct behind its opening brace. Fields lie as Go lays them out: each at a multiple of its
// alignment, and the whole is a multiple of the largest.
func cutStruct(text string) (f fixed, rest string, ok bool) {
	f = fixed{kind: "{", align: 1}
	for !strings.HasPrefix(text, "}") {
		name, after, found := strings.Cut(text, " ")
		if !found {
			return fixed{}, "", false
		}
		of, rest, ok := cutFixed(after)
		if !ok || of.size > math.MaxInt32-f.size {
			return fixed{}, "", false
		}
		at := roundUp(f.size, of.align)
		f.fields = append(f.fields, fixedField{name, at, of})
		f.size, f.align = at+of.size, max(f.align, of.align)
		text = strings.TrimPrefix(rest, "; ")
	}
	f.size = roundUp(f.size, f.align)
	return f, text[1:], true
}

func roundUp(n, to int) int { return (n + to - 1) / max(to, 1) * max(to, 1) }

// append appends a value as JSON, of which b has at least size bytes.
func (f *fixed) append(dst, b []byte) []byte {
	switch f.kind {
	case "[":
		dst = append(dst, '[')
		for i := range f.n {
			if f.size == 0 {
				break // elements that take no bytes say nothing, and no block bounds how many there are
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = f.elem.append(dst, b[i*f.elem.size:])
		}
		return append(dst, ']')
	case "{":
		dst = append(dst, '{')
		for i, field := range f.fields {
			dst = appendLabel(dst, i, field.name)
			dst = field.of.append(dst, b[field.at:])
		}
		return append(dst, '}')
	}
	return f.scalar(dst, b)
}

func (f *fixed) scalar(dst, b []byte) []byte {
	var word [8]byte
	copy(word[:], b[:f.size])
	v := binary.LittleEndian.Uint64(word[:])
	switch {
	case f.kind == "bool":
		return strconv.AppendBool(dst, v != 0)
	case f.kind == "float32":
		return appendFloat(dst, float64(math.Float32frombits(uint32(v))), 32)
	case f.kind == "float64":
		return appendFloat(dst, math.Float64frombits(v), 64)
	case strings.HasPrefix(f.kind, "u"):
		return strconv.AppendUint(dst, v, 10)
	}
	unused := 64 - 8*f.size
	return strconv.AppendInt(dst, int64(v<<unused)>>unused, 10)
}

// appendFloat writes what JSON has no number for as a text.
func appendFloat(dst []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Appendf(dst, "%q", strconv.FormatFloat(v, 'g', -1, bits))
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}
