package stateview_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/sql"
	"github.com/weirstream/weir/engine/stateview"
	"github.com/weirstream/weir/engine/stream"
)

// interrupted runs a job until a fact is true of it, and returns its last checkpoint.
func interrupted(t *testing.T, g *stream.Graph, storage string, parallelism int, fact func(rest.Job) bool) *snapshot.Snapshot {
	t.Helper()
	interrupt, started, ended := make(chan struct{}), make(chan *job.Handle, 1), make(chan error, 1)
	var result job.Result
	go func() {
		var err error
		result, err = job.Run(t.Context(), job.Config{
			Job: "looked-at", Owner: "test", Storage: storage, MaxParallelism: 16,
			Settings: job.Settings{
				Parallelism: parallelism, Interval: time.Hour, Timeout: time.Minute, Retained: 5,
				Restart: job.Restart{InitialDelay: time.Millisecond, MaxDelay: time.Second, ResetAfter: time.Hour},
			},
		}, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
		ended <- err
	}()
	j := <-started
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(time.Millisecond); !fact(j.Overview()); {
		select {
		case <-tick.C:
		case err := <-ended:
			t.Fatalf("the job has ended: %v", err)
		case <-ctx.Done():
			t.Fatalf("the job stays at %+v", j.Overview())
		}
	}
	close(interrupt)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.OpenSnapshot(t.Context(), result.LastCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// export returns the entries as lines without their key group.
func export(t *testing.T, s *snapshot.Snapshot, want stateview.Filter) (lines []string) {
	t.Helper()
	err := stateview.Each(t.Context(), s, want, func(e stateview.Entry) error {
		lines = append(lines, line(t, e))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func line(t *testing.T, e stateview.Entry) string {
	t.Helper()
	for _, text := range []json.RawMessage{e.Key, e.Value} {
		if !json.Valid(text) {
			t.Errorf("%s is no JSON", text)
		}
	}
	out := e.State + " " + string(e.Key)
	if e.Window != nil {
		out += " @" + string(e.Window)
	}
	if e.Name != nil {
		out += " ." + string(e.Name)
	}
	return out + " " + string(e.Value)
}

const grouped = `CREATE TABLE t (k STRING, b BOOLEAN, i INT, n BIGINT, d DOUBLE, day DATE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json', 'source.monitor-interval' = '1 h');
CREATE TABLE o (w TIMESTAMP(3), k STRING, b BOOLEAN, i INT, d DOUBLE, day DATE, ts TIMESTAMP(3), c BIGINT, s INT, m BIGINT, x DOUBLE, a BIGINT, y TIMESTAMP(3), z DATE)
  WITH ('connector' = 'blackhole');
INSERT INTO o SELECT window_start, k, b, i, d, day, ts, COUNT(*), SUM(i), MIN(n), MAX(d), AVG(n), MAX(ts), MIN(day)
  FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end, k, b, i, d, day, ts;
`

func TestTheGroupsOfAQueryAreShownByTheNamesOfItsText(t *testing.T) {
	dir := t.TempDir()
	rows := `{"k":"a\"b","b":true,"i":-7,"n":5,"d":0.5,"day":"2024-02-29","ts":"2024-03-01 10:20:30.125"}
{"k":"a\"b","b":true,"i":-7,"n":9007199254740993,"d":0.5,"day":"2024-02-29","ts":"2024-03-01 10:20:30.125"}
{"ts":"2024-03-01 10:20:31"}
`
	if err := os.WriteFile(filepath.Join(dir, "rows.jsonl"), []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	g, err := sql.Compile(fmt.Sprintf(grouped, dir), "job.sql", registry.New(registry.Environment{Now: time.Now}))
	if err != nil {
		t.Fatal(err)
	}
	s := interrupted(t, g, t.TempDir(), 2, func(o rest.Job) bool { return o.RecordsIn == 3 && o.State == rest.Running })
	want := []string{
		`groups {"k":null,"b":null,"i":null,"d":null,"day":null,"ts":"2024-03-01 10:20:31"} @"2024-03-01 10:00:00" ` +
			`{"COUNT(*)":1,"SUM(i INT)":null,"MIN(n BIGINT)":null,"MAX(d DOUBLE)":null,"AVG(n BIGINT)":null,"MAX(ts TIMESTAMP(3))":"2024-03-01 10:20:31","MIN(day DATE)":null}`,
		`groups {"k":"a\"b","b":true,"i":-7,"d":0.5,"day":"2024-02-29","ts":"2024-03-01 10:20:30.125"} @"2024-03-01 10:00:00" ` +
			`{"COUNT(*)":2,"SUM(i INT)":-14,"MIN(n BIGINT)":5,"MAX(d DOUBLE)":0.5,"AVG(n BIGINT)":4503599627370499,"MAX(ts TIMESTAMP(3))":"2024-03-01 10:20:30.125","MIN(day DATE)":"2024-02-29"}`,
	}
	got := export(t, s, stateview.Filter{})
	if diff := gocmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := export(t, s, stateview.Filter{Key: `[ "a\"b", true, -7, 0.5, "2024-02-29", "2024-03-01 10:20:30.125" ]`}); len(got) != 1 || got[0] != want[1] {
		t.Errorf("by the columns of a key: %q", got)
	}
	if got := export(t, s, stateview.Filter{Key: `a"b`}); len(got) != 0 {
		t.Errorf("by one column of several: %q", got)
	}
}

func sorted(lines []string) map[string]int {
	out := map[string]int{}
	for _, l := range lines {
		out[l]++
	}
	return out
}

// fact is a row, and a value of a fixed size of every kind.
type fact struct {
	Key   string
	Small int8
	Flag  bool
	Pair  [2]int16
	Big   uint64
	Ratio float32
	At    int64
}

type kept struct {
	Small int8
	Flag  bool
	Pair  [2]int16
	Big   uint64
	Ratio float32
	Inner struct {
		A uint8
		B float64
	}
}

func keeping(s *stream.Setup) stream.Functions[fact, fact] {
	cell := stream.ValueState[kept](s, "cell")
	whole := stream.EncodedState(s, "whole", stream.JSON[map[string]int64]())
	list := stream.ListState(s, "list", stream.Text[string]())
	byNumber := stream.MapState(s, "by-number", stream.Integer[int64](), stream.Fixed[kept]())
	own := stream.EncodedState(s, "own", stream.Serializer[string]{
		Layout: "mine",
		Append: func(dst []byte, v string) ([]byte, error) { return append(dst, v...), nil },
		Decode: func(b []byte) (string, error) { return string(b), nil },
	})
	return stream.Functions[fact, fact]{
		Row: func(c *stream.Context[fact], f *fact) error {
			k := cell.Ref(c)
			k.Small, k.Flag, k.Pair, k.Big, k.Ratio, k.Inner.A, k.Inner.B = f.Small, f.Flag, f.Pair, f.Big, f.Ratio, 200, -0.25
			whole.Put(c, map[string]int64{f.Key: f.At})
			list.Add(c, f.Key)
			list.Add(c, "<>")
			byNumber.Put(c, int64(f.Small), *k)
			own.Put(c, "\xff\x00")
			c.Timer(1 << 40)
			return nil
		},
		OnTimer: func(*stream.Context[fact], int64) error { return nil },
	}
}

func TestTheStatesOfAProgramAreShownByTheirLayouts(t *testing.T) {
	facts := []fact{
		{"a", -3, true, [2]int16{-1, 300}, 1 << 63, 1.5, 77}, {"b\n", 4, false, [2]int16{}, 2, -0.125, 78}, {"never read", 0, false, [2]int16{}, 0, 0, 0},
	}
	graph := func(tap *enginetest.Tap[fact]) *stream.Graph {
		j := stream.New()
		in := stream.FromEvents(j, "facts", tap, func(f *fact) int64 { return f.At }, 0)
		stream.To(stream.Process(stream.KeyBy(in, func(f *fact) string { return f.Key }), "kept", keeping), "out", enginetest.NewLedger[fact]())
		g, err := j.Graph()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	tap, storage := enginetest.NewTap(facts, len(facts)), t.TempDir()
	tap.Open(2)
	s := interrupted(t, graph(tap), storage, 2, func(o rest.Job) bool { return tap.Read() == 2 && o.State == rest.Running })
	a := `{"Small":-3,"Flag":true,"Pair":[-1,300],"Big":9223372036854775808,"Ratio":1.5,"Inner":{"A":200,"B":-0.25}}`
	b := `{"Small":4,"Flag":false,"Pair":[0,0],"Big":2,"Ratio":-0.125,"Inner":{"A":200,"B":-0.25}}`
	want := []string{
		`cell "a" ` + a, `cell "b\n" ` + b,
		`whole "a" {"a":77}`, `whole "b\n" {"b\n":78}`,
		`list "a" .0 "a"`, `list "a" .1 "<>"`, `list "b\n" .0 "b\n"`, `list "b\n" .1 "<>"`,
		`by-number "a" .-3 ` + a, `by-number "b\n" .4 ` + b,
		`own "a" {"hex":"ff00"}`, `own "b\n" {"hex":"ff00"}`,
		`timers "a" @1099511627776 null`, `timers "b\n" @1099511627776 null`,
	}
	if diff := gocmp.Diff(sorted(want), sorted(export(t, s, stateview.Filter{}))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := export(t, s, stateview.Filter{UID: "kept", State: "list", Key: "a"}); len(got) != 2 || got[0] != want[4] || got[1] != want[5] {
		t.Errorf("the list of a key: %q", got)
	}
	for filter, remedy := range map[stateview.Filter]string{
		{UID: "other"}: "no operator other with state", {State: "other"}: "no state other", {UID: "kept", State: "other"}: "no state other of operator kept",
	} {
		err := stateview.Each(t.Context(), s, filter, func(stateview.Entry) error { return nil })
		if err == nil || !strings.Contains(err.Error(), remedy+"; choose one of: cell of kept, ") {
			t.Errorf("%+v: %v", filter, err)
		}
	}
	diffOf(t, graph, s, storage, want)
}

// diffOf compares a snapshot with one of the same job after some more rows.
func diffOf(t *testing.T, graph func(*enginetest.Tap[fact]) *stream.Graph, before *snapshot.Snapshot, storage string, all []string) {
	more := []fact{{"a", -3, true, [2]int16{-1, 300}, 1 << 63, 1.5, 77}, {"b\n", 4, false, [2]int16{}, 2, -0.125, 78}, {"a", -3, true, [2]int16{-1, 300}, 5, 1.5, 79}, {}}
	tap := enginetest.NewTap(more, len(more))
	tap.Open(3)
	after := interrupted(t, graph(tap), storage, 1, func(o rest.Job) bool { return tap.Read() == 1 && o.State == rest.Running })
	var got []string
	counts, err := stateview.Diff(t.Context(), before, after, stateview.Filter{}, func(c stateview.Change) error {
		text := c.Change + " " + line(t, c.Entry)
		if c.Before != nil {
			text += " was " + string(c.Before)
		}
		got = append(got, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	old := `{"Small":-3,"Flag":true,"Pair":[-1,300],"Big":9223372036854775808,"Ratio":1.5,"Inner":{"A":200,"B":-0.25}}`
	now := strings.ReplaceAll(old, "9223372036854775808", "5")
	want := []string{
		`changed cell "a" ` + now + " was " + old, `changed by-number "a" .-3 ` + now + " was " + old, `changed whole "a" {"a":79} was {"a":77}`,
		`added list "a" .2 "a"`, `added list "a" .3 "<>"`,
	}
	if diff := gocmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	total := stateview.Count{}
	for _, c := range counts {
		total.Equal, total.Added, total.Removed, total.Changed = total.Equal+c.Equal, total.Added+c.Added, total.Removed+c.Removed, total.Changed+c.Changed
	}
	if wantTotal := (stateview.Count{Equal: int64(len(all)) - 3, Added: 2, Changed: 3}); total != wantTotal {
		t.Errorf("counted %+v, want %+v", total, wantTotal)
	}
	removed := 0
	if _, err := stateview.Diff(t.Context(), after, before, stateview.Filter{State: "list", Key: "a"}, func(c stateview.Change) error {
		if c.Change == "removed" {
			removed++
		}
		return nil
	}); err != nil || removed != 2 {
		t.Errorf("the other way round %d were removed, %v", removed, err)
	}
}

func TestDamagedStateIsNamedAndNotShown(t *testing.T) {
	facts := []fact{{Key: "a"}, {Key: "b"}}
	tap, storage := enginetest.NewTap(facts, 2), t.TempDir()
	tap.Open(1)
	j := stream.New()
	in := stream.From[fact](j, "facts", tap)
	stream.To(stream.Process(stream.KeyBy(in, func(f *fact) string { return f.Key }), "kept", keeping), "out", enginetest.NewLedger[fact]())
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	s := interrupted(t, g, storage, 1, func(o rest.Job) bool { return tap.Read() == 1 && o.State == rest.Running })
	files := s.Metadata.Files()
	if len(files) != 1 {
		t.Fatalf("%d files", len(files))
	}
	path := filepath.Join(storage, "looked-at", fmt.Sprintf("chk-%d", s.Metadata.ID), files[0].Path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[bytes.LastIndex(content, []byte("a"))] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	err = stateview.Each(t.Context(), s, stateview.Filter{}, func(stateview.Entry) error { return nil })
	var damage *snapshot.CorruptError
	if !errors.As(err, &damage) || !strings.Contains(damage.Object, strings.TrimPrefix(files[0].Path, "..")) {
		t.Errorf("got %v", err)
	}
}

// TestTimersOfOldAreComparedWithThoseOfToday whose state is of another kind: of one program, after the same rows, nothing differs.
func TestTimersOfOldAreComparedWithThoseOfToday(t *testing.T) {
	var snaps []*snapshot.Snapshot
	for _, folder := range []string{"cells", "timers"} {
		s, err := snapshot.OpenSnapshot(t.Context(), filepath.Join("..", "stream", "testdata", folder, "savepoint-tickers-earlier"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		snaps = append(snaps, s)
	}
	counts, err := stateview.Diff(t.Context(), snaps[0], snaps[1], stateview.Filter{State: "timers"}, func(c stateview.Change) error {
		t.Errorf("%s: %s", c.Change, line(t, c.Entry))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counts {
		if c.Equal == 0 {
			t.Errorf("no timers of %s were compared", c.UID)
		}
	}
	if len(counts) != 3 {
		t.Errorf("the timers of %d operators were compared, want 3", len(counts))
	}
	if a, b := export(t, snaps[0], stateview.Filter{State: "timers"}), export(t, snaps[1], stateview.Filter{State: "timers"}); !gocmp.Equal(a, b) {
		t.Errorf("they are shown otherwise: %s", gocmp.Diff(a, b))
	}
}

func TestWhatExpiresIsShownWithTheTimeAtWhichItWasWritten(t *testing.T) {
	rows := []fact{{Key: "a", Small: 1, At: 77}, {Key: "b", At: 78}, {Key: "never read"}}
	j := stream.New()
	tap := enginetest.NewTap(rows, len(rows))
	in := stream.FromEvents(j, "facts", tap, func(f *fact) int64 { return f.At }, 0)
	stream.To(stream.Process(stream.KeyBy(in, func(f *fact) string { return f.Key }), "kept", func(s *stream.Setup) stream.Functions[fact, fact] {
		ttl := stream.TTL(time.Hour).EventTime()
		small := stream.ValueState[int8](s, "small", ttl)
		items := stream.MapState(s, "items", stream.Text[string](), stream.Integer[int8](), ttl)
		return stream.Functions[fact, fact]{Row: func(c *stream.Context[fact], f *fact) error {
			if f.Small > 0 { // the cell of the other key is there, but nobody has written it
				*small.Ref(c) = f.Small
			}
			items.Put(c, "item", f.Small)
			return nil
		}}
	}), "out", enginetest.NewLedger[fact]())
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	tap.Open(2)
	s := interrupted(t, g, t.TempDir(), 1, func(o rest.Job) bool { return tap.Read() == 2 && o.State == rest.Running })
	var got []string
	if err := stateview.Each(t.Context(), s, stateview.Filter{}, func(e stateview.Entry) error {
		got = append(got, fmt.Sprintf("%s %d", line(t, e), *e.Written))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{`small "a" 1 77`, `items "a" ."item" 1 77`, `items "b" ."item" 0 78`}
	if diff := gocmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheStatesOfSubtasksAreShownByTheirLayouts(t *testing.T) {
	rows := []fact{{Key: "a", Small: 1}, {Key: "b", Small: 2}, {Key: "never read"}}
	j := stream.New()
	tap := enginetest.NewTap(rows, len(rows))
	in := stream.From[fact](j, "facts", tap)
	stream.To(stream.BroadcastProcess(stream.KeyBy(in, func(f *fact) string { return f.Key }), in, "kept", func(s *stream.Setup) stream.BroadcastFunctions[fact, fact, fact] {
		all := stream.BroadcastState(s, "all", stream.Text[string](), stream.Integer[int8]())
		own := stream.OperatorListState(s, "own", stream.Text[string](), stream.SplitRedistribution)
		return stream.BroadcastFunctions[fact, fact, fact]{
			Row: func(*stream.Context[fact], *fact) error { return nil },
			Broadcast: func(c *stream.BroadcastContext[fact], f *fact) error {
				all.Put(c, f.Key, f.Small)
				own.Add(c, f.Key)
				return nil
			},
		}
	}), "out", enginetest.NewLedger[fact]())
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	tap.Open(2)
	s := interrupted(t, g, t.TempDir(), 2, func(o rest.Job) bool { return tap.Read() == 2 && o.State == rest.Running })
	var got []string
	if err := stateview.Each(t.Context(), s, stateview.Filter{}, func(e stateview.Entry) error {
		got = append(got, fmt.Sprintf("%d %s", *e.Subtask, line(t, e)))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 2 {
		want = append(want, fmt.Sprintf(`%d all null ."a" 1`, i), fmt.Sprintf(`%d all null ."b" 2`, i), fmt.Sprintf(`%d own null "a"`, i), fmt.Sprintf(`%d own null "b"`, i))
	}
	if diff := gocmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	counts, err := stateview.Diff(t.Context(), s, s, stateview.Filter{}, func(c stateview.Change) error {
		t.Errorf("%+v differs", c)
		return nil
	})
	if err != nil || len(counts) != 2 || counts[0].Equal != 4 || counts[1].Equal != 4 {
		t.Errorf("a snapshot and itself: %+v, %v", counts, err)
	}
}
