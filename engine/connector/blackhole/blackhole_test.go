package blackhole

import (
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/connectortest"
)

func TestConformance(t *testing.T) {
	connectortest.RunPlainSink(t, func(*testing.T) connector.Sink { return New() }, func() *batch.Batch {
		return batch.Of(&batch.Rows[int]{V: []int{1, 2, 3}})
	})
}
