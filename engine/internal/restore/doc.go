// Package restore says whether a job can go on from a snapshot, and which of its operators goes on with whose state (P9). It
// compares what both say of themselves: uids, fingerprints, schemas. It is pure, and asks no storage: it knows neither what
// the user wanted to restore nor whether an attempt may begin.
package restore
