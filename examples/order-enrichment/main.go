// Command order-enrichment adds to each order the name that its customer has then: two streams meet by the customer's number. An order
// whose customer is not known yet waits for a while, and goes out without a name if none comes.
//
//	order-enrichment run -- --orders=orders --customers=customers --output=enriched
package main

import (
	"flag"
	"time"

	"github.com/weirstream/weir/engine/connector/typed"
	"github.com/weirstream/weir/engine/stream"
	"github.com/weirstream/weir/job"
)

// Order is a row of one input.
type Order struct {
	ID       int64 `json:"id"`
	Customer int64 `json:"customer"`
	Cents    int64 `json:"cents"`
}

// Customer is a row of the other: what is known of a customer from now on.
type Customer struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Enriched is a row of the output.
type Enriched struct {
	ID       int64  `json:"id"`
	Customer int64  `json:"customer"`
	Name     string `json:"name"`
	Cents    int64  `json:"cents"`
}

func main() { job.Main(build) }

// build connects the job with files.
func build(p *job.Program) error {
	flags := flag.NewFlagSet("order-enrichment", flag.ContinueOnError)
	orders := flags.String("orders", "orders", "folder or URL of the orders")
	customers := flags.String("customers", "customers", "folder or URL of the customers")
	output := flags.String("output", "enriched", "folder or URL for the result")
	patience := flags.Duration("patience", time.Minute, "how long an order waits for its customer")
	if err := flags.Parse(p.Args); err != nil {
		return err
	}
	files := func(path string) typed.Options {
		return typed.Options{"connector": "filesystem", "format": "json", "path": path, "source.monitor-interval": "1 s"}
	}
	from, err := typed.Source[Order](files(*orders))
	if err != nil {
		return err
	}
	with, err := typed.Source[Customer](files(*customers))
	if err != nil {
		return err
	}
	to, err := typed.Sink[Enriched](typed.Options{"connector": "filesystem", "format": "json", "path": *output})
	if err != nil {
		return err
	}
	stream.To(Enrich(stream.From[Order](p.Job, "orders", from), stream.From[Customer](p.Job, "customers", with), *patience), "enriched", to)
	return nil
}

// Enrich is the job between its sources and its sink.
func Enrich(orders stream.Stream[Order], customers stream.Stream[Customer], patience time.Duration) stream.Stream[Enriched] {
	byCustomer := stream.KeyBy(orders, func(o *Order) int64 { return o.Customer })
	byID := stream.KeyBy(customers, func(c *Customer) int64 { return c.ID })
	return stream.CoProcess(byCustomer, byID, "enrich", func(s *stream.Setup) stream.CoFunctions[Order, Customer, Enriched] {
		name := stream.EncodedState(s, "name", stream.Text[string]())
		waiting := stream.ListState(s, "waiting", stream.Fixed[Order]())
		release := func(c *stream.Context[Enriched], name string) {
			for o := range waiting.All(c) {
				c.Emit(Enriched{o.ID, o.Customer, name, o.Cents})
			}
			waiting.Clear(c)
		}
		return stream.CoFunctions[Order, Customer, Enriched]{
			First: func(c *stream.Context[Enriched], o *Order) error {
				if known, ok := name.Get(c); ok {
					c.Emit(Enriched{o.ID, o.Customer, known, o.Cents})
					return nil
				}
				waiting.Add(c, *o)
				c.ProcessingTimer(c.ProcessingTime() + patience.Milliseconds())
				return nil
			},
			Second: func(c *stream.Context[Enriched], customer *Customer) error {
				name.Put(c, customer.Name)
				release(c, customer.Name)
				return nil
			},
			OnProcessingTimer: func(c *stream.Context[Enriched], _ int64) error {
				release(c, "")
				return nil
			},
		}
	})
}
