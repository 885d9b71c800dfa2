package heap_test

import (
	"testing"

	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/backend/heap"
)

func TestConformance(t *testing.T) { backendtest.Run(t, heap.New) }
