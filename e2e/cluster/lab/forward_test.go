package lab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain is kubectl when it is called as that.
func TestMain(m *testing.M) {
	code := 1
	if len(os.Args) > 3 && os.Args[3] == "port-forward" {
		fmt.Fprintln(os.Stderr, forwardAndHang(os.Args[len(os.Args)-1]))
	} else {
		code = m.Run()
	}
	os.Exit(code) //nolint:forbidigo // TestMain is the main of its package
}

// forwardAndHang listens as kubectl does. After the first request for /hang it answers no more, as kubectl when it has lost its
// connection.
func forwardAndHang(ports string) error {
	local, _, _ := strings.Cut(ports, ":")
	l, err := net.Listen("tcp", "127.0.0.1:"+local)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(os.Stdout, "Forwarding from %s -> 7070\n", l.Addr()); err != nil {
		return err
	}
	hung := make(chan struct{})
	return http.Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			close(hung)
		}
		select {
		case <-hung:
			select {}
		default:
		}
	}))
}

func TestAForwardedPortThatHangsOrEndsIsForwardedAgain(t *testing.T) {
	kubectl, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarding{lab: &Lab{kubectl: kubectl}, namespace: "n", target: "deployment/s3", port: "7070", probe: 200 * time.Millisecond}
	address, stop, err := f.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			return err
		}
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	if err := get("/hang"); err == nil {
		t.Fatal("a server that hangs has answered")
	}
	for get("/") != nil { // another one answers: this one never does again
		if t.Context().Err() != nil {
			t.Fatal("nobody forwards any more")
		}
	}
	stop()
	if err := get("/"); err == nil {
		t.Error("it is forwarded after the stop")
	}
}
