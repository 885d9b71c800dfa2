package job

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/connector/blackhole"
	"github.com/weirstream/weir/engine/connector/datagen"
	"github.com/weirstream/weir/engine/connector/print"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/clitest"
	"github.com/weirstream/weir/manifest"
)

type number struct{ Value int64 }

// counts is a program that counts numbers by their last digit. Its arguments say what is otherwise with it.
func counts(w io.Writer, calls *int) func(*Program) error {
	return func(p *Program) error {
		*calls++
		f := flag.NewFlagSet("counts", flag.ContinueOnError)
		f.SetOutput(io.Discard)
		n, key, trouble := f.Int64("n", 100, ""), f.Int64("key", 10, ""), f.String("trouble", "", "")
		if err := f.Parse(p.Args); err != nil {
			return err
		}
		switch *trouble {
		case "panic":
			m := map[string][]int{}
			m["x"][0] = 1
		case "uid":
			stream.From[number](p.Job, "numbers", datagen.Func(1, func(int64, *number) {}))
			stream.From[number](p.Job, "numbers", datagen.Func(1, func(int64, *number) {}))
		case "away":
			return fault.AsTransient(errors.New("the registry of schemas is away"))
		case "interval":
			p.Set("spec.checkpoint.timeout", "soon")
		case "field":
			p.Set("spec.checkpoint.intervall", "1s")
		case "restore":
			p.Set("spec.restore.path", "s3://b/old")
		}
		p.Checkpoint(Checkpoint{Interval: time.Hour})
		p.Parallelism(2)
		numbers := stream.From[number](p.Job, "numbers", datagen.Func(*n, func(i int64, row *number) { row.Value = i }))
		byDigit := stream.KeyBy(numbers, func(r *number) int64 { return r.Value % *key })
		if *key == 0 {
			byDigit = stream.Keyed[int64, number](stream.KeyBy(numbers, func(r *number) int64 { return 0 }))
		}
		out := stream.Process(byDigit, "count", func(s *stream.Setup) stream.Functions[number, number] {
			count := stream.ValueState[int64](s, fmt.Sprintf("n%d", *key))
			return stream.Functions[number, number]{Row: func(c *stream.Context[number], r *number) error {
				*count.Ref(c)++
				c.Emit(number{*count.Ref(c)})
				return nil
			}}
		})
		if w == nil {
			stream.To(out, "out", blackhole.New())
			return nil
		}
		last := stream.Filter(out, func(r *number) bool { return r.Value == *n / *key })
		stream.To(last, "out", print.Rows(w, "", func(dst []byte, r *number) []byte { return fmt.Appendf(dst, "%d", r.Value) }))
		return nil
	}
}

// process runs commands of the program counts, in a folder of the test's own.
func process(t *testing.T) (*clitest.Process, *int) {
	p, calls := clitest.New(t), new(int)
	p.Root = func(c *cli.Process) *cobra.Command { return command(c, "counts", counts(p.Stdout, calls)) }
	return p, calls
}

func TestAProgramRunsItsJobWithoutAnythingElse(t *testing.T) {
	p, calls := process(t)
	if code := p.Run("run"); code != 0 || strings.Count(p.Stdout.String(), "+I[10]\n") != 10 {
		t.Fatalf("exit code %d, it printed %q\n%s", code, p.Stdout, p.Stderr)
	}
	if *calls != 1 {
		t.Errorf("the job was described %d times in one process", *calls)
	}
	if _, err := os.Stat(".weir/checkpoints/counts/attempts/1"); err != nil {
		t.Errorf("the job is not named after the program: %v", err)
	}
	if !strings.Contains(p.Stderr.String(), "parallelism=2") {
		t.Errorf("what the code says of the job does not count\n%s", p.Stderr)
	}
}

func TestAProgramIsGivenItsOwnArguments(t *testing.T) {
	for _, c := range []struct {
		name, spec string
		args       []string
		want       string
	}{
		{"behind two dashes", "", []string{"--", "-n=50"}, "+I[5]"},
		{"those of the manifest", "{image: x, args: [-n=70]}", nil, "+I[7]"},
		{"over those of the manifest", "{image: x, args: [-n=70]}", []string{"--", "-n=50"}, "+I[5]"},
		{"none, over those of the manifest", "{image: x, args: [-n=70]}", []string{"--"}, "+I[10]"},
		{"one more by --set", "{image: x, args: [-n=70]}", []string{"--set", "spec.program.args=-n=20"}, "+I[2]"},
		{"without an image", "{args: [-n=70]}", nil, "+I[7]"},
		{"a manifest that says nothing of it", "null", nil, "+I[10]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := process(t)
			args := []string{"run"}
			if c.spec != "" {
				clitest.Write(t, "job.yaml", clitest.ProgramManifest+c.spec+"\n")
				args = append(args, "-f", "job.yaml")
			}
			if code := p.Run(append(args, c.args...)...); code != 0 || strings.Count(p.Stdout.String(), c.want+"\n") != 10 {
				t.Errorf("exit code %d, it printed %q\n%s", code, p.Stdout, p.Stderr)
			}
		})
	}
}

func TestWrongUseOfAProgramIsOneLineThatSaysWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no verb", nil, 2, "counts: no command is given; `counts --help` lists them"},
		{"a verb that weir has", []string{"operator"}, 2, "counts: there is no command \"operator\"; `counts --help` lists them"},
		{"a flag of its own without dashes", []string{"run", "--topic=x"}, 2, "counts: unknown flag: --topic; see `counts run --help`; what is the program's own stands behind --"},
		{"an argument of its own without dashes", []string{"run", "x"}, 2, `counts: "x" is no manifest; what is the program's own stands behind --: counts run -- x`},
		{"an argument that the program does not know", []string{"run", "--", "-topic"}, 2, "counts: flag provided but not defined: -topic"},
		{"a panic", []string{"run", "--", "-trouble=panic"}, 2, "counts: the program panics at job_test.go:42 while it describes its job: runtime error: index out of range [0] with length 0"},
		{"a uid twice", []string{"plan", "--", "-trouble=uid"}, 2, `counts: uid "numbers" is used twice; give one of the operators another`},
		{"trouble that may pass", []string{"run", "--", "-trouble=away"}, 1, "counts: the registry of schemas is away"},
		{"a setting of the code that is none", []string{"run", "--", "-trouble=interval"}, 2, `counts: job_test.go:49: spec.checkpoint.timeout: "soon" is not a duration; write a number with its unit, such as 500ms, 10s, 5m or 1h30m`},
		{"a field that is none", []string{"run", "--", "-trouble=field"}, 2, `counts: job_test.go:51: spec.checkpoint has no field "intervall"; did you mean interval?`},
		{"a field that is not the code's", []string{"run", "--", "-trouble=restore"}, 2, "counts: job_test.go:53: spec.restore.path: code cannot set it; write it into the manifest; code sets "},
		{"a manifest of SQL", []string{"run", "-f", "sql.yaml"}, 2, "counts: sql.yaml:7:8: spec.sql: it is SQL, and this is a program with a job of its own; remove it and write spec.program"},
		{"a manifest without an image", []string{"manifest"}, 2, "counts: spec.program.image: it is missing; name the image that the program is built into: --image"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := process(t)
			clitest.Write(t, "sql.yaml", clitest.ManifestOf+clitest.Indented(clitest.Printing))
			code := p.Run(c.args...)
			if got := p.Stderr.String(); code != c.code || !strings.HasPrefix(got, c.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("exit code %d, it said %q", code, got)
			}
		})
	}
}

func TestWeirSaysHowAProgramIsRun(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.yaml", clitest.ProgramManifest+"{image: x}\n")
	const want = "weir: job.yaml:5:12: spec.program: this is a program, which runs itself; build the program, and run it with this manifest"
	if code := p.Run("run", "-f", "job.yaml"); code != 2 || !strings.HasPrefix(p.Stderr.String(), want) {
		t.Errorf("exit code %d, it said %q", code, p.Stderr)
	}
}

func TestAChangedProgramIsComparedWithItsState(t *testing.T) {
	p, _ := process(t)
	if code := p.Run("run"); code != 0 {
		t.Fatal(p.Stderr)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"as it was", nil, 0, "kept  count"},
		{"with another state", []string{"--", "-key=5"}, 4, "refused  count"},
	} {
		t.Run(c.name, func(t *testing.T) {
			again := clitest.Join(p.Env)
			again.Root = p.Root
			if code := again.Run(append([]string{"plan"}, c.args...)...); code != c.code || !strings.Contains(again.Stdout.String(), c.want) {
				t.Errorf("exit code %d, it said\n%s%s", code, again.Stdout, again.Stderr)
			}
		})
	}
}

func TestTheManifestOfAProgramIsWhatItsCodeSays(t *testing.T) {
	p, _ := process(t)
	clitest.Write(t, "base.yaml", "apiVersion: weir.stream/v1alpha1\nkind: StreamJob\nmetadata: {name: digits, namespace: prod}\nspec:\n"+
		"  checkpoint: {retained: 7}\n")
	const want = `apiVersion: weir.stream/v1alpha1
kind: StreamJob
metadata:
  name: digits
  namespace: prod
spec:
  program:
    image: registry/counts:1
    args:
      - -n=5
      - ""
  parallelism: 2
  checkpoint:
    interval: 1h0m0s
    retained: 7
`
	if code := p.Run("manifest", "--image=registry/counts:1", "-f", "base.yaml", "--", "-n=5", ""); code != 0 || p.Stdout.String() != want {
		t.Errorf("exit code %d\n%s%s", code, p.Stdout, p.Stderr)
	}
}

func TestAPodRunsAProgram(t *testing.T) {
	p, calls := process(t)
	p.Root = func(c *cli.Process) *cobra.Command { return command(c, "program", counts(nil, calls)) }
	j, id := clitest.InPodOf(t, clitest.ProgramManifest+"{image: counts, args: [-n=1000000000]}\n  parallelism: 1\n")
	if code := p.Run(clitest.PodArgs("preflight", "--revision="+clitest.PodRevision(), "--owner="+clitest.PodOwner)...); code != 0 {
		t.Fatalf("exit code %d, last words %+v", code, clitest.Words(t))
	}
	joined := clitest.Join(p.Env)
	joined.Root = p.Root
	c := clitest.Coordinate(t, joined, id)
	op, err := c.Client.Activate(t.Context(), rest.ActivateRequest{ID: "first", Revision: clitest.PodRevision(), AllowEmpty: true, Settings: manifest.Settings(&j.Spec)})
	if op = c.Await(t, op, err); op.Attempt != 1 {
		t.Errorf("activated: %+v", op)
	}
	op, err = c.Client.Checkpoint(t.Context(), rest.CheckpointRequest{ID: "one"})
	if op = c.Await(t, op, err); !strings.Contains(op.Path, "/bucket/default.delays/chk-") {
		t.Errorf("a checkpoint at %q", op.Path)
	}
	if said := joined.Stderr.String(); !strings.Contains(said, "set in code, and the StreamJob as the operator resolved it says otherwise: spec.parallelism (job_test.go:") ||
		strings.Contains(said, "otherwise: spec.checkpoint.interval") {
		t.Errorf("it does not tell what of the code counts for nothing\n%s", said)
	}
	joined.Signals <- syscall.SIGTERM
	if code := c.Ended(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, joined.Stderr)
	}
}

func TestThePreflightOfAProgramLeavesItsResult(t *testing.T) {
	for _, c := range []struct {
		name, spec, program string
		permanent           bool
		want                string
	}{
		{"a panic", "{image: x, args: [-trouble=panic]}", "counts", true, "the program panics at job_test.go:42 while it describes its job"},
		{"trouble that may pass", "{image: x, args: [-trouble=away]}", "counts", false, "the registry of schemas is away"},
		{"a wrong argument", `{image: x, args: ["-n", "5 0"]}`, "counts", true, `invalid value "5 0" for flag -n`},
		{"the engine's image for a program's", "{image: weir}", "weir", true, "spec.program.image: the image is the engine's own, and no program"},
		{"a program's image for SQL", "", "counts", true, "spec.sql: it is SQL, and this is a program with a job of its own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := process(t)
			if c.program == "weir" {
				p.Root = nil
			}
			if c.spec == "" {
				clitest.InPod(t, clitest.Printing)
			} else {
				clitest.InPodOf(t, clitest.ProgramManifest+c.spec)
			}
			code := p.Run(clitest.PodArgs("preflight", "--revision="+clitest.PodRevision(), "--owner="+clitest.PodOwner)...)
			if got := clitest.Words(t); code != 1 || got.OK || got.Permanent != c.permanent || !strings.Contains(got.Message, c.want) {
				t.Errorf("exit code %d, last words %+v", code, got)
			}
		})
	}
}

// TestDeletingNeedsNoJob: checkpoints can be deleted though the program can describe its job no more.
func TestDeletingNeedsNoJob(t *testing.T) {
	p, calls := process(t)
	clitest.InPodOf(t, clitest.ProgramManifest+"{image: x, args: [-trouble=panic]}")
	if code := p.Run(clitest.PodArgs("discard", "--owner="+clitest.PodOwner)...); code != 0 || *calls != 0 {
		t.Errorf("exit code %d, last words %+v, described %d times", code, clitest.Words(t), *calls)
	}
}
