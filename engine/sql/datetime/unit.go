package datetime

import "github.com/weirstream/weir/engine/codec/sqltime"

// Unit is a part of a timestamp.
type Unit uint8

// The units, by their names in SQL.
const (
	Millisecond Unit = iota + 1
	Second
	Minute
	Hour
	Day
	Week
	Month
	Quarter
	Year
	DayOfWeek // 1 is Sunday
	DayOfYear
	Epoch // seconds since 1970-01-01
	Microsecond
	Nanosecond
	Decade
	Century
	Millennium
	ISODayOfWeek // 1 is Monday
	ISOYear      // the year of the ISO 8601 week
)

var unitNames = map[string]Unit{
	"MILLISECOND": Millisecond, "SECOND": Second, "MINUTE": Minute, "HOUR": Hour, "DAY": Day, "WEEK": Week,
	"MONTH": Month, "QUARTER": Quarter, "YEAR": Year, "DOW": DayOfWeek, "DOY": DayOfYear, "EPOCH": Epoch,
	"MICROSECOND": Microsecond, "NANOSECOND": Nanosecond, "DECADE": Decade, "CENTURY": Century, "MILLENNIUM": Millennium,
	"ISODOW": ISODayOfWeek, "ISOYEAR": ISOYear,
}

// UnitOf returns the unit of an upper-case singular name.
func UnitOf(name string) (Unit, bool) {
	u, ok := unitNames[name]
	return u, ok
}

// fixed are the lengths in ms of the units that are always equally long.
var fixed = [...]int64{Millisecond: 1, Second: 1000, Minute: 60_000, Hour: 3_600_000, Day: DayMS, Week: 7 * DayMS}

// Fixed returns the length of a unit in ms, if it always has the same.
func (u Unit) Fixed() (ms int64, ok bool) {
	if u >= Millisecond && u <= Week {
		return fixed[u], true
	}
	return 0, false
}

// Months returns the length of a unit in months, if it is made of months.
func (u Unit) Months() (n int64, ok bool) {
	switch u {
	case Month:
		return 1, true
	case Quarter:
		return 3, true
	case Year:
		return 12, true
	}
	return 0, false
}

// Extract returns a part of a timestamp, as EXTRACT does.
func Extract(u Unit, ms int64) int64 {
	days, inDay := Split(ms)
	switch u {
	case Millisecond:
		return inDay % 1000
	case Microsecond:
		return inDay % 1000 * 1000
	case Nanosecond:
		return inDay % 1000 * 1_000_000
	case Second:
		return inDay / 1000 % 60
	case Minute:
		return inDay / 60_000 % 60
	case Hour:
		return inDay / 3_600_000
	case DayOfWeek:
		return floorMod(days+4, 7) + 1
	case ISODayOfWeek:
		return floorMod(days+3, 7) + 1
	case Week:
		return isoWeek(days)
	case Epoch:
		return floorDiv(ms, 1000)
	}
	if u == ISOYear {
		days = thursday(days)
	}
	y, m, d := sqltime.Civil(days)
	switch u {
	case Decade:
		return int64(y) / 10
	case Century:
		return ordinal(y, 100)
	case Millennium:
		return ordinal(y, 1000)
	case Day:
		return int64(d)
	case Month:
		return int64(m)
	case Quarter:
		return int64(m+2) / 3
	case DayOfYear:
		return days - sqltime.Days(y, 1, 1) + 1
	}
	return int64(y)
}

// thursday is the Thursday of the ISO 8601 week of a day. The week belongs to its year.
func thursday(days int64) int64 { return days - floorMod(days+3, 7) + 3 }

func isoWeek(days int64) int64 {
	day := thursday(days)
	y, _, _ := sqltime.Civil(day)
	return (day-sqltime.Days(y, 1, 1))/7 + 1
}

// ordinal counts spans of years as people do: the first century is that of the years 1 to 100, and there is no century 0.
func ordinal(year, span int) int64 {
	if year > 0 {
		return int64((year + span - 1) / span)
	}
	return int64((year - span + 1) / span)
}

// Floor returns the start of the unit that holds a timestamp. Weeks start on Sunday, as in Flink's FLOOR.
func Floor(u Unit, ms int64) int64 {
	switch u {
	case Week:
		days, _ := Split(ms)
		return (days - floorMod(days+4, 7)) * DayMS
	case Month, Quarter, Year:
		days, _ := Split(ms)
		y, m, _ := sqltime.Civil(days)
		n, _ := u.Months()
		m = (m-1)/int(n)*int(n) + 1
		return sqltime.Days(y, m, 1) * DayMS
	}
	n, _ := u.Fixed()
	return floorDiv(ms, n) * n
}

// Ceil returns the first start of a unit that is not before a timestamp.
func Ceil(u Unit, ms int64) int64 {
	start := Floor(u, ms)
	if start == ms {
		return ms
	}
	return Add(u, start, 1)
}

// Add moves a timestamp by n units, as TIMESTAMPADD does.
func Add(u Unit, ms, n int64) int64 {
	if length, ok := u.Fixed(); ok {
		return ms + n*length
	}
	months, _ := u.Months()
	return AddMonths(ms, n*months)
}

// Diff returns how many whole units lie between two timestamps, negative if to is the earlier one, as TIMESTAMPDIFF does.
func Diff(u Unit, from, to int64) int64 {
	if length, ok := u.Fixed(); ok {
		return (to - from) / length
	}
	size, _ := u.Months()
	fromDays, _ := Split(from)
	toDays, _ := Split(to)
	y1, m1, _ := sqltime.Civil(fromDays)
	y2, m2, _ := sqltime.Civil(toDays)
	months := int64(y2-y1)*12 + int64(m2-m1)
	switch {
	case months > 0 && AddMonths(from, months) > to:
		months--
	case months < 0 && AddMonths(from, months) < to:
		months++
	}
	return months / size
}
