package message_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/snapshot"
)

// inOperator is an error that knows its operator.
type inOperator struct{ error }

func (e inOperator) Unwrap() error    { return e.error }
func (e inOperator) Operator() string { return "window" }

func TestAFailureTellsAllThatAnybodyDecidesByAndPeopleRead(t *testing.T) {
	row := fault.Permanentf("line 3, column 9", "use TRY_CAST", "'x' is no INT")
	fenced := &snapshot.FencedError{Attempt: 7, Owner: "pod"}
	for name, c := range map[string]struct {
		err  error
		want message.Failure
	}{
		"an error without a class": {errors.New("odd \xff"), message.Failure{Text: "odd \xff"}},
		"a transient one":          {fault.AsTransient(errors.New("no answer")), message.Failure{Class: fault.Transient, Text: "no answer"}},
		"a record that cannot be cast, in an operator": {
			inOperator{&fault.Error{Class: fault.Permanent, Place: "a.json:12", Err: fmt.Errorf("process: %w", row)}},
			message.Failure{Class: fault.Permanent, Operator: "window", Places: []string{"a.json:12", "line 3, column 9"}, Remedy: "use TRY_CAST",
				Text: "a.json:12: process: line 3, column 9: 'x' is no INT; use TRY_CAST"},
		},
		"several at once, of which the first speaks": {
			errors.Join(fault.AsTransient(errors.New("one")), row),
			message.Failure{Class: fault.Transient,
				Text: "one\nline 3, column 9: 'x' is no INT; use TRY_CAST"},
		},
		"the end of the attempt": {fmt.Errorf("write: %w", fenced), message.Failure{Fenced: fenced, Text: "write: " + fenced.Error()}},
		"damage": {fmt.Errorf("restore: %w", &snapshot.CorruptError{Object: "chk-3/f", Offset: 7, Reason: "it is cut short"}),
			message.Failure{Corrupt: &snapshot.CorruptError{Object: "chk-3/f", Offset: 7, Reason: "it is cut short"},
				Text: "restore: " + (&snapshot.CorruptError{Object: "chk-3/f", Offset: 7, Reason: "it is cut short"}).Error()}},
		"the loss of the job's folder": {&snapshot.FencedError{Attempt: 2, Gone: true},
			message.Failure{Fenced: &snapshot.FencedError{Attempt: 2, Gone: true}, Text: (&snapshot.FencedError{Attempt: 2, Gone: true}).Error()}},
	} {
		t.Run(name, func(t *testing.T) {
			told := message.FailureOf(c.err)
			if diff := cmp.Diff(c.want, told); diff != "" {
				t.Errorf("it tells (-want +got):\n%s", diff)
			}
			read, err := message.DecodeFailure(told.Append(nil))
			if diff := cmp.Diff(told, read); err != nil || diff != "" {
				t.Errorf("what is read differs from what was written (-want +got):\n%s%v", diff, err)
			}
			var before, after *snapshot.FencedError
			if errors.As(c.err, &before) != errors.As(fmt.Errorf("subtask: %w", read), &after) {
				t.Errorf("it is fenced by %v, and then by %v", before, after)
			}
			var damage, found *snapshot.CorruptError
			if errors.As(c.err, &damage) != errors.As(fmt.Errorf("subtask: %w", read), &found) {
				t.Errorf("it tells of the damage %v, and then of %v", damage, found)
			}
			if read.Error() != c.err.Error() || fault.ClassOf(fmt.Errorf("subtask: %w", read)) != fault.ClassOf(c.err) {
				t.Errorf("as an error it is %q, class %v", read, fault.ClassOf(read))
			}
			if diff := cmp.Diff(told, message.FailureOf(read)); diff != "" {
				t.Errorf("told once more it differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAMalformedFailureIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"an unknown class":             {1 << 3, 3},
		"a text that is cut off":       {3<<3 | 2, 5, 'a'},
		"a tag that is cut off":        {0x80},
		"a number that is cut off":     {1 << 3, 0x80},
		"what fences it is cut off":    {2<<3 | 2, 2, 2<<3 | 2, 9},
		"what is damaged is cut off":   {7<<3 | 2, 2, 1<<3 | 2, 9},
		"an unknown field is cut off":  {9<<3 | 1, 1, 2},
		"a group that is never closed": {9<<3 | 3},
	} {
		if f, err := message.DecodeFailure(b); err == nil {
			t.Errorf("%s: it is read as %+v", name, f)
		}
	}
	f, err := message.DecodeFailure([]byte{9 << 3, 1, 8<<3 | 2, 1, 'x', 7<<3 | 1, 1, 2, 3, 4, 5, 6, 7, 8, 1 << 3, 2})
	if err != nil || f.Class != fault.Permanent {
		t.Errorf("fields of a later version: %+v, %v", f, err)
	}
}

func FuzzDecodeFailure(f *testing.F) {
	f.Add(message.Failure{Class: fault.Permanent, Text: "text", Operator: "uid", Places: []string{"here", ""}, Remedy: "mend"}.Append(nil))
	f.Add(message.Failure{Text: "fenced", Fenced: &snapshot.FencedError{Attempt: 3, Owner: "pod", Gone: true}}.Append(nil))
	f.Add(message.Failure{Text: "damaged", Corrupt: &snapshot.CorruptError{Object: "chk-3/f", Offset: 7, Reason: "it is cut short"}}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := message.DecodeFailure(b)
		if err != nil {
			return
		}
		again, err := message.DecodeFailure(read.Append(nil))
		if diff := cmp.Diff(read, again); err != nil || diff != "" {
			t.Errorf("written and read again it differs (-want +got):\n%s%v", diff, err)
		}
	})
}

func TestExecutionsAreOrderedByAttemptThenRestart(t *testing.T) {
	inOrder := []message.Execution{{Attempt: 1}, {Attempt: 1, Restart: 9}, {Attempt: 2}, {Attempt: 2, Restart: 1}}
	for i, a := range inOrder {
		for j, b := range inOrder {
			if a.Before(b) != (i < j) {
				t.Errorf("%s before %s is %v", a, b, a.Before(b))
			}
		}
	}
}
