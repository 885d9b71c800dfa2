package controllertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/go-logr/logr"

	"github.com/weirstream/weir/api/v1alpha1"
)

// assetsEnv names the folder of the binaries etcd, kube-apiserver, kubectl and kube-controller-manager.
const assetsEnv = "KUBEBUILDER_ASSETS"

// startTimeout is how long a component may take to start on a busy machine.
const startTimeout = 2 * time.Minute

// cluster is the control plane that the tests of a package share.
type cluster struct {
	env         *envtest.Environment
	config      *rest.Config // of an administrator
	operator    *rest.Config // of a user with the rights of the operator, and no others
	scheme      *runtime.Scheme
	controllers *exec.Cmd
	output      bytes.Buffer // of the controller manager, shown if it does not start
}

// shared is the control plane of this process. The first world starts it; Main stops it.
var shared struct {
	mu      sync.Mutex
	managed bool // by Main
	cluster *cluster
	err     error // why it could not be started, which is not tried twice
}

// Main runs a package's tests and stops the control plane that their worlds have used:
//
//	func TestMain(m *testing.M) { controllertest.Main(m) }
func Main(m *testing.M) {
	ctrl.SetLogger(logr.Discard()) // each world keeps its own
	shared.managed = true
	m.Run() // go test exits with its code when TestMain returns
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cluster == nil {
		return
	}
	if err := shared.cluster.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "controllertest:", err)
	}
}

// theCluster is the control plane, started if it does not run. Without the binaries in $KUBEBUILDER_ASSETS that is an
// error: a test that is left out proves nothing.
func theCluster() (*cluster, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.managed {
		return nil, errors.New("the package has no TestMain that calls controllertest.Main, and nobody would stop the control plane")
	}
	if shared.cluster == nil && shared.err == nil {
		shared.cluster, shared.err = startCluster()
	}
	return shared.cluster, shared.err
}

func startCluster() (*cluster, error) {
	assets := os.Getenv(assetsEnv)
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager"} {
		if _, err := os.Stat(filepath.Join(assets, name)); assets == "" || err != nil {
			return nil, fmt.Errorf("%s is not in the folder that %s names (%q): run the tests with make, which builds it", name, assetsEnv, assets)
		}
	}
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	c := &cluster{scheme: runtime.NewScheme()}
	if err := errors.Join(clientgoscheme.AddToScheme(c.scheme), v1alpha1.AddToScheme(c.scheme)); err != nil {
		return nil, fmt.Errorf("build the scheme: %w", err)
	}
	existing := false
	c.env = &envtest.Environment{
		CRDDirectoryPaths:        []string{filepath.Join(root, "config", "crd")},
		ErrorIfCRDPathMissing:    true,
		UseExistingCluster:       &existing,
		ControlPlaneStartTimeout: startTimeout,
		ControlPlaneStopTimeout:  startTimeout,
	}
	// Nothing here outlives the tests, so nothing needs to be on disk before it is acknowledged.
	c.env.ControlPlane.Etcd = &envtest.Etcd{}
	c.env.ControlPlane.Etcd.Configure().Set("unsafe-no-fsync", "true")
	if c.config, err = c.env.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start etcd and kube-apiserver of %s: %w", assets, err), c.env.Stop())
	}
	if err := c.addOperator(filepath.Join(root, "config", "rbac", "role.yaml")); err != nil {
		return nil, errors.Join(fmt.Errorf("add the operator's user: %w", err), c.stop())
	}
	if err := c.startControllers(assets); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// operatorUser has the name of the service account that the chart makes.
const operatorUser = "system:serviceaccount:weir-system:weir-operator"

// addOperator makes the user that the operators of all worlds are, with the cluster role that is generated for them: what an
// administrator may, an operator may not.
func (c *cluster) addOperator(roles string) error {
	// As the administrator, it is not held back by limits of its own: many worlds share one machine.
	limits := &rest.Config{QPS: c.config.QPS, Burst: c.config.Burst}
	user, err := c.env.AddUser(envtest.User{Name: operatorUser, Groups: []string{"system:serviceaccounts"}}, limits)
	if err != nil {
		return err
	}
	c.operator = user.Config()
	admin, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	text, err := os.ReadFile(roles)
	if err != nil {
		return err
	}
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		role := &rbacv1.ClusterRole{}
		if err := yaml.Unmarshal(document, role); err != nil {
			return fmt.Errorf("%s: %w", roles, err)
		}
		if role.Kind != "ClusterRole" {
			continue // of the operator's own namespace, which no world has
		}
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: operatorUser}},
		}
		if err := errors.Join(admin.Create(ctx, role), admin.Create(ctx, binding)); err != nil {
			return err
		}
	}
	return c.awaitRights(ctx)
}

// awaitRights returns when the API server knows of the operator's rights, which it learns by watching.
func (c *cluster) awaitRights(ctx context.Context) error {
	operator, err := client.New(c.operator, client.Options{Scheme: c.scheme})
	if err != nil {
		return err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := operator.List(ctx, &v1alpha1.StreamJobList{})
		if !apierrors.IsForbidden(err) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// startControllers runs the part of the controller manager that jobs stand on. It is started after the CRDs are there: the
// garbage collector looks for new kinds only every 30 s.
func (c *cluster) startControllers(assets string) error {
	kubeconfig := filepath.Join(c.env.ControlPlane.APIServer.CertDir, "controllers.kubeconfig")
	if err := os.WriteFile(kubeconfig, c.env.KubeConfig, 0o600); err != nil {
		return fmt.Errorf("write the controller manager's kubeconfig: %w", err)
	}
	c.controllers = exec.CommandContext(context.Background(), filepath.Join(assets, "kube-controller-manager"),
		"--kubeconfig="+kubeconfig,
		"--leader-elect=false",
		"--controllers=statefulset-controller,job-controller,garbage-collector-controller,namespace-controller",
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--secure-port=0",
	)
	c.controllers.Stdout, c.controllers.Stderr = &c.output, &c.output
	// A group of its own: an interrupt from the terminal reaches the tests first, which then stop it.
	c.controllers.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.controllers.Start(); err != nil {
		return fmt.Errorf("start kube-controller-manager: %w", err)
	}
	return nil
}

func (c *cluster) stop() error {
	if c.controllers != nil && c.controllers.Process != nil {
		// It holds nothing that is worth a graceful end.
		if err := c.controllers.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop kube-controller-manager: %w", err)
		}
		var exit *exec.ExitError
		if err := c.controllers.Wait(); err != nil && !errors.As(err, &exit) {
			return fmt.Errorf("wait for kube-controller-manager: %w", err)
		}
	}
	if err := c.env.Stop(); err != nil {
		return fmt.Errorf("stop etcd and kube-apiserver: %w", err)
	}
	return nil
}

// client returns a client that reads from the API server itself.
func (c *cluster) client() (client.WithWatch, error) {
	return client.NewWithWatch(c.config, client.Options{Scheme: c.scheme})
}

// moduleRoot is the folder of go.mod: tests run in their package's folder.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the module: no go.mod above the tests")
		}
		dir = parent
	}
}
