package s3proxy

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// store counts what reaches it, and remembers the Host of the last request.
type store struct {
	mu   sync.Mutex
	seen []string
	host string
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.Method+" "+r.URL.RequestURI()+" "+string(body))
	s.host = r.Host
}

func setUp(t *testing.T) (*store, *Proxy) {
	t.Helper()
	s := &store{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	p, err := Start(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return s, p
}

// send returns the status, 0 if the connection broke.
func send(t *testing.T, p *Proxy, method, path, body string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, p.Endpoint()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func TestRequestsPassUnchangedWithTheHostThatTheClientSigned(t *testing.T) {
	s, p := setUp(t)
	if status := send(t, p, "PUT", "/bucket/a%20b?list-type=2&prefix=x%2Fy", "body"); status != 200 {
		t.Fatalf("status %d", status)
	}
	if want := "PUT /bucket/a%20b?list-type=2&prefix=x%2Fy body"; s.seen[0] != want {
		t.Errorf("the server got %q, want %q", s.seen[0], want)
	}
	if want := strings.TrimPrefix(p.Endpoint(), "http://"); s.host != want {
		t.Errorf("the server got Host %q, want %q", s.host, want)
	}
}

func TestEveryThirdPutArrivesAndItsAnswerDoesNot(t *testing.T) {
	s, p := setUp(t)
	p.DropEvery(3)
	var lost int
	for range 9 {
		if send(t, p, "PUT", "/k", "v") == 0 {
			lost++
		}
		if send(t, p, "GET", "/k", "") != 200 {
			t.Error("a GET was lost")
		}
	}
	if lost != 3 || len(s.seen) != 18 {
		t.Errorf("%d answers lost, %d requests arrived; want 3 and 18", lost, len(s.seen))
	}
	if dropped, _ := p.Faults(); dropped != 3 {
		t.Errorf("%d faults counted, want 3", dropped)
	}
}

func TestABurstOf503EndsByItself(t *testing.T) {
	s, p := setUp(t)
	p.Unavailable(2)
	for i, want := range []int{503, 503, 200} {
		if got := send(t, p, "PUT", "/k", "v"); got != want {
			t.Errorf("request %d: status %d, want %d", i, got, want)
		}
	}
	if len(s.seen) != 1 {
		t.Errorf("%d requests arrived, want 1", len(s.seen))
	}
}

func TestDenialLastsUntilItIsLifted(t *testing.T) {
	s, p := setUp(t)
	p.Deny(true)
	if got := send(t, p, "GET", "/k", ""); got != 403 {
		t.Errorf("status %d, want 403", got)
	}
	p.Deny(false)
	if got := send(t, p, "GET", "/k", ""); got != 200 {
		t.Errorf("status %d, want 200", got)
	}
	if len(s.seen) != 1 {
		t.Errorf("%d requests arrived, want 1", len(s.seen))
	}
}
