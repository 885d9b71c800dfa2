package snapshot

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// Summary is what people and scripts want to know of a snapshot. Its JSON is the output of `weir snapshot inspect`.
type Summary struct {
	Path           string     `json:"path"`
	Kind           string     `json:"kind"` // checkpoint or savepoint
	Format         int        `json:"format"`
	Job            string     `json:"job"`
	ID             int64      `json:"id"`
	Parent         int64      `json:"parent,omitempty"`
	Attempt        int64      `json:"attempt"`
	Restart        int64      `json:"restart"`
	Outcome        string     `json:"outcome"`
	Time           *time.Time `json:"time,omitempty"`
	Engine         string     `json:"engine,omitempty"`
	Revision       string     `json:"revision,omitempty"`
	Parallelism    int        `json:"parallelism"`
	MaxParallelism int        `json:"maxParallelism"`
	Retained       []int64    `json:"retained,omitempty"`
	Confirmed      int64      `json:"confirmed,omitempty"`
	// Uncommitted are checkpoints before this one whose output may not be visible; a restore of this one makes sure of it.
	Uncommitted []UncommittedSummary `json:"uncommitted,omitempty"`
	Files       int                  `json:"files"`
	StateBytes  int64                `json:"stateBytes"`
	// WrittenBytes counts the files that were written for it: all, unless it shares runs with checkpoints before it.
	WrittenBytes int64             `json:"writtenBytes"`
	Operators    []OperatorSummary `json:"operators"`
}

// UncommittedSummary is the output of an earlier checkpoint that may not be visible.
type UncommittedSummary struct {
	Checkpoint   int64 `json:"checkpoint"`
	Committables int   `json:"committables"`
}

// OperatorSummary is the part of one operator.
type OperatorSummary struct {
	UID            string          `json:"uid"`
	Name           string          `json:"name,omitempty"`
	Fingerprint    string          `json:"fingerprint,omitempty"`
	Advisory       string          `json:"advisory,omitempty"` // which rows are in the state
	Parallelism    int             `json:"parallelism"`
	MaxParallelism int             `json:"maxParallelism"`
	States         []SchemaSummary `json:"states,omitempty"`
	Splits         int             `json:"splits,omitempty"`
	SplitsDone     int             `json:"splitsDone,omitempty"`
	// Positions are how far a source had read its files; Inspect leaves them out, because it knows no connector.
	Positions    []PositionSummary `json:"positions,omitempty"`
	Files        int               `json:"files,omitempty"`
	Blocks       int               `json:"blocks,omitempty"`
	StateBytes   int64             `json:"stateBytes,omitempty"`
	Committables int               `json:"committables,omitempty"`
	Watermark    *time.Time        `json:"watermark,omitempty"` // highest that any key group acted on
	EndOfTime    bool              `json:"endOfTime,omitempty"` // it acted on the end of event time
}

// SchemaSummary is one state of an operator.
type SchemaSummary struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`
	Key   []string `json:"key,omitempty"`
	Value []string `json:"value,omitempty"`
}

// PositionSummary is how far a source had read a file, or a part of one.
type PositionSummary struct {
	File string `json:"file"` // its path, in its bucket or below a local root
	// Done says that all of it was read; the numbers are left out then.
	Done   bool  `json:"done,omitempty"`
	Start  int64 `json:"start,omitempty"`  // of the part, in bytes
	End    int64 `json:"end,omitempty"`    // of the part, in bytes
	Offset int64 `json:"offset,omitempty"` // of the next record, in bytes
	Lines  int64 `json:"lines,omitempty"`  // read so far in the part
}

// Inspect summarises a snapshot from its metadata alone.
func (s *Snapshot) Inspect() Summary {
	m := s.Metadata
	sum := Summary{
		Path: s.Path(), Kind: "checkpoint", Format: m.Format, Job: m.Job, ID: m.ID, Parent: m.Parent,
		Attempt: m.Attempt, Restart: m.Restart, Outcome: m.Outcome.Word(), Engine: m.Engine, Revision: m.Revision,
		Parallelism: m.Parallelism, MaxParallelism: m.MaxParallelism, Retained: m.Retained, Confirmed: m.Confirmed,
		Files: len(m.Files()), StateBytes: m.StateSize(), WrittenBytes: m.WrittenSize(),
	}
	if m.Savepoint {
		sum.Kind = "savepoint"
	}
	if !m.Time.IsZero() {
		sum.Time = &m.Time
	}
	for _, u := range m.Uncommitted {
		earlier := UncommittedSummary{Checkpoint: u.Checkpoint}
		for _, s := range u.Sinks {
			earlier.Committables += len(s.Committables)
		}
		sum.Uncommitted = append(sum.Uncommitted, earlier)
	}
	for i := range m.Operators {
		sum.Operators = append(sum.Operators, inspectOperator(&m.Operators[i]))
	}
	return sum
}

func inspectOperator(o *OperatorState) OperatorSummary {
	sum := OperatorSummary{
		UID: o.UID, Name: o.Name, Fingerprint: o.Fingerprint, Advisory: o.Advisory,
		Parallelism: o.Parallelism, MaxParallelism: o.MaxParallelism,
	}
	for _, schema := range o.Schemas {
		sum.States = append(sum.States, SchemaSummary{schema.Name, schema.Kind, schema.KeyFields, schema.ValueFields})
	}
	watermark := int64(NoTime)
	for _, subtask := range o.Subtasks {
		sum.Splits += len(subtask.Splits)
		for _, split := range subtask.Splits {
			if split.Done {
				sum.SplitsDone++
			}
		}
		sum.Files += len(subtask.Files)
		sum.Committables += len(subtask.Committables)
		for _, f := range subtask.Files {
			sum.StateBytes += f.Size
			sum.Blocks += len(f.Blocks)
			for _, b := range f.Blocks {
				watermark = max(watermark, b.Watermark)
			}
		}
	}
	if watermark == math.MaxInt64 {
		sum.EndOfTime = true
	} else if watermark != NoTime {
		t := time.UnixMilli(watermark).UTC()
		sum.Watermark = &t
	}
	return sum
}

// WriteJSON writes the summary as indented JSON.
func (s Summary) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

// WriteText writes the summary for people.
func (s Summary) WriteText(w io.Writer) error {
	var b strings.Builder // with tabs between the columns
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line(s.Kind, "%d of job %s", s.ID, s.Job)
	line("path", "%s", s.Path)
	if s.Time != nil {
		line("taken", "%s", s.Time.Format(time.RFC3339))
	}
	line("by", "attempt %d, restart %d%s", s.Attempt, s.Restart, optional(", revision ", s.Revision))
	line("outcome", "%s", s.Outcome)
	line("format", "%d%s", s.Format, optional(", engine ", s.Engine))
	line("parallelism", "%d of at most %d", s.Parallelism, s.MaxParallelism)
	line("state", "%d bytes in %d files%s", s.StateBytes, s.Files, s.written())
	for _, u := range s.Uncommitted {
		line("to commit", "%d of checkpoint %d before it", u.Committables, u.Checkpoint)
	}
	for _, o := range s.Operators {
		line("\noperator", "%s", o.UID)
		for _, text := range [...]struct{ name, lines string }{{"  fingerprint", o.Fingerprint}, {"  rows", o.Advisory}} {
			if text.lines == "" {
				continue
			}
			for i, l := range strings.Split(text.lines, "\n") {
				line([]string{text.name, ""}[min(i, 1)], "%s", l)
			}
		}
		line("  parallelism", "%d of at most %d", o.Parallelism, o.MaxParallelism)
		for _, state := range o.States {
			line("  state", "%s %s (%s) -> (%s)", state.Kind, state.Name, strings.Join(state.Key, ", "), strings.Join(state.Value, ", "))
		}
		if o.Files > 0 {
			line("  size", "%d bytes in %d files, %d blocks", o.StateBytes, o.Files, o.Blocks)
		}
		if o.Splits > 0 {
			line("  splits", "%d, %d of them read to the end", o.Splits, o.SplitsDone)
		}
		if o.EndOfTime {
			line("  watermark", "%s", "the end of event time")
		}
		if o.Watermark != nil {
			line("  watermark", "%s", o.Watermark.Format("2006-01-02T15:04:05.000Z07:00"))
		}
		if o.Committables > 0 {
			line("  to commit", "%d", o.Committables)
		}
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if _, err := io.WriteString(t, b.String()); err != nil {
		return err
	}
	return t.Flush()
}

// written says how much of the state was written for the snapshot, if that is not all.
func (s *Summary) written() string {
	if s.WrittenBytes == s.StateBytes {
		return ""
	}
	return fmt.Sprintf(", %d of them written for it", s.WrittenBytes)
}

func optional(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}
