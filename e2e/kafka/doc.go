// Package kafka proves the connector 'kafka' on the binary itself and a real Apache Kafka: real processes, real SIGKILL, brokers that are stopped,
// killed and frozen. `make test-connectors` runs it.
package kafka
