package controllers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/controllers/controllertest"
)

// hands are somebody's, with kubectl.
type hands struct {
	t   *testing.T
	w   *controllertest.World
	dir string
}

func newHands(t *testing.T, w *controllertest.World) *hands {
	t.Helper()
	h := &hands{t, w, t.TempDir()}
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: w.Config.Host, CertificateAuthorityData: w.Config.CAData}
	config.AuthInfos["test"] = &clientcmdapi.AuthInfo{ClientCertificateData: w.Config.CertData, ClientKeyData: w.Config.KeyData}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test", Namespace: w.Namespace}
	config.CurrentContext = "test"
	if err := clientcmd.WriteToFile(*config, h.file("kubeconfig")); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hands) file(name string) string { return filepath.Join(h.dir, name) }

func (h *hands) write(name, text string) string {
	h.t.Helper()
	if err := os.WriteFile(h.file(name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return h.file(name)
}

// kubectl runs it with a text as its standard input.
func (h *hands) kubectl(stdin string, args ...string) (string, error) {
	command := exec.CommandContext(h.t.Context(), filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+h.file("kubeconfig"), "HOME="+h.dir, "KUBE_EDITOR=sed -i -f "+h.file("edit.sed"))
	command.Stdin = strings.NewReader(stdin)
	out, err := command.CombinedOutput()
	return string(out), err
}

const habitual = `apiVersion: weir.stream/v1alpha1
kind: StreamJob
metadata: {name: habit}
spec:
  parallelism: 2
  sql: INSERT INTO t SELECT 1
  checkpoint: {storage: "s3://bucket/weir", interval: 10s}
`

// TestWhatPeopleDoWithKubectl does it, in this order, with one StreamJob.
func TestWhatPeopleDoWithKubectl(t *testing.T) {
	w := controllertest.NewWorld(t)
	h := newHands(t, w)
	change := func(old, with string) string { return strings.Replace(habitual, old, with, 1) }
	file := h.write("habit.yaml", habitual)
	h.write("kustomization.yaml", "resources: [habit.yaml]\nlabels: [{pairs: {team: a}}]\nnameSuffix: -k\npatches: [{target: {kind: StreamJob}, patch: '[{\"op\": \"replace\", \"path\": \"/spec/parallelism\", \"value\": 4}]'}]\n")
	for _, c := range []struct {
		name  string
		stdin string
		edit  string // what the editor does, as sed
		args  string
		says  string
		fails bool
	}{
		{name: "a dry run on the server", args: "apply --dry-run=server -f " + file, says: "streamjob.weir.stream/habit created (server dry run)"},
		{name: "a dry run of what is wrong", args: "apply --dry-run=server -f -", stdin: change("10s", "fast"), says: "write interval as a number with its unit", fails: true},
		{name: "what it would change", args: "diff -f " + file, says: "+  name: habit", fails: true}, // diff's exit code
		{name: "apply", args: "apply -f " + file, says: "habit created"},
		{name: "apply again", args: "apply -f " + file, says: "habit unchanged"},
		{name: "nothing differs", args: "diff -f " + file},
		{name: "create again", args: "create -f " + file, says: "already exists", fails: true},
		{name: "apply from the server's side", args: "apply --server-side --field-manager=gitops --force-conflicts -f " + file, says: "habit serverside-applied"},
		{name: "another manager's field", args: "apply --server-side --field-manager=other -f -", stdin: change("parallelism: 2", "parallelism: 3"), says: "conflict", fails: true},
		{name: "a wrong field from the server's side", args: "apply --server-side --field-manager=gitops -f -", stdin: change("parallelism", "parallelsm"), says: "parallelsm", fails: true},
		{name: "a merge patch", args: `patch streamjob habit --type=merge -p {"spec":{"parallelism":3}}`, says: "habit patched"},
		{name: "a strategic patch", args: `patch streamjob habit -p {"spec":{"parallelism":3}}`, says: "merge-patch+json", fails: true},
		{name: "a JSON patch", args: `patch sj habit --type=json -p [{"op":"replace","path":"/spec/checkpoint/interval","value":"5s"}]`, says: "habit patched"},
		{name: "a patch that makes it wrong", args: `patch sj habit --type=merge -p {"spec":{"checkpoint":{"interval":"5"}}}`, says: "write interval as a number with its unit", fails: true},
		{name: "a patch that takes the SQL away", args: `patch sj habit --type=merge -p {"spec":{"sql":null}}`, says: "write the job as sql or as program: exactly one of them", fails: true},
		{name: "a patch of the job id", args: `patch sj habit --type=merge -p {"spec":{"jobID":"other"}}`, says: "jobID is immutable", fails: true},
		{name: "edit", args: "edit streamjob habit", edit: "s/parallelism: 3/parallelism: 5/", says: "habit edited"},
		{name: "edit nothing", args: "edit streamjob habit", edit: "s/x/x/", says: "no changes"},
		{name: "edit it wrong", args: "edit streamjob habit", edit: "s/interval: 5s/interval: 5x/", says: `"habit" is invalid`, fails: true},
		{name: "set a status by hand", args: "edit streamjob habit --subresource=status", edit: "s/^spec:/status: {phase: Running}\\nspec:/", says: "edited"},
		{name: "replace", args: "replace -f " + file, says: "habit replaced"},
		{name: "scale", args: "scale streamjob habit --replicas=7", says: "habit scaled"},
		{name: "scale from what it is not", args: "scale sj habit --current-replicas=9 --replicas=3", says: "xpected replicas", fails: true},
		{name: "scale to nothing", args: "scale sj habit --replicas=0", says: "spec.parallelism", fails: true},
		{name: "scale beyond one process", args: "scale sj habit --replicas=600", says: "512", fails: true},
		{name: "label", args: "label sj habit team=a", says: "labeled"},
		{name: "an annotation that is huge", args: "annotate sj habit note=" + strings.Repeat("x", 100_000), says: "annotated"},
		{name: "explain", args: "explain streamjob.spec.checkpoint.interval", says: "from one checkpoint's trigger to the next"},
		{name: "explain what must be there", args: "explain streamjob.spec.program", says: "image\t<string> -required-"},
		{name: "kustomize", args: "apply -k " + h.dir, says: "habit-k created"},
		{name: "a generated name", args: "create -f -", stdin: change("name: habit", "generateName: habit-"), says: "created"},
		{name: "a generated name that is too long", args: "create -f -", stdin: change("name: habit", "generateName: "+strings.Repeat("a", 40)), says: "at most 40 characters", fails: true},
		{name: "numbers as texts", args: "apply -f -", stdin: change("parallelism: 2", `parallelism: "2"`), says: "spec.parallelism", fails: true},
		{name: "a field of the document", args: "apply -f -", stdin: habitual + "replicas: 2\n", says: `unknown field "replicas"`, fails: true},
		{name: "a list of two", args: "apply -f -", stdin: habitual + "---\n" + change("name: habit", "name: second"), says: "second created"},
		{name: "in another namespace", args: "apply -n default -f -", stdin: habitual, says: "habit created"},
		{name: "what there is", args: "get sj,sp", says: "PHASE"},
		{name: "all that there is", args: "get all", says: "streamjob.weir.stream/habit"},
		{name: "an autoscaler", args: "autoscale streamjob habit --max=4", says: "autoscaled"},
		{name: "a Savepoint of a job that cannot be", args: "create -f -", stdin: "apiVersion: weir.stream/v1alpha1\nkind: Savepoint\nmetadata: {name: now}\nspec: {jobRef: {name: a/b}}\n", says: "spec.jobRef.name", fails: true},
		{name: "a Savepoint", args: "create -f -", stdin: "apiVersion: weir.stream/v1alpha1\nkind: Savepoint\nmetadata: {name: now}\nspec: {jobRef: {name: habit}}\n", says: "now created"},
		{name: "another mode for it", args: `patch sp now --type=merge -p {"spec":{"mode":"Stop"}}`, says: "spec is immutable: create another Savepoint", fails: true},
		{name: "delete", args: "delete streamjob habit second --wait=false", says: `"habit" deleted`},
		{name: "delete in another namespace", args: "delete -n default streamjob habit --wait=false", says: `deleted`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.write("edit.sed", c.edit)
			out, err := h.kubectl(c.stdin, strings.Fields(c.args)...)
			if (err != nil) != c.fails || !strings.Contains(out, c.says) {
				t.Errorf("kubectl %.200s: %v\n%.1500s\nwant %q", c.args, err, out, c.says)
			}
		})
	}
	noSelector(t, w, h)
}

// noSelector: an autoscaler that counts pods would divide the subtasks among them.
func noSelector(t *testing.T, w *controllertest.World, h *hands) {
	t.Helper()
	create(t, w, w.StreamJob("scaled"))
	w.Eventually("the scale tells no pods", func(ctx context.Context) error {
		out, err := h.kubectl("", "get", "--raw", "/apis/weir.stream/v1alpha1/namespaces/"+w.Namespace+"/streamjobs/scaled/scale")
		if err != nil || !strings.Contains(out, `"spec":{"replicas":1}`) {
			return errors.Join(fmt.Errorf("it is %s", out), err)
		}
		if strings.Contains(out, "selector") {
			t.Errorf("the scale has a selector: %s", out)
		}
		return nil
	})
	crd, err := h.kubectl("", "get", "crd", "streamjobs.weir.stream", "-o", "jsonpath={.spec.versions[0].subresources.scale}")
	if err != nil || strings.Contains(crd, "labelSelectorPath") || !strings.Contains(crd, "specReplicasPath") {
		t.Errorf("the scale subresource is %s, %v", crd, err)
	}
	if err := w.Client.Delete(t.Context(), w.StreamJob("scaled"), client.PropagationPolicy("Background")); err != nil {
		t.Error(err)
	}
}
