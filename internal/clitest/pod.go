package clitest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/manifest"
)

// PodOwner is who claims the attempts of a pod.
const PodOwner = "cluster/uid"

// PodRevision is that of the manifest that the pod finds; of one that is wrong any.
func PodRevision() string {
	text, err := os.ReadFile("job.yaml")
	if err == nil {
		if j, err := manifest.Load(manifest.Input{Manifest: &manifest.File{Name: "job.yaml", Text: text}, Cluster: true}); err == nil {
			return resources.Revision(&j.Spec)
		}
	}
	return "0123456789"
}

// InPod writes what a pod finds: the manifest job.yaml, the job's identity, and the file for its last words.
func InPod(t *testing.T, sql string) (*manifest.StreamJob, *rest.Identity) {
	t.Helper()
	return InPodOf(t, ManifestOf+Indented(sql))
}

// ProgramManifest goes before the flow mapping of a program.
const ProgramManifest = "apiVersion: weir.stream/v1alpha1\nkind: StreamJob\nmetadata: {name: delays}\nspec:\n  program: "

// InPodOf is InPod for the begin of any manifest.
func InPodOf(t *testing.T, begin string) (*manifest.StreamJob, *rest.Identity) {
	t.Helper()
	storage, err := filepath.Abs("bucket")
	if err != nil {
		t.Fatal(err)
	}
	text := begin + "\n  checkpoint: {storage: \"file://" + filepath.ToSlash(storage) + "\", interval: 1h}\n"
	Write(t, "job.yaml", text)
	Write(t, "words", "what another process said, which is longer than what is said now")
	id, err := rest.NewIdentity([]byte(strings.Repeat("k", 32)), "uid")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range id.Files() {
		Write(t, filepath.Join("identity", name), string(content))
	}
	j, err := manifest.Load(manifest.Input{Manifest: &manifest.File{Name: "job.yaml", Text: []byte(text)}, Cluster: true})
	if err != nil {
		return nil, id
	}
	return j, id
}

// Words are the last ones of a process.
func Words(t *testing.T) (r resources.Result) {
	t.Helper()
	text, err := os.ReadFile("words")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Fatalf("%v: %q", err, text)
	}
	return r
}

// PodArgs are the arguments of a verb in a pod.
func PodArgs(verb string, more ...string) []string {
	return append([]string{verb, "--manifest=job.yaml", "--termination-log=words"}, more...)
}

// Coordinating is a coordinator that runs beside the test.
type Coordinating struct {
	*Running
	Address, Metrics string
	Client           *rest.Client
}

// Coordinate starts a coordinator, and returns when it can be asked.
func Coordinate(t *testing.T, p *Process, id *rest.Identity) *Coordinating {
	t.Helper()
	r := StartVerb(t, p, PodArgs("coordinator", "--revision="+PodRevision(), "--owner="+PodOwner, "--identity=identity", "--listen=127.0.0.1:0", "--metrics=127.0.0.1:0")...)
	var line struct{ Address, Metrics string }
	for text := range strings.Lines(p.Stderr.String()) {
		if strings.Contains(text, "the job can be asked") {
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
		}
	}
	client, err := rest.NewPodClient(line.Address, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &Coordinating{r, line.Address, line.Metrics, client}
}

// Await waits until a request is carried out.
func (c *Coordinating) Await(t *testing.T, op rest.Operation, err error) rest.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err == nil {
		op, err = c.Client.Await(ctx, op)
	}
	if err != nil || op.Status != rest.Done {
		t.Fatalf("%+v: %v\n%s", op, err, c.Stderr)
	}
	return op
}

// Job is what it says of the job.
func (c *Coordinating) Job(t *testing.T) rest.Job {
	t.Helper()
	j, err := c.Client.Job(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return j
}
