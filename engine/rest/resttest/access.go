package resttest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/weirstream/weir/engine/rest"
)

var access = []testCase{
	{"who bears no valid token is told nothing, but that the process lives", unauthenticated},
	{"users look and take savepoints; the rest is the operator's", users},
	{"requests are read strictly, those of a later operator are not", bodies},
	{"what nobody asked for is not found, and what was asked for is waited for", answers},
}

// get returns the status of a GET without a token.
func (a *testedPod) get(path string) int {
	a.t.Helper()
	code, _ := a.send(http.MethodGet, path, "", "", "")
	return code
}

// send returns the status and, of what went wrong, the error.
func (a *testedPod) send(method, path, token, kind, body string) (int, *rest.Error) {
	a.t.Helper()
	q, err := http.NewRequestWithContext(a.ctx, method, "https://"+a.Address+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	if kind != "" {
		q.Header.Set("Content-Type", kind)
	}
	answer, err := a.plain.Do(q)
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if closed := answer.Body.Close(); err != nil || closed != nil {
		a.t.Fatal(err, closed)
	}
	var said rest.ErrorBody
	if answer.StatusCode >= http.StatusMultipleChoices {
		if err := json.Unmarshal(text, &said); err != nil || said.Error == nil {
			a.t.Fatalf("%s %s: %s %q is not the error of a coordinator", method, path, answer.Status, text)
		}
		if want := said.Error.Code.HTTPStatus(); want != answer.StatusCode {
			a.t.Errorf("%s %s: %s with code %s", method, path, answer.Status, said.Error.Code)
		}
	}
	return answer.StatusCode, said.Error
}

func unauthenticated(r *run) {
	a := r.start()
	a.until("it waits", waiting)
	_, err := a.unauthenticated.Job(r.ctx)
	r.refused(rest.Unauthorized, "the job", err)
	if !rest.IsUntrusted(err) {
		r.t.Errorf("%v is not known as the answer to whoever is not trusted", err)
	}
	_, err = a.unauthenticated.Operation(r.ctx, "a1", 0)
	r.refused(rest.Unauthorized, "an operation", err)
	_, err = a.unauthenticated.Activate(r.ctx, r.activation("a1", 0))
	r.refused(rest.Unauthorized, "an activation", err)
	_, err = a.unauthenticated.Stop(r.ctx, rest.StopRequest{ID: "s1"})
	r.refused(rest.Unauthorized, "a stop", err)
	_, err = a.unauthenticated.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1"})
	r.refused(rest.Unauthorized, "a savepoint", err)
	if code, _ := a.send(http.MethodGet, "/v1/job", "", "", ""); code != http.StatusUnauthorized {
		r.t.Errorf("without a token: %d", code)
	}
	if alive, ready := a.get("/healthz"), a.get("/readyz"); alive != http.StatusOK || ready != http.StatusServiceUnavailable {
		r.t.Errorf("in standby it is alive: %d, and ready: %d", alive, ready)
	}
	a.activated(r.activation("a1", 0))
	if ready := a.get("/readyz"); ready != http.StatusOK {
		r.t.Errorf("while it runs it is not ready: %d", ready)
	}
}

func users(r *run) {
	a := r.start()
	a.until("it waits", waiting)
	_, err := a.user.Activate(r.ctx, r.activation("u1", 0))
	if why := r.refused(rest.Conflict, "an activation by a user", err); why.Remedy == "" {
		r.t.Errorf("the answer has no remedy: %v", why)
	}
	a.activated(r.activation("a1", 0))
	_, err = a.user.Stop(r.ctx, rest.StopRequest{ID: "u2"})
	if why := r.refused(rest.Conflict, "a stop by a user", err); why.Remedy == "" {
		r.t.Errorf("the answer has no remedy: %v", why)
	}
	if j, err := a.user.Job(r.ctx); err != nil || j.State != rest.Running || j.Attempt != 1 {
		r.t.Errorf("a user sees %+v, %v", j, err)
	}
	op := a.done(a.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "u3"}))
	if seen, err := a.user.Operation(r.ctx, op.ID, 0); err != nil || seen.Status != rest.Done {
		r.t.Errorf("a user sees of the savepoint %+v, %v", seen, err)
	}
}

func bodies(r *run) {
	a := r.running()
	const kind = "application/json"
	for what, c := range map[string]struct {
		method, path, kind, body string
		want                     rest.Code
	}{
		"no JSON by its header":      {"POST", "/v1/job/savepoints", "text/plain", `{"id": "p1"}`, rest.UnsupportedMedia},
		"no JSON":                    {"POST", "/v1/job/savepoints", kind, `id: p1`, rest.BadRequest},
		"more than one object":       {"POST", "/v1/job/savepoints", kind, `{"id": "p1"}{}`, rest.BadRequest},
		"a misspelt field":           {"POST", "/v1/job/stop", kind, `{"id": "s1", "drian": true}`, rest.BadRequest},
		"no id":                      {"POST", "/v1/job/savepoints", kind, `{}`, rest.BadRequest},
		"an id that is none":         {"POST", "/v1/job/stop", kind, `{"id": "../s1"}`, rest.BadRequest},
		"an activation without id":   {"POST", "/v1/job/activate", kind, `{}`, rest.BadRequest},
		"an operation that is none":  {"GET", "/v1/job/operations/-", "", "", rest.BadRequest},
		"a wait that is no duration": {"GET", "/v1/job/operations/begin?wait=soon", "", "", rest.BadRequest},
		"a wait before now":          {"GET", "/v1/job/operations/begin?wait=-1s", "", "", rest.BadRequest},
		"another path":               {"GET", "/v1/jobs", "", "", rest.NotFound},
		"another method":             {"DELETE", "/v1/job", "", "", rest.MethodNotAllowed},
	} {
		code, why := a.send(c.method, c.path, a.Identity.OperatorToken(), c.kind, c.body)
		if why == nil || why.Code != c.want {
			r.t.Errorf("%s: %d, %v, want %s", what, code, why, c.want)
		}
	}
	q, err := json.Marshal(r.activation("later", 0))
	if err != nil {
		r.t.Fatal(err)
	}
	later := `{"novelty": 1, ` + strings.TrimPrefix(string(q), "{")
	if code, why := a.send(http.MethodPost, "/v1/job/activate", a.Identity.OperatorToken(), kind, later); code != http.StatusAccepted {
		r.t.Errorf("a field that only a later operator knows: %d, %v", code, why)
	}
	if j := a.job(); j.State != rest.Running || j.Attempt != 1 {
		r.t.Errorf("the job is %+v", j)
	}
}

func answers(r *run) {
	a := r.running()
	_, err := a.operator.Operation(r.ctx, "never", 0)
	r.refused(rest.NotFound, "an operation that nobody asked for", err)
	op, err := a.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1"})
	if err != nil || op.ID != "p1" || op.Kind != rest.SavepointOperation {
		r.t.Fatalf("the savepoint is %+v, %v", op, err)
	}
	if op, err = a.user.Operation(r.ctx, "p1", rest.MaxWait); err != nil || op.Status != rest.Done {
		r.t.Errorf("waited for, the savepoint is %+v, %v", op, err)
	}
	a.Kill()
	heir := r.start()
	heir.until("it goes on", runsWell)
	_, err = heir.operator.Operation(r.ctx, "p1", 0)
	r.refused(rest.NotFound, "an operation of an earlier process", err)
}
