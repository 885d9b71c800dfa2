// Package inprocess holds what all programs share that run a job in their own process: `weir run` and what pods run. A verb that
// only asks a job that runs elsewhere does not use it, and so links no engine.
package inprocess
