package task

import "time"

// catchUp is for how long a pace that was not kept up is made good for.
const catchUp = 100 * time.Millisecond

// pace limits the rate of a source subtask.
type pace struct {
	perRow float64 // seconds; 0: no limit
	next   time.Time
}

func newPace(rowsPerSecond float64, parallelism int) pace {
	if rowsPerSecond <= 0 {
		return pace{}
	}
	return pace{perRow: float64(parallelism) / rowsPerSecond}
}

// wait is how long to wait before the next rows.
func (p *pace) wait(clock Clock) time.Duration {
	if p.perRow == 0 {
		return 0
	}
	return p.next.Sub(clock.Now())
}

// spent accounts for rows.
func (p *pace) spent(clock Clock, rows int) {
	if p.perRow == 0 || rows == 0 {
		return
	}
	if earliest := clock.Now().Add(-catchUp); p.next.Before(earliest) {
		p.next = earliest
	}
	p.next = p.next.Add(time.Duration(float64(rows) * p.perRow * float64(time.Second)))
}
