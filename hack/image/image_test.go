package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read returns the headers of a tar in their order, and the contents of its files.
func read(t *testing.T, archive []byte) (headers []*tar.Header, contents map[string][]byte) {
	t.Helper()
	contents = map[string][]byte{}
	for in := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return headers, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, h)
		if contents[h.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
}

// example is an image of two files, of which one is below folders.
func example() image {
	return image{name: "localhost/example:1", architecture: "amd64", entrypoint: "/program", files: []file{
		{path: "/program", mode: 0o755, content: []byte("ELF")},
		{path: "/etc/ssl/certs/ca.crt", mode: 0o644, content: []byte("trust")},
	}}
}

// TestAnImageIsReadAsRuntimesReadIt follows the manifest to the configuration and the layer, and compares the sums.
func TestAnImageIsReadAsRuntimesReadIt(t *testing.T) {
	var archive bytes.Buffer
	digest, err := example().write(&archive)
	if err != nil {
		t.Fatal(err)
	}
	_, parts := read(t, archive.Bytes())
	var manifests []manifest
	if err := json.Unmarshal(parts["manifest.json"], &manifests); err != nil {
		t.Fatal(err)
	}
	if len(manifests) != 1 || len(manifests[0].Layers) != 1 || !cmp.Equal(manifests[0].RepoTags, []string{"localhost/example:1"}) {
		t.Fatalf("manifest %+v", manifests)
	}
	settings := parts[manifests[0].Config]
	if got := "sha256:" + hexSum(settings); got != digest || manifests[0].Config != hexSum(settings)+".json" {
		t.Errorf("the configuration %s has digest %s, and %s was returned", manifests[0].Config, got, digest)
	}
	var c config
	if err := json.Unmarshal(settings, &c); err != nil {
		t.Fatal(err)
	}
	layer := parts[manifests[0].Layers[0]]
	want := config{
		Architecture: "amd64", OS: "linux",
		Config:  process{User: "65532:65532", Env: []string{"PATH=/"}, Entrypoint: []string{"/program"}, WorkingDir: "/"},
		RootFS:  rootFS{Type: "layers", DiffIDs: []string{"sha256:" + hexSum(layer)}},
		History: []historyEntry{{CreatedBy: "hack/image"}},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}

	headers, files := read(t, layer)
	var listing []string
	for _, h := range headers {
		listing = append(listing, h.FileInfo().Mode().String()+" "+h.Name)
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 {
			t.Errorf("%s is of %d:%d at %v, want root's and no time", h.Name, h.Uid, h.Gid, h.ModTime)
		}
	}
	wantListing := []string{
		"drwxr-xr-x etc/", "drwxr-xr-x etc/ssl/", "drwxr-xr-x etc/ssl/certs/", "dtrwxrwxrwx tmp/",
		"-rw-r--r-- etc/ssl/certs/ca.crt", "-rwxr-xr-x program",
	}
	if diff := cmp.Diff(wantListing, listing); diff != "" {
		t.Errorf("the layer (-want +got):\n%s", diff)
	}
	if string(files["program"]) != "ELF" {
		t.Errorf("/program is %q", files["program"])
	}
}

func hexSum(b []byte) string {
	digest := sha256.Sum256(b)
	return hex.EncodeToString(digest[:])
}

// TestTheSameFilesGiveTheSameBytes builds twice, from files that were written at different times.
func TestTheSameFilesGiveTheSameBytes(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	var archives [][]byte
	for _, name := range []string{"a.tar", "b.tar"} {
		if err := os.WriteFile(program, []byte("ELF"), 0o644); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, name)
		var said bytes.Buffer
		if err := run([]string{"-name", "x:1", "-out", out, program + "=/program"}, &said); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(said.String(), "sha256:") {
			t.Errorf("it said %q, and no digest", said.String())
		}
		archive, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, archive)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the two archives differ")
	}
}

// TestWrongUseLeavesNothing gives arguments that cannot be meant.
func TestWrongUseLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "x.tar")
	cases := map[string][]string{
		"no name":              {"-out", out, "f=/f"},
		"no file":              {"-name", "x:1", "-out", out},
		"a file without path":  {"-name", "x:1", "-out", out, "f"},
		"a relative path":      {"-name", "x:1", "-out", out, "f=f"},
		"a file that is gone":  {"-name", "x:1", "-out", out, filepath.Join(dir, "gone") + "=/f"},
		"an unwritable folder": {"-name", "x:1", "-out", filepath.Join(dir, "gone", "x.tar"), os.Args[0] + "=/f"},
	}
	for name, args := range cases {
		t.Run(name, func(t *testing.T) {
			if err := run(args, io.Discard); err == nil {
				t.Error("no error")
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, error %v", left, err)
			}
		})
	}
}
