package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// S3 is a running S3 server that keeps its objects in a folder.
type S3 struct {
	URL      string // s3://bucket?endpoint=...: for storage.Open, with JoinURL for a prefix
	Endpoint string // http://127.0.0.1:port
	Bucket   string
	DataDir  string // holds a folder for each bucket, and a file for each object
}

const (
	// AccessKey is the name that StartS3 puts into the environment.
	AccessKey = "storagetest"
	// SecretKey is the key of that name.
	SecretKey = "storagetest-secret-key"

	s3StartTries = 5
	s3StartWait  = 30 * time.Second
)

// StartS3 starts a real S3 server (versitygw in posix mode) for the duration of the test, with one empty bucket, and puts
// its credentials into the environment. The program is $WEIR_VERSITYGW, else .bin/versitygw in the project's root; the
// test fails if there is none.
func StartS3(t *testing.T) *S3 {
	t.Helper()
	program := versitygw(t)
	t.Setenv("AWS_ACCESS_KEY_ID", AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", SecretKey)
	t.Setenv("AWS_REGION", "us-east-1")
	s := &S3{Bucket: "weir", DataDir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(s.DataDir, s.Bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	var failures []error
	for range s3StartTries {
		err := s.start(t, program)
		if err == nil {
			s.URL = s.BucketURL(s.Bucket)
			return s
		}
		failures = append(failures, err) // its port may have been taken meanwhile
	}
	t.Fatalf("start %s: %v", program, failures)
	return nil
}

// BucketURL returns the URL of a bucket of the server.
func (s *S3) BucketURL(bucket string) string {
	return fmt.Sprintf("s3://%s?endpoint=%s&use_path_style=true&region=us-east-1", bucket, s.Endpoint)
}

// versitygw finds the server's program.
func versitygw(t *testing.T) string {
	t.Helper()
	program := os.Getenv("WEIR_VERSITYGW")
	if program == "" {
		dir, err := os.Getwd()
		for ; err == nil; dir = filepath.Dir(dir) {
			if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); statErr == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				t.Fatal("there is no go.mod above the working directory: set WEIR_VERSITYGW to the versitygw program")
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		program = filepath.Join(dir, ".bin", "versitygw")
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("the S3 server for tests is missing: run `make tools`, or set WEIR_VERSITYGW to versitygw: %v", err)
	}
	return program
}

// start runs the server on a free port and waits until it answers.
func (s *S3) start(t *testing.T, program string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	var output bytes.Buffer
	command := exec.Command(program, "--port", address, "--health", "/health", "posix", s.DataDir)
	command.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		return err
	}
	var exit error // read after ended is closed
	ended := make(chan struct{})
	go func() {
		exit = command.Wait()
		close(ended)
	}()
	s.Endpoint = "http://" + address
	if err := awaitHealth(t.Context(), s.Endpoint+"/health", ended); err != nil {
		if killErr := command.Process.Kill(); killErr != nil && !errors.Is(killErr, os.ErrProcessDone) {
			return errors.Join(err, killErr)
		}
		<-ended
		return fmt.Errorf("%w: %w: %s", err, exit, output.String())
	}
	t.Cleanup(func() {
		if err := command.Process.Kill(); err != nil {
			t.Errorf("stop the S3 server: %v", err)
			return
		}
		<-ended
		if t.Failed() {
			t.Logf("S3 server: %s", output.String())
		}
	})
	return nil
}

// awaitHealth asks until the server answers, ends, or the time is over.
func awaitHealth(ctx context.Context, url string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, s3StartWait)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return errors.New("the S3 server ended")
		case <-ctx.Done():
			return fmt.Errorf("the S3 server does not answer: %w", ctx.Err())
		case <-tick.C:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			continue
		}
		if err := response.Body.Close(); err != nil {
			return err
		}
		if response.StatusCode == http.StatusOK {
			return nil
		}
	}
}
