package message_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/snapshot"
)

var update = flag.Bool("update", false, "write the golden encodings anew; what was written by an earlier version may then not be read any more")

var (
	commands = []message.Command{message.Trigger{}, message.Resume{}, message.Assign{}, message.WatermarkBound{}, message.Follow{},
		message.Completed{}, message.NoMoreSplits{}}
	reports = []message.Report{message.Stopped{}, message.Running{}, message.SplitProgress{}, message.SplitIdle{}, message.SplitDone{},
		message.SplitWanted{}, message.Ended{}, message.Ack{}, message.Decline{}, message.Failed{}}
)

// TestEveryMessageIsTried finds messages as a reader of the package does: a new one is tried by the tests of this file, or they are
// told that it is not.
func TestEveryMessageIsTried(t *testing.T) {
	tried := func(all any) (names []string) {
		for i := range reflect.ValueOf(all).Len() {
			names = append(names, reflect.ValueOf(all).Index(i).Elem().Type().Name())
		}
		return names
	}
	declared := declaredMessages(t)
	for method, names := range map[string][]string{"command": tried(commands), "report": tried(reports)} {
		slices.Sort(names)
		if diff := cmp.Diff(declared[method], names); diff != "" || len(names) == 0 {
			t.Errorf("messages with a method %s that the tests do not try (-declared +tried):\n%s", method, diff)
		}
	}
}

// declaredMessages returns the types that have a method command or report, by method, sorted.
func declaredMessages(t *testing.T) map[string][]string {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	declared := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			method, ok := d.(*ast.FuncDecl)
			if !ok || method.Recv == nil {
				continue
			}
			of, ok := method.Recv.List[0].Type.(*ast.Ident)
			if !ok {
				continue // a pointer: messages are passed as values
			}
			declared[method.Name.Name] = append(declared[method.Name.Name], of.Name)
		}
	}
	for _, names := range declared {
		slices.Sort(names)
	}
	return declared
}

// filler makes values of any type that a message has, from numbers. It sets every field that it finds, so a field without an
// encoding is lost, and found.
type filler struct {
	next func() uint64
	full bool // nothing is left empty or false
}

// counting fills with ever different values, always the same.
func counting() *filler {
	n := uint64(0)
	return &filler{full: true, next: func() uint64 { n++; return n*7 + 6 }}
}

func random(r *rand.Rand) *filler { return &filler{next: r.Uint64} }

func (f *filler) fill(v reflect.Value) {
	switch to := v.Addr().Interface().(type) {
	case *message.Mode:
		*to = message.Mode(f.next() % 3)
		return
	case *fault.Class:
		*to = fault.Class(f.next() % 3)
		return
	case *snapshot.SubtaskState:
		defer func() { to.Index = int(f.next() % math.MaxInt32) }() // there, it is a count
	case *snapshot.GroupFile:
		*to = f.file()
		return
	case **snapshot.FencedError, **snapshot.CorruptError:
		if !f.full && f.next()%2 == 0 { // they are there, or not
			return
		}
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(f.full || f.next()%2 == 1)
	case reflect.Int: // an index
		v.SetInt(int64(int32(f.next())))
	case reflect.Int64:
		v.SetInt(f.integer())
	case reflect.Uint32, reflect.Uint8:
		v.SetUint(f.next() % (1 << v.Type().Bits()))
	case reflect.String:
		v.SetString(string(f.bytes()))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(f.bytes())
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), f.length(), 4))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	default:
		panic(fmt.Sprintf("no message had a %s before: say here how to make one", v.Type()))
	}
}

func (f *filler) integer() int64 {
	n := f.next()
	return []int64{int64(n), int64(n % 1000), -int64(n % 1000), 0, math.MinInt64, math.MaxInt64}[n>>32%6]
}

func (f *filler) length() int {
	n := int(f.next() % 4)
	if f.full {
		n = max(n, 1)
	}
	return n
}

func (f *filler) bytes() []byte {
	b := make([]byte, f.length())
	for i := range b {
		b[i] = byte(f.next())
	}
	return b
}

// file is a data file that a snapshot may name.
func (f *filler) file() snapshot.GroupFile {
	file := snapshot.GroupFile{Path: fmt.Sprintf("f%d", f.next()), Size: 1 << 40, CRC32C: uint32(f.next())}
	for range f.next() % 3 {
		file.Blocks = append(file.Blocks, snapshot.Block{
			Group: int(f.next() % 100), End: int(f.next()%2) * 200, State: string(f.bytes()),
			Offset: int64(100 + f.next()%100), Size: int64(f.next() % 100), CRC32C: uint32(f.next()), Watermark: f.integer(),
		})
	}
	return file
}

// order returns an order with a command like c, filled; event returns an event.
func (f *filler) order(c message.Command) (o message.Order) {
	f.fill(reflect.ValueOf(&o.Execution).Elem())
	f.fill(reflect.ValueOf(&o.To).Elem())
	v := reflect.New(reflect.TypeOf(c)).Elem()
	f.fill(v)
	o.Command = v.Interface().(message.Command)
	return o
}

func (f *filler) event(r message.Report) (e message.Event) {
	f.fill(reflect.ValueOf(&e.Execution).Elem())
	v := reflect.New(reflect.TypeOf(r)).Elem()
	f.fill(v)
	e.Report = v.Interface().(message.Report)
	return e
}

func (f *filler) metrics() (m []message.Metrics) {
	f.fill(reflect.ValueOf(&m).Elem())
	return m
}

// same compares messages. What is empty may come back as nil: no message tells the two apart.
func same(want, got any) string { return cmp.Diff(want, got, cmpopts.EquateEmpty()) }

func TestWhatIsReadIsWhatWasWritten(t *testing.T) {
	seed := rand.Uint64()
	f := random(rand.New(rand.NewPCG(seed, 0)))
	for range 200 {
		for _, c := range commands {
			for _, o := range []message.Order{f.order(c), {Command: c}} {
				got, err := message.DecodeOrder(o.Append(nil))
				if diff := same(o, got); err != nil || diff != "" {
					t.Fatalf("seed %d, %T: %v\n%s", seed, c, err, diff)
				}
			}
		}
		for _, r := range reports {
			for _, e := range []message.Event{f.event(r), {Report: r}} {
				got, err := message.DecodeEvent(e.Append([]byte("before"))[len("before"):])
				if diff := same(e, got); err != nil || diff != "" {
					t.Fatalf("seed %d, %T: %v\n%s", seed, r, err, diff)
				}
			}
		}
		m := f.metrics()
		got, err := message.DecodeMetrics(message.AppendMetrics(nil, m))
		if diff := same(m, got); err != nil || diff != "" {
			t.Fatalf("seed %d, metrics: %v\n%s", seed, err, diff)
		}
	}
}

// TestTheEncodingIsTheOneOfItsVersion holds every encoding against the one that was written before.
func TestTheEncodingIsTheOneOfItsVersion(t *testing.T) {
	var b bytes.Buffer
	line := func(of any, encoding []byte) {
		fmt.Fprintf(&b, "%s %s\n", reflect.TypeOf(of).Name(), hex.EncodeToString(encoding))
	}
	for _, c := range commands {
		line(c, counting().order(c).Append(nil))
	}
	for _, r := range reports {
		line(r, counting().event(r).Append(nil))
	}
	line(message.Metrics{}, message.AppendMetrics(nil, counting().metrics()))
	golden := fmt.Sprintf("testdata/version-%d.txt", message.Version)
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("what is written differs from what version %d writes (-want +got): a change needs another version:\n%s", message.Version, diff)
	}
}

func TestAMalformedMessageIsRefused(t *testing.T) {
	order := message.Order{Execution: message.Execution{Attempt: 3}, To: message.Subtask{Task: "t"}, Command: message.Trigger{ID: 7, Mode: message.Drain}}.Append(nil)
	with := func(more ...byte) []byte { return append(slices.Clone(order), more...) }
	for name, c := range map[string]struct {
		order []byte
		want  string
	}{
		"nothing":                       {nil, "an order is malformed: it is empty"},
		"another version":               {append([]byte{9}, order[1:]...), "it is of version 9, and this process knows version 1"},
		"an unknown kind":               {[]byte{1, 3 << 3, 9 << 1}, "its kind is 9, which version 1 does not have"},
		"no kind":                       {[]byte{1}, "its kind is 0"},
		"an unknown field":              {with(9<<3, 1), "field 9 is unknown or out of place"},
		"a field twice":                 {with(3<<3, 2), "field 3 is unknown or out of place"},
		"a field of another type":       {[]byte{1, 3<<3 | 2, 0}, "field 3 is of type 2, not 0"},
		"a mode that is none":           {[]byte{1, 3 << 3, 1 << 1, 4<<3 | 2, 2, 2 << 3, 3 << 1}, "field 2 is 3, which is not within 0 and 2"},
		"an unknown field of a command": {[]byte{1, 3 << 3, 2 << 1, 4<<3 | 2, 2, 1 << 3, 2}, "in field 4: field 1 is unknown"},
		"no command":                    {[]byte{1, 3 << 3, 2 << 1}, "field 4 is missing"},
		"a length beyond the end":       {[]byte{1, 1<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x7f}, "field 1: unexpected EOF"},
		"an index of more than 32 bits": {[]byte{1, 2<<3 | 2, 6, 2 << 3, 0x80, 0x80, 0x80, 0x80, 0x20}, "in field 2: field 2 is 4294967296"},
	} {
		o, err := message.DecodeOrder(c.order)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: it is read as %+v, %v; want the error %q", name, o, err, c.want)
		}
	}
	event := message.Event{Report: message.Ack{Checkpoint: 4, States: []message.OperatorState{{UID: "u", State: snapshot.SubtaskState{
		Files: []snapshot.GroupFile{{Path: "../../elsewhere"}}}}}}}.Append(nil)
	_, err := message.DecodeEvent(event)
	var corrupt *snapshot.CorruptError
	if err == nil || !strings.Contains(err.Error(), "is not beside its snapshot") || cmp.Equal(err, corrupt) {
		t.Errorf("a file outside of the snapshot: %v", err)
	}
	for i := 1; i < len(event); i++ {
		if e, err := message.DecodeEvent(event[:i]); err == nil {
			t.Errorf("cut off at %d it is read as %+v", i, e)
		}
	}
	if m, err := message.DecodeMetrics([]byte{1, 2 << 3, 2}); err == nil {
		t.Errorf("metrics with an unknown field are read as %+v", m)
	}
}

type unknownCommand struct{ message.Command }

func TestAMessageWithoutAnEncodingIsAMistake(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it is written")
		}
	}()
	message.Order{Command: unknownCommand{}}.Append(nil)
}

func TestWhatIsReadKeepsNothingOfTheBytes(t *testing.T) {
	a := message.Assign{Split: connector.Split{ID: "id", Chain: "chain", Spec: []byte("spec")}, Position: []byte("position")}
	want := message.Order{Command: a}
	b := want.Append(nil)
	got, err := message.DecodeOrder(b)
	clear(b)
	if diff := same(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func FuzzDecodeOrder(f *testing.F) {
	for _, c := range commands {
		f.Add(counting().order(c).Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := message.DecodeOrder(b)
		if err != nil {
			return
		}
		again, err := message.DecodeOrder(read.Append(nil))
		if diff := same(read, again); err != nil || diff != "" {
			t.Errorf("written and read again it differs (-want +got):\n%s%v", diff, err)
		}
	})
}

func FuzzDecodeEvent(f *testing.F) {
	for _, r := range reports {
		f.Add(counting().event(r).Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := message.DecodeEvent(b)
		if err != nil {
			return
		}
		again, err := message.DecodeEvent(read.Append(nil))
		if diff := same(read, again); err != nil || diff != "" {
			t.Errorf("written and read again it differs (-want +got):\n%s%v", diff, err)
		}
	})
}
