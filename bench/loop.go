package main

import (
	"encoding/binary"
	"sync"

	"github.com/zeebo/xxh3"
)

// record is what the count benchmarks move: the same for the engine and for the hand-written loop.
type record struct {
	Key   uint64
	Value int64
}

// counted is what they put out for every record.
type counted struct {
	Key   uint64
	Count int64
}

// generate makes record i: its key is uniform over keys, by the finaliser of splitmix64 (Steele, Lea, Flood: Fast
// splittable pseudorandom number generators, OOPSLA 2014).
func generate(i int64, keys uint64, out *record) {
	z := uint64(i) + 0x9e3779b97f4a7c15
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	z ^= z >> 31
	out.Key = (z >> 32) * keys >> 32
	out.Value = i
}

// hashOf hashes a key to what the engine does, xxh3 of its eight bytes, by a call of the library.
func hashOf(key uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], key)
	return xxh3.Hash(b[:])
}

// handTable is a map-free open-addressing table with one 16-byte slot for each key: what a programmer who cares about
// nothing but this one job would write.
type handTable struct {
	slots []handSlot
	n     int
}

type handSlot struct {
	key   uint64 // plus one; 0: free
	count int64
}

func newHandTable() *handTable { return &handTable{slots: make([]handSlot, 1024)} }

func (t *handTable) add(hash, key uint64) int64 {
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.key == key+1 {
			s.count++
			return s.count
		}
		if s.key == 0 {
			if 2*t.n >= len(t.slots) {
				t.grow()
				return t.add(hash, key)
			}
			t.n++
			*s = handSlot{key + 1, 1}
			return 1
		}
	}
}

func (t *handTable) grow() {
	old := t.slots
	t.slots = make([]handSlot, 2*len(old))
	mask := uint64(len(t.slots) - 1)
	for _, s := range old {
		if s.key == 0 {
			continue
		}
		i := hashOf(s.key-1) & mask
		for t.slots[i].key != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = s
	}
}

// handCount is the hand-written loop: batches of 256 records are generated, hashed as the engine hashes them, counted
// and handed to a sink that only looks at them. It returns what the sink saw, so that nothing can be optimised away.
func handCount(records int64, keys uint64) (sum int64) {
	const rows = 256
	in, out := make([]record, rows), make([]counted, rows)
	table := newHandTable()
	for at := int64(0); at < records; {
		n := int(min(rows, records-at))
		for i := range n {
			generate(at+int64(i), keys, &in[i])
		}
		for i := range n {
			out[i] = counted{in[i].Key, table.add(hashOf(in[i].Key), in[i].Key)}
		}
		for i := range n {
			sum += out[i].Count
		}
		at += int64(n)
	}
	return sum
}

// hashed is a record on its way to the core that counts its key.
type hashed struct {
	record
	hash uint64
}

// exchange runs a loop on several cores, of which each generates a part of the records, the numbers from..end, with
// scatter, and counts a part of the keys: records go to the core of their key in recycled batches of 256 over plain
// channels.
func exchange(cores int, records int64, scatter func(from, end int64, to *dealer), count func(<-chan []hashed, chan<- []hashed) int64) (sum int64) {
	const rows, queue = 256, 8
	full, free := make([]chan []hashed, cores), make([]chan []hashed, cores)
	for c := range cores {
		full[c], free[c] = make(chan []hashed, cores*queue), make(chan []hashed, cores*(queue+2))
		for range cap(free[c]) {
			free[c] <- make([]hashed, 0, rows)
		}
	}
	var sources sync.WaitGroup
	for c := range cores {
		sources.Go(func() {
			to := newDealer(full, free)
			scatter(records*int64(c)/int64(cores), records*int64(c+1)/int64(cores), to)
			to.flush()
		})
	}
	go func() {
		sources.Wait()
		for c := range cores {
			close(full[c])
		}
	}()
	sums := make(chan int64, cores)
	for c := range cores {
		go func() { sums <- count(full[c], free[c]) }()
	}
	for range cores {
		sum += <-sums
	}
	return sum
}

// dealer deals records out by key.
type dealer struct {
	full, free []chan []hashed
	batches    [][]hashed
}

func newDealer(full, free []chan []hashed) *dealer {
	d := &dealer{full: full, free: free, batches: make([][]hashed, len(full))}
	for c := range d.batches {
		d.batches[c] = (<-free[c])[:0] // another dealer may have filled it already
	}
	return d
}

func (d *dealer) deal(r record) {
	h := hashOf(r.Key)
	c := int((h >> 32) * uint64(len(d.full)) >> 32)
	b := d.batches[c]
	b = append(b, hashed{r, h})
	if len(b) == cap(b) {
		d.full[c] <- b
		b = (<-d.free[c])[:0]
	}
	d.batches[c] = b
}

func (d *dealer) flush() {
	for c := range d.batches {
		d.full[c] <- d.batches[c]
	}
}

// handExchange is handCount on several cores.
func handExchange(cores int, records int64, keys uint64) (sum int64) {
	return exchange(cores, records, func(from, end int64, to *dealer) {
		var r record
		for at := from; at < end; at++ {
			generate(at, keys, &r)
			to.deal(r)
		}
	}, handCounter)
}

// handCounter counts what is dealt out to one core.
func handCounter(full <-chan []hashed, free chan<- []hashed) (sum int64) {
	table, out := newHandTable(), make([]counted, 0, 256)
	for in := range full {
		out = out[:0]
		for i := range in {
			out = append(out, counted{in[i].Key, table.add(in[i].hash, in[i].Key)})
		}
		for i := range out {
			sum += out[i].Count
		}
		free <- in
	}
	return sum
}
