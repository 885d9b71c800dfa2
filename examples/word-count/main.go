// Command word-count counts the words of lines of text, and writes the count of a word with each one of it: the last line of a word
// has how often it is there.
//
//	word-count run -- --input=texts --output=counts
//
// Lines are JSON, {"text": "to be or not to be"}, in files or in objects of a bucket; counts are, too.
package main

import (
	"flag"
	"strings"
	"time"
	"unicode"

	"github.com/weirstream/weir/engine/connector/typed"
	"github.com/weirstream/weir/engine/stream"
	"github.com/weirstream/weir/job"
)

// Line is a row of the input.
type Line struct {
	Text string `json:"text"`
}

// Count is a row of the output.
type Count struct {
	Word  string `json:"word"`
	Times int64  `json:"times"`
}

func main() { job.Main(build) }

// build connects the job with files.
func build(p *job.Program) error {
	flags := flag.NewFlagSet("word-count", flag.ContinueOnError)
	input := flags.String("input", "texts", "folder or URL of the texts")
	output := flags.String("output", "counts", "folder or URL for the counts")
	watch := flags.Duration("watch", 0, "how often to look for new texts; 0: read those that are there, and end")
	if err := flags.Parse(p.Args); err != nil {
		return err
	}
	p.Checkpoint(job.Checkpoint{Interval: 5 * time.Second})

	from := typed.Options{"connector": "filesystem", "format": "json", "path": *input}
	if *watch > 0 {
		from["source.monitor-interval"] = watch.String()
	}
	lines, err := typed.Source[Line](from)
	if err != nil {
		return err
	}
	counts, err := typed.Sink[Count](typed.Options{"connector": "filesystem", "format": "json", "path": *output})
	if err != nil {
		return err
	}
	stream.To(WordCount(stream.From[Line](p.Job, "lines", lines)), "counts", counts)
	return nil
}

// WordCount is the job between its source and its sink.
func WordCount(lines stream.Stream[Line]) stream.Stream[Count] {
	words := stream.FlatMap(lines, func(line *Line, emit func(Count)) {
		for _, word := range strings.FieldsFunc(line.Text, func(c rune) bool { return !unicode.IsLetter(c) }) {
			emit(Count{Word: strings.ToLower(word)})
		}
	})
	byWord := stream.KeyBy(words, func(c *Count) string { return c.Word })
	return stream.Process(byWord, "count", func(s *stream.Setup) stream.Functions[Count, Count] {
		times := stream.ValueState[int64](s, "times")
		return stream.Functions[Count, Count]{Row: func(c *stream.Context[Count], word *Count) error {
			*times.Ref(c)++
			c.Emit(Count{word.Word, *times.Ref(c)})
			return nil
		}}
	})
}
