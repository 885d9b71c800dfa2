package manifest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// maxName leaves room for what the operator appends to the names of pods.
const maxName = 40

// Bounds of a program's own arguments.
const (
	mostArgs = 256
	mostArg  = 4096
)

// mostKeyGroups bounds maxParallelism, as in Flink.
const mostKeyGroups = 32768

var (
	namePattern  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	jobIDPattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,118}[a-z0-9])?$`)
)

// rules checks a complete spec. The first rule that does not hold is the error.
type rules struct {
	places   map[string]Place
	fallback Place // of fields that are written nowhere
	err      error
}

// refuse keeps the first error.
func (r *rules) refuse(path, remedy, format string, args ...any) {
	if r.err != nil {
		return
	}
	at, ok := r.places[path]
	if !ok {
		at = r.fallback
	}
	r.err = &Error{Place: at, Field: path, Msg: fmt.Sprintf(format, args...), Remedy: remedy}
}

func (r *rules) name(name string) {
	switch {
	case name == "":
		r.refuse("metadata.name", "give the job a name: metadata: {name: my-job}", "it is missing")
	case len(name) > maxName:
		r.refuse("metadata.name", fmt.Sprintf("use at most %d: the names of the job's pods are made of it", maxName), "%q has %d characters", name, len(name))
	case !namePattern.MatchString(name):
		r.refuse("metadata.name", "use small letters, digits and, between them, '-'", "%q is not a name", name)
	}
}

func (r *rules) spec(s *v1alpha1.StreamJobSpec, local bool) {
	if !jobIDPattern.MatchString(*s.JobID) {
		remedy := "use at most 120 small letters, digits and, between them, '-' and '.'"
		if near := asJobID(*s.JobID); near != "" {
			remedy += fmt.Sprintf(", such as %q", near)
		}
		r.refuse("spec.jobID", remedy, "%.130q is not a job id", *s.JobID)
	}
	r.work(s, local)
	within(r, "spec.maxParallelism", *s.MaxParallelism, 1, mostKeyGroups)
	r.settings(s)
	if *s.Parallelism > *s.MaxParallelism {
		r.refuse("spec.parallelism", "a key group is never divided: lower it, or raise maxParallelism before the job's first run",
			"%d is more than spec.maxParallelism, which is %d", *s.Parallelism, *s.MaxParallelism)
	}
	r.desiredState(*s.DesiredState, local)
	r.image("spec.image", s.Image)
	r.checkpoint(&s.Checkpoint, local)
	choice(r, "spec.state.backend", *s.State.Backend, v1alpha1.Heap)
	r.storage("spec.savepoint.storage", s.Savepoint.Storage, local)
	r.restore(&s.Restore, local)
	r.restart(&s.Restart)
	r.worker(&s.Worker)
}

func (r *rules) desiredState(state v1alpha1.DesiredState, local bool) {
	choice(r, "spec.desiredState", state, v1alpha1.Running, v1alpha1.Suspended)
	if local && state == v1alpha1.Suspended {
		r.refuse("spec.desiredState", "leave it out, or do not run the job", "a suspended job does not run")
	}
}

func (r *rules) restore(s *v1alpha1.RestoreSpec, local bool) {
	r.storage("spec.restore.path", s.Path, local)
	if ref := s.SavepointRef; ref != nil {
		const field = "spec.restore.savepointRef"
		r.object(field+".name", ref.Name)
		switch {
		case local:
			r.refuse(field, "name the savepoint's folder in spec.restore.path", "Savepoints are objects of Kubernetes, and this is none")
		case s.Path != nil:
			r.refuse(field, "remove one of the two", "spec.restore.path is set too")
		}
	}
	if *s.Nonce < 0 {
		r.refuse("spec.restore.nonce", "use a number from 0", "%d is negative", *s.Nonce)
	}
	if *s.Nonce != 0 && s.Path == nil && s.SavepointRef == nil {
		r.refuse("spec.restore.nonce", "name a snapshot in spec.restore.path, or remove the nonce", "there is nothing to restore")
	}
}

// work checks what the job does.
func (r *rules) work(s *v1alpha1.StreamJobSpec, local bool) {
	switch {
	case s.Program != nil && s.SQL != nil:
		r.refuse("spec.program", "remove one of the two", "spec.sql is set too")
	case s.Program != nil:
		r.program(s, local)
	case s.SQL == nil:
		r.refuse("spec.sql", "write the job as SQL there, or name the image of a program in spec.program.image", "it is missing")
	case len(*s.SQL) > MaxSQL:
		r.refuse("spec.sql", "split the job", "the SQL text has more than %d bytes (256 KiB)", MaxSQL)
	case strings.TrimSpace(*s.SQL) == "":
		r.refuse("spec.sql", "write at least CREATE TABLE and INSERT INTO", "the SQL text is empty")
	}
}

// program checks a program, which has an image where there are pods.
func (r *rules) program(s *v1alpha1.StreamJobSpec, local bool) {
	p := s.Program
	switch {
	case s.Image != nil:
		r.refuse("spec.image", "remove it: the image of a program is spec.program.image", "it is the engine's image, for a job that is SQL")
	case p.Image != "":
		r.image("spec.program.image", &p.Image)
	case !local:
		r.refuse("spec.program.image", "name the image that the program is built into", "it is missing")
	}
	r.atMost("spec.program.args", len(p.Args), mostArgs)
	for i, a := range p.Args {
		field := fmt.Sprintf("spec.program.args[%d]", i)
		switch {
		case utf8.RuneCountInString(a) > mostArg:
			r.refuse(field, "put it into a file, or an object in a bucket", "it has more than %d characters", mostArg)
		case strings.ContainsRune(a, 0):
			r.refuse(field, "remove it", "it has a zero character, which no process is given")
		}
	}
}

func (r *rules) checkpoint(c *v1alpha1.CheckpointSpec, local bool) {
	if c.Storage == nil {
		r.refuse("spec.checkpoint.storage", "name a bucket there or in weir.yaml, such as s3://bucket/prefix", "it is missing")
	}
	r.storage("spec.checkpoint.storage", c.Storage, local)
	choice(r, "spec.checkpoint.mode", *c.Mode, v1alpha1.ExactlyOnce)
	if c.CredentialsSecret != nil {
		r.object("spec.checkpoint.credentialsSecret", *c.CredentialsSecret)
	}
	choice(r, "spec.checkpoint.onDelete", *c.OnDelete, v1alpha1.Retain, v1alpha1.Delete)
}

func (r *rules) restart(s *v1alpha1.RestartSpec) {
	if s.InitialDelay.Duration > s.MaxDelay.Duration {
		path := "spec.restart.maxDelay"
		if _, written := r.places[path]; !written {
			path = "spec.restart.initialDelay"
		}
		r.refuse(path, "set both, initialDelay to no more than maxDelay", "initialDelay is %v and maxDelay %v",
			s.InitialDelay.Duration, s.MaxDelay.Duration)
	}
}

// storage checks a URL, and writes it out in full. Paths are for local jobs: pods do not share a working directory.
func (r *rules) storage(path string, name *string, local bool) {
	if name == nil {
		return
	}
	if !local && !strings.Contains(*name, "://") {
		r.refuse(path, "name a bucket, such as s3://bucket/prefix", "%q is a path, which the job's pods do not share", *name)
		return
	}
	if !local && relativeFile.MatchString(*name) {
		r.refuse(path, "name a bucket, such as s3://bucket/prefix", "%q is relative to a working directory, which the job's pods do not share", *name)
		return
	}
	u, err := storageurl.Parse(*name)
	if err != nil {
		r.refuse(path, "", "%v", err)
		return
	}
	*name = u.String()
}

// relativeFile is a file URL of a folder below the working directory.
var relativeFile = regexp.MustCompile(`^(?i:file)://[.](/|$)`)

// atLeast checks a duration, which is sent in milliseconds.
func (r *rules) atLeast(path string, d, least time.Duration) {
	switch {
	case d > config.Longest:
		r.refuse(path, fmt.Sprintf("use at most %v", config.Longest), "%v is too long", d)
	case d >= least && d%time.Millisecond != 0:
		r.refuse(path, "use whole milliseconds", "%v has a fraction of a millisecond", d)
	case d < 0:
		r.refuse(path, fmt.Sprintf("use at least %v", least), "%v is negative", d)
	case d < least:
		r.refuse(path, fmt.Sprintf("use at least %v", least), "%v is too short", d)
	}
}

// within checks a number.
func within[T cmp.Ordered](r *rules, path string, v, least, most T) {
	if v < least || v > most {
		r.refuse(path, fmt.Sprintf("use a number from %v to %v", least, most), "%v is out of bounds", v)
	}
}

// choice checks a word.
func choice[T ~string](r *rules, path string, v T, words ...T) {
	if slices.Contains(words, v) {
		return
	}
	written := fmt.Sprintf("%s: %s", path, v)
	if remedy, planned := notYet[written]; planned {
		r.refuse(path, remedy, "not supported yet: %s", written)
		return
	}
	known := make([]string, len(words))
	for i, w := range words {
		known[i] = string(w)
	}
	remedy := "use " + strings.Join(known, " or ")
	if near := table.Nearest(string(v), known); near != "" {
		remedy = fmt.Sprintf("did you mean %s?", near)
	}
	r.refuse(path, remedy, "%.60q is not known", string(v))
}

// asJobID is the job id nearest to a text; empty if there is none.
func asJobID(text string) string {
	id := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.':
			return c
		case 'A' <= c && c <= 'Z':
			return c - 'A' + 'a'
		}
		return '-'
	}, text)
	id = strings.Trim(id[:min(len(id), 120)], "-.")
	if !jobIDPattern.MatchString(id) {
		return ""
	}
	return id
}
