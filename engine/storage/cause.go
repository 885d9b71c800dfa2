package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/weirstream/weir/engine/storage/storageurl"
)

// causeText is what a store or the system says of why an operation failed. What the libraries in between say is left out:
// they name operation and object again, count requests, and wrap what was said at the beginning of a long line. says is
// true where the text needs no class before it.
func causeText(err error, object string) (text string, says bool) {
	if text, ok := fileCause(err, object); ok {
		return text, true
	}
	var (
		answer smithy.APIError
		sent   *url.Error
		asked  *smithy.OperationError
	)
	switch {
	case errors.As(err, &answer):
		text = answerText(err, answer)
	case errors.As(err, &sent): // the error of a request that got no answer
		text = sent.Err.Error()
	case errors.As(err, &asked):
		text = asked.Err.Error()
	default:
		text = unwrapped(err).Error()
	}
	return strings.Join(strings.Fields(text), " "), false
}

// answerText is what an S3 server has answered. Some name no reason, and some have no other words than its name.
func answerText(err error, answer smithy.APIError) string {
	code, message := answer.ErrorCode(), answer.ErrorMessage()
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) && (code == "" || code == "UnknownError") {
		return fmt.Sprintf("status %d %s", status.HTTPStatusCode(), http.StatusText(status.HTTPStatusCode()))
	}
	if message == "" || message == code {
		return code
	}
	return code + ": " + strings.TrimSuffix(message, ".")
}

// unwrapped is an error without what the Go CDK writes around it: the key again, and a class of its own. Its type cannot be
// named.
func unwrapped(err error) error {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok || !strings.HasPrefix(err.Error(), "blob (") {
		return err
	}
	if inner := several.Unwrap(); len(inner) > 0 && inner[0] != nil {
		return inner[0]
	}
	return err
}

// fileCause is an error of the file system: its own words, and the path if that is not the object's. An error that says
// more than the system does, or is several, stays as it is.
func fileCause(err error, object string) (text string, ok bool) {
	op, path, cause := fileOperation(unwrapped(err))
	if cause == nil {
		return "", false
	}
	if u, err := storageurl.Parse(object); err == nil && filepath.FromSlash(u.Path) == path {
		return cause.Error(), true
	}
	return fmt.Sprintf("%v: %s %s", cause, op, path), true
}

// fileOperation takes apart what package os reports; cause is nil for other errors.
func fileOperation(err error) (op, path string, cause error) {
	var (
		named  *fs.PathError
		linked *os.LinkError
	)
	switch {
	case errors.As(err, &named) && named.Error() == err.Error():
		return named.Op, named.Path, named.Err
	case errors.As(err, &linked) && linked.Error() == err.Error():
		return linked.Op, linked.New, linked.Err
	}
	return "", "", nil
}
