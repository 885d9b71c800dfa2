package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/weirstream/weir/engine/rest"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 64 << 10

// serve answers one request with a status and what becomes its JSON, or an error.
type serve func(w http.ResponseWriter, r *http.Request) (status int, body any, err error)

type route struct {
	method, path string
	serve        serve
	// reserved says why only the operator may ask for it, if the job has one; nil: everybody with a token may.
	reserved *rest.Error
}

// routes is the whole API.
func (s *Server) routes() []route {
	c := s.controller
	return []route{
		{method: "GET", path: "/healthz", serve: func(http.ResponseWriter, *http.Request) (int, any, error) {
			return http.StatusOK, map[string]string{"status": "alive"}, nil
		}},
		{method: "GET", path: "/readyz", serve: s.ready},
		{method: "GET", path: "/v1/job", serve: func(http.ResponseWriter, *http.Request) (int, any, error) {
			return http.StatusOK, c.Overview(), nil
		}},
		{method: "GET", path: "/v1/job/operators", serve: func(http.ResponseWriter, *http.Request) (int, any, error) {
			return http.StatusOK, rest.OperatorList{Operators: orEmpty(c.Operators())}, nil
		}},
		{method: "GET", path: "/v1/job/checkpoints", serve: func(http.ResponseWriter, *http.Request) (int, any, error) {
			return http.StatusOK, rest.CheckpointList{Checkpoints: orEmpty(c.Checkpoints())}, nil
		}},
		{method: "POST", path: "/v1/job/checkpoints", serve: begin[rest.CheckpointRequest](c, decode)},
		{method: "POST", path: "/v1/job/savepoints", serve: begin[rest.SavepointRequest](c, decode)},
		{method: "POST", path: "/v1/job/stop", serve: begin[rest.StopRequest](c, decode), reserved: reservedStop},
		{method: "POST", path: "/v1/job/cancel", serve: begin[rest.CancelRequest](c, decode), reserved: reservedCancel},
		{method: "POST", path: "/v1/job/activate", serve: s.activate(), reserved: reservedActivate},
		{method: "GET", path: "/v1/job/savepoints/{id}", serve: s.savepoint},
		{method: "GET", path: "/v1/job/operations/{id}", serve: func(_ http.ResponseWriter, r *http.Request) (int, any, error) {
			op, err := s.operation(r)
			return http.StatusOK, op, err
		}},
	}
}

// ready tells whether the job runs.
func (s *Server) ready(http.ResponseWriter, *http.Request) (int, any, error) {
	if state := s.controller.Overview().State; state != rest.Running {
		return 0, nil, &rest.Error{Code: rest.Unavailable, Message: fmt.Sprintf("the job is %s", state)}
	}
	return http.StatusOK, map[string]string{"status": "ready"}, nil
}

// savepoint is operation for those who asked for a savepoint.
func (s *Server) savepoint(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	op, err := s.operation(r)
	if err != nil {
		return 0, nil, err
	}
	if op.Kind != rest.SavepointOperation {
		return 0, nil, &rest.Error{Code: rest.NotFound, Message: fmt.Sprintf("%s is no savepoint, but a %s", op.ID, op.Kind),
			Remedy: "ask for it at /v1/job/operations/" + op.ID}
	}
	return http.StatusOK, op, nil
}

// operation finds one, and waits for its end as long as the request asks for and the server runs.
func (s *Server) operation(r *http.Request) (rest.Operation, error) {
	id := r.PathValue("id")
	if err := rest.CheckID(id); err != nil {
		return rest.Operation{}, err
	}
	var wait time.Duration
	if text := r.URL.Query().Get("wait"); text != "" {
		var err error
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 {
			return rest.Operation{}, &rest.Error{Code: rest.BadRequest, Message: fmt.Sprintf("wait=%.40q is no duration", text),
				Remedy: "write it like 30s"}
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(wait, rest.MaxWait))
	defer cancel()
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return s.controller.Operation(ctx, id)
}

// begin is the serve of a request that changes something. decode reads its body.
func begin[Q interface{ Request() rest.Request }](c Controller, decode func(*http.Request, any) error) serve {
	return func(w http.ResponseWriter, r *http.Request) (int, any, error) {
		var q Q
		if err := decode(r, &q); err != nil {
			return 0, nil, err
		}
		asked := q.Request()
		if err := rest.CheckID(asked.ID); err != nil {
			return 0, nil, err
		}
		op, err := c.Ask(asked)
		if err != nil {
			return 0, nil, err
		}
		w.Header().Set("Location", "/v1/job/operations/"+asked.ID)
		return http.StatusAccepted, op, nil
	}
}

// decode reads a body strictly: a misspelt field would do something else than was meant.
func decode(r *http.Request, into any) error { return decodeBody(r, into, true) }

// decodeFromLater ignores fields that it does not know. It is for what only the operator sends, which may be newer than the
// engine's image, because a new operator leaves the revisions that it finds as they are (P8): what it adds has to be
// optional, and must not keep a running revision from being activated.
func decodeFromLater(r *http.Request, into any) error { return decodeBody(r, into, false) }

func decodeBody(r *http.Request, into any, strict bool) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return &rest.Error{Code: rest.UnsupportedMedia, Message: "the body is not declared as JSON",
			Remedy: "send the header Content-Type: application/json"}
	}
	d := json.NewDecoder(r.Body)
	if strict {
		d.DisallowUnknownFields()
	}
	err := d.Decode(into)
	if err == nil {
		if _, after := d.Token(); after != io.EOF {
			err = errors.Join(errors.New("there is more behind it"), after)
		}
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &rest.Error{Code: rest.TooLarge, Message: fmt.Sprintf("the body has more than %d bytes", large.Limit)}
	case err != nil:
		return &rest.Error{Code: rest.BadRequest, Message: "the body is not the JSON of this request: " + err.Error(),
			Remedy: `send an object such as {"id": "<a UUID>"}`}
	}
	return nil
}

// answer writes what serve returns.
func answer(do serve) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body, err := do(w, r)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, status, body)
	})
}

// writeError answers with an error; one that is not meant for the sender says only what it says itself.
func writeError(w http.ResponseWriter, err error) {
	var e *rest.Error
	if !errors.As(err, &e) {
		e = &rest.Error{Code: rest.Internal, Message: err.Error()}
	}
	writeJSON(w, e.Code.HTTPStatus(), rest.ErrorBody{Error: e})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that went away has no use for the rest of the answer.
	_, _ = w.Write(append(text, '\n'))
}

// orEmpty makes an empty list of none, so that JSON readers find one.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
