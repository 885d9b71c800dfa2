// Package operations keeps what a job was asked for from outside: savepoints, stops, checkpoints, a cancel, activations. Each
// has an id that the asker chose, so that asking again is asking once (P3), and becomes final once. The package knows who has
// a request, so that none is lost between two attempts; it carries none out.
package operations
