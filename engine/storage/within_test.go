package storage

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWithinFollowsLinksAlsoToWhatIsNotThereYet(t *testing.T) {
	top := t.TempDir()
	for link, to := range map[string]string{"link": "later/folder", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		place, folder string
		want          bool
	}{
		{top + "/a/b", top + "/a", true},
		{top + "/a", top + "/a", true},
		{top + "/ab", top + "/a", false},
		{top, top + "/a", false},
		{top + "/link/x", top + "/later", true},
		{"file://" + top + "/later/folder/x", top + "/link", true},
		{top + "/loop/x", top + "/loop", true},
		{"/x", "/", true},
		{"s3://b/a/x?region=r", "s3://b/a", true},
		{"s3://b/x", "s3://b", true},
		{"s3://c/a/x", "s3://b/a", false},
		{"", top, false},
		{top, "", false},
	} {
		if got := Within(c.place, c.folder); got != c.want {
			t.Errorf("Within(%q, %q) = %v", c.place, c.folder, got)
		}
	}
}
