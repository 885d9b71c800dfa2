package manifest

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/config"
)

// File is a text and the name that messages call it by.
type File struct {
	Name string
	Text []byte
}

// Input is all that a job is made of. Exactly one of Manifest and SQL is set; with Program, Manifest or neither.
type Input struct {
	// Manifest is YAML with one StreamJob.
	Manifest *File
	// SQL is the text of a job alone; all else has its defaults. The stem of the file's name is the job's.
	SQL *File
	// Global is weir.yaml; nil: there is none.
	Global *File
	// Program, unless nil, is the program that reads its own job.
	Program *Program
	// Settings are applied in their order.
	Settings []Setting
	// Tolerant leaves out fields that this version does not know, with a note, instead of refusing them: a later operator
	// has checked the manifest and passes it to pods whose image is pinned to an earlier engine (P8).
	Tolerant bool
	// Cluster is for jobs in pods: the job id defaults to namespace.name, storage must be said, by a URL, and a status is
	// passed over: the manifest may be what the API server has.
	Cluster bool
}

// StreamJob is one that was read and holds to all rules.
type StreamJob struct {
	// Name is metadata.name, or the stem of the SQL file's name.
	Name string
	// Spec has a value for every field that has a default.
	Spec v1alpha1.StreamJobSpec
	// Config is what the engine takes; Owner is for the caller to set.
	Config config.Config
	// SQL is what the job does; of a program's there is none.
	SQL Text
	// Notes are for the user to see: what was read and has no effect, or not the one that one might hope for.
	Notes []string
}

// Load reads, completes and checks a job. Its errors are *Error.
func Load(in Input) (*StreamJob, error) {
	l, err := read(in)
	if err != nil {
		return nil, err
	}
	return l.finish()
}

// read lays all layers over one another.
func read(in Input) (*loader, error) {
	var code []Setting
	if in.Program != nil && in.Program.Settings != nil {
		first, err := layers(in, nil) // says with which arguments the code is asked
		if err != nil {
			return nil, err
		}
		if code, err = in.Program.Settings(first.object.Spec.Program.Args); err != nil {
			return nil, err
		}
	}
	return layers(in, code)
}

// layers lays all of them over one another; code goes between weir.yaml and the manifest.
func layers(in Input, code []Setting) (*loader, error) {
	l := &loader{in: in, places: map[string]Place{}}
	if in.Global != nil {
		if err := l.global(*in.Global); err != nil {
			return nil, err
		}
	}
	if err := l.code(code); err != nil {
		return nil, err
	}
	coded := l.object.Spec.DeepCopy()
	var err error
	switch {
	case in.Manifest != nil:
		err = l.manifest(*in.Manifest)
	case in.SQL != nil:
		err = l.sqlFile(*in.SQL)
	case in.Program != nil:
		l.programAlone()
	default:
		err = &Error{Msg: "neither a manifest nor SQL is given"}
	}
	if err != nil {
		return nil, err
	}
	for _, s := range in.Settings {
		if err := s.apply(&l.object.Spec, l.places); err != nil {
			return nil, err
		}
		if s.Path == "spec.sql" {
			l.sql = Text{Text: s.Value, source: s.Flag + " spec.sql"}
		}
	}
	l.noteOverruled(code, coded)
	return l, l.program()
}

// loader lays the layers over one another.
type loader struct {
	in     Input
	object v1alpha1.StreamJob
	places map[string]Place // of the fields that are written, by their paths; the upper layer's wins
	origin Place            // of the job as a whole
	name   string           // the job id by default
	sql    Text
	notes  []string
}

func (l *loader) global(f File) error {
	docs, err := documents(f)
	if err != nil {
		return err
	}
	d := &decoder{source: f.Name, places: map[string]Place{}}
	if err := d.readGlobal(docs, &l.object.Spec); err != nil {
		return err
	}
	maps.Copy(l.places, d.places)
	return nil
}

func (l *loader) manifest(f File) error {
	docs, err := documents(f)
	if err != nil {
		return err
	}
	doc, notes, err := streamJobOf(f.Name, docs)
	if err != nil {
		return err
	}
	d := &decoder{source: f.Name, places: l.places, tolerant: l.in.Tolerant}
	if err := d.status(doc, l.in.Cluster); err != nil {
		return err
	}
	if err := d.readStreamJob(doc, &l.object); err != nil {
		return err
	}
	l.notes = slices.Concat(notes, d.notes)
	l.origin = Place{Source: f.Name, Line: doc.Line}
	l.name = l.object.Name
	if l.in.Cluster {
		namespace := l.object.Namespace
		if namespace == "" {
			namespace = "default"
		}
		l.name = namespace + "." + l.object.Name
	}
	if n := sqlNode(doc); n != nil {
		l.sql = textOf(f, n)
		if l.in.Cluster { // the user has that text, and not the file of the pod
			l.sql = Text{Text: n.Value, source: "spec.sql"}
		}
	}
	r := rules{places: l.places, fallback: l.origin}
	r.name(l.object.Name)
	return r.err
}

// sqlNode finds the value of spec.sql.
func sqlNode(doc *yaml.Node) *yaml.Node {
	for _, name := range []string{"spec", "sql"} {
		var next *yaml.Node
		for i := 0; i+1 < len(doc.Content) && doc.Kind == yaml.MappingNode; i += 2 {
			if doc.Content[i].Value == name {
				next = doc.Content[i+1]
			}
		}
		if next == nil {
			return nil
		}
		if next.Kind == yaml.AliasNode {
			next = next.Alias
		}
		doc = next
	}
	return doc
}

// byteOrderMark begins some editors' files.
var byteOrderMark = []byte("\xef\xbb\xbf")

func (l *loader) sqlFile(f File) error {
	text := bytes.TrimPrefix(f.Text, byteOrderMark)
	l.origin = Place{Source: f.Name}
	l.places["spec.sql"] = l.origin
	if !utf8.Valid(text) && len(text) <= MaxSQL {
		return &Error{Place: l.origin, Msg: "the file is not UTF-8 text", Remedy: "name a file of SQL, or a manifest with -f"}
	}
	sql := string(text)
	l.object.Spec.SQL = &sql
	l.sql = Text{Text: sql, source: f.Name}
	base := path.Base(filepath.ToSlash(f.Name))
	l.name = strings.TrimSuffix(base, path.Ext(base))
	l.object.Name = l.name
	if l.object.Spec.JobID == nil && !l.set("spec.jobID") && !jobIDPattern.MatchString(l.name) {
		near := asJobID(l.name)
		if near == "" {
			near = "my-job"
		}
		return &Error{Place: l.origin, Msg: fmt.Sprintf("the job id, %.130q, cannot be made of the file's name", l.name),
			Remedy: fmt.Sprintf("rename the file to %s.sql, or add --set spec.jobID=%s", near, near)}
	}
	return nil
}

// set tells whether a setting gives the field.
func (l *loader) set(path string) bool {
	for _, s := range l.in.Settings {
		if s.Path == path {
			return true
		}
	}
	return false
}

func (l *loader) finish() (*StreamJob, error) {
	spec := &l.object.Spec
	local := !l.in.Cluster
	complete(spec, l.name, local)
	r := rules{places: l.places, fallback: l.origin}
	r.spec(spec, local)
	if r.err != nil {
		return nil, r.err
	}
	if strings.HasPrefix(*spec.Checkpoint.Storage, "mem:") {
		process := "this process"
		if !local {
			process = "the job's pod"
		}
		l.notes = append(l.notes, "spec.checkpoint.storage is in memory: the checkpoints are gone when "+process+" ends, and the job then starts anew")
	}
	if local {
		l.noteWithoutEffect()
	}
	return &StreamJob{Name: l.object.Name, Spec: *spec, Config: configOf(spec), SQL: l.sql, Notes: l.notes}, nil
}

// onlyInPods lists what says something about pods alone.
var onlyInPods = []string{"spec.image", "spec.program.image", "spec.checkpoint.credentialsSecret", "spec.checkpoint.onDelete", "spec.worker"}

// noteWithoutEffect names what is written and means nothing to a job in this process.
func (l *loader) noteWithoutEffect() {
	var written []string
	for _, path := range onlyInPods {
		if _, ok := l.places[path]; ok {
			written = append(written, path)
		}
	}
	if len(written) > 0 {
		l.notes = append(l.notes, "without effect here, because it is for a job's pods: "+strings.Join(written, ", "))
	}
}
