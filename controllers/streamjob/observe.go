package streamjob

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// scope is one pass over one StreamJob: what was read, and what follows from it. What other StreamJobs of the same name
// owned before this one is left out.
type scope struct {
	job         *v1alpha1.StreamJob
	memory      *jobMemory
	sets        []appsv1.StatefulSet
	pods        []corev1.Pod
	tasks       []batchv1.Job
	savepoints  []v1alpha1.Savepoint
	recorded    []recordedRevision
	unreadable  string // which of those cannot be read, and why; empty: all can
	configs     []resolvedRevision
	configNames map[string]types.UID // by revision
	edited      map[string]string    // by revision: what somebody changed of its objects
	orphans     []client.Object      // what a former StreamJob of this name left without an owner
	service     *corev1.Service      // nil: there is none
	resolution  resolution
	facts       plan.Facts
}

// +kubebuilder:rbac:groups=apps,resources=statefulsets;controllerrevisions,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods;services,verbs=get;list;watch
// +kubebuilder:rbac:groups=weir.stream,resources=savepoints,verbs=get;list;watch;create;delete

// observe reads what there is of a StreamJob, resolves its spec, and asks its coordinators: objects first, so that no
// answer is older than they are.
func (r *Reconciler) observe(ctx context.Context, from source, name types.NamespacedName) (*scope, error) {
	s := &scope{job: &v1alpha1.StreamJob{}, memory: r.memory.job(name), configNames: map[string]types.UID{}, edited: map[string]string{}}
	if err := from.Get(ctx, name, s.job); err != nil {
		return nil, err
	}
	if err := s.read(ctx, from); err != nil {
		return nil, fmt.Errorf("read what there is of StreamJob %s: %w", name, err)
	}
	s.resolution = r.resolve(s)
	s.facts = plan.Facts{
		Now: r.Now(), Owner: r.owner(s.job), Target: s.resolution.target(s.job.Status.LastCheckpoint), OwnersUnknown: r.OneNamespace,
		Job: plan.StreamJob{Name: s.job.Name, Generation: s.job.Generation, Desired: v1alpha1.Running,
			Finalizer: controllerutil.ContainsFinalizer(s.job, v1alpha1.Finalizer)},
	}
	if d := s.resolution.spec.DesiredState; d != nil {
		s.facts.Job.Desired = *d
	}
	if policy := s.resolution.spec.Checkpoint.OnDelete; policy != nil {
		s.facts.Job.DeleteStorage = *policy == v1alpha1.Delete
	}
	if at := s.job.DeletionTimestamp; at != nil {
		s.facts.Job.DeletedAt = at.Time
	}
	s.facts.LastStatus = s.lastStatus(s.facts.Job.Desired)
	s.facts.Revisions = s.revisions(func(pod *corev1.Pod) (*rest.Job, bool) { return r.ask(ctx, s, pod) })
	s.facts.Preflight, s.facts.OldPreflights = s.preflights()
	s.facts.Discard = s.discard()
	s.facts.Savepoints = s.savepointFacts()
	s.facts.Activation = s.activation()
	for _, o := range s.orphans {
		s.facts.Orphans = append(s.facts.Orphans, nameOf(o))
	}
	s.facts.Unreadable = s.unreadable
	s.facts.Refused = s.memory.refusals.told(s.job.Generation)
	return s, r.observeOwners(ctx, from, s)
}

// read lists what belongs to the job, and sorts it: what is the job's, what nobody owns, what somebody edited.
func (s *scope) read(ctx context.Context, from source) error {
	in, ours := client.InNamespace(s.job.Namespace), client.MatchingLabelsSelector{Selector: resources.JobSelector(s.job.Name)}
	var sets appsv1.StatefulSetList
	var revisions appsv1.ControllerRevisionList
	var configs corev1.ConfigMapList
	var tasks batchv1.JobList
	var pods corev1.PodList
	var services corev1.ServiceList
	for _, list := range []client.ObjectList{&sets, &revisions, &configs, &tasks, &pods, &services} {
		if err := from.List(ctx, list, in, ours); err != nil {
			return fmt.Errorf("list %T: %w", list, err)
		}
	}
	s.orphans = slices.Concat(orphans(sets.Items), orphans(revisions.Items), orphans(configs.Items), orphans(tasks.Items), orphans(services.Items))
	s.pods = pods.Items
	s.tasks = owned(tasks.Items, s.job)
	if ours := owned(services.Items, s.job); len(ours) > 0 {
		s.service = &ours[0]
	}
	s.takeSets(owned(sets.Items, s.job))
	s.takeRevisions(owned(revisions.Items, s.job))
	s.takeConfigs(ctx, owned(configs.Items, s.job))
	return s.readSavepoints(ctx, from)
}

func (s *scope) takeSets(sets []appsv1.StatefulSet) {
	s.sets = sets
	for i := range sets {
		if what := resources.Edited(&sets[i]); what != "" {
			s.edited[sets[i].Labels[v1alpha1.LabelRevision]] = what
		}
	}
}

func (s *scope) takeRevisions(revisions []appsv1.ControllerRevision) {
	for i := range revisions {
		c := &revisions[i]
		recorded, err := resources.ReadRevision(c)
		if err != nil {
			s.unreadable = err.Error()
			continue
		}
		s.recorded = append(s.recorded, recordedRevision{name: c.Labels[v1alpha1.LabelRevision], number: c.Revision, recorded: recorded, object: c})
	}
}

// takeConfigs reads the resolved specs. One that cannot be read was edited, and is put back.
func (s *scope) takeConfigs(ctx context.Context, configs []corev1.ConfigMap) {
	for i := range configs {
		c := &configs[i]
		revision := c.Labels[v1alpha1.LabelRevision]
		s.configNames[revision] = c.UID
		spec, generation, err := resources.ReadConfigMap(c)
		if err != nil {
			log.FromContext(ctx).Error(err, "a ConfigMap of the operator was changed")
			s.edited[revision] = fmt.Sprintf("ConfigMap %s was changed", c.Name)
			continue
		}
		s.configs = append(s.configs, resolvedRevision{revision: revision, generation: generation, spec: spec})
	}
}

// readSavepoints lists those of the job. They have no label of it, because users create them: the cache has an index, the API
// server lists all of the namespace.
func (s *scope) readSavepoints(ctx context.Context, from source) error {
	var savepoints v1alpha1.SavepointList
	options := []client.ListOption{client.InNamespace(s.job.Namespace)}
	if from.indexed {
		options = append(options, client.MatchingFields{savepointsOf: s.job.Name})
	}
	if err := from.List(ctx, &savepoints, options...); err != nil {
		return fmt.Errorf("list Savepoints: %w", err)
	}
	for _, p := range savepoints.Items {
		if p.Spec.JobRef.Name == s.job.Name {
			s.savepoints = append(s.savepoints, p)
		}
	}
	return nil
}

// owned leaves out what another StreamJob of the same name left behind, and what is about to go.
func owned[T any, P interface {
	*T
	client.Object
}](items []T, job *v1alpha1.StreamJob) []T {
	var ours []T
	for i := range items {
		if o := P(&items[i]); metav1.IsControlledBy(o, job) && o.GetDeletionTimestamp().IsZero() {
			ours = append(ours, items[i])
		}
	}
	return ours
}

// orphans are those that nobody owns, and nobody is about to delete.
func orphans[T any, P interface {
	*T
	client.Object
}](items []T) (left []client.Object) {
	for i := range items {
		if o := P(&items[i]); len(o.GetOwnerReferences()) == 0 && o.GetDeletionTimestamp().IsZero() {
			left = append(left, o)
		}
	}
	return left
}

// nameOf is an object's kind and name, for people.
func nameOf(o client.Object) string {
	kind := reflect.TypeOf(o).Elem().Name()
	return kind + " " + o.GetName()
}

// lastStatus is what the status says that cannot be observed again.
func (s *scope) lastStatus(desired v1alpha1.DesiredState) plan.LastStatus {
	job, status := s.job, &s.job.Status
	m := plan.LastStatus{Revision: status.Revision, Attempt: status.Attempt, RecoveryPoint: status.RecoveryPoint != nil, Upgrade: status.Upgrade.DeepCopy()}
	if c := status.LastCheckpoint; c != nil {
		m.LastCheckpoint, m.Checkpoint = c.Time.Time, c.ID
	}
	if len(status.History) > 0 && status.History[0].Attempt == status.Attempt {
		m.Outcome = outcome.Outcome(status.History[0].Outcome)
	}
	if old := s.config(status.Revision); old != nil && old.spec.Restore.Nonce != nil {
		m.Nonce = *old.spec.Restore.Nonce
	}
	for _, c := range status.Conditions {
		if c.Status != metav1.ConditionTrue || c.ObservedGeneration != job.Generation {
			continue
		}
		switch c.Type {
		case v1alpha1.ConditionReady:
			if c.Reason == v1alpha1.ReasonRunning {
				m.Running = c.Message
			}
		case v1alpha1.ConditionPaused:
			m.Paused = desired == v1alpha1.Running
		case v1alpha1.ConditionStalled:
			m.Stalled, m.StalledSince = &plan.Trouble{Reason: c.Reason, Message: c.Message}, c.LastTransitionTime.Time
		}
	}
	return m
}

// ask asks the coordinator in a running pod; nil: it does not answer, or somebody else does.
func (r *Reconciler) ask(ctx context.Context, s *scope, pod *corev1.Pod) (_ *rest.Job, untrusted bool) {
	answer := r.Coordinators.Ask(ctx, pod, s.job.UID, "")
	if answer.Job != nil {
		s.memory.answers(pod, s.facts.Now)
	}
	return answer.Job, answer.Untrusted
}

// observeOwners finds out who lives, if a chain says that another owner of this cluster had it last.
func (r *Reconciler) observeOwners(ctx context.Context, from source, s *scope) error {
	matters := false
	for _, revision := range s.facts.Revisions {
		if c := revision.Coordinator; c != nil && c.Chain != nil && c.Chain.Owner != s.facts.Owner && strings.HasPrefix(c.Chain.Owner, r.ClusterID+"/") {
			matters = true
		}
	}
	if !matters {
		return nil
	}
	options := []client.ListOption{}
	if r.OneNamespace {
		options = append(options, client.InNamespace(s.job.Namespace))
	}
	var all v1alpha1.StreamJobList
	if err := from.List(ctx, &all, options...); err != nil {
		return fmt.Errorf("list StreamJobs: %w", err)
	}
	s.facts.LivingOwners = map[string]string{}
	for i := range all.Items {
		if other := &all.Items[i]; other.UID != s.job.UID {
			s.facts.LivingOwners[r.owner(other)] = other.Namespace + "/" + other.Name
		}
	}
	return nil
}
