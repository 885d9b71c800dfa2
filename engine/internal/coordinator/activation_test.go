package coordinator_test

import (
	"testing"
	"time"

	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/outcome"
)

func TestWhoMayBeginAnAttempt(t *testing.T) {
	running := coordinator.Chain{Newest: 4, Owner: "me", Revision: "r1", Began: 4, BeganOwner: "me", BeganRevision: "r1"}
	with := func(change func(*coordinator.Chain)) coordinator.Chain {
		c := running
		change(&c)
		return c
	}
	ended := func(o outcome.Outcome) coordinator.Chain {
		return with(func(c *coordinator.Chain) { c.Outcome = o })
	}
	others := with(func(c *coordinator.Chain) { c.Owner, c.Quiet = "somebody", time.Minute })
	quiet := with(func(c *coordinator.Chain) { c.Owner, c.Quiet = "somebody", coordinator.QuietPeriod })
	// dead is the claim of a revision that did nothing, after the attempt of another.
	dead := func(o outcome.Outcome) coordinator.Chain {
		return with(func(c *coordinator.Chain) { c.Newest, c.Revision, c.Outcome = 5, "r2", o })
	}
	activated := &coordinator.Activation{ExpectedAttempt: 4}
	first := &coordinator.Activation{AllowEmpty: true}
	claimed := with(func(c *coordinator.Chain) { c.Empty = true })
	for name, c := range map[string]struct {
		chain coordinator.Chain
		who   coordinator.Applicant
		want  coordinator.Verdict
	}{
		"a restarted pod goes on with its own revision":            {running, coordinator.Applicant{Owner: "me", Revision: "r1"}, coordinator.Begin},
		"the first start needs an activation":                      {coordinator.Chain{Empty: true}, coordinator.Applicant{Owner: "me", Revision: "r1"}, coordinator.Standby},
		"the first activation says that there may be nothing":      {coordinator.Chain{Empty: true}, coordinator.Applicant{Owner: "me", Revision: "r1", Activation: first}, coordinator.Begin},
		"an activation that expects state does not begin empty":    {coordinator.Chain{Empty: true}, coordinator.Applicant{Owner: "me", Activation: &coordinator.Activation{}}, coordinator.Missing},
		"a claim that did nothing is no state":                     {claimed, coordinator.Applicant{Owner: "me", Revision: "r1", Activation: activated}, coordinator.Missing},
		"a claim that did nothing is not gone on with by itself":   {claimed, coordinator.Applicant{Owner: "me", Revision: "r1"}, coordinator.Standby},
		"a restore begins where there is nothing":                  {coordinator.Chain{Empty: true}, coordinator.Applicant{Owner: "me", RestoresAgain: true, Activation: &coordinator.Activation{}}, coordinator.Begin},
		"checkpoints without attempts wait":                        {coordinator.Chain{}, coordinator.Applicant{Owner: "me", Revision: "r1"}, coordinator.Standby},
		"a pod goes on after a claim of its own that did nothing":  {with(func(c *coordinator.Chain) { c.Newest = 5 }), coordinator.Applicant{Owner: "me", Revision: "r1"}, coordinator.Begin},
		"a claim does not make the chain its revision's":           {dead(outcome.None), coordinator.Applicant{Owner: "me", Revision: "r2"}, coordinator.Standby},
		"a claim of a later revision holds back the earlier":       {dead(outcome.None), coordinator.Applicant{Owner: "me", Revision: "r1"}, coordinator.Standby},
		"a claim of a later revision may be about to begin":        {dead(outcome.Stopped), coordinator.Applicant{Owner: "me", Revision: "r1", OnlyFinish: true}, coordinator.Standby},
		"after its own claim a stopped job may be finished":        {dead(outcome.Stopped), coordinator.Applicant{Owner: "me", Revision: "r2", OnlyFinish: true}, coordinator.Finish},
		"a completed job that another revision ran is finished":    {dead(outcome.Completed), coordinator.Applicant{Owner: "me", Revision: "r2"}, coordinator.Finish},
		"an old revision's pod waits":                              {running, coordinator.Applicant{Owner: "me", Revision: "r0"}, coordinator.Standby},
		"a new revision begins when it is activated":               {running, coordinator.Applicant{Owner: "me", Revision: "r2", Activation: activated}, coordinator.Begin},
		"an activation that comes twice begins once":               {with(func(c *coordinator.Chain) { c.Newest = 5 }), coordinator.Applicant{Owner: "me", Revision: "r1", Activation: activated}, coordinator.Standby},
		"a stopped job waits":                                      {ended(outcome.Stopped), coordinator.Applicant{Owner: "me", Revision: "r1"}, coordinator.Standby},
		"a stopped job begins when it is activated":                {ended(outcome.Stopped), coordinator.Applicant{Owner: "me", Revision: "r1", Activation: activated}, coordinator.Begin},
		"a completed job never runs again":                         {ended(outcome.Completed), coordinator.Applicant{Owner: "me", Revision: "r1", Activation: activated}, coordinator.Finish},
		"a drained job never runs again":                           {ended(outcome.Drained), coordinator.Applicant{Owner: "me", Revision: "r1"}, coordinator.Finish},
		"a completed job of an old revision is left alone":         {ended(outcome.Completed), coordinator.Applicant{Owner: "me", Revision: "r2"}, coordinator.Standby},
		"a completed job is restored when the user asks":           {ended(outcome.Completed), coordinator.Applicant{Owner: "me", Revision: "r1", RestoresAgain: true, Activation: activated}, coordinator.Begin},
		"a restarted pod restores nothing by itself":               {ended(outcome.Completed), coordinator.Applicant{Owner: "me", Revision: "r1", RestoresAgain: true}, coordinator.Finish},
		"another owner's job is left alone":                        {others, coordinator.Applicant{Owner: "me", Revision: "r1", Activation: activated}, coordinator.Refuse},
		"another owner's job may be restored by nobody else":       {others, coordinator.Applicant{Owner: "me", Revision: "r1", RestoresAgain: true, Activation: activated}, coordinator.Refuse},
		"another owner's job is taken over on demand":              {others, coordinator.Applicant{Owner: "me", Revision: "r1", TakeOver: true, Activation: activated}, coordinator.Begin},
		"another owner's job is not taken over by a restarted pod": {others, coordinator.Applicant{Owner: "me", Revision: "r1", TakeOver: true}, coordinator.Refuse},
		"another owner's quiet job is gone on with":                {quiet, coordinator.Applicant{Owner: "me", Revision: "r1", Activation: activated}, coordinator.Begin},
		"another owner's quiet job is left alone by itself":        {quiet, coordinator.Applicant{Owner: "me", Revision: "r1"}, coordinator.Refuse},
		"another owner's stopped job may be gone on with at once":  {with(func(c *coordinator.Chain) { c.Owner, c.Outcome = "somebody", outcome.Stopped }), coordinator.Applicant{Owner: "me", Revision: "r1", Activation: activated}, coordinator.Begin},
		"another owner's stopped job needs an activation":          {with(func(c *coordinator.Chain) { c.Owner, c.Outcome = "somebody", outcome.Stopped }), coordinator.Applicant{Owner: "me", Revision: "r1"}, coordinator.Standby},
		"a stopped job is finished for a savepoint":                {ended(outcome.Stopped), coordinator.Applicant{Owner: "me", Revision: "r2", OnlyFinish: true}, coordinator.Finish},
		"a job that was not stopped is not finished":               {running, coordinator.Applicant{Owner: "me", Revision: "r1", OnlyFinish: true}, coordinator.Standby},
		"another owner's stopped job is not finished":              {with(func(c *coordinator.Chain) { c.Owner, c.Outcome = "somebody", outcome.Stopped }), coordinator.Applicant{Owner: "me", OnlyFinish: true}, coordinator.Refuse},
	} {
		got, why := coordinator.Admit(c.chain, c.who)
		if got != c.want {
			t.Errorf("%s: %v (%s), want %v", name, got, why, c.want)
		}
		if (why == "") != (got == coordinator.Begin) {
			t.Errorf("%s: %v with the reason %q", name, got, why)
		}
	}
}
