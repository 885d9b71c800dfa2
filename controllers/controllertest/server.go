package controllertest

import (
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

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.coordinator.ready() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.Handle("GET /v1/job", s.user(func(*http.Request) (any, error) { return s.coordinator.job(), nil }))
	mux.Handle("GET /v1/job/operations/{id}", s.user(func(r *http.Request) (any, error) { return s.coordinator.find(r.PathValue("id")) }))
	mux.Handle("POST /v1/job/savepoints", s.user(func(r *http.Request) (any, error) {
		q, err := read[rest.SavepointRequest](r)
		if err != nil {
			return nil, err
		}
		return s.coordinator.begin(operation{request: "Savepoint " + q.Target, target: q.Target,
			state: rest.Operation{ID: q.ID, Kind: rest.SavepointOperation}})
	}))
	mux.Handle("POST /v1/job/stop", s.operator(func(r *http.Request) (any, error) {
		q, err := read[rest.StopRequest](r)
		if err != nil {
			return nil, err
		}
		return s.coordinator.begin(operation{request: fmt.Sprintf("Stop %s %v", q.Target, q.Drain), target: q.Target, drain: q.Drain,
			state: rest.Operation{ID: q.ID, Kind: rest.StopOperation}})
	}))
	mux.Handle("POST /v1/job/activate", s.operator(func(r *http.Request) (any, error) {
		q, err := read[rest.ActivateRequest](r)
		if err != nil {
			return nil, err
		}
		op, err := s.coordinator.activate(q)
		if err == nil {
			s.coordinator.changed()
		}
		return op, err
	}))
	return mux
}

// user answers whoever bears one of the job's two tokens.
func (s *server) user(answer func(*http.Request) (any, error)) http.Handler {
	return s.guard(false, answer)
}

// operator answers the operator; the user is told that the job is the operator's.
func (s *server) operator(answer func(*http.Request) (any, error)) http.Handler {
	return s.guard(true, answer)
}

func (s *server) guard(operatorOnly bool, answer func(*http.Request) (any, error)) http.Handler {
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
			body, err = answer(r)
		}
		status := http.StatusOK
		if r.Method == http.MethodPost {
			status = http.StatusAccepted
		}
		if err != nil {
			var e *rest.Error
			if !errors.As(err, &e) {
				e = &rest.Error{Code: rest.Internal, Message: err.Error()}
			}
			status, body = e.Code.HTTPStatus(), rest.ErrorBody{Error: e}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body) // the caller is gone: it asks again
	})
}

func read[T any](r *http.Request) (T, error) {
	var body T
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return body, &rest.Error{Code: rest.BadRequest, Message: "the body is not the JSON of this request: " + err.Error()}
	}
	return body, nil
}
