package attempt

import (
	"math"
	"testing"

	"github.com/weirstream/weir/engine/snapshot"
)

func TestAWatermarkThatIsNoDateIsNotShown(t *testing.T) {
	for _, ms := range []int64{snapshot.NoTime, math.MaxInt64, math.MaxInt64 - 5000, 1<<53 + 1, math.MinInt64 + 5000} {
		if shown := shownWatermark(ms); shown != nil {
			t.Errorf("watermark %d is shown as %d", ms, *shown)
		}
	}
	for _, ms := range []int64{0, -1, 253402300799999} {
		if shown := shownWatermark(ms); shown == nil || *shown != ms {
			t.Errorf("watermark %d is shown as %v", ms, shown)
		}
	}
}
