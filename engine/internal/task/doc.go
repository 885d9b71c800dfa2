// Package task runs the subtasks of a graph in this process.
//
// Nodes are chained into tasks ([Plan]): a task is a tree of operators whose root is a source or a gate; inside it, rows
// go from one operator to the next by a function call. Each task runs as `parallelism` subtasks; one goroutine owns a
// subtask and all its state. Between tasks, package exchange moves batches.
//
// All subtasks run one loop (subtask.go): commands of the coordinator first, then one step of the input, which is a source's
// reader (source.go) or a gate (consumer.go); if there is nothing to do, what is kept back goes out, and the loop waits.
//
// # The life of a checkpoint in a subtask
//
// A source injects the barrier on the coordinator's Trigger, between two batches; other subtasks get it from their gate
// once it is aligned. Then, while processing stands still: operators emit what they keep back; the keyed state of every operator is frozen, in a time that does
// not depend on its size; the barrier goes on to all consumers; and the sinks prepare, in this goroutine, because rows
// after the barrier must not be written before (a sink is a leaf, so that no other subtask waits for it). Processing goes
// on, while the frozen state is written in the background; when all of it is durable the subtask acknowledges. At most
// two checkpoints of a subtask are written at a time; a third waits, and the rows behind it.
//
// A part that cannot be written is declined, and the subtask goes on. A sink that cannot prepare fails the subtask: the
// rows since the last barrier are in no committable, and the next one cannot be trusted to hold them. What was prepared
// for a checkpoint that is aborted goes into the next one, since those rows are not written again (P10).
//
// When the coordinator knows that a checkpoint is complete, readers and operators that want to know are told, in the order of the
// checkpoints: a reader with the positions that its splits had at the barrier. Also a subtask that is cancelled by a stop is told of the
// checkpoint that is the stop.
//
// # Event time
//
// A source gives each row the watermark of the row's own split just before it, by which lateness is decided (P4). The
// watermark of a source subtask is the minimum over its unfinished splits, bounded by what the coordinator holds back
// for splits that have not started; it is sent every few batches, when there is nothing to read, and with each barrier.
//
// The package refuses to know when checkpoints are taken, which splits there are, and what becomes of a failure: that is
// the coordinator's, which is told by reports.
package task
