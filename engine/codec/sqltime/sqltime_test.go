package sqltime

import (
	"strings"
	"testing"
	"time"
)

func TestDaysAndCivilAgreeWithTheStandardLibraryOverEightHundredYears(t *testing.T) {
	day := time.Date(1599, 12, 31, 0, 0, 0, 0, time.UTC)
	for n := day.Unix() / 86400; n < 160000; n++ {
		y, m, d := Civil(n)
		if wy, wm, wd := day.Date(); y != wy || m != int(wm) || d != wd {
			t.Fatalf("day %d is %d-%d-%d, want %v", n, y, m, d, day)
		}
		if back := Days(y, m, d); back != n {
			t.Fatalf("%d-%d-%d is day %d, want %d", y, m, d, back, n)
		}
		day = day.AddDate(0, 0, 1)
	}
}

func TestParseTimestamp(t *testing.T) {
	at := func(s string) int64 {
		v, err := time.Parse("2006-01-02T15:04:05.999999999", s)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixMilli()
	}
	for _, c := range []struct {
		name, in string
		layout   Layout
		want     int64
		ok       bool
	}{
		{"seconds", "2001-01-01 00:01:02", SQL, at("2001-01-01T00:01:02"), true},
		{"one digit of fraction is tenths", "2001-01-01 00:01:02.5", SQL, at("2001-01-01T00:01:02.5"), true},
		{"digits beyond ms are dropped", "2001-01-01 00:01:02.123999999", SQL, at("2001-01-01T00:01:02.123"), true},
		{"before 1970", "1969-12-31 23:59:59.999", SQL, -1, true},
		{"29 February of a leap year", "2000-02-29 00:00:00", SQL, at("2000-02-29T00:00:00"), true},
		{"29 February of no leap year", "1900-02-29 00:00:00", SQL, 0, false},
		{"31 April", "2001-04-31 00:00:00", SQL, 0, false},
		{"month 0", "2001-00-01 00:00:00", SQL, 0, false},
		{"day 0", "2001-01-00 00:00:00", SQL, 0, false},
		{"hour 24", "2001-01-01 24:00:00", SQL, 0, false},
		{"second 60", "2001-01-01 00:00:60", SQL, 0, false},
		{"a point without digits", "2001-01-01 00:00:00.", SQL, at("2001-01-01T00:00:00"), true},
		{"ten digits of fraction", "2001-01-01 00:00:00.0123456789", SQL, 0, false},
		{"a sign in place of a digit", "2001-01-01 00:00:-1", SQL, 0, false},
		{"no seconds in SQL", "2001-01-01 00:01", SQL, 0, false},
		{"T in SQL", "2001-01-01T00:01:02", SQL, 0, false},
		{"Z in SQL", "2001-01-01 00:01:02Z", SQL, 0, false},
		{"ISO", "2001-01-01T00:01:02.25", ISO, at("2001-01-01T00:01:02.25"), true},
		{"ISO with Z", "2001-01-01T00:01:02Z", ISO, at("2001-01-01T00:01:02"), true},
		{"ISO without seconds", "2001-01-01T00:01", ISO, at("2001-01-01T00:01:00"), true},
		{"ISO with an offset", "2001-01-01T00:01:02+01:00", ISO, at("2000-12-31T23:01:02"), true},
		{"a negative offset, behind a fraction", "2001-01-01T00:01:02.5-05:30", ISO, at("2001-01-01T05:31:02.5"), true},
		{"an offset without a colon", "2001-01-01T00:01:02+0130", ISO, at("2000-12-31T22:31:02"), true},
		{"an offset of hours, without seconds before it", "2001-01-01T00:01-05", ISO, at("2001-01-01T05:01:00"), true},
		{"lower case, as RFC 3339 allows", "2001-01-01t00:01:02z", ISO, at("2001-01-01T00:01:02"), true},
		{"an offset of 19 hours", "2001-01-01T00:01:02+19:00", ISO, 0, false},
		{"an offset of one digit", "2001-01-01T00:01:02+1", ISO, 0, false},
		{"an offset of three digits", "2001-01-01T00:01:02+130", ISO, 0, false},
		{"an offset of letters", "2001-01-01T00:01:02+ab:cd", ISO, 0, false},
		{"a zone by name", "2001-01-01T00:01:02[UTC]", ISO, 0, false},
		{"an offset in SQL", "2001-01-01 00:01:02+01:00", SQL, 0, false},
		{"cut off", "2001-01-01 00:0", SQL, 0, false},
		{"empty", "", SQL, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := ParseTimestamp(c.in, c.layout)
			if ok != c.ok || ok && got != c.want {
				t.Errorf("%q: %d, %v; want %d, %v", c.in, got, ok, c.want, c.ok)
			}
		})
	}
}

func TestShortDatesAreReadAsJavaReadsThem(t *testing.T) {
	want, _ := ParseDate("2001-02-05")
	for _, text := range []string{"2001-02-05", "2001-2-5", "2001-02-5", "2001-2-05"} {
		if got, ok := ParseShortDate(text); !ok || got != want {
			t.Errorf("%q: %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "2001", "2001-02", "2001-2-", "2001--2-5", "01-02-05", "2001-002-05", "2001-2-005", "2001/2/5", "20010205", "2001-2-31", "2001-13-1", "12345-1-1", "2001-1-1 "} {
		if got, ok := ParseShortDate(text); ok {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestAppendTimestampWritesNoMoreFractionThanThereIs(t *testing.T) {
	for want, ms := range map[string]int64{
		"1970-01-01 00:00:00":     0,
		"1970-01-01 00:00:00.1":   100,
		"1970-01-01 00:00:00.12":  120,
		"1970-01-01 00:00:00.123": 123,
		"1970-01-01 00:00:00.003": 3,
		"1969-12-31 23:59:59.999": -1,
		"10000-01-01 00:00:00":    253402300800000,
		"-0001-12-31 00:00:00":    -62167305600000,
	} {
		if got := string(AppendTimestamp(nil, ms, SQL)); got != want {
			t.Errorf("%d: %s, want %s", ms, got, want)
		}
	}
}

func FuzzWhatIsWrittenIsReadBack(f *testing.F) {
	f.Add(int64(0), int32(0))
	f.Add(int64(-62167219200000), int32(-719528))
	f.Add(int64(253402300799999), int32(2932896))
	f.Fuzz(func(t *testing.T, ms int64, days int32) {
		const first, last = -62167219200000, 253402300799999 // years 0000 to 9999
		ms = first + int64(uint64(ms)%(last-first+1))
		for _, layout := range []Layout{SQL, ISO} {
			text := AppendTimestamp(nil, ms, layout)
			if got, ok := ParseTimestamp(text, layout); !ok || got != ms {
				t.Errorf("%d is written %s and read %d, %v", ms, text, got, ok)
			}
		}
		days = int32(first/DayMS + int64(uint32(days))%((last-first)/DayMS))
		text := AppendDate(nil, days)
		if got, ok := ParseDate(text); !ok || got != days {
			t.Errorf("%d is written %s and read %d, %v", days, text, got, ok)
		}
	})
}

func FuzzAClockReadsAndWritesAsWithoutIt(f *testing.F) {
	f.Add("2001-01-01 00:01:02", "2001-01-01 23:59:59", false)
	f.Add("2001-01-01T23:01:02-05:00", "2001-01-01T00:01:02", true)
	f.Add("2001-01-31T23:01:02-05:00", "2001-01-01T00:01:02", true)
	f.Add("2001-01-01 00:01:02", "2001-01-01 24:00:00", false)
	f.Add("2001-02-01 00:01:02", "2001-02-29 00:00:00", false)
	f.Add("2001-01-01 00:01:02.5", "2001-01-00 00:00:00.5", false)
	f.Add("2001-01-01 00:01:02", "2001-01-01 00:00:0\xff", false)
	f.Fuzz(func(t *testing.T, first, second string, iso bool) {
		layout := SQL
		if iso {
			layout = ISO
		}
		var reads, writes Clock
		for _, s := range []string{first, second, first} {
			want, valid := ParseTimestamp(s, layout)
			if got, ok := reads.Parse([]byte(s), layout); ok != valid || got != want {
				t.Errorf("%q is read as %d, %v; want %d, %v", s, got, ok, want, valid)
			}
			if text := writes.Append(nil, want, layout); string(text) != string(AppendTimestamp(nil, want, layout)) {
				t.Errorf("%d is written %s", want, text)
			}
			if text := reads.Append(nil, want, layout); string(text) != string(AppendTimestamp(nil, want, layout)) {
				t.Errorf("%d is written %s", want, text)
			}
		}
	})
}

func TestAClockTakesNoOtherTimeOfDay(t *testing.T) {
	var c Clock
	for second := range int64(86400) {
		ms := second * SecondMS
		text := c.Append(nil, ms, SQL)
		if got, ok := c.Parse(text, SQL); !ok || got != ms {
			t.Fatalf("second %d is written %s and read %d, %v", second, text, got, ok)
		}
	}
	for at := range seconds {
		for b := range 256 {
			text := []byte("1970-01-09 19:59:39")
			text[at] = byte(b)
			want, valid := ParseTimestamp(text, SQL)
			if got, ok := c.Parse(text, SQL); ok != valid || got != want {
				t.Fatalf("%q is read %d, %v; want %d, %v", text, got, ok, want, valid)
			}
		}
	}
}

func TestAClockGoesFromDayToDay(t *testing.T) {
	var c Clock
	for day := Days(1899, 12, 1); day < Days(1904, 4, 1); day++ {
		for _, ms := range []int64{day * DayMS, day*DayMS + DayMS - 1} {
			text := c.Append(nil, ms, SQL)
			if want := AppendTimestamp(nil, ms, SQL); string(text) != string(want) {
				t.Fatalf("%d is written %s, want %s", ms, text, want)
			}
			if got, ok := c.Parse(text, SQL); !ok || got != ms {
				t.Fatalf("%s is read %d, %v", text, got, ok)
			}
		}
	}
}

func FuzzParseAcceptsOnlyWhatItWouldWrite(f *testing.F) {
	f.Add("2001-01-01 00:01:02.123456789")
	f.Add("2001-02-29 00:00:00")
	f.Fuzz(func(t *testing.T, s string) {
		ms, ok := ParseTimestamp(s, SQL)
		if !ok {
			return
		}
		if got := string(AppendTimestamp(nil, ms, SQL)); got[:19] != s[:19] {
			t.Errorf("%q is read as %s", s, got)
		}
	})
}

func FuzzParsingISO8601AgreesWithTheStandardLibrary(f *testing.F) {
	f.Add("2001-01-01T00:01:02.123+01:00")
	f.Add("2001-01-01T00:01:02Z")
	f.Fuzz(func(t *testing.T, s string) {
		want, err := time.Parse(time.RFC3339, s)
		if err != nil || strings.Contains(s, ",") {
			return // ours takes more forms, but no comma
		}
		got, ok := ParseTimestamp(s, ISO)
		if want.Nanosecond()%1e6 == 0 && ok && got != want.UnixMilli() {
			t.Errorf("%q is read as %d, want %d", s, got, want.UnixMilli())
		}
	})
}
