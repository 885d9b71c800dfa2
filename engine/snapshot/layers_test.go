package snapshot_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/snapshot"
)

// TestAWholeBlockTakesThePlaceOfWhatTheFilesBeforeHold, of whatever state; what comes later is applied to it.
func TestAWholeBlockTakesThePlaceOfWhatTheFilesBeforeHold(t *testing.T) {
	files := []snapshot.GroupFile{
		{Path: "a", Blocks: []snapshot.Block{{Group: 0, State: "s"}, {Group: 1, State: "s"}, {Group: 1, State: "u"}}},
		{Path: "b", Blocks: []snapshot.Block{{Group: 0, End: 4, State: "s"}, {Group: 0, End: 2, State: "u"}}},
		{Path: "c", Blocks: []snapshot.Block{{Group: 1, State: "s"}, {Group: 0, End: 4, State: "u"}}},
	}
	of := func(group int, files []snapshot.GroupFile) string {
		said := ""
		for _, l := range snapshot.Layers([]snapshot.SubtaskState{{Files: files}}, 0, 8) {
			if l.Of(group) {
				said += l.File.Path + l.Block.State + " "
			}
		}
		return said
	}
	for group, want := range []string{"as bs bu cu ", "cs cu ", "bs cu ", "bs cu ", ""} {
		if got := of(group, files); got != want {
			t.Errorf("key group %d is in %q, want %q", group, got, want)
		}
	}
	if n := len(snapshot.Layers([]snapshot.SubtaskState{{Files: files}}, 1, 2)); n != 2 {
		t.Errorf("%d layers hold key group 1, want 2", n)
	}

	carried := snapshot.Carry(files, func(group int) bool { return group == 0 || group == 2 })
	var left []string
	for _, f := range carried {
		for _, b := range f.Blocks {
			left = append(left, fmt.Sprintf("%s%s%d", f.Path, b.State, b.Group))
		}
	}
	if want := []string{"bs0", "cs1", "cu0"}; !slices.Equal(left, want) {
		t.Errorf("what is carried is %v, want %v", left, want)
	}
	if again := snapshot.Carry(carried, func(int) bool { return true }); len(again) != 0 {
		t.Errorf("after all is written whole, %v are left", again)
	}
	if len(files[0].Blocks) != 3 {
		t.Error("the files that were given were changed")
	}
}
