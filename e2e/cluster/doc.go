// Package cluster proves the promises of the operator on a real Kubernetes: real pods, a real S3 server, real kills. What a
// job must write is said by package oracle, as in package e2e.
//
//	file                 what is proved                                                          protocols
//	walkthrough_test.go  the main job from its first checkpoint to its drain: pod killed,         P1-P5, P8, P10, P12
//	                     savepoint, upgraded, rescaled; every output row; make demo prints it
//	away_test.go         jobs run, checkpoint and recover without the operator; an operator       P3, P5
//	                     that dies in the midst of an upgrade finishes it when it is back;
//	                     what was deleted right after a stop goes on when applied again
//	refused_test.go      a spec that cannot run touches nothing that runs, and says why           P3, P8, P9, P12
//	zombie_test.go       a pod that was frozen while another took over changes nothing            P1
//	secrets_test.go      a password is nowhere it must not be; who has no rights gets nothing     P11
//	life_test.go         suspend and resume; deletion clears what it is told to, and never hangs  P3, P12
//
// Folder lab brings up the cluster and looks at it; command unauthorized tries a coordinator's doors. The tests need
// a cluster whose node is this machine, or a container on it (see hack/cluster), and root.
package cluster
