package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// user runs the programs: nobody's, and not root, as restricted pods demand. The number is that of "nonroot" elsewhere.
const user = "65532:65532"

// image is what becomes an archive.
type image struct {
	name         string // with its tag
	architecture string // as Go names it
	entrypoint   string
	files        []file
}

// file is one regular file of an image. Its folders are made for it.
type file struct {
	path    string // absolute
	mode    fs.FileMode
	content []byte
}

// The parts of a docker-archive, as far as they are needed: see "Docker Image Specification v1.2.0".
type (
	config struct {
		Architecture string         `json:"architecture"`
		OS           string         `json:"os"`
		Config       process        `json:"config"`
		RootFS       rootFS         `json:"rootfs"`
		History      []historyEntry `json:"history"`
	}
	process struct {
		User       string   `json:"User"`
		Env        []string `json:"Env"`
		Entrypoint []string `json:"Entrypoint"`
		WorkingDir string   `json:"WorkingDir"`
	}
	rootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	}
	historyEntry struct {
		CreatedBy string `json:"created_by"`
	}
	manifest struct {
		Config   string   `json:"Config"`
		RepoTags []string `json:"RepoTags"`
		Layers   []string `json:"Layers"`
	}
)

// write writes the archive, and returns the digest of the image's configuration, which names what is in it.
func (i image) write(w io.Writer) (digest string, err error) {
	layer, err := i.layer()
	if err != nil {
		return "", err
	}
	settings, err := json.Marshal(config{
		Architecture: i.architecture, OS: "linux",
		Config:  process{User: user, Env: []string{"PATH=/"}, Entrypoint: []string{i.entrypoint}, WorkingDir: "/"},
		RootFS:  rootFS{Type: "layers", DiffIDs: []string{"sha256:" + sum(layer)}},
		History: []historyEntry{{CreatedBy: "hack/image"}},
	})
	if err != nil {
		return "", err
	}
	id := sum(settings)
	index, err := json.Marshal([]manifest{{Config: id + ".json", RepoTags: []string{i.name}, Layers: []string{"layer.tar"}}})
	if err != nil {
		return "", err
	}
	archive := tar.NewWriter(w)
	for _, f := range []file{
		{path: id + ".json", mode: 0o644, content: settings},
		{path: "layer.tar", mode: 0o644, content: layer},
		{path: "manifest.json", mode: 0o644, content: index},
	} {
		if err := add(archive, f); err != nil {
			return "", err
		}
	}
	return "sha256:" + id, archive.Close()
}

// layer is the root file system as a tar: folders before what is in them, all in the order of their names.
func (i image) layer() ([]byte, error) {
	folders := map[string]int64{"tmp": 0o1777} // permissions as tar writes them
	for _, f := range i.files {
		for dir := path.Dir(strings.TrimPrefix(f.path, "/")); dir != "."; dir = path.Dir(dir) {
			if _, known := folders[dir]; !known {
				folders[dir] = 0o755
			}
		}
	}
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	var names []string
	for name := range folders {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		header := &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: folders[name]}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
	}
	files := slices.SortedFunc(slices.Values(i.files), func(a, b file) int { return strings.Compare(a.path, b.path) })
	for _, f := range files {
		if err := add(archive, f); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// add writes one file, of root and without a time, so that the same content gives the same bytes.
func add(archive *tar.Writer, f file) error {
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: strings.TrimPrefix(f.path, "/"), Mode: int64(f.mode.Perm()), Size: int64(len(f.content)),
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(f.content)
	return err
}

func sum(b []byte) string {
	digest := sha256.Sum256(b)
	return hex.EncodeToString(digest[:])
}
