// Package jobtest is a small job for tests: it counts rows by key, from input that comes when the test says so, and is run as
// a user's command runs it (Run) or as a pod does (Pod).
package jobtest
