package coordinators

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/weirstream/weir/engine/rest"
)

// played is a coordinator of job "a" that answers from a table, with the identity of that job.
type played struct {
	ip string
	// says is what it answers, by method and path; nothing: 404.
	says map[string]any
	// asked are the requests that reached it, and with them tokens.
	asked []string
}

func play(t *testing.T, d *Directory, says map[string]any) *played {
	t.Helper()
	id, err := d.Identity("a")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(id.CertificatePEM(), id.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	listener, ip := listen(t)
	p := &played{ip: ip, says: says}
	server := &httptest.Server{Listener: listener, TLS: &tls.Config{Certificates: []tls.Certificate{pair}},
		Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p.asked = append(p.asked, r.Method+" "+r.URL.RequestURI())
			answer, known := p.says[r.Method+" "+r.URL.Path]
			refused, isError := answer.(*rest.Error)
			switch {
			case r.Header.Get("Authorization") != "Bearer "+id.OperatorToken():
				refused, isError = &rest.Error{Code: rest.Unauthorized, Message: "no such token"}, true
			case !known:
				refused, isError = &rest.Error{Code: rest.NotFound, Message: "no such thing"}, true
			}
			if isError {
				w.WriteHeader(refused.Code.HTTPStatus())
				answer = rest.ErrorBody{Error: refused}
			}
			if err := json.NewEncoder(w).Encode(answer); err != nil {
				t.Error(err)
			}
		})}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return p
}

// TestOnlyTheJobsCoordinatorIsAsked asks a real server with the identity of one job, as this job and as another.
func TestOnlyTheJobsCoordinatorIsAsked(t *testing.T) {
	d := newDirectory(t)
	p := play(t, d, map[string]any{"GET /v1/job": rest.Job{ID: "default.a"}})
	if a := d.Ask(t.Context(), podAt(p.ip), "a", ""); a.Job == nil || a.Job.ID != "default.a" || a.Untrusted || a.Pod != "flights-0" {
		t.Errorf("its own answer: %+v", a)
	}
	if a := d.Ask(t.Context(), podAt(p.ip), "b", ""); a.Job != nil || !a.Untrusted {
		t.Errorf("another job's answer: %+v; want one that says that somebody else answers", a)
	}
	if len(p.asked) != 1 {
		t.Errorf("these requests reached the server, and with them tokens: %q", p.asked)
	}
	if a := d.Ask(t.Context(), podAt(""), "a", ""); a.Job != nil || a.Untrusted {
		t.Errorf("the answer of a pod without an address: %+v", a)
	}
}

func TestAnAnswerIsWholeOrNone(t *testing.T) {
	d := newDirectory(t)
	const job, operation = "GET /v1/job", "GET /v1/job/operations/uid"
	for name, c := range map[string]struct {
		id            string
		says          map[string]any
		job, about    bool
		wantUntrusted bool
	}{
		"nobody asks about a request":       {"", map[string]any{job: rest.Job{Attempt: 3}, operation: rest.Operation{ID: "uid"}}, true, false, false},
		"it knows the request":              {"uid", map[string]any{job: rest.Job{Attempt: 3}, operation: rest.Operation{ID: "uid"}}, true, true, false},
		"it has never heard of the request": {"uid", map[string]any{job: rest.Job{Attempt: 3}}, true, false, false},
		"it cannot say now":                 {"uid", map[string]any{job: rest.Job{Attempt: 3}, operation: &rest.Error{Code: rest.Unavailable, Message: "not now"}}, false, false, false},
		"it does not take the token":        {"", map[string]any{job: &rest.Error{Code: rest.Unauthorized, Message: "who are you"}}, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := d.Ask(t.Context(), podAt(play(t, d, c.says).ip), "a", c.id)
			if (a.Job != nil) != c.job || (a.Operation != nil) != c.about || a.Untrusted != c.wantUntrusted {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestTheNewestAttemptIsTheChainsToo(t *testing.T) {
	for _, c := range []struct {
		job  rest.Job
		want int64
	}{
		{rest.Job{Attempt: 3}, 3},
		{rest.Job{Attempt: 3, Chain: &rest.Chain{Attempt: 5}}, 5},
		{rest.Job{Attempt: 3, Chain: &rest.Chain{Attempt: 2}}, 3},
	} {
		if a := (&Answer{Job: &c.job}); a.Attempt() != c.want {
			t.Errorf("%+v: attempt %d, want %d", c.job, a.Attempt(), c.want)
		}
	}
}

func TestAReplyIsAnOperationARefusalOrSilence(t *testing.T) {
	d := newDirectory(t)
	request := rest.StopRequest{ID: "uid"}
	p := play(t, d, map[string]any{"POST /v1/job/stop": rest.Operation{ID: "uid", Status: rest.InProgress}})
	if r := d.Stop(t.Context(), podAt(p.ip), "a", request); r.Operation == nil || r.Operation.ID != "uid" || r.Refused != nil || r.Silence != nil {
		t.Errorf("what it took: %+v", r)
	}
	p.says["POST /v1/job/stop"] = &rest.Error{Code: rest.Conflict, Message: "not now"}
	if r := d.Stop(t.Context(), podAt(p.ip), "a", request); r.Operation != nil || r.Refused == nil || r.Silence != nil || r.Forgotten() {
		t.Errorf("what it refused: %+v", r)
	}
	if r := d.Stop(t.Context(), podAt(""), "a", request); r.Operation != nil || r.Refused != nil || !errors.Is(r.Silence, ErrNoAddress) {
		t.Errorf("what nobody heard: %+v", r)
	}
}

// TestAnActivationIsFollowedUntilItIsForgotten makes the request once; after that it is asked about.
func TestAnActivationIsFollowedUntilItIsForgotten(t *testing.T) {
	d := newDirectory(t)
	const begin, operation = "POST /v1/job/activate", "GET /v1/job/operations/uid"
	request := rest.ActivateRequest{ID: "uid"}
	begun, done := rest.Operation{ID: "uid", Status: rest.InProgress}, rest.Operation{ID: "uid", Status: rest.Done}
	for name, c := range map[string]struct {
		says  map[string]any
		begun bool
		asked []string
		want  rest.Status
	}{
		"at once":      {map[string]any{begin: done}, false, []string{begin}, rest.Done},
		"within a bit": {map[string]any{begin: begun, operation: done}, false, []string{begin, operation + "?wait=1s"}, rest.Done},
		"later":        {map[string]any{operation: done}, true, []string{operation}, rest.Done},
		"forgotten":    {nil, true, []string{operation}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t, d, c.says)
			r := d.Activate(t.Context(), podAt(p.ip), "a", request, c.begun)
			if r.Forgotten() != (c.want == "") || c.want != "" && (r.Operation == nil || r.Operation.Status != c.want) {
				t.Errorf("%+v", r)
			}
			if !slices.Equal(p.asked, c.asked) {
				t.Errorf("asked %q, want %q", p.asked, c.asked)
			}
		})
	}
}

func TestWhatIsPermanent(t *testing.T) {
	for _, c := range []struct {
		code          rest.Code
		idle, running bool
	}{
		{rest.BadRequest, true, true},
		{rest.TooLarge, true, true},
		{rest.UnsupportedMedia, true, true},
		{rest.MethodNotAllowed, true, true},
		{rest.Conflict, false, true},
		{rest.NotFound, false, false},
		{rest.Unavailable, false, false},
		{rest.Internal, false, false},
	} {
		why := &rest.Error{Code: c.code}
		if Permanent(why, false) != c.idle || Permanent(why, true) != c.running {
			t.Errorf("%s: %v of a job that does not run, %v of one that does", c.code, Permanent(why, false), Permanent(why, true))
		}
	}
}

func TestThereIsAlwaysAReason(t *testing.T) {
	if why := Why(&rest.Operation{Status: rest.Undone}); why.Message == "" {
		t.Error("no reason for what says none")
	}
	said := &rest.Error{Code: rest.Conflict}
	if why := Why(&rest.Operation{Status: rest.Undone, Error: said}); why != said {
		t.Errorf("another reason: %v", why)
	}
}

// addresses counts the loopback addresses that were given away. None is given twice: a client that has kept a connection to a
// server that has gone since would send it the next one's request, and a POST is not sent again.
var addresses atomic.Int32

// listen opens the coordinators' port on a loopback address that no test has had.
func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	for i := addresses.Add(1); i <= 250; i = addresses.Add(1) {
		ip := fmt.Sprintf("127.77.7.%d", i)
		if l, err := net.Listen("tcp", net.JoinHostPort(ip, fmt.Sprint(port))); err == nil {
			return l, ip
		}
	}
	t.Fatal("no loopback address is free")
	return nil, ""
}
