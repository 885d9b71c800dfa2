// Package kafka reads and writes topics of Apache Kafka: the connector 'kafka', with Flink's options (P15).
//
// # Source
//
// A partition is a split, called topic-partition, that is read from an offset which the enumerator decides once: so a
// restart finds the same. A position is the next offset. What a checkpoint holds rules; the offsets of a consumer group are written
// after it is complete, for people and their tools, and are read only where 'scan.startup.mode' asks for them. A partition that appears
// later is read from its beginning.
//
// Nothing is skipped in silence. An offset that the broker no longer has, or not yet, and a topic or a cluster that is not
// the one that the position is of, are errors that stop the job. The end of a bounded read is an offset, not a record: transaction
// markers, aborted records and the gaps of a compacted topic may be all that is before it.
//
// Records are fetched here, not by the consumer of the client library: its positions are those of records, and neither tell where a
// partition is behind its last one, nor when the broker last said that there is no more.
//
// # Sink
//
// With 'exactly-once' each checkpoint of each subtask is a transaction under a transactional id of its own,
//
//	<prefix>-<job id>-<uid8>-<attempt>.<restart>-<subtask>-<number>
//
// It is open, with all records acknowledged, when Prepare returns; the Committer ends it by its producer id and epoch, from any process.
// Since an id is used once, the broker's answer to that tells for certain whether the transaction was committed, now or before, or
// aborted meanwhile, which is a loss and is said loudly. Transactions of lower attempts that lie open, which readers of committed records would
// wait for, are aborted by Sweep.
//
// The client library ends with this package.
package kafka
