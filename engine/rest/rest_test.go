package rest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/outcome"
)

// coordinator answers every request with f, and tells the client.
func coordinator(t *testing.T, f http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	c, err := NewClient(s.URL+"/", "secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// seen is a request as the coordinator sees it.
type seen struct{ Method, Path, Token, Type, Body string }

func TestEveryCallIsTheRequestOfItsRoute(t *testing.T) {
	type call = func(context.Context, *Client) error
	for _, c := range []struct {
		name   string
		call   call
		answer any
		want   seen
	}{
		{"the job", func(ctx context.Context, c *Client) error { _, err := c.Job(ctx); return err },
			Job{}, seen{Method: "GET", Path: "/v1/job"}},
		{"operators", func(ctx context.Context, c *Client) error { _, err := c.Operators(ctx); return err },
			OperatorList{}, seen{Method: "GET", Path: "/v1/job/operators"}},
		{"checkpoints", func(ctx context.Context, c *Client) error { _, err := c.Checkpoints(ctx); return err },
			CheckpointList{}, seen{Method: "GET", Path: "/v1/job/checkpoints"}},
		{"a savepoint", func(ctx context.Context, c *Client) error {
			_, err := c.Savepoint(ctx, SavepointRequest{ID: "a", Target: "s3://x"})
			return err
		}, Operation{}, seen{Method: "POST", Path: "/v1/job/savepoints", Body: `{"id":"a","target":"s3://x"}`}},
		{"a stop", func(ctx context.Context, c *Client) error {
			_, err := c.Stop(ctx, StopRequest{ID: "a", Drain: true})
			return err
		}, Operation{}, seen{Method: "POST", Path: "/v1/job/stop", Body: `{"id":"a","drain":true}`}},
		{"a checkpoint", func(ctx context.Context, c *Client) error {
			_, err := c.Checkpoint(ctx, CheckpointRequest{ID: "a"})
			return err
		}, Operation{}, seen{Method: "POST", Path: "/v1/job/checkpoints", Body: `{"id":"a"}`}},
		{"a cancel", func(ctx context.Context, c *Client) error {
			_, err := c.Cancel(ctx, CancelRequest{ID: "a"})
			return err
		}, Operation{}, seen{Method: "POST", Path: "/v1/job/cancel", Body: `{"id":"a"}`}},
		{"an activation", func(ctx context.Context, c *Client) error {
			_, err := c.Activate(ctx, ActivateRequest{ID: "a", ExpectedAttempt: 3, Revision: "r", TakeOver: true, Settings: Settings{Parallelism: 2}})
			return err
		}, Operation{}, seen{Method: "POST", Path: "/v1/job/activate", Body: `{"id":"a","expectedAttempt":3,"revision":"r","takeOver":true,` +
			`"settings":{"parallelism":2,"intervalMs":0,"timeoutMs":0,"minPauseMs":0,"retained":0,"tolerableFailures":0,` +
			`"restartInitialDelayMs":0,"restartMaxDelayMs":0,"restartResetAfterMs":0}}`}},
		{"an operation", func(ctx context.Context, c *Client) error { _, err := c.Operation(ctx, "a", 0); return err },
			Operation{}, seen{Method: "GET", Path: "/v1/job/operations/a"}},
		{"an operation that is waited for, no longer than allowed", func(ctx context.Context, c *Client) error {
			_, err := c.Operation(ctx, "a", time.Hour)
			return err
		}, Operation{}, seen{Method: "GET", Path: "/v1/job/operations/a?wait=1m0s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got seen
			client := coordinator(t, func(w http.ResponseWriter, r *http.Request) {
				var body json.RawMessage
				if r.Method == "POST" {
					if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
						t.Error(err)
					}
				}
				got = seen{r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)}
				if err := json.NewEncoder(w).Encode(c.answer); err != nil {
					t.Error(err)
				}
			})
			if err := c.call(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			c.want.Token = "Bearer secret"
			if c.want.Method == "POST" {
				c.want.Type = "application/json"
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheJSONOfTheTypesIsWhatOthersRelyOn(t *testing.T) {
	watermark := int64(1000)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		value any
		want  string
	}{
		{Job{ID: "a", State: Running, Revision: "r", Engine: "e", Attempt: 1, Restarts: 2, Parallelism: 3, MaxParallelism: 4, StartTime: at, RestoredFrom: "p",
			LastCheckpoint: &Checkpoint{ID: 5, Type: Periodic, Status: Done, Path: "q", TriggerTime: at, SizeBytes: 6, FullSizeBytes: 60, DurationMs: 7}, CompletedCheckpoints: 8,
			FailedCheckpoints: 9, FailedCheckpointsInARow: 1, CheckpointFailure: "c", RecordsIn: 10, RecordsOut: 11, RecordsLate: 12, WatermarkMs: &watermark, Failure: "f"},
			`{"id":"a","state":"Running","revision":"r","engine":"e","attempt":1,"restarts":2,"parallelism":3,"maxParallelism":4,` +
				`"startTime":"2026-01-02T03:04:05Z","restoredFrom":"p","lastCheckpoint":{"id":5,"type":"Periodic","status":"Completed","path":"q",` +
				`"triggerTime":"2026-01-02T03:04:05Z","sizeBytes":6,"fullSizeBytes":60,"durationMs":7},"completedCheckpoints":8,"failedCheckpoints":9,"failedCheckpointsInARow":1,"checkpointFailure":"c",` +
				`"recordsIn":10,"recordsOut":11,"recordsLate":12,"watermarkMs":1000,"failure":"f"}`},
		{Operation{ID: "a", Kind: StopOperation, Status: Undone, Error: &Error{Code: Conflict, Message: "m", Remedy: "r"}},
			`{"id":"a","kind":"Stop","status":"Failed","error":{"code":"Conflict","message":"m","remedy":"r"}}`},
		{Operation{ID: "a", Kind: SavepointOperation, Status: Done, Path: "p", CheckpointID: 3},
			`{"id":"a","kind":"Savepoint","status":"Completed","path":"p","checkpointID":3}`},
		{Chain{Attempt: 2, Outcome: outcome.Stopped}, `{"attempt":2,"outcome":"Stopped"}`},
		{Chain{Attempt: 2, Outcome: outcome.None}, `{"attempt":2}`},
		{ErrorBody{&Error{Code: NotFound, Message: "m"}}, `{"error":{"code":"NotFound","message":"m"}}`},
	} {
		got, err := json.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestARunLeavesTheStateThatItsOutcomeSays(t *testing.T) {
	for o, want := range map[outcome.Outcome]State{
		outcome.Completed: Completed, outcome.Stopped: Stopped, outcome.Drained: Stopped, outcome.Interrupted: Stopped,
		outcome.Cancelled: Cancelled, outcome.Failed: Failed, outcome.Fenced: Failed,
	} {
		if got := StateAfter(o); got != want || got.Executes() {
			t.Errorf("after %s the job is %s, want %s; an attempt executes: %v", o, got, want, got.Executes())
		}
	}
}

func TestWhatTheCoordinatorRefusesIsItsError(t *testing.T) {
	want := &Error{Code: Conflict, Message: "the id was used", Remedy: "choose another"}
	c := coordinator(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		if err := json.NewEncoder(w).Encode(ErrorBody{want}); err != nil {
			t.Error(err)
		}
	})
	_, err := c.Stop(t.Context(), StopRequest{ID: "a"})
	var got *Error
	if !errors.As(err, &got) || *got != *want || err.Error() != "the id was used; choose another" {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNoCoordinatorIsSaidToBeNone(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"a proxy's page", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) },
			"GET /v1/job: 502 Bad Gateway, and not from a coordinator"},
		{"a page", func(w http.ResponseWriter, _ *http.Request) {
			if _, err := io.WriteString(w, "<html>"); err != nil {
				t.Error(err)
			}
		}, "is not that of a coordinator"},
		{"a redirection, which could carry the token away", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "307 Temporary Redirect, and not from a coordinator"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := coordinator(t, c.answer).Job(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || IsUnreachable(err) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWhatIsWrongIsNotSent(t *testing.T) {
	c := coordinator(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was sent", r.URL) })
	for _, id := range []string{"", "a b", "-a", "a-", "../a", strings.Repeat("a", 65), "ä"} {
		if _, err := c.Cancel(t.Context(), CancelRequest{ID: id}); err == nil {
			t.Errorf("id %q is taken", id)
		}
	}
	for _, id := range []string{"a", "A.b_c-9", strings.Repeat("a", 64), "550e8400-e29b-41d4-a716-446655440000"} {
		if err := CheckID(id); err != nil {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

func TestWhatIsNoAddress(t *testing.T) {
	for _, base := range []string{"", "localhost:80", "ftp://a", "http://", "http://u:p@a", "http://a/b", "http://a?b=c", "http://a b"} {
		if _, err := NewClient(base, "", nil); err == nil || !strings.Contains(err.Error(), "write http://host:port") {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c, err := NewClient(s.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Job(t.Context()); !IsUnreachable(err) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Job(ctx); err == nil || IsUnreachable(err) {
		t.Errorf("given up by the caller: %v", err)
	}
}

// transport answers without a network.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func TestAwaitAsksUntilTheEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		last Operation
		want string
	}{
		{"done", Operation{ID: "a", Kind: SavepointOperation, Status: Done, Path: "p"}, ""},
		{"failed", Operation{ID: "a", Kind: SavepointOperation, Status: Undone, Error: &Error{Message: "the disk is full"}}, "the disk is full"},
		{"failed without a reason", Operation{ID: "a", Kind: SavepointOperation, Status: Undone}, "savepoint a failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int64
				client, err := NewClient("http://coordinator:1", "", &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
					op := Operation{ID: "a", Kind: SavepointOperation, Status: InProgress}
					if asked.Add(1) == 3 {
						op = c.last
					}
					w := httptest.NewRecorder()
					err := json.NewEncoder(w).Encode(op)
					answer := w.Result()
					answer.Request = r
					return answer, err
				})})
				if err != nil {
					t.Fatal(err)
				}
				op, err := client.Await(t.Context(), Operation{ID: "a", Status: InProgress})
				if op.Status != c.last.Status || op.Path != c.last.Path || asked.Load() != 3 || (err == nil) != (c.want == "") {
					t.Errorf("%+v after %d questions: %v", op, asked.Load(), err)
				}
				if err != nil && err.Error() != c.want {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// hanging is a coordinator that takes requests and answers none.
var hanging = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
})}

func TestACallEndsThoughTheCoordinatorHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := NewClient("http://coordinator:1", "", hanging)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for name, call := range map[string]func() error{
			"a question":  func() error { _, err := client.Within(time.Second).Job(ctx); return err },
			"a request":   func() error { _, err := client.Stop(ctx, StopRequest{ID: "a"}); return err },
			"a long wait": func() error { _, err := client.Operation(ctx, "a", MaxWait); return err },
		} {
			if err := call(); err == nil || ctx.Err() != nil {
				t.Errorf("%s ended with %v; all its caller's time: %v", name, err, ctx.Err())
			}
		}
	})
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := NewClient("http://coordinator:1", "", hanging)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = client.Await(ctx, Operation{ID: "a", Kind: StopOperation, Status: InProgress})
		if !errors.Is(err, context.DeadlineExceeded) || IsUnreachable(err) {
			t.Errorf("%v", err)
		}
	})
}
