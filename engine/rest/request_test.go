package rest

import "testing"

// TestARequestIsRepeatedOnlyByOneThatAsksForTheSame compares each request with one that is made like it, and with all others.
func TestARequestIsRepeatedOnlyByOneThatAsksForTheSame(t *testing.T) {
	all := func() []Request {
		return []Request{
			SavepointRequest{ID: "a"}.Request(),
			SavepointRequest{ID: "b"}.Request(),
			SavepointRequest{ID: "a", Target: "s3://x"}.Request(),
			StopRequest{ID: "a"}.Request(),
			StopRequest{ID: "a", Target: "s3://x"}.Request(),
			StopRequest{ID: "a", Drain: true}.Request(),
			CheckpointRequest{ID: "a"}.Request(),
			CancelRequest{ID: "a"}.Request(),
			ActivateRequest{ID: "a"}.Request(),
			ActivateRequest{ID: "b"}.Request(),
			ActivateRequest{ID: "a", ExpectedAttempt: 1}.Request(),
			ActivateRequest{ID: "a", Settings: Settings{Parallelism: 2}}.Request(),
			ActivateRequest{ID: "a", Settings: Settings{Restore: Restore{Nonce: 1}}}.Request(),
			{ID: "a", Kind: ActivateOperation},
		}
	}
	once, again := all(), all()
	for i := range once {
		for k := range again {
			if got := once[i].Equal(again[k]); got != (i == k) {
				t.Errorf("%v (%s) and %v (%s): equal is %v", once[i], once[i].ID, again[k], again[k].ID, got)
			}
		}
	}
}
