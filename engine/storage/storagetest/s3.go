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

// S3 is a running S3 server (versitygw in posix mode) that keeps its objects in a folder.
type S3 struct {
	URL      string // s3://bucket?endpoint=...: for storage.Open, with JoinURL for a prefix
	Endpoint string // http://127.0.0.1:port
	Bucket   string // that StartS3 has made; LaunchS3 makes none
	DataDir  string // holds a folder for each bucket, and a file for each object

	command *exec.Cmd
	output  bytes.Buffer // of the command; read after ended is closed
	ended   chan struct{}
	exit    error // of the command; set before ended is closed
}

const (
	// AccessKey is the name of the server's user.
	AccessKey = "storagetest"
	// SecretKey is the key of that name.
	SecretKey = "storagetest-secret-key"

	s3StartTries = 5
	s3StartWait  = 30 * time.Second
)

// S3Environment is the environment of a process that is the user of the server.
func S3Environment() map[string]string {
	return map[string]string{
		"AWS_ACCESS_KEY_ID":     AccessKey,
		"AWS_SECRET_ACCESS_KEY": SecretKey,
		"AWS_REGION":            "us-east-1",
	}
}

// StartS3 starts a server for the duration of the test, with one empty bucket, and puts its credentials into the
// environment: so the test cannot be a parallel one. The test fails if there is no program for it (see LaunchS3).
func StartS3(t *testing.T) *S3 {
	t.Helper()
	for key, value := range S3Environment() {
		t.Setenv(key, value)
	}
	s, err := LaunchS3(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("S3 server: %s", s.output.String())
		}
	})
	s.Bucket = "weir"
	if s.URL, err = s.MakeBucket(s.Bucket); err != nil {
		t.Fatal(err)
	}
	return s
}

// LaunchS3 starts a server with its data in a folder, until Stop. The program is $WEIR_VERSITYGW, else .bin/versitygw in the
// project's root. On Linux it ends with this process, however that ends.
func LaunchS3(ctx context.Context, dataDir string) (*S3, error) {
	program, err := versitygw()
	if err != nil {
		return nil, err
	}
	var failures []error
	for range s3StartTries {
		s := &S3{DataDir: dataDir, ended: make(chan struct{})}
		err := s.start(ctx, program)
		if err == nil {
			return s, nil
		}
		failures = append(failures, err) // its port may have been taken meanwhile
	}
	return nil, fmt.Errorf("start %s: %w", program, errors.Join(failures...))
}

// MakeBucket makes an empty bucket and returns its URL. In posix mode a bucket is a folder.
func (s *S3) MakeBucket(name string) (url string, err error) {
	if err := os.Mkdir(filepath.Join(s.DataDir, name), 0o755); err != nil {
		return "", err
	}
	return s.BucketURL(name), nil
}

// BucketURL returns the URL of a bucket of the server.
func (s *S3) BucketURL(bucket string) string {
	return fmt.Sprintf("s3://%s?endpoint=%s&use_path_style=true&region=us-east-1", bucket, s.Endpoint)
}

// Stop ends the server, and waits until it has ended.
func (s *S3) Stop() error {
	if err := s.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the S3 server: %w", err)
	}
	<-s.ended
	return nil
}

// versitygw finds the server's program.
func versitygw() (string, error) {
	program := os.Getenv("WEIR_VERSITYGW")
	if program == "" {
		dir, err := os.Getwd()
		if err != nil {
			return "", err
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				return "", errors.New("there is no go.mod above the working directory: set WEIR_VERSITYGW to the versitygw program")
			}
			dir = filepath.Dir(dir)
		}
		program = filepath.Join(dir, ".bin", "versitygw")
	}
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("the S3 server for tests is missing: run `make tools`, or set WEIR_VERSITYGW to versitygw: %w", err)
	}
	return program, nil
}

// start runs the server on a free port and waits until it answers.
func (s *S3) start(ctx context.Context, program string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	// Stop ends it, not ctx: a test's context is over before its cleanups, which may still need the server.
	s.command = exec.CommandContext(context.WithoutCancel(ctx), program, "--port", address, "--health", "/health", "posix", s.DataDir)
	s.command.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	s.command.Stdout, s.command.Stderr = &s.output, &s.output
	noOrphan(s.command)
	if err := s.command.Start(); err != nil {
		return err
	}
	go func() {
		s.exit = s.command.Wait()
		close(s.ended)
	}()
	s.Endpoint = "http://" + address
	if err := awaitHealth(ctx, s.Endpoint+"/health", s.ended); err != nil {
		if stopErr := s.Stop(); stopErr != nil {
			return errors.Join(err, stopErr)
		}
		return fmt.Errorf("%w: %w: %s", err, s.exit, s.output.String())
	}
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
