package harness

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/weirstream/weir/engine/storage/storagetest"
)

// Main is the TestMain of a package of end-to-end tests: it builds the binary, starts the S3 server, and runs the tests, so many
// at once unless -parallel says otherwise. The path of the binary is in *binary before the first test. It does not return.
func Main(m *testing.M, binary *string, atOnce string) {
	flag.Parse()
	code, err := run(m, binary, atOnce)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code) //nolint:forbidigo // it is the main of the packages that call it
}

// run builds the binary and starts the S3 server, once for all tests.
func run(m *testing.M, binary *string, atOnce string) (code int, err error) {
	dir, err := os.MkdirTemp("", "weir-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	if *binary, err = Build(context.Background(), dir); err != nil {
		return 1, err
	}
	// All processes, and the tests themselves, are the same user of the S3 server.
	for key, value := range storagetest.S3Environment() {
		if err := os.Setenv(key, value); err != nil {
			return 1, err
		}
	}
	data := filepath.Join(dir, "s3")
	if err := os.Mkdir(data, 0o755); err != nil {
		return 1, err
	}
	stop, err := RunS3(context.Background(), data)
	if err != nil {
		return 1, err
	}
	defer func() {
		if stopErr := stop(); err == nil {
			err = stopErr
		}
	}()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			return 1, err
		}
	}
	return m.Run(), nil
}
