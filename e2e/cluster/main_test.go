package cluster

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/weirstream/weir/e2e/cluster/lab"
)

// testbed is the cluster, with everything on it that tests need.
var testbed *lab.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code) //nolint:forbidigo // TestMain is the main of its package
}

// atOnce is how many tests run at once unless -parallel says otherwise: their jobs share the machine with Kubernetes.
const atOnce = "3"

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "weir-cluster-")
	if err != nil {
		return 1, err
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	var stop func()
	if testbed, stop, err = lab.Start(context.Background(), dir, say); err != nil {
		return 1, fmt.Errorf("prepare the cluster: %w", err)
	}
	defer stop()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			return 1, err
		}
	}
	return m.Run(), nil
}
