package filesystem

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/connector"
)

// TestPositionsTellWhichFilesAreReadHowFar decodes what enumerators and readers put into snapshots.
func TestPositionsTellWhichFilesAreReadHowFar(t *testing.T) {
	split := func(key string, size, start, end int64) connector.Split {
		f := fileSplit{key: key, size: size, version: "v1", start: start, end: end}
		return f.split()
	}
	folder := (&seen{files: []seenFile{{key: "a"}, {key: "b"}, {key: "c"}}}).encode()
	cases := []struct {
		name string
		seen []byte
		open []connector.OpenSplit
		want []connector.FilePosition
	}{
		{name: "nothing was found yet"},
		{
			name: "a file of a monitored folder without an open split is done",
			seen: folder,
			open: []connector.OpenSplit{
				{Split: split("b", 100, 0, 100), Position: position{offset: 40, lines: 2}.append(nil)},
				{Split: split("c", 100, 0, 100)},
			},
			want: []connector.FilePosition{
				{File: "b", End: 100, Offset: 40, Lines: 2}, {File: "c", End: 100}, {File: "a", Done: true},
			},
		},
		{
			name: "a source that reads once does not name what it has read",
			seen: finished(count{files: 1}, true),
			open: []connector.OpenSplit{{Split: split("b", 100, 50, 100), Position: position{offset: 60, lines: 1}.append(nil)}},
			want: []connector.FilePosition{{File: "b", Start: 50, End: 100, Offset: 60, Lines: 1}},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Positions(c.seen, c.open)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("positions (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMalformedPositionsAreRefused gives what no source has written.
func TestMalformedPositionsAreRefused(t *testing.T) {
	f := fileSplit{key: "a", size: 10, version: "v1", end: 10}
	cases := map[string]struct {
		seen []byte
		open []connector.OpenSplit
	}{
		"seen":                  {seen: []byte{seenFormat}},
		"a split":               {open: []connector.OpenSplit{{Split: connector.Split{ID: "a", Spec: []byte{9}}}}},
		"a position out of it":  {open: []connector.OpenSplit{{Split: f.split(), Position: position{offset: 11}.append(nil)}}},
		"half of a position":    {open: []connector.OpenSplit{{Split: f.split(), Position: []byte{1}}}},
		"a split without bytes": {open: []connector.OpenSplit{{}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got, err := Positions(c.seen, c.open); err == nil {
				t.Errorf("positions %+v, want an error", got)
			}
		})
	}
}
