package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/rest"
)

// fakeJob is a job without a job: it writes down what it is asked for.
type fakeJob struct {
	mu struct {
		sync.Mutex
		asked []string
		state rest.State
		ops   map[string]*fakeOperation
	}
}

type fakeOperation struct {
	op   rest.Operation
	done chan struct{}
}

func newFakeJob() *fakeJob {
	f := &fakeJob{}
	f.mu.state = rest.Running
	f.mu.ops = map[string]*fakeOperation{}
	return f
}

func (f *fakeJob) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.asked
}

func (f *fakeJob) Overview() rest.Job {
	f.mu.Lock()
	defer f.mu.Unlock()
	return rest.Job{ID: "delays", State: f.mu.state}
}

func (f *fakeJob) Operators() []rest.Operator     { return []rest.Operator{{UID: "source/flights"}} }
func (f *fakeJob) Checkpoints() []rest.Checkpoint { return nil }

func (f *fakeJob) begin(id string, kind rest.OperationKind, details string) (rest.Operation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.asked = append(f.mu.asked, string(kind)+" "+id+details)
	switch id {
	case "used":
		return rest.Operation{}, &rest.Error{Code: rest.Conflict, Message: "used", Remedy: "choose another"}
	case "broken":
		return rest.Operation{}, errors.New("it broke")
	}
	o := &fakeOperation{rest.Operation{ID: id, Kind: kind, Status: rest.InProgress}, make(chan struct{})}
	f.mu.ops[id] = o
	return o.op, nil
}

// finish ends an operation.
func (f *fakeJob) finish(id, path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.mu.ops[id]
	o.op.Status, o.op.Path = rest.Done, path
	close(o.done)
}

func (f *fakeJob) Ask(r rest.Request) (rest.Operation, error) {
	details := ""
	switch r.Kind {
	case rest.SavepointOperation:
		details = " to " + r.Target
	case rest.StopOperation:
		details = fmt.Sprintf(" to %s drain %t", r.Target, r.Drain)
	case rest.ActivateOperation:
		details = fmt.Sprintf(" after %d of %s", r.Activate.ExpectedAttempt, r.Activate.Revision)
	}
	return f.begin(r.ID, r.Kind, details)
}

func (f *fakeJob) Operation(ctx context.Context, id string) (rest.Operation, error) {
	f.mu.Lock()
	o := f.mu.ops[id]
	f.mu.Unlock()
	if o == nil {
		return rest.Operation{}, &rest.Error{Code: rest.NotFound, Message: "nothing was asked for under id " + id}
	}
	select {
	case <-o.done:
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return o.op, nil
}

const (
	token = "0123456789abcdef"
	host  = "127.0.0.1:8081"
)

func newServer(t *testing.T, c Controller) *Server {
	t.Helper()
	s, err := New(c, Options{Token: token, Hosts: []string{host, "localhost:8081", "[::1]:8081"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// request is one that is right, for tests to make wrong.
func request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, "http://"+host+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func do(s *Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// errorOf reads the error of an answer.
func errorOf(t *testing.T, w *httptest.ResponseRecorder) *rest.Error {
	t.Helper()
	var body rest.ErrorBody
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Error == nil {
		t.Fatalf("no error in %q: %v", w.Body, err)
	}
	if w.Code != body.Error.Code.HTTPStatus() {
		t.Errorf("status %d with code %s", w.Code, body.Error.Code)
	}
	return body.Error
}

func TestEveryRouteButTwoNeedsTheToken(t *testing.T) {
	f := newFakeJob()
	s := newServer(t, f)
	paths := []struct{ method, path string }{{"GET", "/"}, {"GET", "/metrics"}, {"DELETE", "/v1/job"}, {"OPTIONS", "/v1/job/stop"}, {"GET", "//healthz"},
		{"GET", "/healthz/../v1/job"}, {"GET", "/readyz/"}}
	open := 0
	for _, r := range s.routes() {
		if r.path == "/healthz" || r.path == "/readyz" {
			open++
			continue
		}
		paths = append(paths, struct{ method, path string }{r.method, strings.ReplaceAll(r.path, "{id}", "x")})
	}
	if open != 2 {
		t.Errorf("%d routes are open", open)
	}
	for _, p := range paths {
		for name, set := range map[string]func(http.Header){
			"no token":             func(h http.Header) { h.Del("Authorization") },
			"an empty token":       func(h http.Header) { h.Set("Authorization", "Bearer ") },
			"a wrong token":        func(h http.Header) { h.Set("Authorization", "Bearer "+token+"0") },
			"the begin of a token": func(h http.Header) { h.Set("Authorization", "Bearer "+token[:5]) },
			"another scheme":       func(h http.Header) { h.Set("Authorization", "Basic "+token) },
			"the token alone":      func(h http.Header) { h.Set("Authorization", token) },
		} {
			r := request(p.method, p.path, `{"id":"a"}`)
			set(r.Header)
			w := do(s, r)
			if w.Code != http.StatusUnauthorized || errorOf(t, w).Remedy == "" {
				t.Errorf("%s %s with %s: %d %s", p.method, p.path, name, w.Code, w.Body)
			}
		}
	}
	if asked := f.asked(); len(asked) != 0 {
		t.Errorf("the job was asked: %v", asked)
	}
}

func TestMetricsBesideTheAPINeedTheToken(t *testing.T) {
	for _, served := range []bool{true, false} {
		s, err := New(newFakeJob(), Options{Token: token, Hosts: []string{host}, Metrics: served})
		if err != nil {
			t.Fatal(err)
		}
		r := request("GET", "/metrics", "")
		w := do(s, r)
		want := http.StatusNotFound
		if served {
			want = http.StatusOK
		}
		if w.Code != want || served && !strings.Contains(w.Body.String(), "weir_") {
			t.Errorf("served %v, with the token the answer is %d: %.100s", served, w.Code, w.Body)
		}
		r.Header.Del("Authorization")
		if w := do(s, r); w.Code != http.StatusUnauthorized {
			t.Errorf("served %v, without the token the answer is %d", served, w.Code)
		}
	}
}

func TestOnlyTheServersOwnNamesAreAnswered(t *testing.T) {
	s := newServer(t, newFakeJob())
	for name, want := range map[string]int{
		"127.0.0.1:8081": 200, "localhost:8081": 200, "LOCALHOST:8081": 200, "[::1]:8081": 200,
		"127.0.0.1": 403, "127.0.0.1:80": 403, "evil.example": 403, "evil.example:8081": 403, "localhost.evil.example:8081": 403, "": 403,
	} {
		for _, path := range []string{"/v1/job", "/healthz"} {
			r := request("GET", path, "")
			r.Host = name
			if w := do(s, r); w.Code != want {
				t.Errorf("%s as %q: %d %s", path, name, w.Code, w.Body)
			}
		}
	}
}

func TestNoAnswerLetsWebPagesIn(t *testing.T) {
	s := newServer(t, newFakeJob())
	for _, r := range []*http.Request{request("GET", "/v1/job", ""), request("OPTIONS", "/v1/job/stop", ""), request("POST", "/v1/job/checkpoints", `{"id":"a"}`)} {
		r.Header.Set("Origin", "http://evil.example")
		r.Header.Set("Access-Control-Request-Method", "POST")
		w := do(s, r)
		for name := range w.Header() {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s answers with %s", r.Method, r.URL.Path, name)
			}
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s may be cached", r.Method, r.URL.Path)
		}
	}
}

func TestWhatIsAskedReachesTheJob(t *testing.T) {
	for _, c := range []struct{ name, path, body, want string }{
		{"a checkpoint", "/v1/job/checkpoints", `{"id":"a-1"}`, "Checkpoint a-1"},
		{"a savepoint", "/v1/job/savepoints", `{"id":"b","target":"s3://x/y"}`, "Savepoint b to s3://x/y"},
		{"a savepoint to the default place", "/v1/job/savepoints", `{"id":"b"}`, "Savepoint b to "},
		{"a stop", "/v1/job/stop", `{"id":"c","target":"s3://x","drain":true}`, "Stop c to s3://x drain true"},
		{"a cancel", "/v1/job/cancel", `{"id":"550e8400-e29b-41d4-a716-446655440000"}`, "Cancel 550e8400-e29b-41d4-a716-446655440000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeJob()
			w := do(newServer(t, f), request("POST", c.path, c.body))
			var op rest.Operation
			if err := json.Unmarshal(w.Body.Bytes(), &op); err != nil {
				t.Fatal(err)
			}
			if w.Code != http.StatusAccepted || w.Header().Get("Location") != "/v1/job/operations/"+op.ID || op.Status != rest.InProgress {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
			if diff := cmp.Diff([]string{c.want}, f.asked()); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	type change = func(*http.Request)
	header := func(name, value string) change { return func(r *http.Request) { r.Header.Set(name, value) } }
	for _, c := range []struct {
		name, method, path, body string
		change                   change
		code                     rest.Code
	}{
		{"a body that is not declared", "POST", "/v1/job/stop", `{"id":"a"}`, header("Content-Type", ""), rest.UnsupportedMedia},
		{"a form, as a web page can send it", "POST", "/v1/job/stop", `{"id":"a"}`, header("Content-Type", "text/plain"), rest.UnsupportedMedia},
		{"no body", "POST", "/v1/job/stop", "", nil, rest.BadRequest},
		{"no id", "POST", "/v1/job/stop", "{}", nil, rest.BadRequest},
		{"an id that cannot be a name", "POST", "/v1/job/stop", `{"id":"../x"}`, nil, rest.BadRequest},
		{"a long id", "POST", "/v1/job/stop", `{"id":"` + strings.Repeat("a", 65) + `"}`, nil, rest.BadRequest},
		{"a misspelt field", "POST", "/v1/job/stop", `{"id":"a","drian":true}`, nil, rest.BadRequest},
		{"a list", "POST", "/v1/job/stop", `[]`, nil, rest.BadRequest},
		{"two requests in one", "POST", "/v1/job/stop", `{"id":"a"}{"id":"b"}`, nil, rest.BadRequest},
		{"a long body", "POST", "/v1/job/stop", `{"id":"a","target":"` + strings.Repeat("x", maxBody) + `"}`, nil, rest.TooLarge},
		{"five million parentheses", "POST", "/v1/job/stop", strings.Repeat("(", 5_000_000), nil, rest.BadRequest},
		{"another method", "GET", "/v1/job/stop", "", nil, rest.MethodNotAllowed},
		{"a method that changes what can only be read", "DELETE", "/v1/job", "", nil, rest.MethodNotAllowed},
		{"an unknown path", "GET", "/v1/jobs", "", nil, rest.NotFound},
		{"an unknown operation", "GET", "/v1/job/operations/nobody", "", nil, rest.NotFound},
		{"an operation that is none", "GET", "/v1/job/operations/a%20b", "", nil, rest.BadRequest},
		{"a wait that is none", "GET", "/v1/job/operations/a?wait=long", "", nil, rest.BadRequest},
		{"a negative wait", "GET", "/v1/job/operations/a?wait=-1s", "", nil, rest.BadRequest},
		{"a used id", "POST", "/v1/job/stop", `{"id":"used"}`, nil, rest.Conflict},
		{"what the job cannot do", "POST", "/v1/job/stop", `{"id":"broken"}`, nil, rest.Internal},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeJob()
			r := request(c.method, c.path, c.body)
			if c.change != nil {
				c.change(r)
			}
			w := do(newServer(t, f), r)
			if e := errorOf(t, w); e.Code != c.code {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if len(f.asked()) != 0 && c.code != rest.Conflict && c.code != rest.Internal {
				t.Errorf("the job was asked: %v", f.asked())
			}
			if c.code == rest.MethodNotAllowed && w.Header().Get("Allow") == "" {
				t.Error("it does not say which methods there are")
			}
		})
	}
}

func TestWhatIsRead(t *testing.T) {
	f := newFakeJob()
	s := newServer(t, f)
	for path, want := range map[string]string{
		"/healthz":             `{"status":"alive"}`,
		"/readyz":              `{"status":"ready"}`,
		"/v1/job/operators":    `{"operators":[{"uid":"source/flights","name":"","parallelism":0,"subtasks":null}]}`,
		"/v1/job/checkpoints":  `{"checkpoints":[]}`,
		"/v1/job/operations/a": `{"id":"a","kind":"Savepoint","status":"InProgress"}`,
		"/v1/job/savepoints/a": `{"id":"a","kind":"Savepoint","status":"InProgress"}`,
	} {
		if _, err := f.begin("a", rest.SavepointOperation, ""); err != nil {
			t.Fatal(err)
		}
		w := do(s, request("GET", path, ""))
		if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s, want %s", path, w.Code, got, want)
		}
	}
	if _, err := f.begin("b", rest.StopOperation, ""); err != nil {
		t.Fatal(err)
	}
	if e := errorOf(t, do(s, request("GET", "/v1/job/savepoints/b", ""))); e.Code != rest.NotFound {
		t.Errorf("a stop asked for as a savepoint: %v", e)
	}
}

func TestAJobIsReadyWhileItRuns(t *testing.T) {
	f := newFakeJob()
	s := newServer(t, f)
	for state, want := range map[rest.State]int{rest.Running: 200, rest.Starting: 503, rest.Recovering: 503, rest.Failed: 503} {
		f.mu.state = state
		r := httptest.NewRequest("GET", "http://"+host+"/readyz", nil)
		if w := do(s, r); w.Code != want {
			t.Errorf("%s: %d", state, w.Code)
		}
		r = httptest.NewRequest("GET", "http://"+host+"/healthz", nil)
		if w := do(s, r); w.Code != 200 {
			t.Errorf("%s: not alive: %d", state, w.Code)
		}
	}
}

func TestAServerNeedsATokenAndTheLoopbackDevice(t *testing.T) {
	if _, err := New(newFakeJob(), Options{Hosts: []string{host}}); err == nil {
		t.Error("without a token")
	}
	if hosts, err := LoopbackHosts(&net.TCPAddr{IP: net.IPv4zero, Port: 1}); err == nil {
		t.Errorf("on all devices: %v", hosts)
	}
}

// listening runs a server on a port of its own.
func listening(t *testing.T, f *fakeJob) (c *rest.Client, end func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := LoopbackHosts(l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(f, Options{Token: token, Hosts: hosts})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	if c, err = rest.NewClient("http://"+l.Addr().String(), token, nil); err != nil {
		t.Fatal(err)
	}
	return c, sync.OnceValue(func() error { cancel(); return <-served })
}

func TestWhoeverWaitsIsAnsweredWhenItIsDone(t *testing.T) {
	f := newFakeJob()
	c, end := listening(t, f)
	op, err := c.Savepoint(t.Context(), rest.SavepointRequest{ID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	finished := make(chan struct{})
	go func() { f.finish("a", "s3://x/savepoint-a"); close(finished) }()
	op, err = c.Await(t.Context(), op)
	if err != nil || op.Path != "s3://x/savepoint-a" {
		t.Errorf("%+v %v", op, err)
	}
	<-finished
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestWhoeverWaitsIsAnsweredWhenTheServerEnds(t *testing.T) {
	f := newFakeJob()
	c, end := listening(t, f)
	if _, err := c.Stop(t.Context(), rest.StopRequest{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		op, err := c.Operation(context.Background(), "a", rest.MaxWait)
		if err == nil && op.Status != rest.InProgress {
			err = fmt.Errorf("status %s", op.Status)
		}
		// The server may be gone before it is asked; then there is nobody to answer.
		if rest.IsUnreachable(err) {
			err = nil
		}
		answered <- err
	}()
	if err := end(); err != nil { // that somebody was left without an answer, among others
		t.Error(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if _, err := c.Job(t.Context()); !rest.IsUnreachable(err) {
		t.Errorf("somebody answers after the end: %v", err)
	}
}

func TestAHeaderThatDoesNotEndIsGivenUp(t *testing.T) {
	f := newFakeJob()
	c, end := listening(t, f)
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.Base(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/job HTTP/1.1\r\nX: "+strings.Repeat("x", 200<<10)); err != nil {
		t.Logf("the server hung up while it was written to: %v", err)
	}
	answer, err := io.ReadAll(conn)
	if err == nil && !strings.Contains(string(answer), "431") {
		t.Errorf("answered with %q", answer)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}
