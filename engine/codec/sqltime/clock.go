package sqltime

import "encoding/binary"

// Clock reads and writes timestamps as ParseTimestamp and AppendTimestamp do, and faster where most are of the month of the
// one before, as those of events are: it keeps that month and its text. The zero value is ready; one goroutine uses it.
type Clock struct {
	text   uint64 // "yyyy-MM-"; 0: no month is known
	start  int64  // its first millisecond
	length int64  // in milliseconds
}

// seconds is how long a timestamp without a fraction is.
const seconds = len("yyyy-MM-dd HH:mm:ss")

// Parse reads a timestamp in the layout.
func (c *Clock) Parse(s []byte, layout Layout) (ms int64, ok bool) {
	if len(s) >= seconds && binary.LittleEndian.Uint64(s) == c.text && s[10] == byte(layout) {
		day := (int64(digits2(s, 8)) - 1) * DayMS
		time, valid := timeOfDay(binary.LittleEndian.Uint64(s[11:19]))
		if valid && day >= 0 && day < c.length {
			ms = c.start + day + time
			if len(s) == seconds {
				return ms, true
			}
			if fraction, ok := parseFraction(s, seconds, len(s)); ok {
				return ms + fraction, true
			}
		}
	}
	if ms, ok = ParseTimestamp(s, layout); ok {
		// As it is written: an offset may make the value that of another month.
		c.keep(int(digits2(s, 0)*100+digits2(s, 2)), int(digits2(s, 5)), s)
	}
	return ms, ok
}

// keep remembers a month, whose text is at the start of s.
func (c *Clock) keep(year, month int, s []byte) {
	c.text, c.start, c.length = binary.LittleEndian.Uint64(s), Days(year, month, 1)*DayMS, int64(daysOfMonth(year, month))*DayMS
}

// Append writes a timestamp in the layout; of the fraction as much as is not zero.
func (c *Clock) Append(dst []byte, ms int64, layout Layout) []byte {
	start := len(dst)
	if ms < c.start || ms >= c.start+c.length {
		dst = AppendTimestamp(dst, ms, layout)
		if year, month, _ := Civil(floorDiv(ms, DayMS)); year >= 0 && year <= 9999 {
			c.keep(year, month, dst[start:])
		}
		return dst
	}
	dst = append(dst, "yyyy-MM-dd HH:mm:ss"...) // the room; all of it is written over
	text := dst[start : start+seconds]
	inMonth := uint32(ms - c.start) // a month has less than 2^32 ms
	day, time := inMonth/DayMS+1, inMonth%DayMS
	binary.LittleEndian.PutUint64(text, c.text)
	text[8], text[9], text[10] = byte('0'+day/10), byte('0'+day%10), byte(layout)
	binary.LittleEndian.PutUint64(text[11:], timeText(time/SecondMS))
	if fraction := time % SecondMS; fraction > 0 {
		return appendFraction(dst, int(fraction))
	}
	return dst
}

// A time of a day in text is handled as one number of eight bytes, the first lowest. Hour, minute and second have their tens
// in the bytes of clockTens, and their ones in those behind.
const (
	clockZero  = 0x30303a30303a3030 // "00:00:00"
	clockTens  = 0x000f00000f00000f
	clockLimit = 0x767a7f767a7f7676 // for each byte what lifts to 0x80 the first that is too much above clockZero
	highBits   = 0x8080808080808080
)

// timeOfDay reads "HH:mm:ss".
func timeOfDay(text uint64) (ms int64, ok bool) {
	digits := text ^ clockZero
	if (digits|(digits+clockLimit))&highBits != 0 {
		return 0, false // a carry comes only from bytes that are faults of their own
	}
	numbers := digits&clockTens*10 + digits>>8&clockTens
	hour, minute, second := int64(numbers&0xff), int64(numbers>>24&0xff), int64(numbers>>48)
	return hour*HourMS + minute*MinuteMS + second*SecondMS, hour < 24
}

// timeText writes "HH:mm:ss", of seconds since midnight.
func timeText(seconds uint32) uint64 {
	numbers := uint64(seconds/3600) | uint64(seconds/60%60)<<24 | uint64(seconds%60)<<48
	tens := numbers * 103 >> 10 & clockTens // 103/1024 is a tenth, for numbers below 100
	return clockZero | tens | (numbers-tens*10)<<8
}

// appendTime writes the letter of the layout and the time of a day.
func appendTime(dst []byte, ms int, layout Layout) []byte {
	dst = binary.LittleEndian.AppendUint64(append(dst, byte(layout)), timeText(uint32(ms/SecondMS)))
	return appendFraction(dst, ms%SecondMS)
}

// appendFraction writes ms behind a point, as much as is not zero.
func appendFraction(dst []byte, ms int) []byte {
	if ms == 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+ms/100))
	if ms%100 != 0 {
		dst = append(dst, byte('0'+ms/10%10))
		if ms%10 != 0 {
			dst = append(dst, byte('0'+ms%10))
		}
	}
	return dst
}
