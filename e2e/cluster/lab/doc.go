// Package lab is a real Kubernetes with a real S3 server in it, the operator installed with its chart, and jobs on it,
// used as people use them: manifests applied by kubectl, facts read from the status, the bucket and the node.
//
// It promises that every wait is for a fact and has a deadline, that a wait that fails says what the cluster says about
// it (status, pods, Events, logs), and that each job has a namespace of its own, in which restricted pod security is
// enforced, and a folder of the bucket of its own. It refuses to know what a job computes.
package lab
