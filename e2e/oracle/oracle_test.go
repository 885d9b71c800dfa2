package oracle

import (
	"strings"
	"testing"
	"time"
)

func line(date string, delay string, origin string) string {
	return `{"date":"` + date + `","delay":` + delay + `,"distance":1,"origin":"` + origin + `","destination":"X"}`
}

func TestAWindowIsAnHourAndAnOrigin(t *testing.T) {
	input := strings.Join([]string{
		line("2001-01-01 00:00:00", "16", "A"),
		line("2001-01-01 00:59:59", "-5", "A"),
		line("2001-01-01 00:30:00", "15", "B"),
		line("2001-01-01 01:00:00", "7", "A"),
	}, "\n") + "\n"
	got, err := Query{Delay: time.Hour}.Run([][]byte{[]byte(input)})
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{"2001-01-01 00:00:00", "2001-01-01 01:00:00", "A", 2, 1, 5.5, 16},
		{"2001-01-01 00:00:00", "2001-01-01 01:00:00", "B", 1, 0, 15, 15},
		{"2001-01-01 01:00:00", "2001-01-01 02:00:00", "A", 1, 0, 7, 7},
	}
	for _, d := range Diff(want, got.Rows) {
		t.Error(d)
	}
	if got.Records != 4 || len(got.Late) != 0 {
		t.Errorf("%d records, %d late", got.Records, len(got.Late))
	}
}

func TestLatenessIsDecidedByTheOwnFileJustBeforeTheRecord(t *testing.T) {
	const newest = "2001-01-01 03:00:00" // with a delay of one hour the watermark is 02:00
	for _, c := range []struct {
		name, date string
		late       bool
	}{
		{"a window that ends after the watermark takes the record", "2001-01-01 02:00:00", false},
		{"a window that ends at the watermark does not", "2001-01-01 01:59:00", true},
		{"nor does one that ended long ago", "2000-12-01 00:00:00", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			input := []byte(line(newest, "1", "A") + "\n" + line(c.date, "1", "A") + "\n")
			got, err := Query{Delay: time.Hour}.Run([][]byte{input})
			if err != nil {
				t.Fatal(err)
			}
			if (len(got.Late) == 1) != c.late {
				t.Errorf("late: %v, want %v", got.Late, c.late)
			}
			apart, err := Query{Delay: time.Hour}.Run([][]byte{
				[]byte(line(newest, "1", "A")), []byte(line(c.date, "1", "A")),
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(apart.Late) != 0 {
				t.Errorf("in a file of its own the record is late: %v", apart.Late)
			}
		})
	}
}

func TestDiffSeesWhatIsMissingDoubledOrChanged(t *testing.T) {
	a := Row{Origin: "A", Flights: 1}
	b := Row{Origin: "B", Flights: 1}
	changed := a
	changed.AvgDelay = 0.5
	for _, c := range []struct {
		name      string
		want, got []Row
		lines     int
	}{
		{"equal in another order", []Row{a, b}, []Row{b, a}, 0},
		{"missing", []Row{a, b}, []Row{a}, 1},
		{"doubled", []Row{a}, []Row{a, a}, 1},
		{"changed", []Row{a}, []Row{changed}, 2},
		{"nothing at all", []Row{a, b}, nil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Diff(c.want, c.got); len(got) != c.lines {
				t.Errorf("%d differences, want %d: %v", len(got), c.lines, got)
			}
		})
	}
}

func TestParseRefusesWhatTheJobMustNotWrite(t *testing.T) {
	good := `{"window_start":"2001-01-01 00:00:00","window_end":"2001-01-01 01:00:00","origin":"A","flights":1,` +
		`"delayed":0,"avg_delay":1.5,"max_delay":2}`
	if rows, err := Parse([]byte(good + "\n")); err != nil || len(rows) != 1 || rows[0].AvgDelay != 1.5 {
		t.Errorf("rows %v, error %v", rows, err)
	}
	for name, text := range map[string]string{
		"half a line":      good[:40],
		"a missing field":  strings.Replace(good, `"flights":1,`, "", 1),
		"an unknown field": strings.Replace(good, "flights", "fligths", 1),
		"text for number":  strings.Replace(good, `"flights":1`, `"flights":"1"`, 1),
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s was taken: %s", name, text)
		}
	}
}
