// Package host is the process that runs a job for an operator: what is in a job's pod. It waits, makes an attempt when it is
// activated, goes on with its own after a restart (P3), and answers all the while over HTTPS, also before the first attempt
// and after the last.
//
// It decides whether to make another attempt, and which of those who ask wait for what. What an attempt does is not its
// concern, nor who the operator is.
package host
