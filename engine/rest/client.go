package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// requestTimeout bounds every call, beside what it was asked to wait, if Within says nothing else.
const requestTimeout = 15 * time.Second

// awaitPause is the least time between two questions of Await.
const awaitPause = 50 * time.Millisecond

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// Client asks one coordinator. It is safe for concurrent use.
type Client struct {
	base    string
	token   string
	http    *http.Client
	timeout time.Duration
}

// NewClient returns a client for a coordinator's address, http://host:port or https://host:port. A nil http.Client means
// one that knows no proxies: the token is for the coordinator alone.
func NewClient(base, token string, c *http.Client) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("%q is no coordinator's address: write http://host:port", base)
	}
	if c == nil {
		c = &http.Client{Transport: &http.Transport{IdleConnTimeout: time.Minute}, CheckRedirect: noRedirect}
	}
	return &Client{base: u.Scheme + "://" + u.Host, token: token, http: c, timeout: requestTimeout}, nil
}

// noRedirect stays where it is: a coordinator sends nobody elsewhere, and the token is not carried along.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Within returns a client of the same coordinator, over the same connections, whose calls take at most d each, beside what
// they are asked to wait.
func (c *Client) Within(d time.Duration) *Client {
	quick := *c
	quick.timeout = d
	return &quick
}

// Close ends the connections that no request uses. The client remains usable.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Base returns the address, without a slash at its end.
func (c *Client) Base() string { return c.base }

// Job returns the job as a whole.
func (c *Client) Job(ctx context.Context) (Job, error) {
	return call[Job](ctx, c, http.MethodGet, "/v1/job", nil, 0)
}

// Operators returns the job's operators.
func (c *Client) Operators(ctx context.Context) ([]Operator, error) {
	list, err := call[OperatorList](ctx, c, http.MethodGet, "/v1/job/operators", nil, 0)
	return list.Operators, err
}

// Checkpoints returns the newest checkpoints, newest first.
func (c *Client) Checkpoints(ctx context.Context) ([]Checkpoint, error) {
	list, err := call[CheckpointList](ctx, c, http.MethodGet, "/v1/job/checkpoints", nil, 0)
	return list.Checkpoints, err
}

// Savepoint begins a savepoint, or finds the one that was begun under the same id.
func (c *Client) Savepoint(ctx context.Context, r SavepointRequest) (Operation, error) {
	return c.begin(ctx, "/v1/job/savepoints", r.ID, r)
}

// Stop begins a stop with savepoint, or finds the one that was begun under the same id.
func (c *Client) Stop(ctx context.Context, r StopRequest) (Operation, error) {
	return c.begin(ctx, "/v1/job/stop", r.ID, r)
}

// Checkpoint begins a checkpoint, or finds the one that was begun under the same id.
func (c *Client) Checkpoint(ctx context.Context, r CheckpointRequest) (Operation, error) {
	return c.begin(ctx, "/v1/job/checkpoints", r.ID, r)
}

// Cancel begins to end the job, or finds out that it was begun under the same id.
func (c *Client) Cancel(ctx context.Context, r CancelRequest) (Operation, error) {
	return c.begin(ctx, "/v1/job/cancel", r.ID, r)
}

// Activate begins an attempt, or finds the one that was begun under the same id. It is the operator's alone.
func (c *Client) Activate(ctx context.Context, r ActivateRequest) (Operation, error) {
	return c.begin(ctx, "/v1/job/activate", r.ID, r)
}

func (c *Client) begin(ctx context.Context, path, id string, body any) (Operation, error) {
	if err := CheckID(id); err != nil {
		return Operation{}, err
	}
	return call[Operation](ctx, c, http.MethodPost, path, body, 0)
}

// Operation returns what became of a request, at once if it is finished, else after at most wait (0: at once).
func (c *Client) Operation(ctx context.Context, id string, wait time.Duration) (Operation, error) {
	wait = min(wait, MaxWait)
	path := "/v1/job/operations/" + url.PathEscape(id)
	if wait > 0 {
		path += "?wait=" + url.QueryEscape(wait.String())
	}
	return call[Operation](ctx, c, http.MethodGet, path, nil, wait)
}

// Await waits until an operation is finished, as long as ctx lasts, and returns its error as its own.
func (c *Client) Await(ctx context.Context, op Operation) (Operation, error) {
	for !op.Status.Final() {
		next, err := c.Operation(ctx, op.ID, MaxWait/2)
		if err != nil {
			return op, fmt.Errorf("wait for %s %s: %w", strings.ToLower(string(op.Kind)), op.ID, err)
		}
		op = next
		if op.Status.Final() {
			break
		}
		select { // a coordinator that is about to end answers at once
		case <-time.After(awaitPause):
		case <-ctx.Done():
		}
	}
	if op.Status == Undone {
		if op.Error == nil {
			return op, fmt.Errorf("%s %s failed", strings.ToLower(string(op.Kind)), op.ID)
		}
		return op, op.Error
	}
	return op, nil
}

// call sends one request and reads its answer; wait is how long the coordinator was asked to hold it.
func call[T any](ctx context.Context, c *Client, method, path string, body any, wait time.Duration) (T, error) {
	var answer T
	ctx, cancel := context.WithTimeout(ctx, c.timeout+wait)
	defer cancel()
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return answer, err
		}
		in = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, in)
	if err != nil {
		return answer, err
	}
	request.Header.Set("Accept", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer, fmt.Errorf("ask the coordinator: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer, fmt.Errorf("read the answer of %s: %w", c.base, err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return answer, failure(response, text)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, fmt.Errorf("the answer of %s is not that of a coordinator: %w", c.base, err)
	}
	return answer, nil
}

// failure is the error of an answer: the coordinator's own, or what can be said of another server's.
func failure(r *http.Response, text []byte) error {
	var body ErrorBody
	if err := json.Unmarshal(text, &body); err == nil && body.Error != nil && body.Error.Code != "" {
		return body.Error
	}
	return &Error{Code: codeOf(r.StatusCode), Message: fmt.Sprintf("%s %s: %s, and not from a coordinator", r.Request.Method, r.Request.URL.Path, r.Status)}
}

// IsUnreachable tells that nobody answered: the coordinator is gone, or was never there. Whoever answers as somebody else
// is IsUntrusted.
func IsUnreachable(err error) bool {
	var u *url.Error
	return errors.As(err, &u) && !u.Timeout() && !errors.Is(err, context.Canceled) && !IsUntrusted(err)
}
