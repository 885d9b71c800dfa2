package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/smithy-go"
)

// portableError is how the Go CDK reports a driver's error.
type portableError struct{ err error }

func (e portableError) Error() string   { return `blob (key "a/k") (code=Unknown): ` + e.err.Error() }
func (e portableError) Unwrap() []error { return []error{e.err, errors.New("Unknown")} }

func TestAnErrorSaysWhatWhereAndWhyOnce(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	operation := func(err error) error {
		return portableError{&smithy.OperationError{ServiceID: "S3", OperationName: "PutObject", Err: err}}
	}
	answer := func(code, message string) error {
		return operation(fmt.Errorf("https response error StatusCode: 4xx, RequestID: X, HostID: Y, %w",
			&smithy.GenericAPIError{Code: code, Message: message}))
	}
	for _, test := range []struct {
		object string
		class  error
		cause  error
		want   string
	}{
		{"s3://b/k", ErrNotFound, nil, "create s3://b/k: not found"},
		{"s3://b/k", ErrTransient, operation(fmt.Errorf("exceeded maximum number of attempts, 3, %w",
			&url.Error{Op: "Put", URL: "http://h/b/k?x-id=PutObject", Err: refused})),
			"create s3://b/k: temporary failure: dial tcp: connect: connection refused"},
		{"s3://b/k", ErrNotFound, answer("NoSuchBucket", "The specified bucket does not exist."),
			"create s3://b/k: not found: NoSuchBucket: The specified bucket does not exist (make the bucket, or correct its name)"},
		{"s3://b/k", ErrTransient, answer("SlowDown", "SlowDown"), "create s3://b/k: temporary failure: SlowDown"},
		{"s3://b/k", ErrTransient, answer("Busy", ""), "create s3://b/k: temporary failure: Busy"},
		{"s3://b/k", ErrTransient, fmt.Errorf("%w, %w", httpError(503), &smithy.GenericAPIError{Code: "UnknownError"}),
			"create s3://b/k: temporary failure: status 503 Service Unavailable"},
		{"s3://b/k", ErrPermission, operation(errors.New("get identity: get credentials: none")),
			"create s3://b/k: permission denied: get identity: get credentials: none (check the credentials in the environment, and what they may do there)"},
		{"azblob://b/k", ErrInvalid, errors.New("sent\n---\nto h"), "create azblob://b/k: invalid request: sent --- to h"},
		{"file:///d/k", ErrTransient, &fs.PathError{Op: "open", Path: "/d/k", Err: syscall.EIO}, "create file:///d/k: input/output error"},
		{"file:///d/k", ErrInvalid, &fs.PathError{Op: "mkdir", Path: "/d", Err: syscall.ENOTDIR}, "create file:///d/k: not a directory: mkdir /d"},
		{"file:///d/k", ErrPermission, portableError{&os.LinkError{Op: "link", Old: "/d/t", New: "/d/k", Err: syscall.EPERM}},
			"create file:///d/k: operation not permitted (check owner, mode and attributes there, and whether the file system is read-only)"},
		{"file:///d/k", ErrFull, &fs.PathError{Op: "write", Path: "/d/k", Err: syscall.ENOSPC},
			"create file:///d/k: no space left on device (free space there, or name another place)"},
		{"file:///d/k", ErrTransient, fmt.Errorf("may be lost: %w", &fs.PathError{Op: "sync", Path: "/d", Err: syscall.EIO}),
			"create file:///d/k: temporary failure: may be lost: sync /d: input/output error"},
	} {
		err := &Error{Op: "create", Object: test.object, Class: test.class, Cause: test.cause}
		if err.Error() != test.want {
			t.Errorf("got  %s\nwant %s", err, test.want)
		}
		if !errors.Is(err, test.class) || test.cause != nil && !errors.Is(err, test.cause) {
			t.Errorf("%v does not wrap its class and cause", err)
		}
	}
}

func TestARepeatedErrorCountsItsTries(t *testing.T) {
	err := withTries(&Error{Op: "read", Object: "s3://b/k", Class: ErrTransient}, 5)
	if want := "read s3://b/k: temporary failure (after 5 tries)"; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWhatMayNotBeRemovedFromALockedFolderStays(t *testing.T) {
	for errno, want := range map[syscall.Errno]bool{
		syscall.ENOTEMPTY: true, syscall.ENOENT: true, // in use, and gone
		syscall.EPERM: true, syscall.EACCES: true, syscall.EROFS: true, // of an immutable, a foreign and a read-only folder
		syscall.EIO: false,
	} {
		if got := staysBehind(&fs.PathError{Op: "remove", Path: "/x", Err: errno}); got != want {
			t.Errorf("%v: %v, want %v", errno, got, want)
		}
	}
}

func TestAFolderThatCannotBeTakenIsAnErrorOfStorage(t *testing.T) {
	folder := t.TempDir() + "/file"
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := LockFolder(folder + "/job")
	var e *Error
	if !errors.As(err, &e) || strings.Count(err.Error(), folder+"/job") != 1 {
		t.Errorf("got %v, want an error of this package that names the folder once", err)
	}
}
