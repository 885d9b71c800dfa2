// Package jobfolder is a job's folder in storage: held by the process that runs the job, or looked at from outside. It says of
// the errors of storage whether they pass (P13), and of the chain of checkpoints there what the status shows. It decides
// nothing by what it finds.
package jobfolder
