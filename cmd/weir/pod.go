package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/sql"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/manifest"
)

// terminationLog is where Kubernetes takes a container's last words from.
const terminationLog = "/dev/termination-log"

// mostTerminationLog is how many bytes of them it keeps.
const mostTerminationLog = 4096

// podFlags are those of the verbs that the operator runs in pods. A pod reads the manifest that the operator resolved for
// it: what weir.yaml or a flag could say is in it already (P8).
type podFlags struct {
	manifest, revision, owner, log string
}

// add adds --manifest and --termination-log, which all of them have.
func (f *podFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.manifest, "manifest", "", "the StreamJob as the operator resolved it (required)")
	c.Flags().StringVar(&f.log, "termination-log", terminationLog, "file for the last words of the process, if it is there")
}

func (f *podFlags) addOwner(c *cobra.Command) {
	c.Flags().StringVar(&f.owner, "owner", "", "whose attempts this process claims: <cluster id>/<StreamJob UID> (required)")
}

func (f *podFlags) addRevision(c *cobra.Command) {
	c.Flags().StringVar(&f.revision, "revision", "", "the hash of what is run (required)")
}

// required refuses flags of a command that are missing or empty.
func required(c *cobra.Command, names ...string) error {
	for _, name := range names {
		if c.Flags().Lookup(name).Value.String() == "" {
			return usagef("--%s is missing; see `%s --help`", name, c.CommandPath())
		}
	}
	return nil
}

// podJob reads the job that a pod is for.
func (a *app) podJob(f podFlags) (*manifest.Job, error) {
	file, err := a.readFile(f.manifest)
	if err != nil {
		return nil, err
	}
	j, err := manifest.Load(manifest.Input{Manifest: file, Cluster: true, Tolerant: true})
	if err != nil {
		return nil, err
	}
	if f.revision != "" {
		j.Config.Revision = f.revision
		if err := unchanged(file, f.revision, j); err != nil {
			return nil, err
		}
	}
	j.Config.Owner = f.owner
	return j, nil
}

// unchanged refuses a manifest that is not what the operator wrote for the revision: its digest stands beside it. What a
// later operator says in fields that are not known here is not in the revision's hash as it is made here.
func unchanged(file *manifest.File, revision string, j *manifest.Job) error {
	beside, err := os.ReadFile(filepath.Join(filepath.Dir(file.Name), resources.DigestKey))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // an earlier operator writes none
		return fmt.Errorf("--manifest: %w", err)
	}
	if err := resources.CheckManifest(string(file.Text), string(beside), revision, &j.Spec, len(j.Notes) == 0); err != nil {
		return usageError{fmt.Errorf("%s: %w", file.Name, err)}
	}
	return nil
}

// podGraph plans the job's SQL. Its places are those in spec.sql: the user has that text, and not the file of the pod.
func (a *app) podGraph(j *manifest.Job, log *slog.Logger) (*job.Graph, error) {
	connectors := registry.New(registry.Environment{Stdout: a.stdout, Stderr: a.stderr, Log: log, Now: time.Now})
	graph, err := sql.Compile(j.SQL.Text, "spec.sql", connectors)
	if err != nil {
		return nil, wrongText(err)
	}
	return graph, nil
}

// resultOf is what the operator reads of an error.
func resultOf(err error) resources.Result {
	var (
		wrong      *manifest.Error
		usage      usageError
		classified *fault.Error
		remedy     string
	)
	r := resources.Result{Message: oneLine(err.Error()), Permanent: fault.ClassOf(err) == fault.Permanent && !mendedElsewhere(err)}
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

// lastWords writes a result as one line of JSON where Kubernetes looks for it. Outside of a pod there is no such file, and
// nobody to read it.
func lastWords(path string, r resources.Result) error {
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
