package manifest

import (
	"errors"
	"testing"
	"time"
)

// TestPrecedence lays each layer over those below it.
func TestPrecedence(t *testing.T) {
	const head = "apiVersion: weir.stream/v1alpha1\nkind: StreamJob\nmetadata: {name: words}\nspec:\n  program: {image: x}\n"
	interval := func(d string) string { return "checkpoint: {interval: " + d + "}\n" }
	global := &File{Name: "weir.yaml", Text: []byte(interval("2s"))}
	code := []Setting{{Flag: "main.go:3", Path: "spec.checkpoint.interval", Value: "3s"}}
	written := &File{Name: "job.yaml", Text: []byte(head + "  " + interval("4s"))}
	silent := &File{Name: "job.yaml", Text: []byte(head)}
	for _, c := range []struct {
		name   string
		global *File
		code   []Setting
		file   *File
		set    []Setting
		want   time.Duration
	}{
		{"nobody says it", nil, nil, nil, nil, 10 * time.Second},
		{"weir.yaml, over the default", global, nil, silent, nil, 2 * time.Second},
		{"the code, over the default", nil, code, nil, nil, 3 * time.Second},
		{"the code, over weir.yaml", global, code, silent, nil, 3 * time.Second},
		{"the code, over weir.yaml, without a manifest", global, code, nil, nil, 3 * time.Second},
		{"the manifest, over the code", global, code, written, nil, 4 * time.Second},
		{"a flag, over the manifest", global, code, written, []Setting{{"--set", "spec.checkpoint.interval", "5s"}}, 5 * time.Second},
		{"a flag, over the code", nil, code, nil, []Setting{{"--set", "spec.checkpoint.interval", "5s"}}, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := Load(Input{Global: c.global, Manifest: c.file, Settings: c.set,
				Program: &Program{Name: "words", Settings: func([]string) ([]Setting, error) { return c.code, nil }}})
			if err != nil {
				t.Fatal(err)
			}
			if j.Config.Interval != c.want {
				t.Errorf("%v, want %v", j.Config.Interval, c.want)
			}
		})
	}
}

func TestAProgramIsAskedWithTheArgumentsThatCount(t *testing.T) {
	const text = "apiVersion: weir.stream/v1alpha1\nkind: StreamJob\nmetadata: {name: words}\nspec:\n  program: {image: x, args: [a b, \"\"]}\n"
	for name, c := range map[string]struct {
		args []string
		want int
	}{"those of the manifest": {nil, 2}, "others": {[]string{"c"}, 1}, "none": {[]string{}, 0}} {
		t.Run(name, func(t *testing.T) {
			asked := -1
			j, err := Load(Input{Manifest: &File{"job.yaml", []byte(text)}, Program: &Program{Name: "words", Args: c.args,
				Settings: func(args []string) ([]Setting, error) { asked = len(args); return nil, nil }}})
			if err != nil || asked != c.want || len(j.Spec.Program.Args) != c.want {
				t.Errorf("asked with %d of %d arguments: %v", asked, c.want, err)
			}
		})
	}
	trouble := errors.New("the program panics")
	_, err := Load(Input{Program: &Program{Name: "words", Settings: func([]string) ([]Setting, error) { return nil, trouble }}})
	if !errors.Is(err, trouble) {
		t.Errorf("the program's own error became %v", err)
	}
}

func TestTheEnginesImageInWeirYAMLIsNotThatOfPrograms(t *testing.T) {
	const text = "apiVersion: weir.stream/v1alpha1\nkind: StreamJob\nmetadata: {name: words}\nspec:\n  program: {image: x}\n  checkpoint: {storage: \"s3://b\"}\n"
	in := Input{Manifest: &File{"job.yaml", []byte(text)}, Global: &File{"weir.yaml", []byte("image: weir:1\n")}, Cluster: true}
	j, err := Load(in)
	if err != nil || j.Spec.Image != nil {
		t.Fatalf("image %v, %v", j.Spec.Image, err)
	}
	in.Manifest.Text = append(in.Manifest.Text, "  image: weir:2\n"...)
	if _, err := Load(in); err == nil || err.Error() != "job.yaml:7:10: spec.image: it is the engine's image, for a job that is SQL; remove it: the image of a program is spec.program.image" {
		t.Errorf("both: %v", err)
	}
}

func TestAnotherProgramIsAnotherRevision(t *testing.T) {
	revisionOf := func(program string) string {
		text := "apiVersion: weir.stream/v1alpha1\nkind: StreamJob\nmetadata: {name: words}\nspec: {program: " + program + "}\n"
		j, err := Load(Input{Manifest: &File{"job.yaml", []byte(text)}, Program: &Program{Name: "words"}})
		if err != nil {
			t.Fatal(err)
		}
		return j.Config.Revision
	}
	base := revisionOf("{image: x, args: [a, b]}")
	for _, other := range []string{"{image: y, args: [a, b]}", "{image: x, args: [a b]}", "{image: x, args: [a]}", "{image: x, args: [b, a]}", "{image: x}"} {
		if revisionOf(other) == base {
			t.Errorf("%s has the revision of another", other)
		}
	}
	if revisionOf("{args: [a, b], image: x}") != base {
		t.Error("the order of the fields makes another revision")
	}
}

func TestTheNameOfAProgramBecomesThatOfAJob(t *testing.T) {
	for file, want := range map[string]string{"/usr/bin/word-count": "word-count", "Word_Count.exe": "word-count", "./main": "main", "___": "my-job", "job.test": "job"} {
		if got := ProgramName(file); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}
