package main

import (
	"math"
	"math/bits"
)

// The query of the SQL benchmark as a programmer would write it who knows it alone: a record has a key and a time, the
// filter lets all pass, the window is longer than the input, and what comes out is one count for each key, at the end.

const (
	firstMS  = 978307200000 // 2001-01-01 00:00:00
	windowMS = 366 * 24 * 3600 * 1000
	delayMS  = 1000 // of the watermark
)

// generateTimed makes record i with a uniform key, made as the engine's source makes one in a range that it does not know
// beforehand, and with a time in ms as its value.
func generateTimed(i int64, keys uint64, out *record) {
	z := uint64(i) * 0x9e3779b97f4a7c15
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	out.Key, _ = bits.Mul64(z^z>>31, keys) // the high word: a number below keys
	out.Value = firstMS + i
}

// windowed counts the records of one window by key.
type windowed struct {
	table *handTable
	start int64 // of the window
	late  int64
}

func newWindowed() *windowed { return &windowed{table: newHandTable(), start: math.MinInt64} }

// add counts a record, unless its window is over at the watermark before it.
func (w *windowed) add(hash uint64, r record, watermark int64) {
	if r.Value < w.start || r.Value >= w.start+windowMS {
		w.start = r.Value - r.Value%windowMS
	}
	if w.start+windowMS-1 <= watermark {
		w.late++
		return
	}
	w.table.add(hash, r.Key)
}

// emit adds up the counts that come out when the window ends.
func (w *windowed) emit() (sum int64) {
	for _, s := range w.table.slots {
		sum += s.count
	}
	return sum
}

// handWindow runs the query on one core.
func handWindow(records int64, keys uint64) int64 {
	const rows = 256
	in, w, highest := make([]record, rows), newWindowed(), int64(math.MinInt64+delayMS)
	for at := int64(0); at < records; {
		n := int(min(rows, records-at))
		for i := range n {
			generateTimed(at+int64(i), keys, &in[i])
		}
		for _, r := range in[:n] {
			watermark := highest - delayMS
			highest = max(highest, r.Value)
			if int64(r.Key) >= 0 {
				w.add(hashOf(r.Key), r, watermark)
			}
		}
		at += int64(n)
	}
	return w.emit()
}

// handWindowExchange runs the query on several cores. What is late is decided before the exchange by the engine and after
// it here, where it costs the same.
func handWindowExchange(cores int, records int64, keys uint64) int64 {
	return exchange(cores, records, func(from, end int64, to *dealer) {
		var r record
		for at := from; at < end; at++ {
			generateTimed(at, keys, &r)
			if int64(r.Key) >= 0 {
				to.deal(r)
			}
		}
	}, func(full <-chan []hashed, free chan<- []hashed) int64 {
		w, highest := newWindowed(), int64(math.MinInt64+delayMS)
		for in := range full {
			for i := range in {
				w.add(in[i].hash, in[i].record, highest-delayMS)
				highest = max(highest, in[i].Value)
			}
			free <- in
		}
		return w.emit()
	})
}
