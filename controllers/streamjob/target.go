package streamjob

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/manifest"
)

// resolution is what a spec means, with every default in its place.
type resolution struct {
	revision string
	spec     v1alpha1.StreamJobSpec
	// source is what the user's spec says of the revision fields.
	source resources.RevisionFields
	// recorded: ControllerRevision and ConfigMap say the same for this generation.
	recorded bool
	// problem is why it cannot be resolved; then spec is what was recorded last, for what is left to be known.
	problem string
	// restoreProblem is why the Savepoint of spec.restore cannot be restored.
	restoreProblem string
}

// resolve finds out what the spec of this generation means. Once it is recorded, it means that for good: neither a later
// operator's image nor changed global defaults restart a job (P8).
func (r *Reconciler) resolve(s *scope) resolution {
	result := resolution{source: resources.Fields(&s.job.Spec)}
	if old := s.resolved(s.job.Generation); old != nil {
		result.revision, result.spec, result.recorded = old.revision, old.spec, s.controllerRevision(old.revision) != nil
		path := result.spec.Restore.Path
		if path == nil && s.job.Spec.Restore.SavepointRef != nil {
			result.spec.Restore = s.job.Spec.Restore
			result.restore(s)
			result.recorded = result.recorded && result.spec.Restore.Path == nil
		}
		return result
	}
	spec, err := r.load(s.job)
	if err != nil {
		result.problem = problem(err)
		if last := s.newestResolved(); last != nil {
			result.spec = last.spec
		}
		return result
	}
	result.spec = spec
	s.keepKeyGroups(&result.spec)
	if same := s.sameSource(result.source); same != nil {
		resources.Fields(&same.recorded.Spec).Apply(&result.spec)
		result.revision = same.name
	} else {
		if result.spec.Image == nil {
			result.spec.Image = &r.EngineImage
		}
		result.revision = resources.Revision(&result.spec)
	}
	if result.problem = s.moved(&result.spec); result.problem != "" {
		result.spec = s.newestResolved().spec
		return result
	}
	result.restore(s)
	return result
}

// load reads the spec as pods will: defaults of the project and of weir.yaml under it, every rule held.
func (r *Reconciler) load(job *v1alpha1.StreamJob) (v1alpha1.StreamJobSpec, error) {
	text, err := json.Marshal(&v1alpha1.StreamJob{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.StreamJobKind},
		ObjectMeta: metav1.ObjectMeta{Name: job.Name, Namespace: job.Namespace},
		Spec:       job.Spec,
		UnreadSpec: job.UnreadSpec,
	})
	if err != nil {
		return v1alpha1.StreamJobSpec{}, fmt.Errorf("write StreamJob %s as JSON: %w", job.Name, err)
	}
	file := &manifest.File{Name: fileName + job.Namespace + "/" + job.Name, Text: text}
	loaded, err := manifest.Load(manifest.Input{Manifest: file, Global: r.Global, Cluster: true})
	if err != nil {
		return v1alpha1.StreamJobSpec{}, err
	}
	if err := job.SpecProblem(); err != nil { // the manifest's reader takes what Kubernetes' does not
		return v1alpha1.StreamJobSpec{}, err
	}
	if err := resources.CheckName(job.Name); err != nil {
		return v1alpha1.StreamJobSpec{}, err
	}
	return loaded.Spec, nil
}

// problem is why a spec cannot be resolved. A place in it would be one in JSON that nobody wrote; one in weir.yaml helps.
func problem(err error) string {
	var m *manifest.Error
	if errors.As(err, &m) && strings.HasPrefix(m.Place.Source, fileName) {
		nowhere := *m
		nowhere.Place = manifest.Place{}
		return nowhere.Error()
	}
	return err.Error()
}

// fileName begins the name under which a StreamJob's spec is read.
const fileName = "StreamJob "

// restore puts the path of the Savepoint that spec.restore names in its place: pods know no Savepoints. While there is
// none, nothing of spec.restore is left for them to take.
func (t *resolution) restore(s *scope) {
	ref := t.spec.Restore.SavepointRef
	if ref == nil {
		return
	}
	t.spec.Restore.SavepointRef = nil
	i := slices.IndexFunc(s.savepoints, func(p v1alpha1.Savepoint) bool { return p.Name == ref.Name })
	switch {
	case i < 0:
		t.restoreProblem = fmt.Sprintf("Savepoint %q of spec.restore.savepointRef does not exist: create it, or set spec.restore.path", ref.Name)
	case s.savepoints[i].Status.Phase != v1alpha1.SavepointCompleted || s.savepoints[i].Status.Path == "":
		t.restoreProblem = fmt.Sprintf("Savepoint %q of spec.restore.savepointRef is not complete (%s): wait for it, or name another",
			ref.Name, cmp.Or(s.savepoints[i].Status.Phase, v1alpha1.SavepointPending))
	default:
		path := s.savepoints[i].Status.Path
		t.spec.Restore.Path = &path
	}
}

// forPods is the spec that pods are given: without a path there is nothing to restore.
func (t *resolution) forPods() v1alpha1.StreamJobSpec {
	spec := *t.spec.DeepCopy()
	if t.restoreProblem != "" {
		spec.Restore.Nonce = nil
	}
	return spec
}

// keepKeyGroups keeps spec.maxParallelism as it was recorded first, whatever has become of the defaults since: the job's
// state is divided by it. The API server refuses another one from the user.
func (s *scope) keepKeyGroups(spec *v1alpha1.StreamJobSpec) {
	if last := s.newestResolved(); last != nil && last.spec.MaxParallelism != nil && s.job.Spec.MaxParallelism == nil {
		spec.MaxParallelism = last.spec.MaxParallelism
	}
}

// moved tells that the spec points to another folder than the one that the job has its snapshots in.
func (s *scope) moved(spec *v1alpha1.StreamJobSpec) string {
	last := s.newestResolved()
	if last == nil || s.job.Status.Attempt == 0 || spec.Checkpoint.Storage == nil || last.spec.Checkpoint.Storage == nil {
		return ""
	}
	if was := *last.spec.Checkpoint.Storage; was != *spec.Checkpoint.Storage {
		return fmt.Sprintf("spec.checkpoint.storage: the job's snapshots are in %s, and cannot move to %s: set it back; or take a savepoint, "+
			"and restore it in a StreamJob with another name", was, *spec.Checkpoint.Storage)
	}
	return ""
}

// leastSlack is what a checkpoint may take longer than the one before it, at least.
const leastSlack = 30 * time.Second

// fresh is how old the newest complete checkpoint may be: two may fail in a row, and the next may take four times as long as
// the last one did, but none takes longer than its timeout.
func fresh(spec *v1alpha1.CheckpointSpec, last *v1alpha1.CheckpointStatus) time.Duration {
	slack := leastSlack
	if last != nil {
		slack = max(slack, 4*last.Duration.Duration)
	}
	return plan.StaleAfter*(duration(spec.Interval)+duration(spec.MinPause)) + min(slack, 2*duration(spec.Timeout))
}

// target is the resolution as package plan sees it.
func (t *resolution) target(last *v1alpha1.CheckpointStatus) plan.Target {
	target := plan.Target{
		Revision: t.revision, Settings: manifest.Settings(&t.spec), Recorded: t.recorded,
		Problem: t.problem, RestoreProblem: t.restoreProblem, TakeOver: t.spec.Restore.TakeOver != nil && *t.spec.Restore.TakeOver,
		StopFirst: resources.StopFirst(&t.spec),
	}
	if storage := t.spec.Checkpoint.Storage; storage != nil {
		target.Volatile = strings.HasPrefix(*storage, "mem:")
		target.Folder = folder(*storage, t.spec.JobID)
	}
	target.Fresh = fresh(&t.spec.Checkpoint, last)
	if t.problem != "" {
		target.Revision = ""
	}
	return target
}

// folder is the job's, for people: the path of a storage URL comes before its query.
func folder(storage string, jobID *string) string {
	if jobID == nil {
		return storage
	}
	base, query, has := strings.Cut(storage, "?")
	base = strings.TrimSuffix(base, "/") + "/" + *jobID
	if has {
		return base + "?" + query
	}
	return base
}

func duration(d *metav1.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Duration
}

// recordedRevision is a ControllerRevision that can be read.
type recordedRevision struct {
	name     string // the revision
	number   int64
	recorded resources.Recorded
	object   *appsv1.ControllerRevision
}

// sameSource finds the newest revision that was made of the same fields; nil: there is none.
func (s *scope) sameSource(source resources.RevisionFields) *recordedRevision {
	var newest *recordedRevision
	for i := range s.recorded {
		if c := &s.recorded[i]; c.recorded.Source.Equal(source) && (newest == nil || c.number > newest.number) {
			newest = c
		}
	}
	return newest
}

// controllerRevision finds one by revision; nil: there is none.
func (s *scope) controllerRevision(revision string) *recordedRevision {
	if i := slices.IndexFunc(s.recorded, func(c recordedRevision) bool { return c.name == revision }); i >= 0 {
		return &s.recorded[i]
	}
	return nil
}

// resolvedRevision is a ConfigMap that can be read.
type resolvedRevision struct {
	revision   string
	generation int64
	spec       v1alpha1.StreamJobSpec
}

// resolved finds what a generation was resolved to; nil: it was not, or somebody took it away.
func (s *scope) resolved(generation int64) *resolvedRevision {
	if i := slices.IndexFunc(s.configs, func(c resolvedRevision) bool { return c.generation == generation }); i >= 0 {
		return &s.configs[i]
	}
	return nil
}

// newestResolved is that of the newest generation, or what was recorded last, where somebody took the ConfigMaps away or
// changed them; nil: there is none.
func (s *scope) newestResolved() *resolvedRevision {
	var newest *resolvedRevision
	for i := range s.configs {
		if c := &s.configs[i]; newest == nil || c.generation > newest.generation {
			newest = c
		}
	}
	if newest != nil {
		return newest
	}
	var last *recordedRevision
	for i := range s.recorded {
		if c := &s.recorded[i]; last == nil || c.number > last.number {
			last = c
		}
	}
	if last == nil {
		return nil
	}
	return &resolvedRevision{revision: last.name, generation: generationOf(last.object), spec: last.recorded.Spec}
}

// config finds one by revision; nil: there is none.
func (s *scope) config(revision string) *resolvedRevision {
	if i := slices.IndexFunc(s.configs, func(c resolvedRevision) bool { return c.revision == revision }); i >= 0 {
		return &s.configs[i]
	}
	return nil
}
