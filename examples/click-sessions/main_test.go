package main

import (
	"testing"
	"time"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/stream"
	"github.com/weirstream/weir/job"
)

func at(minute int) time.Time { return time.Date(2026, 11, 29, 12, minute, 0, 0, time.UTC) }

func TestASessionEndsWhenThereIsNoClickForAWhile(t *testing.T) {
	clicks, sessions := enginetest.NewInput[Click](), enginetest.NewLedger[Session]()
	c := enginetest.Start(t, func(j *stream.Job) {
		stream.To(Sessions(enginetest.Events(j, "clicks", clicks), 10*time.Minute), "sessions", sessions)
	}, enginetest.Parallelism(2))
	click := func(user, page string, minute int) {
		clicks.Push(at(minute).UnixMilli(), Click{user, page, at(minute)})
	}

	click("ann", "home", 0)
	click("bob", "home", 1)
	click("ann", "cart", 8)
	clicks.Watermark(at(9).UnixMilli())
	c.Settle()
	sessions.Exactly(t)

	// What the timers are set for outlives the process, and another parallelism.
	c.Kill()
	c.Rescale(3)
	clicks.Watermark(at(12).UnixMilli())
	c.Settle()
	bob := Session{"bob", at(1), at(1), 1}
	sessions.Exactly(t, bob)

	click("ann", "home", 17) // before the watermark says that the session is over
	clicks.Watermark(at(27).UnixMilli())
	c.Settle()
	ann := Session{"ann", at(0), at(17), 3}
	sessions.Exactly(t, bob, ann)

	click("ann", "home", 30)
	click("ann", "home", 55) // a second session, though the first has not ended by time
	c.Settle()
	second := Session{"ann", at(30), at(30), 1}
	sessions.Exactly(t, bob, ann, second)
	clicks.End()
	c.Wait()
	sessions.Exactly(t, bob, ann, second, Session{"ann", at(55), at(55), 1})
}

func TestSigningOutEndsASessionAtOnce(t *testing.T) {
	clicks, sessions := enginetest.NewInput[Click](), enginetest.NewLedger[Session]()
	c := enginetest.Start(t, func(j *stream.Job) {
		stream.To(Sessions(enginetest.Events(j, "clicks", clicks), 10*time.Minute), "sessions", sessions)
	})
	clicks.Push(0, Click{"ann", "home", at(0)}, Click{"ann", "sign-out", at(1)}, Click{"ann", "home", at(2)})
	c.Settle()
	first := Session{"ann", at(0), at(1), 2}
	sessions.Exactly(t, first)
	clicks.End()
	c.Wait()
	sessions.Exactly(t, first, Session{"ann", at(2), at(2), 1})
}

// TestTheProgramCanBeDescribed builds what main runs.
func TestTheProgramCanBeDescribed(t *testing.T) {
	p := &job.Program{Job: stream.New(), Args: []string{"--gap=5m"}}
	if err := build(p); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Job.Graph(); err != nil {
		t.Error(err)
	}
	if build(&job.Program{Job: stream.New(), Args: []string{"--gapp"}}) == nil {
		t.Error("an argument that there is not is taken")
	}
}
