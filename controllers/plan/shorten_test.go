package plan

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestALongMessageKeepsWhatIsWrongAndWhatToDo(t *testing.T) {
	short := "spec.sql: it is missing; write the job as SQL there"
	if got := shorten(short); got != short {
		t.Error(got)
	}
	long := "the bucket cannot be read: " + strings.Repeat("GET https://bucket/äöü ", 60) + "; look at its credentials"
	got := shorten(long)
	if len(got) > 500 || !strings.HasPrefix(got, "the bucket cannot be read: ") || !strings.HasSuffix(got, "; look at its credentials") || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}
