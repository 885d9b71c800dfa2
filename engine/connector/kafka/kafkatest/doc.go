// Package kafkatest holds what tests of Kafka share: Launch, a real broker on this machine, as `hack/kafka/kafka` runs it; Topic and what
// else a test does to a broker, real or played, from outside.
package kafkatest
