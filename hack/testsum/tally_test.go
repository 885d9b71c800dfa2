package main

import (
	"slices"
	"strings"
	"testing"
)

// play feeds lines to a new tally and returns what it says at the end, and whether it was content.
func play(t *testing.T, lines string) (output string, good bool) {
	t.Helper()
	var out strings.Builder
	tl := newTally(&out)
	if err := read(tl, strings.NewReader(lines)); err != nil {
		t.Fatal(err)
	}
	good = tl.summary()
	return out.String(), good
}

func TestTheLastLineCountsLeavesAndTellsGoodFromBad(t *testing.T) {
	for _, c := range []struct {
		name, lines, last string
		good              bool
	}{
		{"a passed test counts", `
			{"Action":"run","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p"}`,
			"1 passed, 0 failed, 0 skipped", true},
		{"a test with subtests counts as its subtests, whatever slashes their names hold", `
			{"Action":"run","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p","Test":"TestA/a/b"}
			{"Action":"pass","Package":"p","Test":"TestA/c"}
			{"Action":"pass","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p"}`,
			"2 passed, 0 failed, 0 skipped", true},
		{"a failed subtest is one failure, not also its parent's", `
			{"Action":"fail","Package":"p","Test":"TestA/x"}
			{"Action":"fail","Package":"p","Test":"TestA"}
			{"Action":"fail","Package":"p"}`,
			"0 passed, 1 failed, 0 skipped", false},
		{"a parent that fails by itself is counted", `
			{"Action":"pass","Package":"p","Test":"TestA/x"}
			{"Action":"fail","Package":"p","Test":"TestA"}
			{"Action":"fail","Package":"p"}`,
			"1 passed, 1 failed, 0 skipped", false},
		{"a package that does not compile is one failure", `
			{"ImportPath":"p [p.test]","Action":"build-output","Output":"a.go:1: bad\n"}
			{"ImportPath":"p [p.test]","Action":"build-fail"}
			{"Action":"start","Package":"p"}
			{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			"0 passed, 1 failed, 0 skipped", false},
		{"a test that never ended failed with its package", `
			{"Action":"run","Package":"p","Test":"TestA"}
			{"Action":"fail","Package":"p"}`,
			"0 passed, 1 failed, 0 skipped", false},
		{"a package that go test left open has failed", `
			{"Action":"run","Package":"p","Test":"TestA"}`,
			"0 passed, 1 failed, 0 skipped", false},
		{"a skipped test spoils the run", `
			{"Action":"pass","Package":"p","Test":"TestA"}
			{"Action":"skip","Package":"p","Test":"TestB"}
			{"Action":"pass","Package":"p"}`,
			"1 passed, 0 failed, 1 skipped", false},
		{"a test of a suite that does not apply counts as nothing, and is named", `
			{"Action":"pass","Package":"github.com/weirstream/weir/engine/storage/filedriver","Test":"TestA"}
			{"Action":"skip","Package":"github.com/weirstream/weir/engine/storage/filedriver","Test":"TestTheDriverPassesTheConformanceSuiteOfTheGoCDK/TestSignedURL"}
			{"Action":"pass","Package":"github.com/weirstream/weir/engine/storage/filedriver"}`,
			"1 passed, 0 failed, 0 skipped", true},
		{"a package without tests counts nothing, and a run without tests is not good", `
			{"Action":"skip","Package":"p"}`,
			"0 passed, 0 failed, 0 skipped", false},
		{"packages and repeated names add up", `
			{"Action":"pass","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p"}
			{"Action":"pass","Package":"q","Test":"TestA"}
			{"Action":"pass","Package":"q"}`,
			"2 passed, 0 failed, 0 skipped", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			output, good := play(t, c.lines)
			lines := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
			if last := lines[len(lines)-1]; last != c.last || good != c.good {
				t.Errorf("last line %q, good %v; want %q, %v\n%s", last, good, c.last, c.good, output)
			}
		})
	}
}

func TestOutputIsShownOfFailedTestsOnly(t *testing.T) {
	output, _ := play(t, `
		{"Action":"output","Package":"p","Test":"TestGood","Output":"quiet\n"}
		{"Action":"pass","Package":"p","Test":"TestGood"}
		{"Action":"output","Package":"p","Test":"TestBad","Output":"the seed is 7\n"}
		{"Action":"fail","Package":"p","Test":"TestBad"}
		{"Action":"output","Package":"p","Output":"-test.shuffle 42\n"}
		{"Action":"fail","Package":"p"}
		this is no event`)
	for _, want := range []string{"the seed is 7", "-test.shuffle 42", "this is no event"} {
		if !strings.Contains(output, want) {
			t.Errorf("output lacks %q:\n%s", want, output)
		}
	}
	if strings.Contains(output, "quiet") {
		t.Errorf("output of a passed test is shown:\n%s", output)
	}
}

func TestAPassFromTheCacheIsSaidToBeOne(t *testing.T) {
	output, good := play(t, `
		{"Action":"output","Package":"p","Test":"TestA","Output":"what a test says is not the cache: ok  \tp\t(cached)\n"}
		{"Action":"pass","Package":"p","Test":"TestA"}
		{"Action":"output","Package":"p","Output":"ok  \tp\t(cached)\n"}
		{"Action":"pass","Package":"p","Elapsed":0.001}
		{"Action":"pass","Package":"q","Test":"TestA"}
		{"Action":"output","Package":"q","Output":"ok  \tq\t0.3s\n"}
		{"Action":"pass","Package":"q","Elapsed":0.3}`)
	want := "ok   p (not run: passed before, from the cache): 1 passed, 0 failed, 0 skipped\n" +
		"ok   q (0.3s): 1 passed, 0 failed, 0 skipped\n" +
		"of 1 packages the tests did not run: go test remembers their pass (-count=1 runs them)\n" +
		"2 passed, 0 failed, 0 skipped\n"
	if strings.TrimLeft(output, "\n") != want || !good {
		t.Errorf("good %v, output\n%s\nwant\n%s", good, output, want)
	}
}

func TestOutputOfATestIsBounded(t *testing.T) {
	var b []byte
	for range 1000 {
		b = appendBounded(b, strings.Repeat("x", 1000))
	}
	if b = appendBounded(b, "the end"); len(b) > maxOutput || !strings.HasSuffix(string(b), "the end") {
		t.Errorf("%d bytes are kept, ending in %q", len(b), b[len(b)-10:])
	}
}

func TestArgumentsAreGroupedAtDashes(t *testing.T) {
	got := groups([]string{"-race", "./a", "--", "-timeout", "1m", "./b"})
	if len(got) != 2 || !slices.Equal(got[0], []string{"-race", "./a"}) || !slices.Equal(got[1], []string{"-timeout", "1m", "./b"}) {
		t.Errorf("groups = %q", got)
	}
}
