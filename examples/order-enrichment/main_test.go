package main

import (
	"testing"
	"time"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/stream"
	"github.com/weirstream/weir/job"
)

func TestAnOrderHasTheNameThatItsCustomerHasThen(t *testing.T) {
	orders, customers := enginetest.NewInput[Order](), enginetest.NewInput[Customer]()
	enriched := enginetest.NewLedger[Enriched]()
	clock := enginetest.NewClock(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	c := enginetest.Start(t, func(j *stream.Job) {
		stream.To(Enrich(enginetest.Rows(j, "orders", orders), enginetest.Rows(j, "customers", customers), time.Minute), "enriched", enriched)
	}, enginetest.Parallelism(2), enginetest.WithClock(clock))

	customers.Push(0, Customer{7, "Ann"})
	c.Settle()
	orders.Push(0, Order{1, 7, 500}, Order{2, 8, 700})
	c.Settle()
	want := []Enriched{{1, 7, "Ann", 500}}
	enriched.Exactly(t, want...)

	// The order that waits, and for how long, are state.
	c.Kill()
	c.Rescale(3)
	customers.Push(0, Customer{8, "Bob"}, Customer{7, "Anna"})
	c.Settle()
	orders.Push(0, Order{3, 7, 100}, Order{4, 9, 900})
	c.Settle()
	want = append(want, Enriched{2, 8, "Bob", 700}, Enriched{3, 7, "Anna", 100})
	enriched.Exactly(t, want...)

	clock.Advance(59 * time.Second)
	c.Settle()
	enriched.Exactly(t, want...)
	c.Kill()
	clock.Advance(time.Second)
	c.Restart()
	c.Settle()
	enriched.Exactly(t, append(want, Enriched{4, 9, "", 900})...)
}

// TestTheProgramCanBeDescribed builds what main runs.
func TestTheProgramCanBeDescribed(t *testing.T) {
	p := &job.Program{Job: stream.New(), Args: []string{"--patience=5m"}}
	if err := build(p); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Job.Graph(); err != nil {
		t.Error(err)
	}
	if build(&job.Program{Job: stream.New(), Args: []string{"--gapp"}}) == nil {
		t.Error("an argument that there is not is taken")
	}
}
