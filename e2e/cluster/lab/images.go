package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"
)

// buildLimit is how long this module's own programs may take.
const buildLimit = 10 * time.Minute

// s3Image is the one that the manifest of the S3 server names.
const s3Image = "localhost/versitygw:weir"

// loadImages makes the images and puts them onto the nodes.
func (l *Lab) loadImages(ctx context.Context) error {
	unauthorized, builder, words := filepath.Join(l.dir, "unauthorized"), filepath.Join(l.dir, "image"), filepath.Join(l.dir, "word-count")
	for program, source := range map[string]string{builder: "./hack/image", unauthorized: "./e2e/cluster/unauthorized", words: "./examples/word-count"} {
		if _, err := l.command(ctx, buildLimit, "go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", program, source); err != nil {
			return err
		}
	}
	var err error
	if l.Engine, err = imageOf(l.weir); err != nil {
		return err
	}
	if l.Unauthorized, err = imageOf(unauthorized); err != nil {
		return err
	}
	if l.WordCount, err = imageOf(words); err != nil {
		return err
	}
	load := []string{"load"}
	for _, i := range []struct{ name, program string }{
		{l.Engine, l.weir},
		{l.Unauthorized, unauthorized},
		{l.WordCount, words},
		{s3Image, filepath.Join(l.root, ".bin/versitygw")},
	} {
		program := filepath.Base(i.program)
		archive := filepath.Join(l.dir, program+".tar")
		_, err := l.command(ctx, buildLimit, builder, "-name", i.name, "-ca-certificates", "-out", archive, i.program+"=/"+program)
		if err != nil {
			return err
		}
		load = append(load, archive)
	}
	_, err = l.command(ctx, buildLimit, filepath.Join(l.root, "hack/cluster/cluster"), load...)
	return err
}

// imageOf names the image of a program. The tag says what is in it, so that another build is another image, and a pod of it
// another pod.
func imageOf(program string) (string, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return "localhost/" + filepath.Base(program) + ":" + hex.EncodeToString(sum[:6]), nil
}
