package task

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/message"
)

// operatorError says in which operator an error came up. It keeps the error's class (package fault).
type operatorError struct {
	uid string
	err error
}

func (e *operatorError) Error() string { return fmt.Sprintf("operator %s: %v", e.uid, e.err) }
func (e *operatorError) Unwrap() error { return e.err }

// Operator is the uid.
func (e *operatorError) Operator() string { return e.uid }

// inOperator names the operator, unless one further down the chain is named already.
func inOperator(uid string, err error) error {
	var named *operatorError
	if err == nil || errors.As(err, &named) {
		return err
	}
	return &operatorError{uid: uid, err: err}
}

// failure is what is told of an error.
func (c *Config) failure(err error) message.Failure {
	if c.Classify != nil {
		err = c.Classify(err)
	}
	return message.FailureOf(err)
}

// guard runs f. A panic, of a user's function or of ours, will come again with the same rows: it is a permanent error.
func (t *subtask) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = inOperator(t.current.uid, fault.Permanentf("", "", "panic: %v\n%s", p, debug.Stack()))
		}
	}()
	return f()
}
