package pod

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/internal/cli"
)

func TestTroubleOfStorageIsWorthAnotherCheck(t *testing.T) {
	for _, c := range []struct {
		err       error
		permanent bool
	}{
		{&fault.Error{Class: fault.Permanent, Err: fmt.Errorf("read: %w", storage.ErrPermission)}, false},
		{&fault.Error{Class: fault.Permanent, Err: fmt.Errorf("the bucket: %w", storage.ErrNotFound)}, false},
		{&fault.Error{Class: fault.Permanent, Err: storage.ErrFull}, false},
		{fault.AsTransient(errors.New("it is away")), false},
		{&fault.Error{Class: fault.Permanent, Err: storage.ErrInvalid}, true},
		{cli.Usagef("no such flag"), true},
	} {
		if got := ResultOf(c.err); got.Permanent != c.permanent || got.Message == "" {
			t.Errorf("%v gives %+v", c.err, got)
		}
	}
}

func TestTheResultFitsIntoATerminationMessage(t *testing.T) {
	nonces := make([]int64, 5000)
	for i, r := range []resources.Result{
		{OK: true, Chain: &rest.Chain{Attempt: 7, RestoreNonces: nonces}},
		{Message: strings.Repeat("ü\"", 5000), Remedy: "shorten it", Permanent: true},
	} {
		text, err := resultLine(r)
		if err != nil || len(text) > mostTerminationLog {
			t.Fatalf("%d: %d bytes, %v", i, len(text), err)
		}
		var got resources.Result
		if err := json.Unmarshal(text, &got); err != nil || got.OK != r.OK || got.Remedy != r.Remedy || (got.Chain != nil) != (r.Chain != nil) {
			t.Errorf("%d: %v: %+v", i, err, got)
		}
	}
}
