// Package datagen makes rows: the connector 'datagen', and [Func] for programs on the SDK.
//
// Row i is a pure function of the seed and i, and each column of its own name besides: a run makes the same rows at every
// parallelism, through any restart, whatever the other columns are. Only random TIMESTAMP columns and random DATE columns
// look at a clock, once for each split, as in Flink they are relative to now; a split keeps what it saw.
//
// Splits are ranges of rows of a fixed size. A bounded source has all at once, an unbounded one adds a second's worth at a time.
//
// The package promises neither a distribution nor the same rows from one version to the next; it is for tests, examples and
// benchmarks.
package datagen
