package manifest

import (
	"fmt"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/weirstream/weir/api/v1alpha1"
)

// Program is a program that reads its own job: its manifest has spec.program, or there is none.
type Program struct {
	// Name is the job's, where there is no manifest.
	Name string
	// Args, unless nil, stand for spec.program.args.
	Args []string
	// Settings, unless nil, returns what the program's code says of its job when it is given arguments.
	Settings func(args []string) ([]Setting, error)
}

// ProgramName makes the name of a job of that of a program's file.
func ProgramName(file string) string {
	base := path.Base(filepath.ToSlash(file))
	base = strings.TrimSuffix(base, path.Ext(base))
	if id := asJobID(base); id != "" {
		return id
	}
	return "my-job"
}

// settableInCode are the fields, and groups of them, that a program's code may set. Others say who runs it, where, or what of
// its past counts, which is for those who run it.
var settableInCode = []string{"spec.jobID", "spec.parallelism", "spec.maxParallelism", "spec.checkpoint", "spec.savepoint", "spec.state", "spec.restart"}

// code lays what a program's code says over weir.yaml.
func (l *loader) code(settings []Setting) error {
	for _, s := range settings {
		if !slices.ContainsFunc(settableInCode, func(p string) bool { return s.Path == p || strings.HasPrefix(s.Path, p+".") }) &&
			strings.HasPrefix(s.Path, "spec.") {
			return s.refuse("code cannot set it", "write it into the manifest; code sets "+strings.Join(settableInCode, ", "))
		}
		if err := s.apply(&l.object.Spec, l.places); err != nil {
			return err
		}
	}
	return nil
}

// noteOverruled names, in a pod, what the code says and the manifest says otherwise: the operator has resolved every field,
// and does not know the code.
func (l *loader) noteOverruled(code []Setting, coded *v1alpha1.StreamJobSpec) {
	if !l.in.Cluster {
		return
	}
	var overruled []string
	for _, s := range code {
		if !reflect.DeepEqual(valueAt(coded, s.Path), valueAt(&l.object.Spec, s.Path)) {
			overruled = append(overruled, fmt.Sprintf("%s (%s)", s.Path, s.Flag))
		}
	}
	if len(overruled) > 0 {
		l.notes = append(l.notes, "set in code, and the StreamJob as the operator resolved it says otherwise: "+strings.Join(overruled, ", "))
	}
}

// valueAt returns the value of a field of spec; nil: nobody wrote it.
func valueAt(spec *v1alpha1.StreamJobSpec, path string) any {
	at := reflect.ValueOf(spec).Elem()
	for _, name := range strings.Split(path, ".")[1:] {
		for at.Kind() == reflect.Pointer && !at.IsNil() {
			at = at.Elem()
		}
		if at.Kind() != reflect.Struct {
			return nil
		}
		var ok bool
		if at, ok = fieldByName(at, name); !ok {
			return nil
		}
	}
	if at.Kind() == reflect.Pointer && at.IsNil() {
		return nil
	}
	return at.Interface()
}

// programAlone is a program without a manifest.
func (l *loader) programAlone() {
	l.name = l.in.Program.Name
	l.object.Name = l.name
	l.object.Spec.Program = &v1alpha1.ProgramSpec{}
}

// program settles whether a job and who reads it belong together.
func (l *loader) program() error {
	spec := &l.object.Spec
	if spec.Program != nil && l.in.Global != nil && l.places["spec.image"].Source == l.in.Global.Name {
		spec.Image = nil // weir.yaml's engine is for jobs that are SQL
	}
	r := rules{places: l.places, fallback: l.origin}
	switch {
	case l.in.Program == nil && spec.Program != nil && !l.in.Cluster:
		r.refuse("spec.program", "build the program, and run it with this manifest: ./my-program run -f streamjob.yaml", "this is a program, which runs itself")
	case l.in.Program == nil:
	case spec.SQL != nil:
		r.refuse("spec.sql", "remove it and write spec.program, or run it with weir, in the engine's own image", "it is SQL, and this is a program with a job of its own")
	case spec.Program == nil:
		spec.Program = &v1alpha1.ProgramSpec{}
		if l.in.Cluster {
			r.refuse("spec.program", "write program: {image: ...}", "it is missing, and this is a program")
		}
	}
	if l.in.Program != nil && l.in.Program.Args != nil && r.err == nil {
		spec.Program.Args = l.in.Program.Args
	}
	return r.err
}

// Written writes down what is written of a program's job, in its code, its manifest and settings, for a cluster: the defaults
// are that cluster's, so in.Global is left out.
func Written(in Input) ([]byte, error) {
	in.Global = nil
	l, err := read(in)
	if err != nil {
		return nil, err
	}
	spec := &l.object.Spec
	r := rules{places: l.places, fallback: l.origin}
	if spec.Program != nil && spec.Program.Image == "" {
		r.refuse("spec.program.image", "name the image that the program is built into: --image", "it is missing")
	}
	r.name(l.object.Name)
	if r.err != nil {
		return nil, r.err
	}
	return Marshal(l.object.Name, l.object.Namespace, *spec)
}
