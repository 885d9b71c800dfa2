package manifest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/weirstream/weir/api/v1alpha1"
)

func TestWhatIsPlannedLeavesTheListWhenItWorks(t *testing.T) {
	for path := range notYet {
		path, _, word := strings.Cut(path, ": ")
		at, known := reflect.ValueOf(&v1alpha1.StreamJob{}).Elem(), true
		for _, name := range strings.Split(path, ".") {
			if !known {
				t.Errorf("%s: what it belongs to does not exist", path)
				break
			}
			at, known = fieldByName(at, name)
		}
		if known != word { // a field that exists can have words that do nothing yet
			t.Errorf("%s: it exists: %t", path, known)
		}
	}
}
