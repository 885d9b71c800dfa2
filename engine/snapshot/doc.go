// Package snapshot is the format of snapshots and the chain of checkpoints of a job on storage (P1, P2, P3, P5). It is the
// only code that knows the names of files:
//
//	<checkpoint.storage>/<job id>/attempts/<n>        the claim of attempt n: JSON and its checksum
//	<checkpoint.storage>/<job id>/attempts/<n>.base   what attempt n started from: JSON and its checksum
//	<checkpoint.storage>/<job id>/chk-<id>/_metadata  the checkpoint exists when this does
//	<checkpoint.storage>/<job id>/chk-<id>/_confirmed of a checkpoint that ended the job: its output is visible. JSON and its checksum
//	<checkpoint.storage>/<job id>/chk-<id>/<attempt>.<restart>-<uid8>-<subtask>-<random>
//	<checkpoint.storage>/<job id>/shared/<attempt>.<restart>-<id>-<uid8>-<subtask>-<random>  a run: written for checkpoint id
//	<checkpoint.storage>/<job id>/pins/<name>         what somebody reads who is not the job: JSON and its checksum (Hold)
//	<savepoint.storage>/savepoint-<job id>-<id>/_metadata, and its files beside it
//
// # What it promises
//
// At most one attempt completes checkpoints (Chain.Claim, Chain.Publish). Recovery finds the newest intact checkpoint of
// the lineage, or says what is damaged and what going further back would repeat (Chain.Choose). A choice may leave it to
// the reader to find damage (ReadBlock): then the choice after it does not. Nothing is deleted that
// the newest complete checkpoint retains, or that is pinned (Chain.Sweep, Chain.Hold). Every flipped byte and every truncation of every file of a
// snapshot is detected, and named by object and offset (Verify). Files of every format since 1 are read for ever; golden
// files in testdata hold it to that.
//
// A savepoint is a function of its checkpoint, the names of its files included (Export).
//
// It refuses to know what state, positions and committables mean: to it they are bytes. It reads no clock: the time of a
// snapshot is the caller's, is shown to people, and decides nothing.
//
// # _metadata, format 2
//
// Integers of the frame are little-endian:
//
//	offset  size  content
//	0       8     magic "WEIRSNAP"
//	8       4     format version: 2
//	12      8     length n of the body
//	20      n     body: message Metadata in protobuf wire format
//	20+n    4     CRC-32C (Castagnoli) of all bytes before
//
// The frame is the same in all versions, so that a damaged file and a file of a newer engine are told apart. The body is
//
//	syntax = "proto3";
//	message Metadata {
//	  bool   savepoint = 1;
//	  string job = 2;
//	  sint64 id = 3;               // checkpoint
//	  sint64 parent = 4;           // the complete checkpoint of this chain before it; 0: none
//	  sint64 attempt = 5;
//	  sint64 restart = 6;
//	  bytes  nonce = 7;            // of the attempt, 16 bytes
//	  sint64 outcome = 8;          // 0 none, 1 stopped, 2 drained, 3 completed
//	  repeated sint64 retained = 9;  // not packed; ids that stay once this one is complete, itself included
//	  sint64 confirmed = 10;       // newest checkpoint whose commits, and all before, are known to be done
//	  sint64 time = 11;            // ms since 1970 UTC
//	  string engine = 12;
//	  string revision = 13;
//	  sint64 parallelism = 14;
//	  sint64 max_parallelism = 15; // number of key groups
//	  repeated Operator operators = 16;
//	  repeated Uncommitted uncommitted = 17; // of complete checkpoints before this one, oldest first; since format 2
//	  reserved 18;                 // P2: the checkpoint from which on commits are held while an upgrade is verified
//	}
//	message Uncommitted {          // output that may not be visible: a restore commits it before this checkpoint's own
//	  sint64 checkpoint = 1;
//	  repeated Sink sinks = 2;
//	}
//	message Sink {
//	  string uid = 1;
//	  repeated bytes committables = 2;
//	}
//	message Operator {
//	  string uid = 1;
//	  string name = 2;
//	  string fingerprint = 3;      // P9
//	  sint64 parallelism = 4;
//	  sint64 max_parallelism = 5;
//	  repeated Schema schemas = 6;
//	  bytes  enumerator = 7;
//	  repeated Subtask subtasks = 8;
//	  string advisory = 9;         // P9; since format 2
//	  string connector = 10;       // of a source: whose positions these are; since format 2
//	}
//	message Schema {
//	  string name = 1;
//	  string kind = 2;
//	  repeated string key_fields = 3;
//	  repeated string value_fields = 4;
//	}
//	message Subtask {
//	  sint64 index = 1;
//	  bool   finished = 2;         // until format 1; read and not kept
//	  repeated Split splits = 3;
//	  repeated File files = 4;
//	  repeated bytes committables = 5;
//	  bytes  extra = 6;
//	  reserved 7;                  // P7: records in flight, by upstream and downstream uid and input
//	}
//	message Split {
//	  string id = 1;
//	  bytes  spec = 2;
//	  bytes  position = 3;
//	  sint64 max_time = 4;         // highest event time emitted, ms; the smallest sint64: none
//	  bool   done = 5;
//	}
//	message File {
//	  string path = 1;             // relative to the snapshot's folder
//	  sint64 size = 2;
//	  sint64 crc32c = 3;           // of all bytes of the file
//	  repeated Block blocks = 4;   // those that are part of the snapshot
//	  sint64 checkpoint = 5;       // of a run: the one that wrote it; since format 2
//	  reserved 6;
//	}
//	message Block {
//	  sint64 group = 1;            // key group
//	  string state = 2;            // name of the state
//	  sint64 offset = 3;           // in the file
//	  sint64 size = 4;
//	  sint64 crc32c = 5;
//	  sint64 watermark = 6;        // highest watermark acted on (P4), ms; the smallest sint64: none
//	  sint64 end = 7;              // of changes: the key group after the last that they are of; since format 2
//	}
//
// The files of a subtask are in the order in which they were written. A block with an end holds what was changed in the groups
// from group to before end since the files before. One without holds the whole of its group, and takes the place of all that files
// before hold of that group, of whatever state (Layers).
//
// A reader refuses fields that it does not know, the reserved ones too: an engine must not lose state silently by not
// understanding it. Whoever adds a field raises the version, once a release has written it: so a file of a newer engine is
// refused as one, and only a file that no engine has written as damaged. Format 2 added Operator.advisory,
// Operator.connector, Metadata.uncommitted, File.checkpoint and Block.end, and writes Subtask.finished no more.
//
// Reserved numbers keep the place of what is planned. What else is planned needs no field: parallelism is recorded for each
// operator, pins are objects of their own (P6), and that the end of a job is
// committed is recorded beside its last checkpoint, in _confirmed, because no later checkpoint will.
//
// # Data files, format 1
//
//	offset  size  content
//	0       8     magic "WEIRDATA"
//	8       4     format version: 1
//	12      ...   blocks, one after the other, without gaps; of a run, only some may still be part of a snapshot
//	n       8     n: length of what is before
//	n+8     4     CRC-32C of the first n+8 bytes
//	n+12    8     magic "WEIREND."
//
// A block is read with one ranged read and checked by its own checksum in _metadata.
//
// # Records under attempts/ and pins/
//
// One line of JSON, then a line "crc32c " and eight hex digits: the checksum of the first line with its newline.
package snapshot
