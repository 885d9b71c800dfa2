package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// sortByArrival puts the records into the order of their arrivals; equal ones keep the source's order.
func sortByArrival(flights []flight) {
	slices.SortStableFunc(flights, func(a, b flight) int { return cmp.Compare(a.arrival(), b.arrival()) })
}

// disorder says how far a sequence is from the order of its event times. The lateness of a record is how far its event
// time lies behind the highest one up to it, itself included, so it is never negative.
type disorder struct {
	records       int
	behind        int // records with lateness above zero
	p50, p99, max int // lateness in minutes
}

func measure(flights []flight) disorder {
	d := disorder{records: len(flights)}
	if len(flights) == 0 {
		return d
	}
	lateness := make([]int, len(flights))
	newest := flights[0].date
	for i, f := range flights {
		newest = max(newest, f.date)
		lateness[i] = int(newest-f.date) / 60
		if f.date < newest {
			d.behind++
		}
	}
	slices.Sort(lateness)
	d.p50, d.p99, d.max = lateness[len(lateness)/2], lateness[len(lateness)*99/100], lateness[len(lateness)-1]
	return d
}

func (d disorder) print(w io.Writer, set string) error {
	_, err := fmt.Fprintf(w, "%s: %d records; %.1f%% behind the newest event time; lateness p50 %d, p99 %d, max %d minutes\n",
		set, d.records, 100*float64(d.behind)/float64(max(d.records, 1)), d.p50, d.p99, d.max)
	return err
}
