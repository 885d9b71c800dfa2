// Package overlap refuses a job whose places are in each other's way: its input, its output, its checkpoints and its
// savepoints, as far as connectors tell them. It asks no storage; what cannot be said of a place from its URL it lets pass.
package overlap
