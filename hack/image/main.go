// Command image makes a container image of static programs, without a registry and without an engine:
//
//	image -name localhost/weir:1 -out weir.tar [-entrypoint /weir] [-ca-certificates] FILE=/PATH...
//
// The result is a docker-archive, as `docker load`, `ctr images import` and `kind load image-archive` read it: a root file
// system of the programs, /tmp and, on request, the machine's certificate authorities, for the user 65532. The same
// files give the same bytes. The last line on standard output is the image's digest.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// authorities is where Debian keeps the bundle, and where Go looks first.
const authorities = "/etc/ssl/certs/ca-certificates.crt"

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	name := flags.String("name", "", "name and tag of the image")
	out := flags.String("out", "", "file to write")
	entrypoint := flags.String("entrypoint", "", "program to run (default: the first of the files)")
	trust := flags.Bool("ca-certificates", false, "add the certificate authorities of this machine, if it has them")
	architecture := flags.String("arch", runtime.GOARCH, "architecture that the programs are for")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *name == "" || *out == "" || flags.NArg() == 0 {
		return errors.New("-name, -out and at least one FILE=/PATH are needed; see image -h")
	}
	i := image{name: *name, architecture: *architecture, entrypoint: *entrypoint}
	for _, arg := range flags.Args() {
		source, target, ok := strings.Cut(arg, "=")
		if !ok || !strings.HasPrefix(target, "/") {
			return fmt.Errorf("%q is not FILE=/PATH", arg)
		}
		content, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		i.files = append(i.files, file{path: target, mode: 0o755, content: content})
	}
	if i.entrypoint == "" {
		i.entrypoint = i.files[0].path
	}
	if *trust {
		content, err := os.ReadFile(authorities)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err == nil {
			i.files = append(i.files, file{path: authorities, mode: 0o644, content: content})
		}
	}
	return save(i, *out, stdout)
}

// save writes the archive under its name only when it is whole.
func save(i image, path string, stdout io.Writer) error {
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return err
	}
	digest, err := i.write(part)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(part.Name()))
	}
	_, err = fmt.Fprintln(stdout, digest)
	return err
}
