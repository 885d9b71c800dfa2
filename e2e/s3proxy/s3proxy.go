// Package s3proxy stands between a job and its S3 server and commits the faults that networks and stores commit.
//
// It promises that a request is either forwarded unchanged, signature and all, or not at all; what differs is the answer.
// It refuses to know what the objects mean.
package s3proxy

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
)

// Proxy is a running proxy. Its faults may be changed at any time.
type Proxy struct {
	server *httptest.Server
	to     *httputil.ReverseProxy

	mu struct {
		sync.Mutex
		dropEvery   int // 0: none
		puts        int
		unavailable int // requests still to be answered with 503
		denied      bool
		dropped     int // answers that were lost
		refused     int // requests that were answered with 503 or 403
	}
}

// Start runs a proxy before the server at an endpoint (http://host:port).
func Start(endpoint string) (*Proxy, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	p := &Proxy{to: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // the client has signed it
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			refuse(w, http.StatusBadGateway, "BadGateway", err.Error())
		},
	}}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	return p, nil
}

// Endpoint is where clients connect to: http://host:port.
func (p *Proxy) Endpoint() string { return p.server.URL }

// Close ends all connections.
func (p *Proxy) Close() {
	p.server.CloseClientConnections()
	p.server.Close()
}

// DropEvery makes every k-th PUT from now on reach the server, and its answer not reach the client; 0: none.
func (p *Proxy) DropEvery(k int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.dropEvery, p.mu.puts = k, 0
}

// Unavailable answers the next n requests with 503 and forwards none of them.
func (p *Proxy) Unavailable(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.unavailable = n
}

// Deny answers every request with 403 until it is told otherwise.
func (p *Proxy) Deny(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.denied = on
}

// Faults tells how many answers were lost and how many requests were refused so far.
func (p *Proxy) Faults() (dropped, refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.dropped, p.mu.refused
}

// fate is what happens to one request.
type fate int

const (
	forward fate = iota
	loseAnswer
	serviceUnavailable
	accessDenied
)

func (p *Proxy) decide(method string) fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.mu.denied:
		p.mu.refused++
		return accessDenied
	case p.mu.unavailable > 0:
		p.mu.unavailable--
		p.mu.refused++
		return serviceUnavailable
	case method == http.MethodPut && p.mu.dropEvery > 0:
		if p.mu.puts++; p.mu.puts%p.mu.dropEvery == 0 {
			p.mu.dropped++
			return loseAnswer
		}
	}
	return forward
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	switch p.decide(r.Method) {
	case forward:
		p.to.ServeHTTP(w, r)
	case loseAnswer:
		p.to.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // net/http's way to break the connection without an answer
	case serviceUnavailable:
		refuse(w, http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	case accessDenied:
		refuse(w, http.StatusForbidden, "AccessDenied", "Access Denied")
	}
}

// refuse answers as S3 does: an error document, and no connection kept whose body was not read.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Connection", "close")
	w.WriteHeader(status)
	body := `<?xml version="1.0" encoding="UTF-8"?><Error><Code>` + code + `</Code><Message>` + message + `</Message></Error>`
	if _, err := w.Write([]byte(body)); err != nil {
		return // the client has gone; it was to be refused anyway
	}
}
