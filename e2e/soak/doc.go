// Package soak uses jobs as people do who have not read how it was meant, for as long as it is told to: SOAK=1h make soak.
//
// It is made of episodes. Each has a folder of its own, a script with several queries, and files that go on appearing. In a
// random order it kills, freezes and interrupts the process, starts a second one, edits the script, moves the folders, rotates
// and touches input, takes, copies and restores savepoints, damages snapshots and puts old copies of them back. Every
// random choice comes from the seed of the episode, which is printed and repeated with WEIR_SOAK_SEED.
//
// An episode knows what the job must write (oracle_test.go), and demands, whatever was done to it:
//
//   - no row is ever visible twice, and no row is visible that is wrong;
//   - in the end every row is there, unless the job has refused, in one line that says why, to go on from what was done to it;
//   - what must not stop a job does not: an edited comment, another parallelism, a foreign file, a folder that is away for a moment.
package soak
