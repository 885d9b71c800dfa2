package jsonl

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestTheLowestSpecialByteOfAWordIsMarkedExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	interesting := []byte{0, 1, 0x1f, ' ', '!', '"', '#', 'a', '[', '\\', ']', 0x7f, 0x80, 0x9f, 0xa2, 0xdc, 0xff}
	for range 100_000 {
		var b [8]byte
		for i := range b {
			b[i] = interesting[rng.IntN(len(interesting))]
		}
		want := bytes.IndexFunc(b[:], func(r rune) bool { return r == '"' || r == '\\' || r < ' ' })
		if want < 0 {
			want = 8
		}
		if got := lowest(special(word(b[:], 0))); got != want {
			t.Fatalf("%q: byte %d, want %d", b, got, want)
		}
	}
}

func TestAWordHasZerosBehindTheEnd(t *testing.T) {
	text := []byte("abcdefghijklmnop")
	for n := range len(text) + 1 {
		for p := range n + 1 {
			var want [8]byte
			copy(want[:], text[p:n])
			if got := word(text[:n:n], p); got != word(want[:], 0) {
				t.Errorf("at %d of %d bytes: %016x, want %q", p, n, got, want)
			}
		}
	}
}

func TestDigitsAreJoinedAndSplit(t *testing.T) {
	for v := uint64(0); v < 1_0000_0000; v += 1 + v/977 {
		text := strconv.AppendUint(nil, v, 10)
		if n, got := leadingDigits(word(append(text, ",12"...), 0)); len(text) < 8 && (n != len(text) || got != v) || len(text) == 8 && (n != 8 || got != v) {
			t.Fatalf("%s is read as %d, of %d digits", text, got, n)
		}
		if got := joined(split(v)); got != v {
			t.Fatalf("%d is split into %016x, which is %d", v, split(v), got)
		}
	}
	for _, other := range "\x00 !/:;AZaz~\x7f" {
		if n, v := leadingDigits(word([]byte("12"+string(other)+"45678"), 0)); n != 2 || v != 12 {
			t.Errorf("digits before %q: %d of them, %d", other, n, v)
		}
	}
	if n, v := leadingDigits(word([]byte("1\xff345678"), 0)); n != 1 || v != 1 {
		t.Errorf("digits before 0xff: %d of them, %d", n, v)
	}
}

func TestIntegersOfAllLengthsAreWritten(t *testing.T) {
	values := []int64{0, math.MinInt64, math.MaxInt64}
	for power := int64(1); power <= math.MaxInt64/10; power *= 10 {
		values = append(values, power, power-1, power+1, -power, 1-power, -power-1)
	}
	for _, v := range values {
		if got, want := string(appendInt([]byte("x"), v)), "x"+strconv.FormatInt(v, 10); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
