package state

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// TTL is for how long an entry of a state is there after it was written, by a clock. What has expired is not there: whoever reads it
// asks for that with the time of the access, and a backend takes it out of memory later on, though nobody reads it.
//
// The time of an access is, of processing time, that of the machine. Of event time it is that of the row or timer that the access is
// for, or the watermark that the operator had acted on before, in the key group of the key, if that is later. So rows that are not
// late meet the same entries in every run, however batches and watermarks came: a backend takes out only what has expired by a watermark
// that was acted on, which all of them are behind.
//
// A state with a TTL has a stamp in the first StampBytes of every cell, or of the value of every entry, which Put, or Resolve and
// whoever fills the cell, must write. A backend knows nothing of accesses; [Expiring] does for a sorted map what is said here, and
// Use for a cell.
type TTL struct {
	// MS is for how long, in ms; more than 0.
	MS int64
	// Processing: the clock is processing time. Else it is event time.
	Processing bool
	// OnRead: what was read is there for as long as what was written.
	OnRead bool
}

// StampBytes is how many bytes the stamp of an entry takes.
const StampBytes = 8

const (
	// Unwritten is the stamp of a cell of zero bytes: nobody has written it, so it is not there.
	Unwritten = math.MinInt64
	// Untimed is the stamp of what was written when event time was nowhere yet. It does not expire before it gets another one, which is
	// the first watermark at the latest.
	Untimed = Unwritten + 1
)

// Stamp returns the time, in ms, at which an entry was last written. It stands in the first bytes in an order in which zero bytes are
// Unwritten.
func Stamp(entry []byte) int64 { return int64(binary.LittleEndian.Uint64(entry) ^ 1<<63) }

// PutStamp writes the stamp of an entry. A time that there is not yet is Untimed.
func PutStamp(entry []byte, ms int64) {
	binary.LittleEndian.PutUint64(entry, uint64(max(ms, Untimed))^1<<63)
}

// AppendStamped appends an entry: a stamp and a value.
func AppendStamped(dst []byte, ms int64, value []byte) []byte {
	dst = append(dst, make([]byte, StampBytes)...)
	PutStamp(dst[len(dst)-StampBytes:], ms)
	return append(dst, value...)
}

// Live tells whether an entry with a stamp is there at a time.
func (t *TTL) Live(stamp, now int64) bool {
	switch stamp {
	case Unwritten:
		return false
	case Untimed:
		return true
	}
	end := stamp + t.MS
	return end < stamp || now < end // past the end of time: never
}

// Use returns the value in a cell, to be changed in place: of zero bytes if the cell has expired at the time of the access, or is new.
// The cell is stamped.
func (t *TTL) Use(cell []byte, now int64) []byte {
	stamp, value := Stamp(cell), cell[StampBytes:]
	if !t.Live(stamp, now) {
		clear(value)
	}
	PutStamp(cell, max(stamp, now))
	return value
}

// Read returns the value in a cell, to be read; nil if it is not there at the time of the access.
func (t *TTL) Read(cell []byte, now int64) []byte {
	stamp := Stamp(cell)
	if !t.Live(stamp, now) {
		return nil
	}
	if t.OnRead {
		PutStamp(cell, max(stamp, now))
	}
	return cell[StampBytes:]
}

// ttlField is how a field begins that says of a state in a snapshot that it has a TTL.
const ttlField = "ttl "

// String is the field of a state that has the TTL, in snapshots. What it does not say may change with nothing to convert.
func (t *TTL) String() string {
	clock := "event time"
	if t.Processing {
		clock = "processing time"
	}
	return fmt.Sprintf("%s%d ms of %s", ttlField, t.MS, clock)
}

// SplitTTL divides the fields of the value of a state in a snapshot into its TTL, if it has one, and those that the job declares.
func SplitTTL(fields []string) (*TTL, []string) {
	if len(fields) == 0 {
		return nil, fields
	}
	text, isTTL := strings.CutPrefix(fields[0], ttlField)
	number, clock, isMS := strings.Cut(text, " ms of ")
	ms, err := strconv.ParseInt(number, 10, 64)
	if !isTTL || !isMS || err != nil || ms <= 0 || clock != "event time" && clock != "processing time" {
		return nil, fields
	}
	return &TTL{MS: ms, Processing: clock == "processing time"}, fields[1:]
}

// Expires returns the descriptor of a state that has a TTL.
func (d Descriptor) Expires(t TTL) Descriptor {
	d.TTL = &t
	if d.CellBytes > 0 {
		d.CellBytes += StampBytes
	}
	return d
}

// Fields are those of the value in a snapshot.
func (d Descriptor) Fields() []string {
	if d.TTL == nil {
		return d.Value
	}
	return append([]string{d.TTL.String()}, d.Value...)
}

// Expiring is a sorted map whose entries expire, each by itself. now is the time of an access.
type Expiring struct {
	raw    Sorted
	ttl    TTL
	buffer []byte
}

// NewExpiring returns a view of a sorted map that has a TTL.
func NewExpiring(raw Sorted, ttl TTL) *Expiring { return &Expiring{raw: raw, ttl: ttl} }

// Get returns the value of an entry that is there.
func (e *Expiring) Get(hash uint64, key, name []byte, now int64) (value []byte, found bool) {
	entry, found := e.raw.Get(hash, key, name)
	if !found {
		return nil, false
	}
	return e.Value(hash, key, name, entry, now)
}

// Value is Get of an entry at which a cursor stands, with its name and all that the cursor has as its value. It may change the state.
func (e *Expiring) Value(hash uint64, key, name, entry []byte, now int64) (value []byte, found bool) {
	stamp := Stamp(entry)
	switch {
	case !e.ttl.Live(stamp, now):
		return nil, false
	case !e.ttl.OnRead || now <= stamp:
		return entry[StampBytes:], true
	}
	e.buffer = AppendStamped(e.buffer[:0], now, entry[StampBytes:])
	e.raw.Put(hash, key, name, e.buffer)
	return e.buffer[StampBytes:], true
}

// Put sets the value of an entry. One that was written at a later time keeps that: it is there as long as if the accesses had come in order.
func (e *Expiring) Put(hash uint64, key, name, value []byte, now int64) {
	if !e.ttl.Processing {
		if entry, found := e.raw.Get(hash, key, name); found {
			now = max(now, Stamp(entry))
		}
	}
	e.buffer = AppendStamped(e.buffer[:0], now, value)
	e.raw.Put(hash, key, name, e.buffer)
}

// Delete removes an entry, and says whether it was there.
func (e *Expiring) Delete(hash uint64, key, name []byte, now int64) bool {
	entry, found := e.raw.Get(hash, key, name)
	if !found {
		return false
	}
	live := e.ttl.Live(Stamp(entry), now)
	return e.raw.Delete(hash, key, name) && live
}
