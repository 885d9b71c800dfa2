package stream_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/connector/print"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
)

// testdata/cells holds state of a time when timers were cells of windows, testdata/timers of one when they are a kind of state: a job's
// folder with incremental checkpoints, and the savepoint made of the last of them. lines.txt is what was printed until then. All was
// written by this program, tickers, which was interrupted when it had read as many rows as earlierPieces says, one after the other,
// at parallelism 2.
var earlier = []string{"testdata/cells", "testdata/timers"}

// earlierWindows is the same of the program windowsOfTicks, from when windows were new.
const earlierWindows = "testdata/windows"

var earlierPieces = []int{220, 330, 341}

// tick is a row of tickers.
type tick struct {
	Key int32
	N   int32
	At  int64
}

func ticks() (rows []tick) {
	for i := range int32(600) {
		rows = append(rows, tick{Key: i * 7 % 37, N: i, At: int64(i) * 10})
	}
	return rows
}

// tickers has every operator that sets timers.
func tickers(t *testing.T, tap *enginetest.Tap[tick], out *bytes.Buffer) *stream.Graph {
	t.Helper()
	j := stream.New()
	in := stream.FromEvents(j, "ticks", tap, func(r *tick) int64 { return r.At }, 1)
	byKey := stream.KeyBy(in, func(r *tick) int32 { return r.Key })
	const per = 1000
	alarm := func(name string) func(s *stream.Setup) stream.Functions[tick, string] {
		return func(s *stream.Setup) stream.Functions[tick, string] {
			fired := stream.ValueState[int64](s, "fired")
			key := stream.EncodedState(s, "key", stream.Text[string]())
			return stream.Functions[tick, string]{
				Row: func(c *stream.Context[string], r *tick) error {
					key.Put(c, fmt.Sprint(r.Key))
					c.Timer(r.At/per*per + 2*per)
					c.Timer(r.At + 1500)
					return nil
				},
				OnTimer: func(c *stream.Context[string], ms int64) error {
					*fired.Ref(c)++
					k, _ := key.Get(c)
					c.Emit(fmt.Sprintf("%s: %d of %s at %d", name, *fired.Ref(c), k, ms))
					return nil
				},
			}
		}
	}
	even := stream.KeyBy(stream.Filter(in, func(r *tick) bool { return r.N%2 == 0 }), func(r *tick) int32 { return r.Key })
	odd := stream.KeyBy(stream.Filter(in, func(r *tick) bool { return r.N%2 == 1 }), func(r *tick) int32 { return r.Key })
	pairs := stream.IntervalJoin(even, odd, "pairs", stream.Interval{Lower: -400, Upper: 800}, stream.Fixed[tick](), stream.Fixed[tick](),
		func(a, b *tick, out *string) { *out = fmt.Sprintf("pair: %d and %d of %d", a.N, b.N, a.Key) })
	all := stream.Union("all", stream.Process(byKey, "alarms", alarm("alarm")), stream.ProcessInOrder(byKey, "turns", alarm("turn")), pairs)
	stream.To(all, "print", print.Rows(out, "", func(dst []byte, line *string) []byte { return append(dst, *line...) }))
	g := graphOf(t, j)
	return g
}

// program makes the graph of a job that prints lines.
type program func(t *testing.T, tap *enginetest.Tap[tick], out *bytes.Buffer) *stream.Graph

// runTickers reads the rows from one on up to another, and returns what is printed meanwhile and the last checkpoint.
func runTickers(t *testing.T, program program, cfg job.Config, from, rows int) (lines []string, checkpoint string) {
	t.Helper()
	all := ticks()
	tap := enginetest.NewTap(all, len(all))
	tap.Open(rows)
	var out bytes.Buffer
	g := program(t, tap, &out)
	interrupt, started, ended := make(chan struct{}), make(chan *job.Handle, 1), make(chan error, 1)
	var result job.Result
	go func() {
		var err error
		result, err = job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
		ended <- err
	}()
	if rows < len(all) {
		waitFor(t, <-started, func(o rest.Job) bool { return o.State == rest.Running && tap.Read() == rows-from })
		close(interrupt)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	lines = strings.Split(strings.TrimSpace(out.String()), "\n")
	for i := range lines {
		_, lines[i], _ = strings.Cut(lines[i], "+I") // there is the subtask before it
	}
	slices.Sort(lines)
	return lines, result.LastCheckpoint
}

// TestTimersOfEarlierSnapshotsFireAllTheSame however they are restored: as a savepoint, at any parallelism, or as the job's own
// checkpoints, whose runs hold them as changes.
func TestTimersOfEarlierSnapshotsFireAllTheSame(t *testing.T) {
	for _, folder := range earlier {
		t.Run(folder, func(t *testing.T) { goesOnFrom(t, tickers, folder) })
	}
}

func goesOnFrom(t *testing.T, program program, earlier string) {
	content, err := os.ReadFile(filepath.Join(earlier, "lines.txt"))
	if err != nil {
		t.Fatal(err)
	}
	before := strings.Split(strings.TrimSpace(string(content)), "\n")
	written := earlierPieces[len(earlierPieces)-1]
	want, _ := runTickers(t, program, config(t, 2), 0, len(ticks()))
	check := func(t *testing.T, after ...string) {
		t.Helper()
		got := append(slices.Clone(before), after...)
		slices.Sort(got)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	for _, parallelism := range []int{1, 2, 3, 7} {
		t.Run(fmt.Sprintf("savepoint at parallelism %d", parallelism), func(t *testing.T) {
			cfg := config(t, parallelism)
			saved, err := filepath.Glob(filepath.Join(earlier, "savepoint-*"))
			if err != nil || len(saved) != 1 {
				t.Fatal(saved, err)
			}
			cfg.Restore.Path = saved[0]
			after, _ := runTickers(t, program, cfg, written, len(ticks()))
			check(t, after...)
		})
	}
	for _, parallelism := range []int{2, 3} {
		t.Run(fmt.Sprintf("checkpoint at parallelism %d", parallelism), func(t *testing.T) {
			folder := t.TempDir()
			if err := os.CopyFS(folder, os.DirFS(filepath.Join(earlier, "chain"))); err != nil {
				t.Fatal(err)
			}
			cfg := earlierConfig(t, folder)
			cfg.Parallelism = parallelism
			first, _ := runTickers(t, program, cfg, written, 400)
			second, _ := runTickers(t, program, cfg, 400, len(ticks()))
			check(t, append(first, second...)...)
		})
	}
}

func earlierConfig(t *testing.T, folder string) job.Config {
	cfg := config(t, 2)
	cfg.Job, cfg.Storage, cfg.Interval = "tickers", folder, time.Hour
	return cfg
}

// windowsOfTicks has windows of every kind, with what each keeps.
func windowsOfTicks(t *testing.T, tap *enginetest.Tap[tick], out *bytes.Buffer) *stream.Graph {
	t.Helper()
	j := stream.New()
	in := stream.FromEvents(j, "ticks", tap, func(r *tick) int64 { return r.At }, 1)
	byKey := stream.KeyBy(in, func(r *tick) int32 { return r.Key })
	byTen := stream.KeyBy(stream.Filter(in, func(r *tick) bool { return r.N/20%3 != 0 }), func(r *tick) int32 { return r.Key % 10 })
	type acc struct{ First, Rows, Sum int64 }
	sums := func(kind string) stream.Aggregator[tick, acc, string] {
		return stream.Aggregator[tick, acc, string]{
			Add:   func(a acc, r *tick) acc { return acc{int64(r.Key), a.Rows + 1, a.Sum + int64(r.N)} },
			Merge: func(a, b acc) acc { return acc{b.First, a.Rows + b.Rows, a.Sum + b.Sum} },
			Result: func(c *stream.Context[string], w stream.TimeWindow, a acc) error {
				c.Emit(fmt.Sprintf("%s from %d to %d: %d rows, %d", kind, w.Start, w.End, a.Rows, a.Sum))
				return nil
			},
		}
	}
	tumbling := stream.Aggregate(stream.Window(byKey, stream.Tumbling(time.Second)).AllowedLateness(time.Second), "tumbling", stream.Fixed[acc](), sums("tumbling"))
	sliding := stream.Aggregate(stream.Window(byKey, stream.Sliding(900*time.Millisecond, 300*time.Millisecond)), "sliding", stream.JSON[acc](), sums("sliding"))
	sessions := stream.Aggregate(stream.Window(byTen, stream.Session(150*time.Millisecond)), "sessions", stream.Fixed[acc](), sums("session"))
	all := stream.Apply(stream.Window(byTen, stream.Session(150*time.Millisecond)), "all", stream.Fixed[tick](),
		func(c *stream.Context[string], w stream.TimeWindow, rows iter.Seq[tick]) error {
			line := fmt.Sprintf("rows from %d to %d:", w.Start, w.End)
			for r := range rows {
				line += fmt.Sprint(" ", r.N)
			}
			c.Emit(line)
			return nil
		})
	global := stream.Map(stream.Reduce(stream.Window(byKey, stream.Global()).Trigger(stream.PurgingTrigger(stream.CountTrigger(5))), "global", stream.Fixed[tick](),
		func(a, b tick) tick { return tick{a.Key, a.N + b.N, b.At} }), func(r *tick, line *string) { *line = fmt.Sprintf("five of %d: %d", r.Key, r.N) })
	stream.To(stream.Union("union", tumbling, sliding, sessions, all, global), "print",
		print.Rows(out, "", func(dst []byte, line *string) []byte { return append(dst, *line...) }))
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestWindowsOfEarlierSnapshotsGoOn with what they held.
func TestWindowsOfEarlierSnapshotsGoOn(t *testing.T) { goesOnFrom(t, windowsOfTicks, earlierWindows) }

// TestTheSavepointOfACheckpointStaysTheSameBytes in every version of the engine: who holds the sum of one can make it again.
func TestTheSavepointOfACheckpointStaysTheSameBytes(t *testing.T) {
	for dir, want := range map[string]string{
		"testdata/cells":   "4db10def14915ee53f64378473ea55568c8520a8a9055fe68f85a33539983672",
		"testdata/timers":  "d0ab59c91df6cc8592f8b7889d87d5804b17eaa631b1288138c75238dfcfca22",
		"testdata/windows": "a961b0322718640df96d0692c90d9958524c52220748621dc00021439e748962",
	} {
		path, err := job.Savepoint(t.Context(), job.SavepointOf{Checkpoint: filepath.Join(dir, "chain/tickers/chk-3"), Target: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		folder := os.DirFS(strings.TrimPrefix(path, "file://"))
		sum, files := sha256.New(), 0
		err = fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := fs.ReadFile(folder, name)
			sum.Write(fmt.Appendf(nil, "%s %d\n%s", name, len(content), content))
			files++
			return err
		})
		if got := hex.EncodeToString(sum.Sum(nil)); err != nil || got != want || files < 2 {
			t.Errorf("%s: the sum of %d files is %s, want %s; %v", dir, files, got, want, err)
		}
	}
}
