// Package engine is the root of Weir's engine: no code, but the map. Programs start at package stream (the Go SDK) or
// package sql, and are run by package job.
//
// # The life of a record
//
// A connector's enumerator, beside the coordinator, finds splits: ranges of files, of numbers. The coordinator deals them
// out to the source subtasks on one queue for each (package message), and bounds their watermarks while splits wait
// that have not started (P4). In a subtask, a reader fills batches (package batch) with the rows of one split. The
// source's stage computes columns and event times; each row is marked with the watermark of its own split just before it.
// Filters, projections and the window assigner follow in the same goroutine, a function call from one to the next; the
// assigner drops what is late by its split watermark, so that neither parallelism nor restarts decide what is late.
//
// The key is encoded and hashed once. The top bits of the hash name the key group, and with it the subtask that owns the
// key's state; an exchange copies the row into a batch of the channel to that subtask, bounded in bytes. There the row
// meets its cell: one of fixed width in a table without pointers, one for each key group and window (package backend/heap).
// When the watermark, the least over all channels, passes the end of a window, its cells become rows and the table is
// dropped. The sink's writer stages them where nobody looks.
//
// # The life of a checkpoint
//
// The coordinator, a pure state machine (package coordinator), triggers: in that step it takes the positions of the splits
// that wait. The source subtasks inject the barrier between two batches, with the positions of the last batch that they
// emitted. A subtask with several channels reads on from those that have not delivered the barrier (package checkpoint)
// until all have. It freezes its tables in constant time, sends the barrier on, lets the sinks prepare what they staged,
// and goes on with records, while a goroutine beside it writes what has changed in the frozen tables since the newest complete
// checkpoint (P17); a table that is written to meanwhile is copied first. What every subtask wrote and acknowledged the coordinator puts into one _metadata, created if absent.
//
// Then the attempts in the job's folder are listed (package snapshot, P1). If there is a later one, this process is a
// zombie and ends, having changed nothing. Else the checkpoint is complete, and only now is its output made visible
// (P10), are older checkpoints deleted, and may the next be triggered. A crash at any point is followed by a new attempt
// that chooses the newest complete checkpoint, commits its output again, which changes nothing if it was committed,
// and goes on from there.
package engine
