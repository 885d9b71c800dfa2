package savepoint

import (
	"testing"

	"github.com/weirstream/weir/api/v1alpha1"
)

func TestWhatWasAskedIsReadFromTheObjectThatItWasWrittenOn(t *testing.T) {
	written := asked{Savepoint: "uid-1", Attempt: 3, Generation: 7}
	for name, c := range map[string]struct {
		annotation string
		known      bool
	}{
		"nothing was":                       {"", false},
		"it was":                            {`{"savepoint":"uid-1","attempt":3,"generation":7}`, true},
		"a later operator writes more":      {`{"savepoint":"uid-1","attempt":3,"generation":7,"since":"x"}`, true},
		"it was on another object":          {`{"savepoint":"uid-2","attempt":3,"generation":7}`, false},
		"somebody wrote something else":     {`yes`, false},
		"somebody wrote a wrong type":       {`{"savepoint":"uid-1","attempt":"3"}`, false},
		"there is no attempt":               {`{"savepoint":"uid-1"}`, false},
		"somebody wrote what is no attempt": {`{"savepoint":"uid-1","attempt":-1}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &v1alpha1.Savepoint{}
			s.UID, s.Annotations = "uid-1", map[string]string{v1alpha1.AnnotationAsked: c.annotation}
			if got, known := readAsked(s); known != c.known || known && got != written {
				t.Errorf("read %+v, %v", got, known)
			}
		})
	}
	s := &v1alpha1.Savepoint{}
	s.UID = "uid-1"
	written.writeTo(s)
	if got, known := readAsked(s); !known || got != written {
		t.Errorf("%+v was written, and %+v is read, %v", written, got, known)
	}
}
