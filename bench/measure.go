package main

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

// cost is what one run took.
type cost struct {
	wall, cpu time.Duration
}

// perRecord is the CPU time of all threads, in ns, for each of n records.
func (c cost) perRecord(n int64) float64 { return float64(c.cpu.Nanoseconds()) / float64(n) }

// measure runs f and returns what it cost, user and system time of the whole process.
func measure(f func() error) (cost, error) {
	before, start, err := cpuTime()
	if err != nil {
		return cost{}, err
	}
	if err := f(); err != nil {
		return cost{}, err
	}
	after, end, err := cpuTime()
	return cost{wall: end.Sub(start), cpu: after - before}, err
}

func cpuTime() (time.Duration, time.Time, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, time.Time{}, fmt.Errorf("read the process's CPU time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), time.Now(), nil
}

// compared is the result of running two things in turn, so that the machine's drift meets both.
type compared struct {
	a, b  []cost
	ratio []float64 // of CPU time, a/b, pair by pair
}

// compare runs a and b in turn, after one uncounted round.
func compare(rounds int, a, b func() error) (compared, error) {
	var c compared
	for round := range rounds + 1 {
		costA, err := measure(a)
		if err != nil {
			return c, err
		}
		costB, err := measure(b)
		if err != nil {
			return c, err
		}
		if round == 0 {
			continue
		}
		c.a, c.b = append(c.a, costA), append(c.b, costB)
		c.ratio = append(c.ratio, float64(costA.cpu)/float64(costB.cpu))
	}
	return c, nil
}

// median sorts the values and returns the middle one.
func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

func cpuPerRecord(costs []cost, n int64) []float64 {
	out := make([]float64, len(costs))
	for i, c := range costs {
		out[i] = c.perRecord(n)
	}
	return out
}

func rates(costs []cost, n int64) []float64 {
	out := make([]float64, len(costs))
	for i, c := range costs {
		out[i] = float64(n) / c.wall.Seconds()
	}
	return out
}
