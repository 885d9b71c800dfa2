package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/weirstream/weir/engine/storage/filedriver"
)

// httpError is what the vendors' clients report of an answer.
type httpError int

func (e httpError) Error() string       { return fmt.Sprintf("status %d", int(e)) }
func (e httpError) HTTPStatusCode() int { return int(e) }

// storeError is an S3 server's error with its word for it.
type storeError struct {
	httpError
	word string
}

func (e storeError) ErrorCode() string { return e.word }

func TestErrorsHaveTheClassThatTellsWhatToDo(t *testing.T) {
	for _, test := range []struct {
		err  error
		want error
	}{
		{httpError(401), ErrPermission},
		{httpError(403), ErrPermission},
		{httpError(404), ErrNotFound},
		{storeError{httpError(404), "NoSuchKey"}, ErrNotFound},
		{storeError{httpError(404), "XAdminUserNotFound"}, ErrPermission}, // no such access key, as versitygw says it
		{storeError{httpError(400), "InvalidAccessKeyId"}, ErrPermission},
		{httpError(412), ErrExists},
		{httpError(400), ErrInvalid},
		{httpError(409), ErrTransient},
		{httpError(429), ErrTransient},
		{httpError(500), ErrTransient},
		{httpError(503), ErrTransient},
		{httpError(501), ErrUnsupported},
		{httpError(507), ErrFull},
		{&v4.SigningError{Err: errors.New("no credentials")}, ErrPermission},
		{syscall.ECONNRESET, ErrTransient},
		{io.ErrUnexpectedEOF, ErrTransient},
		{errors.New("something new"), ErrTransient},
		{fmt.Errorf("wrapped: %w", ErrFull), ErrFull},
	} {
		if got := classify(test.err); !errors.Is(got, test.want) {
			t.Errorf("%v is %v, want %v", test.err, got, test.want)
		}
	}
}

func TestErrorsOfFilesHaveTheClassThatTellsWhatToDo(t *testing.T) {
	driver, err := filedriver.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for errno, want := range map[syscall.Errno]error{
		syscall.ENOENT: ErrNotFound, syscall.ENOTDIR: ErrNotFound,
		syscall.EACCES: ErrPermission, syscall.EROFS: ErrPermission,
		syscall.ENOSPC: ErrFull, syscall.EDQUOT: ErrFull,
		syscall.ELOOP: ErrInvalid, syscall.ENAMETOOLONG: ErrInvalid,
		syscall.EIO: ErrTransient, syscall.ESTALE: ErrTransient, syscall.EMFILE: ErrTransient,
	} {
		cause := &fs.PathError{Op: "open", Path: "/x", Err: errno}
		if got := classOfCode(driver.ErrorCode(cause), cause); !errors.Is(got, want) {
			t.Errorf("%v is %v, want %v", errno, got, want)
		}
	}
}

func TestPermanentErrorsNameTheRemedy(t *testing.T) {
	b, err := OpenWithoutRetry(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	bucket := b.(*bucket)
	for cause, want := range map[error]string{httpError(403): "check owner, mode", ErrFull: "free space"} {
		err := bucket.fail(t.Context(), "write", "key", cause)
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), b.String()+"/key") {
			t.Errorf("error %q does not name the object and say %q", err, want)
		}
	}
	// A folder with a file in its way is refused at once, and by name.
	if err := b.Create(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Create(t.Context(), "a/b", nil); err == nil || IsTransient(err) {
		t.Errorf("an object below an object: %v, want a permanent error", err)
	}
	if _, err := b.Read(t.Context(), "a/b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("reading below an object: %v, want ErrNotFound", err)
	}
}
