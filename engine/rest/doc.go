// Package rest is how a running job is watched and asked: the wire types of a coordinator's HTTP API, and its client.
//
// All routes are below /v1 and speak JSON. Names end in their unit (Ms, Bytes); times are RFC 3339. Readers ignore fields
// that they do not know, so that a newer coordinator can add some.
//
//	GET  /v1/job                     the job as a whole (Job)
//	GET  /v1/job/operators           its operators and their subtasks (OperatorList)
//	GET  /v1/job/checkpoints         the newest checkpoints, newest first (CheckpointList)
//	POST /v1/job/checkpoints         take a checkpoint now (CheckpointRequest)
//	POST /v1/job/savepoints          take a savepoint (SavepointRequest)
//	POST /v1/job/stop                take a savepoint and stop (StopRequest)
//	POST /v1/job/cancel              end without a last checkpoint (CancelRequest)
//	POST /v1/job/activate            begin an attempt (ActivateRequest)
//	GET  /v1/job/savepoints/{id}     what became of a savepoint (Operation)
//	GET  /v1/job/operations/{id}     what became of any request, savepoints included (Operation)
//	GET  /healthz, /readyz           the process lives; the job runs
//
// A request that changes something carries an id that its sender chose, and answers 202 with an Operation. The same request
// under the same id is the same operation, however often and by whomever it is sent (P3); another request under a used id
// is refused. What became of it is asked for by that id; with ?wait=30s the answer comes when it is finished, or when that
// time (at most MaxWait) is over.
//
// A coordinator in a pod serves TLS with the certificate of its Identity and knows two tokens. The operator's may do all.
// The user's is answered 409 on stop, cancel and activate, with what to set in the StreamJob instead: what the operator did
// not decide, it would undo. A job that runs without an operator has one token, for all, and is never activated.
//
// Every route but /healthz and /readyz needs "Authorization: Bearer <token>"; requests that change something need
// "Content-Type: application/json" (P11). What goes wrong is answered with {"error": {code, message, remedy}} (Error).
//
// The package knows nothing of how a job works: controllers, the command line and the coordinator meet here.
package rest
