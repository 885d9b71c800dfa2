// Package controllertest is where controllers are tested: on a real kube-apiserver, etcd and kube-controller-manager, with
// everything below them played.
//
// What is real: admission, validation and CEL rules of the CRDs, server-side apply, conflicts, finalizers, the garbage
// collector, StatefulSets, Jobs and the deletion of namespaces. What is played, by a Node for each World: scheduling and
// kubelets. A pod gets a loopback address of its own, and the node runs what its container's arguments say: a coordinator
// answers on that address over TLS, with the identity from the job's Secret, and a preflight, discard or dispose ends with
// the message that the real one would leave. Coordinators share a Bucket for each job, which keeps P1 and P3 as storage and
// engine do, and writes down what an operator must never bring about (Bucket.Violations).
//
// What is broken on purpose: Faults sits between an operator and the API server. It ends the operator before or after its
// n-th write, answers a write with a conflict, and serves one old read after a write, as a cache does that lags behind.
// EveryStep runs a scenario once for each of these at each of the scenario's writes.
//
// A World has a namespace, a node and an operator of its own, so that tests run in parallel on the one control plane of
// their package, which the first world starts and Main stops. Nothing here waits for a time to pass: Eventually asks until a fact holds.
//
// The package knows nothing of what the controllers decide.
package controllertest
