package sqltime

// Clock reads and writes timestamps as ParseTimestamp and AppendTimestamp do, and faster where most have the day of the one
// before, as those of events have: it keeps that day and its text. The zero value is ready; one goroutine uses it.
type Clock struct {
	known bool
	days  int64
	text  [len("yyyy-MM-dd")]byte
}

// Parse reads a timestamp in the layout.
func (c *Clock) Parse(s []byte, layout Layout) (ms int64, ok bool) {
	if c.known && len(s) == len("yyyy-MM-dd HH:mm:ss") && s[10] == byte(layout) && s[13] == ':' && s[16] == ':' && string(s[:10]) == string(c.text[:]) {
		hour, minute, second := digits2(s, 11), digits2(s, 14), digits2(s, 17)
		if hour < 24 && minute < 60 && second < 60 {
			return c.days*DayMS + int64(hour)*HourMS + int64(minute)*MinuteMS + int64(second)*SecondMS, true
		}
	}
	if ms, ok = ParseTimestamp(s, layout); ok {
		c.known = true
		c.days, _ = parseDay(s) // as it is written: an offset may make the value that of another day
		copy(c.text[:], s)
	}
	return ms, ok
}

// Append writes a timestamp in the layout; of the fraction as much as is not zero.
func (c *Clock) Append(dst []byte, ms int64, layout Layout) []byte {
	days := floorDiv(ms, DayMS)
	if !c.known || days != c.days {
		start := len(dst)
		dst = appendDay(dst, days)
		if c.known = len(dst)-start == len(c.text); c.known {
			c.days = days
			copy(c.text[:], dst[start:])
		}
	} else {
		dst = append(dst, c.text[:]...)
	}
	return appendTime(dst, int(ms-days*DayMS), layout)
}

// appendTime writes the letter of the layout and the time of a day.
func appendTime(dst []byte, ms int, layout Layout) []byte {
	seconds := ms / SecondMS
	hour, minute, second := seconds/3600, seconds/60%60, seconds%60
	dst = append(dst, byte(layout), byte('0'+hour/10), byte('0'+hour%10), ':', byte('0'+minute/10), byte('0'+minute%10), ':',
		byte('0'+second/10), byte('0'+second%10))
	fraction := ms - seconds*SecondMS
	if fraction == 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+fraction/100))
	if fraction%100 != 0 {
		dst = append(dst, byte('0'+fraction/10%10))
		if fraction%10 != 0 {
			dst = append(dst, byte('0'+fraction%10))
		}
	}
	return dst
}
