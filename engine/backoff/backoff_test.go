package backoff_test

import (
	"testing"
	"time"

	"github.com/weirstream/weir/engine/backoff"
)

func TestPausesGrowToTheirMaximumWithJitter(t *testing.T) {
	for failures, want := range map[int]time.Duration{0: 10, 1: 10, 2: 20, 3: 40, 4: 70, 30: 70, 100_000: 70} {
		want *= time.Second
		b := backoff.Backoff{First: 10 * time.Second, Most: 70 * time.Second, Jitter: backoff.Around}
		low, middle, high := b.Pause(failures, 0), b.Pause(failures, 0.5), b.Pause(failures, 0.999)
		if low < want*89/100 || low >= want || high <= want || high > want*111/100 || middle.Round(time.Millisecond) != want {
			t.Errorf("around, after %d failures: %v, %v and %v, want around %v", failures, low, middle, high, want)
		}
		b.Jitter = backoff.UpperHalf
		if low, high := b.Pause(failures, 0), b.Pause(failures, 0.999); low != want/2 || high < want*99/100 || high >= want {
			t.Errorf("in the upper half, after %d failures: %v to %v, want %v to %v", failures, low, high, want/2, want)
		}
	}
	if d := (backoff.Backoff{First: time.Minute, Most: time.Second, Jitter: backoff.UpperHalf}).Pause(1, 0.5); d > time.Second {
		t.Errorf("a first pause above the most: %v", d)
	}
}
