// Package e2e proves the promises of the engine on the binary itself: real processes, real files, a real S3 server, real
// SIGKILL and SIGSTOP. What a job must write is said by package oracle, a plain loop that shares nothing with the engine.
//
//	file               what is proved                                                        protocols
//	example_test.go    the main job of the README gives the right result, once
//	kill_test.go       no kill at any moment loses, doubles or changes output;               P1, P2, P4, P10
//	                   little is read again; output appears while the job runs; the
//	                   parallelism may change between any two runs; files that were
//	                   read may go
//	late_test.go       the same records are late at every parallelism, with and              P4
//	                   without kills
//	monitor_test.go    files that appear in a monitored folder are read once; a drain        P3, P4
//	                   closes the last windows
//	zombie_test.go     a process that was stopped while another took over publishes          P1
//	                   nothing, commits nothing, deletes nothing, and says so;
//	                   of fifty claimants one wins
//	store_test.go      lost answers, 503, lost permissions, wrong credentials and            P1, P5, P13
//	                   another prefix never make a job start from nothing
//	verify_test.go     every flipped byte and every cut of a snapshot is found; a run        P2
//	                   that meets one says what would repeat, and repeats it only
//	                   when told to
//	savepoint_test.go  a savepoint is whole, moves, and restores at any parallelism;         P3, P9
//	                   a query may change where its state keeps its meaning
//	badinput_test.go   bad input is one clear line; nobody commands a job without            P11, P13
//	                   its token
//	s3_test.go         input, output, checkpoints and savepoints in a bucket                 P1, P10
//
// Folder harness runs processes and looks at what they leave, flights makes input from real records, s3proxy breaks
// connections. Every random choice comes from a seed that is printed; WEIR_E2E_SEED=<seed> repeats it.
package e2e
