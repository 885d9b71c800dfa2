package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/job"
)

// minimal is a manifest with nothing but what must be there; more lines of spec can follow.
const minimal = `apiVersion: weir.stream/v1alpha1
kind: StreamJob
metadata: {name: delays}
spec:
  sql: INSERT INTO a SELECT * FROM b
`

// load reads a manifest and settings.
func load(manifest string, settings ...string) (*StreamJob, error) {
	in := Input{Manifest: &File{Name: "job.yaml", Text: []byte(manifest)}}
	for _, text := range settings {
		s, err := ParseSetting(text)
		if err != nil {
			return nil, err
		}
		in.Settings = append(in.Settings, s)
	}
	return Load(in)
}

// url is the file URL of a path relative to the working directory.
func url(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return "file://" + filepath.ToSlash(abs)
}

func TestAManifestWithNothingButItsTextHasEveryDefault(t *testing.T) {
	j, err := load(minimal)
	if err != nil {
		t.Fatal(err)
	}
	want := job.Config{
		Job: "delays", Revision: j.Config.Revision, Storage: url(t, ".weir/checkpoints"), MaxParallelism: 1024,
		Settings: job.Settings{
			SavepointStorage:  url(t, ".weir/savepoints"),
			Parallelism:       1,
			Interval:          10 * time.Second,
			Timeout:           10 * time.Minute,
			Retained:          3,
			TolerableFailures: 3,
			Restart:           job.Restart{InitialDelay: time.Second, MaxDelay: time.Minute, ResetAfter: time.Hour},
		},
	}
	if diff := cmp.Diff(want, j.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if j.SQL.Text != "INSERT INTO a SELECT * FROM b" || j.Name != "delays" {
		t.Errorf("name %q, text %q", j.Name, j.SQL.Text)
	}
}

func TestEveryFieldReachesTheEngine(t *testing.T) {
	j, err := load(minimal + `
  jobID: default.delays
  parallelism: 4
  maxParallelism: 128
  checkpoint:
    storage: s3://bucket/prefix?endpoint=http://127.0.0.1:7070
    interval: 1s
    timeout: 1m30s
    minPause: 500ms
    mode: ExactlyOnce
    incremental: false
    tolerableFailures: 0
    retained: 5
  state: {backend: Heap}
  savepoint: {storage: "s3://bucket/savepoints"}
  upgrade: {allowNonRestoredState: true, initEmpty: ["w/aggregate.1#SUM(v INT)", "x#COUNT(*)"]}
  restore: {path: "gs://other/savepoint-x", nonce: 7, takeOver: true, allowRepeatedOutput: true}
  restart: {initialDelay: 2s, maxDelay: 3s, resetAfter: 4m}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := job.Config{
		Job: "default.delays", Revision: j.Config.Revision, Storage: "s3://bucket/prefix?endpoint=http://127.0.0.1:7070", MaxParallelism: 128, TakeOver: true,
		Settings: job.Settings{
			SavepointStorage: "s3://bucket/savepoints",
			Parallelism:      4,
			Interval:         time.Second,
			Timeout:          90 * time.Second,
			MinPause:         500 * time.Millisecond,
			Retained:         5,
			WholeCheckpoints: true,
			Restart:          job.Restart{InitialDelay: 2 * time.Second, MaxDelay: 3 * time.Second, ResetAfter: 4 * time.Minute},
			Restore:          job.Restore{Path: "gs://other/savepoint-x", Nonce: 7, AllowNonRestoredState: true, InitEmpty: config.NamesOf("w/aggregate.1#SUM(v INT)", "x#COUNT(*)"), AllowRepeatedOutput: true},
		},
	}
	if diff := cmp.Diff(want, j.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestTheExampleIsReadAsItStandsInTheRepository(t *testing.T) {
	const name = "../examples/flight-delays/streamjob.yaml"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	j, err := Load(Input{Manifest: &File{name, text}})
	if err != nil {
		t.Fatal(err)
	}
	if j.Config.Job != "flight-delays" || j.Config.Parallelism < 2 || j.Config.Interval != time.Second {
		t.Errorf("config %+v", j.Config)
	}
	// The place of a word in the text must be where the file has it.
	line, column := 0, 0
	for i, l := range strings.Split(j.SQL.Text, "\n") {
		if c := strings.Index(l, "INSERT INTO"); c >= 0 {
			line, column = i+1, c+1
		}
	}
	at := j.SQL.Place(line, column)
	if got := strings.Split(string(text), "\n")[at.Line-1][at.Column-1:]; !strings.HasPrefix(got, "INSERT INTO") || at.Source != name {
		t.Errorf("%v is at %q", at, got)
	}
}

func TestUpperLayersWin(t *testing.T) {
	global := &File{Name: "weir.yaml", Text: []byte("checkpoint: {storage: mem://all, interval: 3s, retained: 9}\nparallelism: 2\n")}
	manifest := &File{Name: "job.yaml", Text: []byte(minimal + "  parallelism: 3\n  checkpoint: {interval: 4s, retained: null}\n")}
	for _, c := range []struct {
		name        string
		in          Input
		parallelism int
		interval    time.Duration
		retained    int
		storage     string
	}{
		{"defaults alone", Input{Manifest: &File{"job.yaml", []byte(minimal)}}, 1, 10 * time.Second, 3, url(t, LocalCheckpoints)},
		{"weir.yaml over defaults", Input{Manifest: &File{"job.yaml", []byte(minimal)}, Global: global}, 2, 3 * time.Second, 9, "mem://all"},
		{"the manifest over weir.yaml, where null says nothing", Input{Manifest: manifest, Global: global}, 3, 4 * time.Second, 9, "mem://all"},
		{"a setting over the manifest, and the last setting over the first",
			Input{Manifest: manifest, Global: global, Settings: []Setting{{"--set", "spec.parallelism", "4"}, {"--set", "spec.parallelism", "5"}}},
			5, 4 * time.Second, 9, "mem://all"},
		{"weir.yaml with spec: around it", Input{Manifest: &File{"job.yaml", []byte(minimal)},
			Global: &File{"weir.yaml", []byte("spec:\n  parallelism: 6\n")}}, 6, 10 * time.Second, 3, url(t, LocalCheckpoints)},
		{"an empty weir.yaml", Input{Manifest: &File{"job.yaml", []byte(minimal)}, Global: &File{"weir.yaml", []byte("# nothing\n")}},
			1, 10 * time.Second, 3, url(t, LocalCheckpoints)},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := Load(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if g := j.Config; g.Parallelism != c.parallelism || g.Interval != c.interval || g.Retained != c.retained || g.Storage != c.storage {
				t.Errorf("got %+v", g)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	namespaced := strings.Replace(minimal, "{name: delays}", "{name: delays, namespace: prod, labels: {team: a}, annotations: {x: 'y'}, creationTimestamp: 2026-01-01T00:00:00Z}", 1)
	sql := &File{Name: "some/where/delays.v2.sql", Text: []byte("INSERT INTO a SELECT * FROM b")}
	storage := []Setting{{"--set", "spec.checkpoint.storage", "mem://x"}}
	for _, c := range []struct {
		name string
		in   Input
		want string
	}{
		{"locally the job id is the name", Input{Manifest: &File{"job.yaml", []byte(namespaced)}}, "delays"},
		{"in a cluster it is namespace and name", Input{Manifest: &File{"job.yaml", []byte(namespaced)}, Cluster: true, Settings: storage}, "prod.delays"},
		{"in a cluster the namespace has a default", Input{Manifest: &File{"job.yaml", []byte(minimal)}, Cluster: true, Settings: storage}, "default.delays"},
		{"spec.jobID decides", Input{Manifest: &File{"job.yaml", []byte(minimal + "  jobID: x.y\n")}, Cluster: true, Settings: storage}, "x.y"},
		{"a file of SQL gives its stem", Input{SQL: sql}, "delays.v2"},
		{"a setting replaces the stem", Input{SQL: &File{"My Job.sql", sql.Text}, Settings: []Setting{{"--set", "spec.jobID", "mine"}}}, "mine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := Load(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if j.Config.Job != c.want {
				t.Errorf("job id %q, want %q", j.Config.Job, c.want)
			}
		})
	}
}

func TestARevisionIsOfWhatTheJobIsNotOfHowMuchOfIt(t *testing.T) {
	of := func(settings ...string) string {
		t.Helper()
		j, err := load(minimal, settings...)
		if err != nil {
			t.Fatal(err)
		}
		return j.Config.Revision
	}
	base := of()
	if base != "ba6ab57363" {
		t.Errorf("revision %s: it is stored with attempts and names pods, so it must never change", base)
	}
	for _, same := range []string{"spec.parallelism=9", "spec.checkpoint.interval=1s", "spec.checkpoint.retained=7", "spec.jobID=other",
		"spec.restart.maxDelay=2m", "spec.image=weir:2", "spec.checkpoint.onDelete=Delete", "spec.upgrade.allowNonRestoredState=true", "spec.upgrade.initEmpty=a#b", "spec.upgrade.surge=false"} {
		if got := of(same); got != base {
			t.Errorf("%s makes another revision", same)
		}
	}
	if of("spec.sql=INSERT INTO a SELECT * FROM c") == base {
		t.Error("another text is the same revision")
	}
}

func TestOtherDocumentsAreLeftOutWithANote(t *testing.T) {
	j, err := load("apiVersion: v1\nkind: Secret\nmetadata: {name: login}\n---\n# nothing\n---\n" + minimal +
		"---\napiVersion: weir.stream/v1alpha1\nkind: Savepoint\nmetadata: {name: before}\nspec: {}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"job.yaml:1: Secret login is left out: only the StreamJob is run",
		"job.yaml:13: Savepoint before is left out: only the StreamJob is run"}
	if diff := cmp.Diff(want, j.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestCheckpointsInMemoryAreNoted(t *testing.T) {
	for name, c := range map[string]struct {
		cluster bool
		want    string
	}{"in this process": {false, "gone when this process ends"}, "in a pod": {true, "gone when the job's pod ends"}} {
		t.Run(name, func(t *testing.T) {
			j, err := Load(Input{Manifest: &File{"job.yaml", []byte(minimal + "  checkpoint: {storage: \"mem://x\"}\n")}, Cluster: c.cluster})
			if err != nil {
				t.Fatal(err)
			}
			if len(j.Notes) != 1 || !strings.Contains(j.Notes[0], c.want) {
				t.Errorf("notes: %q", j.Notes)
			}
		})
	}
}

func TestWhatIsForPodsHasNoEffectHereAndIsNoted(t *testing.T) {
	text := minimal + "  image: weir:1\n  worker: {resources: {limits: {cpu: 1}}}\n  checkpoint: {storage: s3://a/b, credentialsSecret: login, onDelete: Delete}\n"
	in := Input{Manifest: &File{"job.yaml", []byte(text)}}
	j, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"without effect here, because it is for a job's pods: spec.image, spec.checkpoint.credentialsSecret, spec.checkpoint.onDelete, spec.worker"}
	if diff := cmp.Diff(want, j.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	in.Cluster = true
	if j, err = Load(in); err != nil || len(j.Notes) != 0 {
		t.Errorf("for a pod: %v, notes %q", err, j.Notes)
	}
}

func TestAStatusSaysNothingOfWhatTheJobIsToBe(t *testing.T) {
	text := minimal + "  checkpoint: {storage: s3://a/b}\nstatus: {phase: Running, unheardOf: [1]}\n"
	j, err := Load(Input{Manifest: &File{"job.yaml", []byte(text)}, Cluster: true})
	if err != nil {
		t.Fatal(err)
	}
	if *j.Spec.Checkpoint.Storage != "s3://a/b" {
		t.Errorf("spec %+v", j.Spec)
	}
}

func TestPlacesInTheText(t *testing.T) {
	head := "apiVersion: weir.stream/v1alpha1\nkind: StreamJob\nmetadata: {name: a}\nspec:\n"
	for _, c := range []struct{ name, spec, want string }{
		{"a literal block stands in the file as it is", "  sql: |\n    SELECT\n      x;\n", "job.yaml:7:7"},
		{"so it does with empty lines at its begin", "  sql: |-\n\n    SELECT\n", "job.yaml:7:5"},
		{"and with Windows line ends", "  sql: |\r\n    SELECT\r\n      x;\r\n", "job.yaml:7:7"},
		{"and with a declared indentation", "  sql: |2\n      SELECT\n    x;\n", "job.yaml:7:7"},
		{"a folded block does not", "  sql: >\n    SELECT\n    x;\n", "job.yaml:5:8: spec.sql:2:3"},
		{"nor does a quoted text", "  sql: \"SELECT\\n  x\"\n", "job.yaml:5:8: spec.sql:2:3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := load(head + c.spec)
			if err != nil {
				t.Fatal(err)
			}
			column := 3
			if c.name == "so it does with empty lines at its begin" {
				column = 1
			}
			if got := j.SQL.Place(2, column).String(); got != c.want {
				t.Errorf("line 2 is at %s, want %s", got, c.want)
			}
		})
	}
}

func TestASettingThatIsTooLongIsShownShort(t *testing.T) {
	_, err := load(minimal, "spec.checkpoint.interval="+strings.Repeat("(", 5_000_000))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("%.400v", err)
	}
}

func TestFiveMillionParentheses(t *testing.T) {
	sql := strings.Repeat("(", 5_000_000)
	for name, in := range map[string]Input{
		"in a file of SQL": {SQL: &File{"a.sql", []byte(sql)}},
		"in a manifest":    {Manifest: &File{"a.yaml", []byte(minimal + "  x: " + sql)}},
		"in a setting":     {Manifest: &File{"a.yaml", []byte(minimal)}, Settings: []Setting{{"--set", "spec.sql", sql}}},
		"as flow in YAML":  {Manifest: &File{"a.yaml", []byte(strings.Repeat("[", MaxFile-1))}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(in)
			if err == nil || len(err.Error()) > 300 || strings.Contains(err.Error(), "\n") {
				t.Errorf("%.400v", err)
			}
		})
	}
}

func TestAliasesOfAliasesEnd(t *testing.T) {
	var b strings.Builder
	b.WriteString(minimal)
	b.WriteString("x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d,", i-1), 10), ","))
	}
	bomb := strings.Replace(b.String(), "{name: delays}", "{name: delays, managedFields: [{fieldsV1: {a: *x11}}]}", 1)
	// The anchors must stand before their use.
	head, tail, _ := strings.Cut(bomb, "x0:")
	_, err := load("x0:" + tail + head)
	if err == nil || !strings.Contains(err.Error(), "has no field") && !strings.Contains(err.Error(), "values") {
		t.Errorf("%v", err)
	}
}
