package cluster

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weirstream/weir/e2e/harness"
)

// script runs the script with an environment of its own and returns what it prints.
func script(t *testing.T, environment []string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	if err := harness.DependsOn("cluster", "lib"); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "./cluster", args...)
	c.Env = append([]string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir()}, environment...)
	var out, complaint bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaint
	err = c.Run()
	return strings.TrimSpace(out.String()), complaint.String(), err
}

// TestTheClusterIsTheOneThatIsAskedFor asks for the kubeconfig, whose place tells which cluster is meant.
func TestTheClusterIsTheOneThatIsAskedFor(t *testing.T) {
	dir := t.TempDir()
	own, kind := filepath.Join(dir, "admin.kubeconfig"), filepath.Join(dir, "kind.kubeconfig")
	cases := []struct {
		name        string
		environment []string
		want        string
	}{
		{"one that exists", []string{"KUBECONFIG=/home/me/config"}, "/home/me/config"},
		{"KUBECONFIG is our own", []string{"KUBECONFIG=" + own, "WEIR_CLUSTER=own"}, own},
		{"said: own, although there is another", []string{"WEIR_CLUSTER=own", "KUBECONFIG=/home/me/config"}, own},
		{"said: kind", []string{"WEIR_CLUSTER=kind"}, kind},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, complaint, err := script(t, append(c.environment, "WEIR_CLUSTER_DIR="+dir), "kubeconfig")
			if err != nil || got != c.want {
				t.Errorf("kubeconfig %q, want %q; error %v: %s", got, c.want, err, complaint)
			}
		})
	}
}

// TestWrongUseSaysWhatToDo calls the script in ways that cannot work.
func TestWrongUseSaysWhatToDo(t *testing.T) {
	cases := []struct {
		name        string
		environment []string
		args        []string
		says        string
	}{
		{"no verb", nil, nil, "cluster up"},
		{"an unknown verb", nil, []string{"upp"}, "cluster down"},
		{"an unknown cluster", []string{"WEIR_CLUSTER=minikube"}, []string{"kubeconfig"}, "existing, kind or own"},
		{"an image for a cluster that is not ours", []string{"KUBECONFIG=/home/me/config"}, []string{"load", "x.tar"}, "WEIR_LOAD"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, complaint, err := script(t, append(c.environment, "WEIR_CLUSTER_DIR="+t.TempDir()), c.args...)
			if err == nil || !strings.Contains(complaint, c.says) || out != "" {
				t.Errorf("it printed %q and complained %q, want %q among it; error %v", out, complaint, c.says, err)
			}
		})
	}
}

// TestGoIsToldItsFolderFirst reads the scripts for what only a machine without a built Kubernetes would find: go takes -C as its
// first flag alone.
func TestGoIsToldItsFolderFirst(t *testing.T) {
	late := regexp.MustCompile(`\bgo (build|run|test|list|vet|install) .*(^|\s)-C\b`)
	first := regexp.MustCompile(`\bgo (build|run|test|list|vet|install) -C\b`)
	scripts, err := filepath.Glob("lib/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("scripts %q, error %v", scripts, err)
	}
	told := 0
	for _, name := range append(scripts, "cluster", "../fuzz.sh", "../data.sh", "../../Makefile") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			switch {
			case first.MatchString(line):
				told++
			case late.MatchString(line) && !strings.Contains(line, "hack/testsum"): // testsum passes -C on as it must be
				t.Errorf("%s:%d: -C is not the first flag of go: %s", name, i+1, line)
			}
		}
	}
	if told == 0 {
		t.Error("no script tells go a folder: this test reads nothing")
	}
}
