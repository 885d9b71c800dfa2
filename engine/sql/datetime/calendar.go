// Package datetime is what the functions of SQL do with DATE (days) and TIMESTAMP (milliseconds since 1970-01-01), both
// zoneless: parts and units, arithmetic, the forms that CAST reads and writes, and the pattern letters of Java, all as
// in Flink. It is pure and allocates nothing per value. Dates are counted by package sqltime; the strict forms in which
// formats write them are there too.
package datetime

import "github.com/weirstream/weir/engine/codec/sqltime"

// DayMS is the number of milliseconds of a day.
const DayMS = sqltime.DayMS

// DaysIn returns the length of a month.
func DaysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// Split returns the day of a timestamp and the milliseconds into it.
func Split(ms int64) (days, inDay int64) {
	days = floorDiv(ms, DayMS)
	return days, ms - days*DayMS
}

// AddMonths moves a timestamp by months; a day that the month does not have becomes its last.
func AddMonths(ms, months int64) int64 {
	days, inDay := Split(ms)
	y, m, d := sqltime.Civil(days)
	total := int64(y)*12 + int64(m) - 1 + months
	y = int(floorDiv(total, 12))
	m = int(total-int64(y)*12) + 1
	return sqltime.Days(y, m, min(d, DaysIn(y, m)))*DayMS + inDay
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }
