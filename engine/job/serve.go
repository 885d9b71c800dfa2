package job

import (
	"context"
	"net"
	"time"

	"github.com/weirstream/weir/engine/internal/web"
)

const (
	// lastAnswers is how long a job that has ended waits for those who asked for its end to learn of it.
	lastAnswers = 3 * time.Second
	// answerPoll is how often it looks.
	answerPoll = 20 * time.Millisecond
)

// Serve answers the HTTP API of package rest on a listener of the loopback device, until ctx is done and whoever waits
// for a request has been answered. It closes the listener. End ctx after Run has returned: then every request is final.
func (j *Handle) Serve(ctx context.Context, l net.Listener, token string) error {
	hosts, err := web.LoopbackHosts(l.Addr())
	if err != nil {
		return err
	}
	server, err := web.New(j, web.Options{Token: token, Hosts: hosts, Metrics: true})
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() {
		defer stop()
		select {
		case <-ctx.Done():
			j.awaitAnswers()
		case <-serving.Done():
		}
	}()
	return server.Serve(serving, l)
}

// awaitAnswers returns when nobody is left without an answer, or after lastAnswers.
func (j *Handle) awaitAnswers() {
	deadline := time.NewTimer(lastAnswers)
	defer deadline.Stop()
	look := time.NewTicker(answerPoll)
	defer look.Stop()
	for !j.Answered() {
		select {
		case <-deadline.C:
			return
		case <-look.C:
		}
	}
}
