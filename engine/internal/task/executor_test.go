package task_test

import (
	"log/slog"
	"testing"

	"github.com/weirstream/weir/engine/internal/executor"
	"github.com/weirstream/weir/engine/internal/executor/executortest"
	"github.com/weirstream/weir/engine/internal/task"
)

func TestTheExecutorOfThisProcessKeepsTheContract(t *testing.T) { executortest.Run(t, executorHere) }

func TestItKeepsTheContractThroughTheEncodingOfEveryMessage(t *testing.T) {
	executortest.Run(t, executortest.Encoded(executorHere))
}

func executorHere(t *testing.T, s executortest.Setup) executor.Executor {
	x, err := task.NewExecutor(t.Context(), task.Config{
		Graph: s.Graph, Job: s.Job, Parallelism: s.Parallelism, MaxParallelism: s.MaxParallelism,
		Files: s.Files, Blocks: s.Blocks, Events: s.Events, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}
