package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/weirstream/weir/engine/rest"
)

const operatorToken = "fedcba9876543210"

// podServer serves as in a pod: with an operator, under any name.
func podServer(t *testing.T, c Controller) *Server {
	t.Helper()
	hash := sha256.Sum256([]byte(operatorToken))
	s, err := New(c, Options{Token: token, OperatorTokenHash: hash[:], Certificate: &tls.Certificate{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The operator's are the requests that change what it decides; the remedy names what to write instead.
var mutating = map[string]struct {
	asUser int
	remedy string
}{
	"/v1/job/checkpoints": {asUser: http.StatusAccepted},
	"/v1/job/savepoints":  {asUser: http.StatusAccepted},
	"/v1/job/stop":        {asUser: http.StatusConflict, remedy: "create a Savepoint with mode: Stop (or Drain), or set spec.desiredState: Suspended"},
	"/v1/job/cancel":      {asUser: http.StatusConflict, remedy: "delete the StreamJob"},
	"/v1/job/activate":    {asUser: http.StatusConflict, remedy: "the operator"},
}

func TestWhoMayAskForWhat(t *testing.T) {
	seen := 0
	for _, r := range podServer(t, newFakeJob()).routes() {
		if r.method == http.MethodGet {
			continue
		}
		seen++
		want, ok := mutating[r.path]
		if !ok {
			t.Errorf("%s: nobody has decided who may ask for it", r.path)
		}
		for bearer, status := range map[string]int{"": 401, "x": 401, token: want.asUser, operatorToken: http.StatusAccepted} {
			f := newFakeJob()
			q := request(r.method, r.path, `{"id":"a"}`)
			q.Header.Set("Authorization", "Bearer "+bearer)
			w := do(podServer(t, f), q)
			if w.Code != status {
				t.Errorf("%s %s as %q: %d %s", r.method, r.path, bearer, w.Code, w.Body)
			}
			if asked := len(f.asked()) == 1; asked != (status == http.StatusAccepted) {
				t.Errorf("%s as %q: the job was asked: %v", r.path, bearer, f.asked())
			}
			if status == http.StatusConflict {
				if e := errorOf(t, w); !strings.Contains(e.Remedy, want.remedy) {
					t.Errorf("%s: remedy %q", r.path, e.Remedy)
				}
			}
		}
	}
	if seen != len(mutating) {
		t.Errorf("%d routes change something, not %d", seen, len(mutating))
	}
}

// TestATokenIsComparedToItsLastBit asks with tokens whose hashes differ in one bit from the right one: of each byte, since
// nobody can find a token whose hash begins or ends like another's.
func TestATokenIsComparedToItsLastBit(t *testing.T) {
	hash := sha256.Sum256([]byte(operatorToken))
	right := newTokens(Options{Token: token, OperatorTokenHash: hash[:]})
	asks := func(text string) *http.Request {
		q := request(http.MethodGet, "/v1/job", "")
		q.Header.Set("Authorization", "Bearer "+text)
		return q
	}
	if u, o := right.bearer(asks(token)), right.bearer(asks(operatorToken)); u != user || o != operator {
		t.Fatalf("the right tokens are those of %v and %v", u, o)
	}
	for i := range sha256.Size {
		for _, bit := range []byte{1, 0x80} {
			almost := right
			almost.user[i] ^= bit
			almost.operator[i] ^= bit
			if u, o := almost.bearer(asks(token)), almost.bearer(asks(operatorToken)); u != nobody || o != nobody {
				t.Errorf("byte %d of the hash differs, and the bearers are %v and %v", i, u, o)
			}
		}
	}
}

func TestUsersAndTheOperatorReadTheSame(t *testing.T) {
	for _, r := range podServer(t, newFakeJob()).routes() {
		if r.method != http.MethodGet {
			continue
		}
		f := newFakeJob()
		if _, err := f.begin("x", rest.SavepointOperation, ""); err != nil {
			t.Fatal(err)
		}
		for _, bearer := range []string{token, operatorToken} {
			q := request(r.method, strings.ReplaceAll(r.path, "{id}", "x"), "")
			q.Header.Set("Authorization", "Bearer "+bearer)
			if w := do(podServer(t, f), q); w.Code != http.StatusOK {
				t.Errorf("%s as %s: %d %s", r.path, bearer, w.Code, w.Body)
			}
		}
	}
}

func TestRightsAreDecidedBeforeTheBodyIsRead(t *testing.T) {
	w := do(podServer(t, newFakeJob()), request("POST", "/v1/job/stop", "no JSON"))
	if w.Code != http.StatusConflict {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAJobWithoutAnOperator(t *testing.T) {
	f := newFakeJob()
	s := newServer(t, f)
	for path := range mutating {
		want := http.StatusAccepted
		if path == "/v1/job/activate" {
			want = http.StatusConflict
		}
		if w := do(s, request("POST", path, `{"id":"a"}`)); w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if asked := f.asked(); len(asked) != len(mutating)-1 || strings.Contains(strings.Join(asked, ","), "Activate") {
		t.Errorf("the job was asked: %v", asked)
	}
	for _, bearer := range []string{operatorToken, "", string(make([]byte, sha256.Size))} {
		q := request("GET", "/v1/job", "")
		q.Header.Set("Authorization", "Bearer "+bearer)
		if w := do(s, q); w.Code != http.StatusUnauthorized {
			t.Errorf("the token %q of an operator that there is not: %d", bearer, w.Code)
		}
	}
}

func TestAnActivationReachesTheJob(t *testing.T) {
	f := newFakeJob()
	q := request("POST", "/v1/job/activate", `{"id":"a","expectedAttempt":4,"revision":"r","settings":{"parallelism":2}}`)
	q.Header.Set("Authorization", "Bearer "+operatorToken)
	if w := do(podServer(t, f), q); w.Code != http.StatusAccepted || w.Header().Get("Location") != "/v1/job/operations/a" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if asked := f.asked(); len(asked) != 1 || asked[0] != "Activate a after 4 of r" {
		t.Errorf("asked %v", asked)
	}
}

func TestAnActivationOfALaterOperatorIsUnderstoodAsFarAsItCan(t *testing.T) {
	for path, want := range map[string]int{"/v1/job/activate": http.StatusAccepted, "/v1/job/stop": http.StatusBadRequest} {
		q := request("POST", path, `{"id":"a","later":1,"settings":{"parallelism":2,"later":{"x":[1]}}}`)
		q.Header.Set("Authorization", "Bearer "+operatorToken)
		if w := do(podServer(t, newFakeJob()), q); w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, body := range []string{`{"id":"a"} {}`, `{"id":1}`, `no JSON`} {
		q := request("POST", "/v1/job/activate", body)
		q.Header.Set("Authorization", "Bearer "+operatorToken)
		if w := do(podServer(t, newFakeJob()), q); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestWhatIsNotServed(t *testing.T) {
	hash := sha256.Sum256([]byte(operatorToken))
	certificate := &tls.Certificate{}
	for name, o := range map[string]Options{
		"no token":                             {Hosts: []string{host}},
		"no token in a pod":                    {OperatorTokenHash: hash[:], Certificate: certificate},
		"any name without TLS":                 {Token: token},
		"half of a hash":                       {Token: token, OperatorTokenHash: hash[:16], Certificate: certificate},
		"an empty hash, which would be nobody": {Token: token, OperatorTokenHash: []byte{}, Certificate: certificate},
	} {
		if _, err := New(newFakeJob(), o); err == nil {
			t.Errorf("%s is served", name)
		}
	}
}

// inPod serves with an identity on a port of its own.
func inPod(t *testing.T, f *fakeJob, id *rest.Identity, log *slog.Logger) (address string, end func() error) {
	t.Helper()
	certificate, err := tls.X509KeyPair(id.CertificatePEM(), id.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(id.OperatorToken()))
	s, err := New(f, Options{Token: id.Token(), OperatorTokenHash: hash[:], Certificate: &certificate, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	return l.Addr().String(), sync.OnceValue(func() error { cancel(); return <-served })
}

func newIdentity(t *testing.T, uid string) *rest.Identity {
	t.Helper()
	id, err := rest.NewIdentity(bytes.Repeat([]byte{7}, 32), uid)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTheOperatorReachesThePodOfItsJobAlone(t *testing.T) {
	f, id := newFakeJob(), newIdentity(t, "job")
	address, end := inPod(t, f, id, slog.New(slog.DiscardHandler))
	mine, err := rest.NewPodClient(address, id)
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	if op, err := mine.Activate(t.Context(), rest.ActivateRequest{ID: "a", Revision: "r"}); err != nil || op.Kind != rest.ActivateOperation {
		t.Errorf("%+v %v", op, err)
	}
	other, err := rest.NewPodClient(address, newIdentity(t, "another job"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Cancel(t.Context(), rest.CancelRequest{ID: "b"}); !rest.IsUntrusted(err) {
		t.Errorf("the client of another job: %v", err)
	}
	plain, err := rest.NewClient("http://"+address, id.OperatorToken(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := plain.Cancel(t.Context(), rest.CancelRequest{ID: "c"}); err == nil {
		t.Error("plain HTTP is answered")
	}
	if asked := f.asked(); len(asked) != 1 {
		t.Errorf("the job was asked: %v", asked)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestOldTLSIsRefusedAndTheLogToldOfIt(t *testing.T) {
	id, lines := newIdentity(t, "job"), make(lineWriter, 1)
	address, end := inPod(t, newFakeJob(), id, slog.New(slog.NewTextHandler(lines, nil)))
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(id.CertificatePEM())
	for version, want := range map[uint16]bool{tls.VersionTLS12: false, tls.VersionTLS13: true} {
		dialer := tls.Dialer{Config: &tls.Config{MinVersion: version, MaxVersion: version, ServerName: rest.PodServerName, RootCAs: trusted}}
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			err = conn.Close()
		} else if line := <-lines; !strings.Contains(line, "level=WARN") || !strings.Contains(line, "TLS handshake") {
			t.Errorf("logged %q", line)
		}
		if err != nil && want {
			t.Error(err)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// lineWriter hands on what is logged.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	select {
	case w <- string(p):
	default: // nobody waits for more
	}
	return len(p), nil
}
