package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// answerTimeout is how long a store may take to answer a request, or to send the next bytes of an object. The vendors'
// clients wait for ever where a connection stands and nothing comes. What copies or takes in objects of any size is not
// bounded by it: those who ask for that have deadlines of their own.
const answerTimeout = time.Minute

// errNoAnswer has no class of its own: what is not known to be permanent is transient.
var errNoAnswer = fmt.Errorf("no answer within %v", answerTimeout)

// answered makes one request, and gives it up when the answer does not come.
func answered(ctx context.Context, request func(context.Context) error) error {
	own, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	err := request(own)
	if err != nil && own.Err() != nil && ctx.Err() == nil {
		return errNoAnswer
	}
	return err
}

// watchdog gives up a reading while nothing comes. One goroutine uses it.
type watchdog struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// watch returns a started watchdog and the context that it cancels.
func watch(ctx context.Context) (context.Context, *watchdog) {
	own, cancel := context.WithCancelCause(ctx)
	return own, &watchdog{own, cancel, time.AfterFunc(answerTimeout, func() { cancel(errNoAnswer) })}
}

func (w *watchdog) start() { w.timer.Reset(answerTimeout) }

// stop returns why reading has failed.
func (w *watchdog) stop(err error) error {
	w.timer.Stop()
	if err != nil && errors.Is(context.Cause(w.ctx), errNoAnswer) {
		return errNoAnswer
	}
	return err
}

// end releases the context.
func (w *watchdog) end() {
	w.timer.Stop()
	w.cancel(nil)
}
