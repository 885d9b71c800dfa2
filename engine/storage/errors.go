package storage

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"gocloud.dev/gcerrors"
)

// Classes of errors, for errors.Is. Every error of a bucket has one of them, or is that of the context.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("exists already")
	ErrPermission  = errors.New("permission denied")
	ErrFull        = errors.New("no space left")
	ErrUnsupported = errors.New("not supported by this store")
	ErrInvalid     = errors.New("invalid request")
	// ErrTransient is a fault of the network or of the store that may pass; whatever is not known to be permanent is one.
	ErrTransient = errors.New("temporary failure")
)

// Error says which operation on which object failed. errors.Is finds its class and its cause. Whoever wraps it adds what the
// operation was for, and names neither it nor the object again.
type Error struct {
	Op     string // "create", "read", ...
	Object string // URL without credentials and parameters
	Class  error  // one of the Err values of this package
	Cause  error  // nil where the class says all
	Tries  int    // how often it was tried, if more than once
}

// Error reads "operation object: why (what to do)", in one line.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: %s", e.Op, e.Object, e.why())
	if e.Tries > 1 {
		text += fmt.Sprintf(" (after %d tries)", e.Tries)
	}
	if remedy := e.remedy(); remedy != "" {
		text += " (" + remedy + ")"
	}
	return text
}

// why is the class and the cause, each once.
func (e *Error) why() string {
	class := e.Class.Error()
	if e.Cause == nil {
		return class
	}
	cause, says := causeText(e.Cause, e.Object)
	if says || strings.HasPrefix(cause, class) {
		return cause
	}
	return class + ": " + cause
}

func (e *Error) remedy() string {
	local := strings.HasPrefix(e.Object, "file://")
	switch {
	case errors.Is(e.Class, ErrPermission) && local:
		return "check owner, mode and attributes there, and whether the file system is read-only"
	case errors.Is(e.Class, ErrPermission):
		return "check the credentials in the environment, and what they may do there"
	case errors.Is(e.Class, ErrFull):
		return "free space there, or name another place"
	case errors.Is(e.Class, ErrNotFound) && e.Op != "publish" && e.Cause != nil && !local: // of what is written
		return "make the bucket, or correct its name"
	}
	return ""
}

// withTries says how often the operation was tried.
func withTries(err error, tries int) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	tried := *e
	tried.Tries = tries
	return &tried
}

// Unwrap returns class and cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Class}
	}
	return []error{e.Class, e.Cause}
}

// IsTransient tells that an error may pass by itself. Errors of a context are not.
func IsTransient(err error) bool { return errors.Is(err, ErrTransient) }

// classify returns the class of a driver's error.
func classify(err error) error {
	for _, class := range []error{ErrNotFound, ErrExists, ErrPermission, ErrFull, ErrUnsupported, ErrInvalid, ErrTransient} {
		if errors.Is(err, class) {
			return class
		}
	}
	var unsigned *v4.SigningError // no or unreadable credentials
	if errors.As(err, &unsigned) {
		return ErrPermission
	}
	switch text := err.Error(); {
	case strings.Contains(text, endpointRule):
		return ErrInvalid
	case strings.Contains(text, noCredentials):
		return ErrPermission
	}
	return classOfCode(gcerrors.Code(err), err)
}

// endpointRule is how the S3 client says, before it sends anything, that it cannot tell where to: for want of a region, say.
// The error has no type of its own.
const endpointRule = "endpoint rule error"

// noCredentials is how the S3 client says that it found none, and that it must not ask the machine for some.
const noCredentials = "access disabled to EC2 IMDS"

// classOfCode returns the class of an error that a driver gave a code.
func classOfCode(code gcerrors.ErrorCode, err error) error {
	if word := storeWord(err); strings.Contains(word, "User") || strings.Contains(word, "AccessKey") {
		return ErrPermission // some S3 servers answer 404 to a key id that nobody has: that is no empty place
	}
	switch code {
	case gcerrors.NotFound:
		return ErrNotFound
	case gcerrors.FailedPrecondition, gcerrors.AlreadyExists:
		return ErrExists
	case gcerrors.PermissionDenied:
		return ErrPermission
	case gcerrors.ResourceExhausted:
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			return ErrFull
		}
		return ErrTransient // a store that asks for fewer requests
	case gcerrors.Unimplemented:
		return ErrUnsupported
	case gcerrors.InvalidArgument:
		return ErrInvalid
	}
	return classifyStatus(err)
}

// storeWord is what an S3 server calls an error; empty: it is of no such server.
func storeWord(err error) string {
	var api interface{ ErrorCode() string }
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// classifyStatus looks at the HTTP status for what the Go CDK leaves unknown: the drivers know only some of the codes.
func classifyStatus(err error) error {
	var status interface{ HTTPStatusCode() int }
	if !errors.As(err, &status) {
		return ErrTransient
	}
	switch code := status.HTTPStatusCode(); {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return ErrPermission
	case code == http.StatusNotFound:
		return ErrNotFound
	case code == http.StatusPreconditionFailed:
		return ErrExists
	case code == http.StatusConflict, code == http.StatusRequestTimeout, code == http.StatusTooManyRequests:
		return ErrTransient // 409: two conditional writes of one key at once; one of them may still win
	case code == http.StatusInsufficientStorage:
		return ErrFull
	case code == http.StatusNotImplemented:
		return ErrUnsupported
	case code >= 400 && code < 500:
		return ErrInvalid
	}
	return ErrTransient
}
