// Package web serves the coordinator's HTTP API, whose routes and types are those of package rest.
//
// It promises that nobody without a token sees or changes anything (P11): tokens are compared in constant time, only
// /healthz and /readyz are open, the Host header must be one of the server's own names (so that a web page cannot reach
// it by rebinding a name) unless TLS keeps strangers out, no CORS header is ever sent, and what changes something must be
// JSON under an id of the sender's choice. Where there is an operator, what it decides is refused to users. Every body,
// header and wait is bounded.
//
// Metrics are the same job for Prometheus, on a port of their own, without a token, and without anything secret.
//
// The package knows nothing of how a job works: a Controller answers.
package web

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/engine/rest"
)

// Controller is the job that the server speaks for. Its methods are called by many goroutines at once. The errors that
// it returns are *rest.Error where the sender of the request can do something about them; all others are answered as
// Internal.
type Controller interface {
	// Overview, Operators and Checkpoints (newest first) answer at once, from what is known.
	Overview() rest.Job
	Operators() []rest.Operator
	Checkpoints() []rest.Checkpoint

	// Ask begins what is asked for and returns without waiting for its end. Called again with an equal request it returns the
	// same operation; with another under the same id: rest.Conflict. An activation only comes where Options name an operator.
	Ask(r rest.Request) (rest.Operation, error)

	// Operation waits until the operation is finished or ctx is done, and then returns it as it is, without an error in
	// either case. An id that nobody used is rest.NotFound.
	Operation(ctx context.Context, id string) (rest.Operation, error)
}

// Options are what a Server needs beside its Controller: those of a local job are Token and Hosts, those of a pod's are
// Token, OperatorTokenHash and Certificate.
type Options struct {
	// Token is what every request but the open ones must bear. It must not be empty.
	Token string
	// OperatorTokenHash is the SHA-256 of the other token that requests may bear, the operator's; nil: there is no operator,
	// and Token may do all.
	OperatorTokenHash []byte
	// Hosts are the Host headers that requests may have; LoopbackHosts are those of a local job. Nil: any, which needs a
	// Certificate: no browser takes a page's own server for this one then.
	Hosts []string
	// Certificate is what Serve shows, in TLS 1.3; nil: it speaks plain HTTP.
	Certificate *tls.Certificate
	// Metrics says that /metrics is served beside the API, to whoever bears a token. In pods it has a port of its own.
	Metrics bool
	// Log is told of connections that came to nothing; nil: the process's default log is.
	Log *slog.Logger
}

// check tells what must not be served.
func (o Options) check() error {
	switch {
	case o.Token == "":
		return errors.New("the HTTP API needs a token")
	case o.OperatorTokenHash != nil && len(o.OperatorTokenHash) != sha256.Size:
		return fmt.Errorf("the hash of the operator's token has %d bytes, not %d", len(o.OperatorTokenHash), sha256.Size)
	case o.Hosts == nil && o.Certificate == nil:
		return errors.New("the HTTP API needs TLS, or to know its own names")
	}
	return nil
}

// LoopbackHosts returns the names of a server that listens on the loopback device.
func LoopbackHosts(address net.Addr) ([]string, error) {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("%s is not on the loopback device", address)
	}
	port := strconv.Itoa(tcp.Port)
	return []string{"127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port}, nil
}

// shutdownTimeout is how long answers under way may take when the server ends.
const shutdownTimeout = 5 * time.Second

// Server is the HTTP API of one job.
type Server struct {
	controller  Controller
	tokens      tokens
	hosts       []string // nil: any
	certificate *tls.Certificate
	log         *slog.Logger
	closing     chan struct{} // closed when the server ends: requests that wait are answered
	metrics     bool
	handler     http.Handler
}

// New returns a server; Serve runs it.
func New(c Controller, o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Server{controller: c, tokens: newTokens(o), hosts: o.Hosts, certificate: o.Certificate, log: o.Log, metrics: o.Metrics, closing: make(chan struct{})}
	s.handler = s.build()
	return s, nil
}

// Serve answers on the listener, which it closes, until ctx is done. Requests under way are then answered; operations that
// were waited for are answered as they are, so they are to be finished before the job ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if s.certificate != nil {
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*s.certificate}})
	}
	return serveUntil(ctx, l, s.handler, s.log, func() { close(s.closing) })
}

// serveUntil serves a handler within the bounds that every port of a job has. It calls closing once, when no more
// requests are taken and before those under way must end.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler, to *slog.Logger, closing func()) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      rest.MaxWait + 15*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	if to != nil {
		server.ErrorLog = slog.NewLogLogger(to.Handler(), slog.LevelWarn)
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		closing()
		return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	closing()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return errors.Join(fmt.Errorf("end HTTP on %s: %w", l.Addr(), err), server.Close())
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// build makes the table of routes into a handler.
func (s *Server) build() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, r := range s.routes() {
		mux.Handle(r.method+" "+r.path, answer(s.permit(r)))
		methods[r.path] = append(methods[r.path], r.method)
	}
	for path, allowed := range methods {
		mux.Handle(path, answer(func(w http.ResponseWriter, r *http.Request) (int, any, error) {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			return 0, nil, &rest.Error{Code: rest.MethodNotAllowed,
				Message: fmt.Sprintf("%s takes %s, not %s", r.URL.Path, strings.Join(allowed, " and "), r.Method)}
		}))
	}
	if s.metrics {
		mux.Handle("GET /metrics", Metrics(s.controller))
	}
	mux.Handle("/", answer(func(_ http.ResponseWriter, r *http.Request) (int, any, error) {
		return 0, nil, &rest.Error{Code: rest.NotFound, Message: fmt.Sprintf("there is nothing at %.200q", r.URL.Path)}
	}))
	return s.guard(mux)
}

// guard lets through who may ask at all.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch {
		case s.hosts != nil && !slices.Contains(s.hosts, strings.ToLower(r.Host)):
			writeError(w, &rest.Error{Code: rest.Forbidden, Message: fmt.Sprintf("this server is not %.200q", r.Host),
				Remedy: "ask it as " + strings.Join(s.hosts, ", ")})
		case !open(r) && s.tokens.bearer(r) == nobody:
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeError(w, &rest.Error{Code: rest.Unauthorized, Message: "the request bears no valid token",
				Remedy: "send the header Authorization: Bearer <token>"})
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			next.ServeHTTP(w, r)
		}
	})
}

// open tells whether a request needs no token.
func open(r *http.Request) bool { return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" }
