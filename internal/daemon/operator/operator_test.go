package operator_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirstream/weir/controllers"
	"github.com/weirstream/weir/internal/clitest"
	"github.com/weirstream/weir/manifest"
)

func TestAnOperatorIsStartedWithWhatFlagsAndEnvironmentSay(t *testing.T) {
	const weirYAML = "checkpoint: {interval: 5s}\n"
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		want controllers.Options
	}{
		{"no more than the image", nil, []string{"--engine-image", "weir:1"},
			controllers.Options{Image: "weir:1", Namespace: "weir-system", LeaderElection: true, MetricsAddress: ":8080", ProbeAddress: ":8081"}},
		{"by the environment of a pod", map[string]string{"WEIR_ENGINE_IMAGE": "weir:2", "POD_NAMESPACE": "here", "WEIR_CONFIG": "weir.yaml"}, nil,
			controllers.Options{Image: "weir:2", Namespace: "here", LeaderElection: true, MetricsAddress: ":8080", ProbeAddress: ":8081",
				Global: &manifest.File{Name: "weir.yaml", Text: []byte(weirYAML)}}},
		{"flags over the environment", map[string]string{"WEIR_ENGINE_IMAGE": "weir:2", "POD_NAMESPACE": "here"},
			[]string{"--engine-image=weir:3", "--namespace=there", "--namespaces=a,b", "--leader-elect=false", "--metrics=0", "--probes=:1"},
			controllers.Options{Image: "weir:3", Namespace: "there", Namespaces: []string{"a", "b"}, MetricsAddress: "0", ProbeAddress: ":1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := clitest.New(t)
			for name, value := range c.env {
				p.Env[name] = value
			}
			clitest.Write(t, "weir.yaml", weirYAML)
			var got controllers.Options
			p.RunOperator = func(_ context.Context, o controllers.Options) error { got = o; return nil }
			if code := p.Run(append([]string{"operator"}, c.args...)...); code != 0 {
				t.Fatalf("exit code %d: %s", code, p.Stderr)
			}
			if d := cmp.Diff(c.want, got, cmpopts.IgnoreFields(controllers.Options{}, "Logger")); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAnOperatorThatCannotWorkSaysSoInOneLine(t *testing.T) {
	for _, c := range []struct {
		name, config string
		args         []string
		want         string
	}{
		{"no image", "", nil, "weir: --engine-image is missing, and WEIR_ENGINE_IMAGE is not set"},
		{"no such file", "", []string{"--engine-image=x", "--config=none.yaml"}, "none.yaml"},
		{"a field that there is not", "parallellism: 2", []string{"--engine-image=x", "--config=weir.yaml"}, "weir: weir.yaml:1:1: "},
		{"a value that no job can have", "checkpoint: {interval: 0s}", []string{"--engine-image=x", "--config=weir.yaml"}, "weir: weir.yaml:1:"},
		{"an argument", "", []string{"job"}, `"job" is one argument too many`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := clitest.New(t)
			clitest.Write(t, "weir.yaml", c.config)
			p.RunOperator = func(context.Context, controllers.Options) error { t.Error("it is started"); return nil }
			if code := p.Run(append([]string{"operator"}, c.args...)...); code == 0 {
				t.Error("exit code 0")
			}
			if out := p.Stderr.String(); !strings.Contains(out, c.want) || strings.Count(out, "\n") != 1 {
				t.Errorf("%q, want one line with %q", out, c.want)
			}
		})
	}
}

func TestASignalEndsAnOperator(t *testing.T) {
	p := clitest.New(t)
	p.RunOperator = func(ctx context.Context, _ controllers.Options) error {
		p.Signals <- syscall.SIGTERM
		<-ctx.Done()
		return nil
	}
	if code := p.Run("operator", "--engine-image=x"); code != 0 {
		t.Errorf("exit code %d: %s", code, p.Stderr)
	}
}

func TestASecondSignalEndsAnOperatorThatDoesNotEnd(t *testing.T) {
	p := clitest.New(t)
	never := make(chan struct{})
	defer close(never)
	p.RunOperator = func(ctx context.Context, _ controllers.Options) error {
		p.Signals <- syscall.SIGTERM
		<-ctx.Done()
		p.Signals <- syscall.SIGTERM
		<-never
		return nil
	}
	if code := p.Run("operator", "--engine-image=x"); code != 1 || !strings.Contains(p.Stderr.String(), "second signal") {
		t.Errorf("exit code %d: %s", code, p.Stderr)
	}
}

func TestAnOperatorThatFailsSaysWhy(t *testing.T) {
	p := clitest.New(t)
	p.RunOperator = func(context.Context, controllers.Options) error { return errors.New("no cluster") }
	if code := p.Run("operator", "--engine-image=x"); code != 1 || p.Stderr.String() != "weir: no cluster\n" {
		t.Errorf("exit code %d: %q", code, p.Stderr)
	}
}
