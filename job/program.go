package job

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/stream"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/manifest"
)

// Program is what a build function describes.
type Program struct {
	// Job is where its streams begin: stream.From(p.Job, ...).
	Job *stream.Job
	// Args are the program's own arguments: spec.program.args, or what stands behind -- on the command line. A flag.FlagSet reads
	// them; package flag's own would read the command line of the verbs.
	Args []string

	settings []manifest.Setting
}

// Checkpoint says how checkpoints are taken, as spec.checkpoint of a manifest does, field by field. A zero says nothing; Set
// says what is zero.
type Checkpoint struct {
	Storage                     string // a URL, or a path: where the job's folder of checkpoints is made
	Interval, Timeout, MinPause time.Duration
	Retained, TolerableFailures int
	// Whole has every checkpoint written whole: incremental: false.
	Whole bool
}

// Checkpoint sets how checkpoints are taken, where neither the manifest nor a flag says otherwise. It goes over weir.yaml.
func (p *Program) Checkpoint(c Checkpoint) {
	at := caller()
	set := func(field, value string) { p.set(at, "spec.checkpoint."+field, value) }
	if c.Storage != "" {
		set("storage", c.Storage)
	}
	for field, d := range map[string]time.Duration{"interval": c.Interval, "timeout": c.Timeout, "minPause": c.MinPause} {
		if d != 0 {
			set(field, d.String())
		}
	}
	for field, n := range map[string]int{"retained": c.Retained, "tolerableFailures": c.TolerableFailures} {
		if n != 0 {
			set(field, strconv.Itoa(n))
		}
	}
	if c.Whole {
		set("incremental", "false")
	}
}

// Parallelism sets the number of subtasks of each operator that the program gives none of its own, as spec.parallelism does.
func (p *Program) Parallelism(subtasks int) {
	p.set(caller(), "spec.parallelism", strconv.Itoa(subtasks))
}

// Set sets a field of the manifest by its path, such as spec.restart.maxDelay, where neither the manifest nor a flag says
// otherwise. It goes over weir.yaml. Fields that say who runs the job, where, or what of its past counts are not the code's.
func (p *Program) Set(path string, value any) {
	text := fmt.Sprint(value)
	p.set(caller(), path, text)
}

func (p *Program) set(at, path, value string) {
	p.settings = append(p.settings, manifest.Setting{Flag: at, Path: path, Value: value})
}

// caller is the place in the program that calls a method of this package.
func caller() string {
	_, file, line, _ := runtime.Caller(2)
	return fmt.Sprintf("%s:%d", filepath.Base(file), line)
}

// ownJob is that of the program itself.
type ownJob struct {
	name  string
	build func(*Program) error

	mu struct {
		sync.Mutex
		built *built
	}
}

// built is a job that the program has described, with its arguments.
type built struct {
	program *Program
	graph   *stream.Graph
}

// OwnArgs is true.
func (*ownJob) OwnArgs() bool { return true }

// Program is who reads the job's manifest.
func (o *ownJob) Program(args []string) *manifest.Program {
	return &manifest.Program{Name: manifest.ProgramName(o.name), Args: args, Settings: func(args []string) ([]manifest.Setting, error) {
		b, err := o.described(args)
		if err != nil {
			return nil, err
		}
		return b.program.settings, nil
	}}
}

// Graph is the job as the program describes it.
func (o *ownJob) Graph(j *manifest.StreamJob, _, _ io.Writer, _ *slog.Logger) (*stream.Graph, error) {
	b, err := o.described(j.Spec.Program.Args)
	if err != nil {
		return nil, err
	}
	return b.graph, nil
}

// described has the program describe its job, unless it has with these arguments.
func (o *ownJob) described(args []string) (*built, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if b := o.mu.built; b != nil && slices.Equal(b.program.Args, args) {
		return b, nil
	}
	p := &Program{Job: stream.New(), Args: slices.Clone(args)}
	if err := o.call(p); err != nil {
		return nil, wrong(err)
	}
	graph, err := p.Job.Graph()
	if err != nil {
		return nil, wrong(err)
	}
	o.mu.built = &built{p, graph}
	return o.mu.built, nil
}

// call calls build, and makes an error of a panic: a pod then says it where the operator reads it.
func (o *ownJob) call(p *Program) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the program panics at %s while it describes its job: %v", panicPlace(), r)
		}
	}()
	if o.build == nil {
		return errors.New("job.Main is given no function")
	}
	return o.build(p)
}

// panicPlace is where the panic began that is being recovered: the first frame of the program's own above the runtime's.
func panicPlace() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") || !more {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
	}
}

// wrong classes what a program says of itself: the same program with the same arguments says it again, unless it says that it
// may pass.
func wrong(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	return cli.UsageError{Err: err}
}
