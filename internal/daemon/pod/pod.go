// Package pod is what the verbs share that the operator runs in pods: the manifest that it resolved for them, and the last
// words by which it learns what came of it.
package pod

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/manifest"
)

// terminationLog is where Kubernetes takes a container's last words from.
const terminationLog = "/dev/termination-log"

// mostTerminationLog is how many bytes of them it keeps.
const mostTerminationLog = 4096

// Flags are those of the verbs that the operator runs in pods. A pod reads the manifest that the operator resolved for
// it: what weir.yaml or a flag could say is in it already (P8).
type Flags struct {
	Manifest, Revision, Owner, Log string
}

// Add adds --manifest and --termination-log, which all of them have.
func (f *Flags) Add(c *cobra.Command) {
	c.Flags().StringVar(&f.Manifest, "manifest", "", "the StreamJob as the operator resolved it (required)")
	c.Flags().StringVar(&f.Log, "termination-log", terminationLog, "file for the last words of the process, if it is there")
}

// AddOwner adds --owner.
func (f *Flags) AddOwner(c *cobra.Command) {
	c.Flags().StringVar(&f.Owner, "owner", "", "whose attempts this process claims: <cluster id>/<StreamJob UID> (required)")
}

// AddRevision adds --revision.
func (f *Flags) AddRevision(c *cobra.Command) {
	c.Flags().StringVar(&f.Revision, "revision", "", "the hash of what is run (required)")
}

// Job reads the job that a pod is for; program is who reads it, if it is to be planned and is no SQL.
func Job(a *cli.Process, f Flags, program *manifest.Program) (*manifest.StreamJob, error) {
	file, err := a.ReadFile(f.Manifest)
	if err != nil {
		return nil, err
	}
	j, err := manifest.Load(manifest.Input{Manifest: file, Program: program, Cluster: true, Tolerant: true})
	if err != nil {
		return nil, err
	}
	if f.Revision != "" {
		j.Config.Revision = f.Revision
		if err := unchanged(file, f.Revision, j); err != nil {
			return nil, err
		}
	}
	j.Config.Owner = f.Owner
	return j, nil
}

// unchanged refuses a manifest that is not what the operator wrote for the revision: its digest stands beside it. What a
// later operator says in fields that are not known here is not in the revision's hash as it is made here.
func unchanged(file *manifest.File, revision string, j *manifest.StreamJob) error {
	beside, err := os.ReadFile(filepath.Join(filepath.Dir(file.Name), resources.DigestKey))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // an earlier operator writes none
		return fmt.Errorf("--manifest: %w", err)
	}
	if err := resources.CheckManifest(string(file.Text), string(beside), revision, &j.Spec, len(j.Notes) == 0); err != nil {
		return cli.UsageError{Err: fmt.Errorf("%s: %w", file.Name, err)}
	}
	return nil
}

// ResultOf is what the operator reads of an error.
func ResultOf(err error) resources.Result {
	var (
		wrong      *manifest.Error
		usage      cli.UsageError
		classified *fault.Error
		remedy     string
	)
	r := resources.Result{Message: cli.OneLine(err.Error()), Permanent: fault.ClassOf(err) == fault.Permanent && !mendedElsewhere(err)}
	switch {
	case errors.As(err, &wrong):
		r.Permanent, remedy = true, wrong.Remedy
	case errors.As(err, &usage):
		r.Permanent = true
	case errors.As(err, &classified):
		remedy = classified.Remedy
	}
	if short, ok := strings.CutSuffix(r.Message, "; "+remedy); ok && remedy != "" {
		r.Message, r.Remedy = short, remedy
	}
	return r
}

// mendedElsewhere tells that an error passes without another spec: credentials are mended, a bucket is made. An attempt does
// not wait for that (P13), and whoever checks tries it again, less and less often.
func mendedElsewhere(err error) bool {
	return errors.Is(err, storage.ErrPermission) || errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrFull)
}

// LastWords writes a result as one line of JSON where Kubernetes looks for it. Outside of a pod there is no such file, and
// nobody to read it.
func LastWords(path string, r resources.Result) error {
	text, err := resultLine(r)
	if err != nil {
		return fmt.Errorf("--termination-log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--termination-log: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("--termination-log: %w", err)
	}
	return nil
}

// resultLine is a result in what Kubernetes keeps of it: what is longer is cut, so that it is JSON still.
func resultLine(r resources.Result) ([]byte, error) {
	text, err := json.Marshal(r)
	if err == nil && len(text) > mostTerminationLog && r.Chain != nil {
		chain := *r.Chain
		chain.RestoreNonces = nil
		r.Chain = &chain
		text, err = json.Marshal(r)
	}
	for err == nil && len(text) > mostTerminationLog && r.Message != "" {
		r.Message = strings.ToValidUTF8(r.Message[:len(r.Message)/2], "")
		text, err = json.Marshal(r)
	}
	return append(text, '\n'), err
}
