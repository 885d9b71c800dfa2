package jsonl

import "unicode/utf16"

// mend rewrites a record that Flink's parser takes and ours does not, where parse errors are ignored: control characters
// in strings get their escape, and halves of surrogate pairs, which UTF-8 has no bytes for, become U+FFFD. It says
// whether there were any.
func mend(dst, line []byte) (mended []byte, ok bool) {
	inString := false
	for p := 0; p < len(line); p++ {
		c := line[p]
		switch {
		case c == '"':
			inString = !inString
		case inString && c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			ok = true
			continue
		case inString && c == '\\' && p+1 < len(line):
			n := 2
			if r, isUnit := hex4(line[p:]); isUnit {
				n = 6
				if utf16.IsSurrogate(r) {
					if _, n = codeUnits(line[p:]); n == 0 {
						dst, ok, p = append(dst, `\ufffd`...), true, p+5
						continue
					}
				}
			}
			dst, p = append(dst, line[p:p+n]...), p+n-1
			continue
		}
		dst = append(dst, c)
	}
	return dst, ok
}
