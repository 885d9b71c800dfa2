package executortest

import (
	"testing"

	"github.com/weirstream/weir/engine/internal/executor"
	"github.com/weirstream/weir/engine/internal/message"
)

// Encoded makes an executor that the suite's orders reach, and whose events and counters reach the suite, as bytes only: as if it
// were another process. So nothing but data may cross the seam.
func Encoded(open Open) Open {
	return func(t *testing.T, s Setup) executor.Executor {
		events := s.Events
		s.Events = func(e message.Event) {
			decoded, err := message.DecodeEvent(e.Append(nil))
			if err != nil {
				t.Errorf("the event %+v: %v", e, err)
				return
			}
			events(decoded)
		}
		return &encoded{Executor: open(t, s), t: t}
	}
}

type encoded struct {
	executor.Executor
	t *testing.T
}

func (x *encoded) Command(o message.Order) {
	decoded, err := message.DecodeOrder(o.Append(nil))
	if err != nil {
		x.t.Errorf("the order %+v: %v", o, err)
		return
	}
	x.Executor.Command(decoded)
}

func (x *encoded) Metrics() []message.Metrics {
	decoded, err := message.DecodeMetrics(message.AppendMetrics(nil, x.Executor.Metrics()))
	if err != nil {
		x.t.Errorf("the counters: %v", err)
	}
	return decoded
}
