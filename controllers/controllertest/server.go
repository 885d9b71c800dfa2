package controllertest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/weirstream/weir/engine/rest"
)

// The keys of a job's identity Secret, and the port that coordinators answer on.
const (
	secretToken        = "token"
	secretOperatorHash = "operator.sha256"
	secretCertificate  = "tls.crt"
	secretKey          = "tls.key"
	apiPort            = "8443"
)

// server answers for a coordinator on its pod's address, as the real one does (P11).
type server struct {
	coordinator  *coordinator
	token        string
	operatorHash string
	http         *http.Server
}

// serve begins to answer on a listener, with the identity that the Secret holds.
func serve(listener net.Listener, c *coordinator, identity *corev1.Secret) (*server, error) {
	pair, err := tls.X509KeyPair(identity.Data[secretCertificate], identity.Data[secretKey])
	if err != nil {
		return nil, fmt.Errorf("read the identity of Secret %s: %w", identity.Name, err)
	}
	s := &server{coordinator: c, token: string(identity.Data[secretToken]),
		operatorHash: strings.TrimSpace(string(identity.Data[secretOperatorHash]))}
	if s.token == "" || len(s.operatorHash) != hex.EncodedLen(sha256.Size) {
		return nil, fmt.Errorf("read the identity of Secret %s: it has no %s or %s", identity.Name, secretToken, secretOperatorHash)
	}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13},
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)} // a caller that goes away is no news
	go func() { _ = s.http.ServeTLS(listener, "", "") }() // ends by close
	return s, nil
}

func (s *server) close() { _ = s.http.Close() } // whoever waited for an answer sees a process that is gone

// answer is the body of an answer to a request, or an error.
type answer func(r *http.Request) (any, error)

func (s *server) routes() http.Handler {
	c := s.coordinator
	routes := map[string]map[string]http.Handler{
		"/healthz":                {http.MethodGet: open(func(*http.Request) (any, error) { return struct{}{}, nil })},
		"/readyz":                 {http.MethodGet: open(func(*http.Request) (any, error) { return struct{}{}, c.ready() })},
		"/v1/job":                 {http.MethodGet: s.user(func(*http.Request) (any, error) { return c.job(), nil })},
		"/v1/job/operations/{id}": {http.MethodGet: s.user(s.operation)},
		"/v1/job/savepoints": {http.MethodPost: s.user(func(r *http.Request) (any, error) {
			q, err := read[rest.SavepointRequest](r, true)
			return begun(q.ID, err, func() (rest.Operation, error) { return c.begin(newSavepoint(q.ID, q.Target)) })
		})},
		"/v1/job/stop": {http.MethodPost: s.operator(func(r *http.Request) (any, error) {
			q, err := read[rest.StopRequest](r, true)
			return begun(q.ID, err, func() (rest.Operation, error) { return c.begin(newStop(q.ID, q.Target, q.Drain)) })
		})},
		"/v1/job/activate": {http.MethodPost: s.operator(func(r *http.Request) (any, error) {
			q, err := read[rest.ActivateRequest](r, false) // a later operator's may have more in it
			defer c.changed()
			return begun(q.ID, err, func() (rest.Operation, error) { return c.activate(q) })
		})},
	}
	mux := http.NewServeMux()
	for path, methods := range routes {
		for method, handler := range methods {
			mux.Handle(method+" "+path, handler)
		}
		mux.Handle(path, s.user(func(r *http.Request) (any, error) {
			return nil, &rest.Error{Code: rest.MethodNotAllowed, Message: fmt.Sprintf("%s does not take %s", r.URL.Path, r.Method)}
		}))
	}
	mux.Handle("/", s.user(func(r *http.Request) (any, error) {
		return nil, &rest.Error{Code: rest.NotFound, Message: fmt.Sprintf("there is nothing at %q", r.URL.Path)}
	}))
	return mux
}

// operation finds one, and waits for its end as long as the request asks for.
func (s *server) operation(r *http.Request) (any, error) {
	id := r.PathValue("id")
	if err := rest.CheckID(id); err != nil {
		return nil, err
	}
	var wait time.Duration
	if text := r.URL.Query().Get("wait"); text != "" {
		var err error
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 {
			return nil, &rest.Error{Code: rest.BadRequest, Message: fmt.Sprintf("wait=%q is no duration", text)}
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(wait, rest.MaxWait))
	defer cancel()
	return s.coordinator.find(ctx, id)
}

// begun does what a request asks for that could be read, under an id that can be used.
func begun(id string, unread error, do func() (rest.Operation, error)) (any, error) {
	if unread != nil {
		return nil, unread
	}
	if err := rest.CheckID(id); err != nil {
		return nil, err
	}
	return do()
}

// open answers whoever asks.
func open(do answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := do(r)
		write(w, r, body, err)
	})
}

// user answers whoever bears one of the job's two tokens.
func (s *server) user(do answer) http.Handler { return s.guard(false, do) }

// operator answers the operator; the user is told that the job is the operator's.
func (s *server) operator(do answer) http.Handler { return s.guard(true, do) }

func (s *server) guard(operatorOnly bool, do answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.coordinator.breaks() {
			panic(http.ErrAbortHandler) // net/http closes the connection without an answer
		}
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		sum := sha256.Sum256([]byte(token))
		isOperator := subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(s.operatorHash)) == 1
		var body any
		var err error
		switch {
		case !isOperator && token != s.token:
			err = &rest.Error{Code: rest.Unauthorized, Message: "the request bears no valid token"}
		case operatorOnly && !isOperator:
			err = &rest.Error{Code: rest.Conflict, Message: "the job is managed by an operator", Remedy: "change its StreamJob"}
		default:
			body, err = do(r)
		}
		write(w, r, body, err)
	})
}

func write(w http.ResponseWriter, r *http.Request, body any, err error) {
	status := http.StatusOK
	if r.Method == http.MethodPost {
		status = http.StatusAccepted
	}
	if err != nil {
		e := restError(err)
		status, body = e.Code.HTTPStatus(), rest.ErrorBody{Error: e}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller is gone: it asks again
}

func restError(err error) *rest.Error {
	var e *rest.Error
	if errors.As(err, &e) {
		return e
	}
	return &rest.Error{Code: rest.Internal, Message: err.Error()}
}

func read[T any](r *http.Request, strict bool) (body T, err error) {
	if r.Header.Get("Content-Type") != "application/json" {
		return body, &rest.Error{Code: rest.UnsupportedMedia, Message: "the body is not declared as JSON"}
	}
	d := json.NewDecoder(r.Body)
	if strict {
		d.DisallowUnknownFields()
	}
	if err = d.Decode(&body); err == nil && d.More() {
		err = errors.New("there is more behind it")
	}
	if err != nil {
		return body, &rest.Error{Code: rest.BadRequest, Message: "the body is not the JSON of this request: " + err.Error()}
	}
	return body, nil
}
