// Package harness runs jobs as users do and looks at what they leave behind, as anyone could: exit codes, text on standard
// error, files, listings of a bucket.
//
// It promises that every wait is for a fact and has a deadline, that no process outlives its test, and that a failing
// test shows the end of what its processes said. It refuses to know what a job computes, and reads an engine's state
// only through the public packages storage and snapshot.
package harness
