package cli

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/weirstream/weir/manifest"
)

// ReadFile reads a file that the user names, a little more of it than is accepted at most.
func (p *Process) ReadFile(name string) (*manifest.File, error) {
	in, shown := io.NopCloser(p.Stdin), "standard input"
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fileError(name, err)
		}
		in, shown = file, name
	}
	defer in.Close()
	var text bytes.Buffer
	if _, err := io.Copy(&text, io.LimitReader(in, manifest.MaxFile+1)); err != nil {
		return nil, fileError(shown, err)
	}
	return &manifest.File{Name: shown, Text: text.Bytes()}, nil
}

func fileError(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	remedy := "name a file that can be read"
	if errors.Is(err, fs.ErrNotExist) {
		remedy = "check the path, and the working directory that it is relative to"
	}
	return Usagef("%s: %w; %s", name, err, remedy)
}
