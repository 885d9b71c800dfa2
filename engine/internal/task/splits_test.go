package task

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operator"
)

// TestWatermarksOfASourceFollowItsSplitsAndTheBound plays scripts of what happens to a source subtask whose watermark stays
// 10 behind: +s assigns split s, +s=50 one that was read up to 50, s=50 reads rows up to time 50, -s ends it, hold=50
// bounds it, hold=none holds it back, hold=off lifts the bound, follow=50 says that the source has got to 50. want has the watermarks sent, asked for after each step.
func TestWatermarksOfASourceFollowItsSplitsAndTheBound(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"it is held back entirely until the first hold", "+a a=50", ""},
		{"it is the highest event time minus the delay", "hold=off +a a=50 a=40 a=60", "40 50"},
		{"it is the minimum over the splits", "hold=off +a +b a=50 b=30 b=90", "20 40"},
		{"a split without rows holds it back", "hold=off +a +b a=50", ""},
		{"a hold bounds it by its event time minus the delay", "hold=30 +a a=50 hold=40 hold=off", "20 30 40"},
		{"a lower hold does not turn it back", "hold=off +a a=50 hold=20 a=60 hold=off", "40 50"},
		{"hold none keeps it where it is", "hold=off +a a=50 hold=none a=70", "40"},
		{"without a split it stays", "hold=off +a a=50 -a", "40"},
		{"the end of a split may let it advance", "hold=off +a +b a=50 b=30 -b", "20 40"},
		{"the splits that are left decide, not the ones that have ended", "hold=none +a a=90 -a +b hold=off b=30", "20"},
		{"a split that ended while it was held back counts when nothing is left", "hold=none +a a=90 -a hold=off", "80"},
		{"a restored split starts from its event time", "hold=off +a=50", "40"},
		{"without a split it follows its source", "hold=off follow=50 follow=70", "40 60"},
		{"what it follows is bounded as well", "hold=30 follow=50", "20"},
		{"with a split it follows nobody", "hold=off +a a=30 follow=70", "20"},
		{"what it follows does not turn it back", "hold=off +a a=50 -a follow=20 follow=90", "40 80"},
		{"the next split in order holds it where its predecessor left it", "hold=off +a a=50 -a +b b=20 b=70", "40 60"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSplits(10)
			var got []string
			for _, step := range strings.Fields(c.script) {
				play(t, s, step)
				if ms, higher := s.advance(); higher {
					got = append(got, fmt.Sprint(ms))
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("sent %q, want %q", strings.Join(got, " "), c.want)
			}
		})
	}
}

func play(t *testing.T, s *splits, step string) {
	t.Helper()
	name, value, _ := strings.Cut(step, "=")
	at := int64(none)
	switch value {
	case "", "none":
	case "off":
		at = math.MaxInt64
	default:
		if _, err := fmt.Sscan(value, &at); err != nil {
			t.Fatal(err)
		}
	}
	switch {
	case name == "hold":
		s.bound = at
	case name == "follow":
		s.follow = at
	case name[0] == '+':
		if err := s.assign(message.Assign{Split: connector.Split{ID: name[1:]}, MaxTime: at}); err != nil {
			t.Fatal(err)
		}
	case name[0] == '-':
		s.finish(s.find(name[1:]))
	default:
		s.mark(s.find(name), nil, []int64{at})
	}
}

func TestEachRowIsMarkedWithTheWatermarkOfItsSplitJustBeforeIt(t *testing.T) {
	s := newSplits(10)
	sp := &split{maxTime: none}
	first := s.mark(sp, nil, []int64{50, 40, 70})
	second := s.mark(sp, nil, []int64{60, 61})
	if got, want := fmt.Sprint(first, second), fmt.Sprint([]int64{none, 40, 40}, []int64{60, 60}); got != want {
		t.Errorf("marks are %s, want %s", got, want)
	}
	other := newSplits(10)
	all := other.mark(&split{maxTime: none}, nil, []int64{50, 40, 70, 60, 61})
	if fmt.Sprint(all) != fmt.Sprint(append(first, second...)) {
		t.Errorf("the batch boundary decided: %v in one batch, %v %v in two", all, first, second)
	}
}

// placing is a reader that knows where its rows stand.
type placing struct{ connector.Reader }

func (placing) Locate(row int) string { return fmt.Sprintf("a.csv: line %d", row+1) }

func TestTheErrorOfARowNamesItsRecord(t *testing.T) {
	bad := fault.Permanentf("job.sql:3:8", "guard it", "division by zero")
	s := &source{reader: placing{}}
	err := s.placed(inOperator("o/calc.1", &operator.RowError{Row: 4, Err: bad}))
	if got, want := err.Error(), "a.csv: line 5: operator o/calc.1: job.sql:3:8: division by zero; guard it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if fault.ClassOf(err) != fault.Permanent {
		t.Errorf("%v is not permanent", err)
	}
	if other := s.placed(bad); other.Error() != bad.Error() {
		t.Errorf("an error of no row became %v", other)
	}
	plain := &source{reader: struct{ connector.Reader }{}}
	if got := plain.placed(&operator.RowError{Err: bad}); got.Error() != bad.Error() {
		t.Errorf("a reader that knows no places gives one: %v", got)
	}
}

func TestTheDelayDoesNotOverflow(t *testing.T) {
	s := newSplits(10)
	for _, c := range []struct{ at, want int64 }{{none, none}, {none + 5, none}, {none + 10, none}, {none + 11, none + 1}, {0, -10}} {
		if got := s.behind(c.at); got != c.want {
			t.Errorf("behind(%d) = %d, want %d", c.at, got, c.want)
		}
	}
}

func TestASplitIsAssignedOnce(t *testing.T) {
	s := newSplits(0)
	a := message.Assign{Split: connector.Split{ID: "x"}}
	if err := s.assign(a); err != nil {
		t.Fatal(err)
	}
	if err := s.assign(a); err == nil {
		t.Error("it was assigned twice without an error")
	}
}

func TestWhatWasPreparedForAnAbortedCheckpointGoesIntoTheNext(t *testing.T) {
	one := func(text string) [][]byte { return [][]byte{[]byte(text)} }
	aborted := map[int64]bool{2: true, 3: true, 6: true}
	var p prepared
	for _, c := range []struct {
		id   int64
		want string
	}{{1, "[1]"}, {2, "[2]"}, {3, "[2 3]"}, {4, "[2 3 4]"}, {5, "[5]"}, {7, "[7]"}} {
		got := p.add(c.id, one(fmt.Sprint(c.id)), func(id int64) bool { return aborted[id] })
		if fmt.Sprintf("%s", got) != c.want {
			t.Errorf("checkpoint %d commits %s, want %s", c.id, got, c.want)
		}
	}
}
