package task

import (
	"sync"
	"time"

	"github.com/weirstream/weir/engine/batch"
)

// catchUp is for how long a pace that was not kept up is made good for.
const catchUp = 100 * time.Millisecond

// pace limits the rate of a source over all its subtasks in this process: those that have something to read share it,
// whichever they are. They meet here once for each batch, and only if there is a limit.
type pace struct {
	perRow float64 // seconds; 0: no limit
	mu     sync.Mutex
	next   time.Time // guarded by mu
}

// batchRows is how many rows are read at once: of a slow source few, because its pace is kept between batches.
func batchRows(rowsPerSecond float64) int {
	if rowsPerSecond <= 0 {
		return batch.TargetRows
	}
	return int(min(max(rowsPerSecond/10, 1), batch.TargetRows))
}

func newPace(rowsPerSecond float64) *pace {
	if rowsPerSecond <= 0 {
		return &pace{}
	}
	return &pace{perRow: 1 / rowsPerSecond}
}

// wait is how long to wait before the next rows.
func (p *pace) wait(clock Clock) time.Duration {
	if p.perRow == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next.Sub(clock.Now())
}

// spent accounts for rows.
func (p *pace) spent(clock Clock, rows int) {
	if p.perRow == 0 || rows == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if earliest := clock.Now().Add(-catchUp); p.next.Before(earliest) {
		p.next = earliest
	}
	p.next = p.next.Add(time.Duration(float64(rows) * p.perRow * float64(time.Second)))
}
