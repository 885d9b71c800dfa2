package task

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/rest"
)

func TestAPreflightOutlastsAMinuteOfTrouble(t *testing.T) {
	transient, permanent := fault.AsTransient(errors.New("the bucket is away")), fault.Permanentf("", "", "state does not fit")
	for _, c := range []struct {
		name     string
		fails    time.Duration // for so long
		with     error
		want     error
		least    int
		atMost   time.Duration
		stopping bool
	}{
		{"storage that comes back", 40 * time.Second, transient, nil, 3, 50 * time.Second, false},
		{"storage that does not", time.Hour, transient, transient, 3, time.Minute, false},
		{"state that does not fit", time.Hour, permanent, permanent, 1, 0, false},
		{"a signal", time.Hour, transient, transient, 1, 5 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.stopping {
					time.AfterFunc(5*time.Second, cancel)
				}
				begin, checks := time.Now(), 0
				_, err := patiently(ctx, slog.New(slog.DiscardHandler), func(context.Context) (rest.Chain, error) {
					if checks++; time.Since(begin) < c.fails {
						return rest.Chain{}, c.with
					}
					return rest.Chain{}, nil
				})
				if took := time.Since(begin); !errors.Is(err, c.want) || checks < c.least || took > c.atMost {
					t.Errorf("%v after %v and %d checks", err, took, checks)
				}
			})
		})
	}
}
