package streamjob

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
)

func TestHowOldTheNewestCheckpointMayBe(t *testing.T) {
	lasting := func(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }
	for _, c := range []struct {
		name                    string
		interval, pause, within time.Duration // of the spec
		took                    time.Duration // the last one; 0: there was none
		want                    time.Duration
	}{
		{"the defaults", 10 * time.Second, 0, 10 * time.Minute, 0, time.Minute},
		{"the defaults, and a small state", 10 * time.Second, 0, 10 * time.Minute, time.Second, time.Minute},
		{"a state that takes two minutes", 10 * time.Second, 0, 10 * time.Minute, 2 * time.Minute, 8*time.Minute + 30*time.Second},
		{"a state that takes all the time that it may", 10 * time.Second, 0, 10 * time.Minute, 10 * time.Minute, 20*time.Minute + 30*time.Second},
		{"a pause between", 10 * time.Second, 5 * time.Minute, 10 * time.Minute, 0, 16 * time.Minute},
		{"many, and no time for each", time.Second, 0, 2 * time.Second, time.Second, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var last *v1alpha1.CheckpointStatus
			if c.took > 0 {
				last = &v1alpha1.CheckpointStatus{Duration: *lasting(c.took)}
			}
			spec := &v1alpha1.CheckpointSpec{Interval: lasting(c.interval), MinPause: lasting(c.pause), Timeout: lasting(c.within)}
			if got := fresh(spec, last); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
