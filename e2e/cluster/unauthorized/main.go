// Command unauthorized tries the doors of a coordinator from another pod: every route, without a token and with a wrong one,
// whatever certificate is shown. It prints a line for each: method, path, token, status and answer.
//
//	unauthorized https://10.0.0.1:8443
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// doors are the routes of package web that are not open to all.
var doors = []struct{ method, path string }{
	{http.MethodGet, "/v1/job"},
	{http.MethodGet, "/v1/job/operators"},
	{http.MethodGet, "/v1/job/checkpoints"},
	{http.MethodGet, "/v1/job/savepoints/x"},
	{http.MethodGet, "/v1/job/operations/x"},
	{http.MethodPost, "/v1/job/checkpoints"},
	{http.MethodPost, "/v1/job/savepoints"},
	{http.MethodPost, "/v1/job/stop"},
	{http.MethodPost, "/v1/job/cancel"},
	{http.MethodPost, "/v1/job/activate"},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: unauthorized https://host:port")
		os.Exit(2) //nolint:forbidigo // this is a main
	}
	if err := try(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "unauthorized:", err)
		os.Exit(1) //nolint:forbidigo // this is a main
	}
}

func try(base string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// Somebody who breaks in does not look at certificates.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for _, door := range doors {
		for _, token := range []string{"", "wrong"} {
			request, err := http.NewRequestWithContext(ctx, door.method, base+door.path, strings.NewReader(`{"id":"x"}`))
			if err != nil {
				return err
			}
			request.Header.Set("Content-Type", "application/json")
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			body, err := io.ReadAll(response.Body)
			if err != nil {
				return err
			}
			if err := response.Body.Close(); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(out, "%s %s token=%q %d %s\n", door.method, door.path, token, response.StatusCode, bytes.TrimSpace(body)); err != nil {
				return err
			}
		}
	}
	return nil
}
