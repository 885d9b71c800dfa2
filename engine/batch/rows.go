package batch

import "unsafe"

// Rows is a payload of Go values, for programs on the SDK.
type Rows[T any] struct{ V []T }

// Len is the number of rows.
func (r *Rows[T]) Len() int { return len(r.V) }

// Reset drops all rows and keeps the memory. Values stay reachable until they are overwritten.
func (r *Rows[T]) Reset() { r.V = r.V[:0] }

// New returns an empty payload for the same type.
func (r *Rows[T]) New() Payload { return &Rows[T]{} }

// AppendSelected copies the rows sel of src, a *Rows[T].
func (r *Rows[T]) AppendSelected(src Payload, sel []int32) {
	r.V = appendSelected(r.V, src.(*Rows[T]).V, sel)
}

// SizeBytes counts the values themselves, not what they point to.
func (r *Rows[T]) SizeBytes() int {
	var zero T
	return len(r.V) * int(unsafe.Sizeof(zero))
}
