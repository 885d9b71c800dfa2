// Command click-sessions puts the clicks of each user into sessions: a session ends when there has been no click for a while. It does
// by hand, with a state and a timer, what stream.Session windows do, so that the rules are its own: here a click on "sign-out" ends a session at once.
//
//	click-sessions run -- --input=clicks --output=sessions
package main

import (
	"flag"
	"time"

	"github.com/weirstream/weir/engine/connector/typed"
	"github.com/weirstream/weir/engine/stream"
	"github.com/weirstream/weir/job"
)

// Click is a row of the input.
type Click struct {
	User string    `json:"user"`
	Page string    `json:"page"`
	At   time.Time `json:"at"`
}

// Session is a row of the output.
type Session struct {
	User   string    `json:"user"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	Clicks int64     `json:"clicks"`
}

func main() { job.Main(build) }

// build connects the job with files.
func build(p *job.Program) error {
	flags := flag.NewFlagSet("click-sessions", flag.ContinueOnError)
	input := flags.String("input", "clicks", "folder or URL of the clicks")
	output := flags.String("output", "sessions", "folder or URL for the sessions")
	gap := flags.Duration("gap", 30*time.Minute, "how long there is no click in a session at most")
	disorder := flags.Duration("disorder", time.Minute, "how much later than others a click may stand in the input")
	if err := flags.Parse(p.Args); err != nil {
		return err
	}
	clicks, err := typed.Source[Click](typed.Options{"connector": "filesystem", "format": "json", "path": *input})
	if err != nil {
		return err
	}
	sessions, err := typed.Sink[Session](typed.Options{"connector": "filesystem", "format": "json", "path": *output})
	if err != nil {
		return err
	}
	at := func(c *Click) int64 { return c.At.UnixMilli() }
	stream.To(Sessions(stream.FromEvents(p.Job, "clicks", clicks, at, disorder.Milliseconds()), *gap), "sessions", sessions)
	return nil
}

// open is a session that has not ended. Times are in ms.
type open struct{ Start, End, Clicks int64 }

// Sessions is the job between its source and its sink.
func Sessions(clicks stream.Stream[Click], gap time.Duration) stream.Stream[Session] {
	byUser := stream.KeyBy(clicks, func(c *Click) string { return c.User })
	gapMS := gap.Milliseconds()
	return stream.Process(byUser, "session", func(s *stream.Setup) stream.Functions[Click, Session] {
		state := stream.ValueState[open](s, "open")
		end := func(c *stream.Context[Session]) {
			o := state.Ref(c)
			c.Emit(Session{string(c.Key()), time.UnixMilli(o.Start).UTC(), time.UnixMilli(o.End).UTC(), o.Clicks})
			*o = open{}
		}
		return stream.Functions[Click, Session]{
			Row: func(c *stream.Context[Session], click *Click) error {
				at, o := click.At.UnixMilli(), state.Ref(c)
				if o.Clicks > 0 && at > o.End+gapMS { // its timer is not due yet: other users are behind
					end(c)
				}
				if o.Clicks == 0 {
					o.Start, o.End = at, at
				}
				o.Start, o.End, o.Clicks = min(o.Start, at), max(o.End, at), o.Clicks+1
				if click.Page == "sign-out" {
					end(c)
					return nil
				}
				c.Timer(o.End + gapMS)
				return nil
			},
			OnTimer: func(c *stream.Context[Session], ms int64) error {
				// Timers of earlier clicks are due as well, and those of a session that has ended by hand.
				if o := state.Ref(c); o.Clicks > 0 && o.End+gapMS <= ms {
					end(c)
				}
				return nil
			},
		}
	})
}
