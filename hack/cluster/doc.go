// Package cluster holds the tests of the script beside it, which brings up a Kubernetes for the demo and the end-to-end
// tests (see `hack/cluster/cluster`). That the cluster itself works, the tests in e2e/cluster show.
package cluster
