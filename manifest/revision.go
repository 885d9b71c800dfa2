package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/weirstream/weir/api/v1alpha1"
)

// revisionLength is short enough for <job>-<revision> to be the name of a StatefulSet, whose pods bear it as a label.
const revisionLength = 10

// revision is the hash of what makes a job another one (P8): its text and how it keeps state. A change of anything else, such
// as parallelism or retention, needs no new revision.
func revision(s *v1alpha1.StreamJobSpec) string {
	var text strings.Builder
	parts := []string{"sql", orZero(s.SQL)}
	if p := s.Program; p != nil {
		parts = append([]string{"program", p.Image}, p.Args...)
	}
	for _, part := range append(parts, "state.backend", string(*s.State.Backend)) {
		fmt.Fprintf(&text, "%d:%s,", len(part), part)
	}
	sum := sha256.Sum256([]byte(text.String()))
	return hex.EncodeToString(sum[:])[:revisionLength]
}
