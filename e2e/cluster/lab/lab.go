package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgo "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/e2e/harness"
)

const (
	// upLimit is how long the cluster may take: the first time its programs are built.
	upLimit = 45 * time.Minute
	// rolloutLimit is how long a Deployment may take until its pod is ready.
	rolloutLimit = 3 * time.Minute
)

// Lab is the cluster with everything on it.
type Lab struct {
	// Client sees and does all.
	Client client.WithWatch
	// Version is that of Kubernetes.
	Version string
	// Engine, WordCount and Unauthorized are images: that of the engine and the operator, that of a user's program, and that of a
	// program that tries the coordinator's doors.
	Engine, WordCount, Unauthorized string

	root        string   // of the repository
	dir         string   // for files of this run
	kubectl     string   // the program
	weir        string   // the program
	environment []string // of every command
	s3          s3
}

// Start brings up what is not there yet. Files go to dir; say is told what was done. stop ends the processes of this one;
// the cluster stays as it is.
func Start(ctx context.Context, dir string, say func(format string, args ...any)) (l *Lab, stop func(), err error) {
	root, err := harness.Root()
	if err != nil {
		return nil, nil, err
	}
	ctrllog.SetLogger(logr.Discard()) // or controller-runtime, whose client is used here, complains of it with a stack trace
	say("building weir")
	l = &Lab{root: root, dir: dir, environment: []string{"CGO_ENABLED=0"}}
	if l.weir, err = harness.Build(ctx, dir); err != nil {
		return nil, nil, err
	}
	say("bringing a cluster up: hack/cluster/cluster up")
	if err := l.connect(ctx, say); err != nil {
		return nil, nil, err
	}
	say("the cluster is up: Kubernetes %s", l.Version)
	say("building the images and loading them onto the node")
	if err := l.loadImages(ctx); err != nil {
		return nil, nil, err
	}
	say("the image %s is built and loaded", l.Engine)
	if stop, err = l.startS3(ctx); err != nil {
		return nil, nil, err
	}
	say("an S3 server answers at %s in the cluster", s3Inside)
	say("installing the operator with Helm")
	if err := l.installOperator(ctx); err != nil {
		stop()
		return nil, nil, err
	}
	say("the operator is installed with charts/weir")
	return l, stop, nil
}

// Root is the top of the repository.
func (l *Lab) Root() string { return l.root }

// connect brings the cluster up and makes a client for it.
func (l *Lab) connect(ctx context.Context, say func(format string, args ...any)) error {
	script := filepath.Join(l.root, "hack/cluster/cluster")
	out, err := l.told(ctx, upLimit, say, script, "up")
	if err != nil {
		return err
	}
	kubeconfig := strings.TrimSpace(out)
	assets, err := l.command(ctx, time.Minute, script, "assets")
	if err != nil {
		return err
	}
	l.kubectl = filepath.Join(strings.TrimSpace(assets), "kubectl")
	if _, err := os.Stat(l.kubectl); err != nil {
		l.kubectl = "kubectl" // that of whoever has a cluster already
	}
	l.environment = append(l.environment, "KUBECONFIG="+kubeconfig)

	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // tests look often; the server says when it is too much
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgo.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if l.Client, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	text, err := l.Kubectl(ctx, "get", "--raw", "/version")
	if err != nil {
		return err
	}
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal([]byte(text), &version); err != nil {
		return fmt.Errorf("the cluster's version is %.200q: %w", text, err)
	}
	l.Version = version.GitVersion
	return nil
}

// rollout waits until a Deployment has what it declares.
func (l *Lab) rollout(ctx context.Context, namespace, deployment string) error {
	_, err := l.command(ctx, rolloutLimit+10*time.Second, l.kubectl, "-n", namespace, "rollout", "status", "deployment/"+deployment,
		"--timeout="+rolloutLimit.String())
	if err == nil {
		return nil
	}
	// What follows only explains.
	pods, _ := l.Kubectl(ctx, "-n", namespace, "describe", "pods")
	logs, _ := l.Kubectl(ctx, "-n", namespace, "logs", "deployment/"+deployment, "--all-containers", "--tail=20")
	return fmt.Errorf("%w\n%s\n%s", err, pods, logs)
}
