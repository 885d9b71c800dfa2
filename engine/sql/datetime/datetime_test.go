package datetime

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func ms(t *testing.T, s string) int64 {
	t.Helper()
	v, ok := ParseTimestamp([]byte(s))
	if !ok {
		t.Fatalf("cannot parse %s", s)
	}
	return v
}

func TestPartsAgreeWithTheStandardLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		v := r.Int64N(8_000_000_000_000) - 4_000_000_000_000
		at := time.UnixMilli(v).UTC()
		_, week := at.ISOWeek()
		for _, c := range []struct {
			unit Unit
			want int
		}{
			{Year, at.Year()}, {Month, int(at.Month())}, {Day, at.Day()}, {Hour, at.Hour()}, {Minute, at.Minute()}, {Second, at.Second()},
			{Millisecond, at.Nanosecond() / 1e6}, {DayOfYear, at.YearDay()}, {DayOfWeek, int(at.Weekday()) + 1}, {Week, week}, {Quarter, (int(at.Month()) + 2) / 3},
			{Epoch, int(at.Unix())},
		} {
			if got := Extract(c.unit, v); got != int64(c.want) {
				t.Fatalf("unit %d of %v is %d, want %d", c.unit, at, got, c.want)
			}
		}
		if got, want := string(AppendTimestamp(nil, v)), at.Format("2006-01-02 15:04:05.000"); got != want {
			t.Fatalf("%d is written %s, want %s", v, got, want)
		}
		if back, ok := ParseTimestamp(AppendTimestamp(nil, v)); !ok || back != v {
			t.Fatalf("%d is read back as %d", v, back)
		}
	}
}

func TestUnitsAreFlooredCountedAndAdded(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want int64
	}{
		{"FLOOR to an hour before the epoch", Floor(Hour, -1), -3_600_000},
		{"FLOOR to a week goes back to Sunday", Floor(Week, ms(t, "2001-01-10 18:20:00")), ms(t, "2001-01-07")},
		{"FLOOR to a quarter", Floor(Quarter, ms(t, "2001-05-31 18:20:00")), ms(t, "2001-04-01")},
		{"FLOOR to a year", Floor(Year, ms(t, "2001-05-31 18:20:00")), ms(t, "2001-01-01")},
		{"CEIL to a month", Ceil(Month, ms(t, "2001-12-31 18:20:00")), ms(t, "2002-01-01")},
		{"CEIL of a start is itself", Ceil(Day, ms(t, "2001-12-31")), ms(t, "2001-12-31")},
		{"a month later a long month's last day becomes a short one's", Add(Month, ms(t, "2001-01-31 10:00:00"), 1), ms(t, "2001-02-28 10:00:00")},
		{"a year after 29 February", Add(Year, ms(t, "2000-02-29"), 1), ms(t, "2001-02-28")},
		{"months back over a year", Add(Month, ms(t, "2001-01-31"), -14), ms(t, "1999-11-30")},
		{"whole months between", Diff(Month, ms(t, "2001-01-31"), ms(t, "2001-02-28")), 1},
		{"not yet a whole month", Diff(Month, ms(t, "2001-01-15"), ms(t, "2001-02-14 23:59:59")), 0},
		{"backwards", Diff(Month, ms(t, "2001-03-15"), ms(t, "2001-01-15")), -2},
		{"years", Diff(Year, ms(t, "2001-03-15"), ms(t, "2011-03-14")), 9},
		{"hours are cut towards zero", Diff(Hour, 0, -3_599_999), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, AppendTimestamp(nil, c.got), AppendTimestamp(nil, c.want))
		}
	}
}

func TestPatternsWriteAndReadWhatJavaDoes(t *testing.T) {
	at := "2001-01-09 18:05:03.042"
	for _, c := range []struct{ pattern, want, back string }{
		{"yyyy-MM-dd HH:mm:ss.SSS", "2001-01-09 18:05:03.042", at},
		{"yyyy/MM/dd HH:mm", "2001/01/09 18:05", "2001-01-09 18:05:00.000"},
		{"yyyyMMddHHmmss", "20010109180503", "2001-01-09 18:05:03.000"},
		{"d.M.yy", "9.1.01", "2001-01-09 00:00:00.000"},
		{"hh:mm a", "06:05 PM", "1970-01-01 18:05:00.000"},
		{"EEE, d MMM yyyy", "Tue, 9 Jan 2001", "2001-01-09 00:00:00.000"},
		{"EEEE d MMMM yyyy", "Tuesday 9 January 2001", "2001-01-09 00:00:00.000"},
		{"yyyy-MM-dd'T'HH:mm:ss''", "2001-01-09T18:05:03'", "2001-01-09 18:05:03.000"},
		{"yyyy DDD", "2001 009", "2001-01-09 00:00:00.000"},
		{"SSSSS", "04200", "1970-01-01 00:00:00.042"},
	} {
		p, err := CompilePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		text := p.Append(nil, ms(t, at))
		if string(text) != c.want {
			t.Errorf("%s: %s, want %s", c.pattern, text, c.want)
		}
		if v, ok := p.Parse(text); !ok || string(AppendTimestamp(nil, v)) != c.back {
			t.Errorf("%s reads %s as %s (%v), want %s", c.pattern, text, AppendTimestamp(nil, v), ok, c.back)
		}
	}
}

func TestWhatIsNoTimeIsRefused(t *testing.T) {
	for _, s := range []string{"", "2001", "2001-13-01", "2001-02-29", "2001-01-01 24:00:00", "2001-01-01 10:00", "2001-01-01T10:00:00", " 2001-01-01", "2001-01-01x", "abcd-ef-gh"} {
		if v, ok := ParseTimestamp([]byte(s)); ok {
			t.Errorf("%q is read as %d", s, v)
		}
	}
	for _, p := range []string{"yyyy-tt", "'open", "yyyy]", "yyyy{", "HHH", "cc", "yyyy z", strings.Repeat("[", 30)} {
		if _, err := CompilePattern(p); err == nil {
			t.Errorf("the pattern %s is accepted", p)
		}
	}
	p, err := CompilePattern("yyyy-MM-dd")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"2001-1-1", "2001-01-01 ", "2001-02-30", "20010101"} {
		if v, ok := p.Parse([]byte(s)); ok {
			t.Errorf("%q is read as %d", s, v)
		}
	}
}
