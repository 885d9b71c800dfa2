package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine/fault"
)

// classed gives an error of brokers its class, and says what to do about it.
func (c *Connection) classed(doing string, err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	place := "kafka " + c.String()
	out := &fault.Error{Class: fault.Transient, Place: place, Err: fmt.Errorf("%s: %w", doing, err)}
	denied := func(remedy string) error {
		out.Class, out.Remedy = fault.Permanent, remedy
		return out
	}
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.IllegalSaslState), errors.Is(err, kerr.UnsupportedSaslMechanism):
		return denied("check 'properties.sasl.mechanism' and the credentials, and that the broker knows them")
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return denied("allow the job's user Describe and Read of the topic, or Describe and Write to write it")
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return denied("allow the job's user Read and Describe of the group that 'properties.group.id' names")
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return denied("allow the job's user Describe and Write of transactional ids that begin with 'sink.transactional-id-prefix'")
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return denied("allow the job's user IdempotentWrite on the cluster")
	case errors.Is(err, kerr.InvalidTopicException):
		return denied("a topic's name has letters, digits, '.', '_' and '-' only")
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		out.Class, out.Remedy = fault.Unknown, "create the topic, or correct the option 'topic': Weir makes no topics"
		return out
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.RecordListTooLarge):
		return denied("raise max.message.bytes of the topic and 'properties.max.request.size', or write smaller rows")
	case unreachable(err):
		out.Remedy = "check that the brokers of 'properties.bootstrap.servers' run and can be reached from here, under the addresses that they advertise, and that 'properties.security.protocol' is theirs"
	}
	return out
}

// unreachable says of an error that no broker was reached, or none answered in time.
func unreachable(err error) bool {
	var protocol *kerr.Error
	var first *kgo.ErrFirstReadEOF
	return errors.As(err, &first) || errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &protocol) && !errors.Is(err, context.Canceled)
}

// refused is the error of a client that could not be made: certificates that cannot be read, or an address that is none.
func (c *Connection) refused(err error) error {
	return fault.Permanentf("kafka "+c.String(), "correct the options 'properties.*' of the table", "make a client: %w", err)
}

func metadataError(column, format string, args ...any) error {
	return fmt.Errorf("column %s: "+format, append([]any{column}, args...)...)
}
