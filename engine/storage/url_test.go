package storage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

func TestAPlaceIsAURLOrALocalPath(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"/a/b":                   "file:///a/b",
		"/a/../b/":               "file:///b",
		"./out":                  "file://" + wd + "/out",
		"out/x":                  "file://" + wd + "/out/x",
		"file:///a/b/":           "file:///a/b",
		"file://localhost/a":     "file:///a",
		"file://./out":           "file://" + wd + "/out",
		"mem://":                 "mem:",
		"mem://name/a":           "mem://name/a",
		"s3://bucket":            "s3://bucket",
		"s3://bucket/a/?region=": "s3://bucket/a?region=",
		"/with space/100%":       "file:///with%20space/100%25",
		"./~":                    "file://" + wd + "/~",
		"./s3:/bucket":           "file://" + wd + "/s3:/bucket",
	} {
		u, err := storageurl.Parse(name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
		} else if u.String() != want {
			t.Errorf("%q is %s, want %s", name, u, want)
		}
	}
}

func TestAWrongPlaceIsRefusedWithTheRemedy(t *testing.T) {
	for name, want := range map[string]string{
		"":                     "give a path or a URL",
		"file://out/x":         "three slashes",
		"file://":              "file:///folder",
		"s3:///prefix":         "s3://bucket/prefix",
		"s3://":                `"s3://" names no bucket`,
		"ftp://host/x":         "use file, mem, s3, gs or azblob",
		"s3://user:pw@b:x/%zz": "not a URL",

		// These would be folders of such names in the working directory, which nobody means.
		"s3:/bucket/prefix": "two slashes",
		"file:out":          "file:///out",
		"~/out":             "no shell",
		"a\x00b":            "control character",
		"a\nb":              "control character",

		"s3://user:pw@bucket/x":                "credentials",
		"s3://bucket/x?region=r&secretkey=pw@": "credentials",
	} {
		_, err := storageurl.Parse(name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v does not say %q", name, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "pw@") {
			t.Errorf("%q: error %v shows the password", name, err)
		}
	}
	if _, err := storage.Open(t.Context(), "file:///a?b=c"); err == nil {
		t.Error("a file URL with parameters was accepted")
	}
}

func TestAPathWithoutAQueryInheritsThatOfTheSameBucket(t *testing.T) {
	const configured = "s3://b/jobs?endpoint=http://x&region=r"
	for name, want := range map[string]string{
		"s3://b/sp/1":          "s3://b/sp/1?endpoint=http://x&region=r",
		"s3://b/sp/1?region=q": "s3://b/sp/1?region=q",
		"s3://other/sp/1":      "s3://other/sp/1",
		"/local":               "file:///local",
	} {
		got, err := storageurl.InheritQuery(name, configured)
		if err != nil || got != want {
			t.Errorf("%s becomes %s, %v, want %s", name, got, err, want)
		}
	}
}

func TestPrintedURLsShowNoCredentials(t *testing.T) {
	for _, name := range []string{
		"mem://user:hunter2@name/p", "mem://name/p?secret_key=hunter2", "s3://b/p?region=r&sig=hunter2",
		"s3://b/p?AWS_ACCESS_KEY_ID=hunter2&foo=1", "nowhere://user:hunter2@host", "s3://user:hunter2@b:x/%zz", "s3:///p?password=hunter2",
	} {
		_, err := storage.Open(t.Context(), name)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want a refusal without the credentials", name, err)
		}
	}
}

func TestMemoryBucketsOfOneNameAreOne(t *testing.T) {
	name := uniqueName()
	a, b, other := openAt(t, "mem://"+name), openAt(t, "mem://"+name+"/p"), openAt(t, "mem://"+name+"x")
	if err := b.Create(t.Context(), "key", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(t.Context(), "p/key"); err != nil {
		t.Errorf("not seen under the same name: %v", err)
	}
	if _, err := other.Read(t.Context(), "p/key"); err == nil {
		t.Error("seen under another name")
	}
}

func TestFoldersOfAURLSplitAndJoin(t *testing.T) {
	parent, last, err := storageurl.Split("s3://b/a/chk-1?region=r")
	if err != nil || parent != "s3://b/a?region=r" || last != "chk-1" {
		t.Errorf("split into %s and %s, %v", parent, last, err)
	}
	if _, _, err := storageurl.Split("s3://b"); err == nil {
		t.Error("a bucket was split")
	}
	joined, err := storageurl.Join("s3://b/a?region=r", "x/y")
	if err != nil || joined != "s3://b/a/x/y?region=r" {
		t.Errorf("joined to %s, %v", joined, err)
	}
	joined, err = storageurl.Join(filepath.FromSlash("/a"), "x")
	if err != nil || joined != "file:///a/x" {
		t.Errorf("joined to %s, %v", joined, err)
	}
}
