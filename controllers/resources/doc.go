// Package resources turns a resolved StreamJob into the objects of Kubernetes that it is made of. It is pure: it reads no
// cluster, no clock and no Secret; equal input gives equal bytes, so that applying an object again changes nothing.
//
// All objects are apply configurations: the controllers write them by server-side apply as FieldOwner, which makes a
// repeated write, or one that was decided from a stale cache, harmless. All names are made of the job's, and tell what
// the object is; none of them needs to be remembered.
//
//	ControllerRevision  <job>-<revision>             what was asked for and what it was resolved to; immutable (P8)
//	ConfigMap           <job>-<revision>             the resolved manifest that the pod reads
//	StatefulSet         <job>-<revision>             one pod: the coordinator with the workers embedded
//	Service             <job>                        headless: the coordinator's API and metrics
//	Secret              <job>-identity               token and certificate of the coordinator (P11)
//	Job                 <job>-pf-<revision>[-n<nonce>]  preflight: does the revision plan, does the state fit (P3, P9)
//	Job                 <job>-discard                onDelete: Delete
//	Job                 dispose-<savepoint uid>      deletionPolicy: Delete of a Savepoint
//	Savepoint           <job>-<attempt>-g<generation>  the stop before an upgrade, rescale or suspension (P3)
//
// Every pod is made by one builder, which keeps it within the "restricted" pod security standard whatever the user's pod
// template says. Pods get no token of Kubernetes: jobs do not talk to it. What is secret goes into one Secret, whose
// values are derived (P11), and by reference into the environment; it is never part of another object.
//
// When something is written, what is removed, and in which order, is decided elsewhere.
package resources
