// Package job is the main function of a program on the Go SDK. [Main] gives a binary the verbs of weir, for the one job that
// it describes with package stream:
//
//	func main() { job.Main(build) }
//
//	func build(p *job.Program) error {
//		p.Checkpoint(job.Checkpoint{Interval: time.Second})
//		words := stream.From[Word](p.Job, "words", source)
//		...
//		return nil
//	}
//
// `program run` runs the job in its process, `program plan` compares it with the state that there is, and an image with the
// program as its entrypoint is what spec.program of a StreamJob names: the operator's pods call the same verbs.
//
// The package knows no more of a job than its description; what runs it is package engine/job, which a program may use by
// itself instead.
package job
