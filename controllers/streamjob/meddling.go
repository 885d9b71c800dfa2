package streamjob

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/controllers/resources"
)

// +kubebuilder:rbac:groups=apps,resources=statefulsets,verbs=update
// +kubebuilder:rbac:groups="",resources=services,verbs=delete

// putBack writes what somebody changed of a revision's objects as it was. The pod itself is left alone: what it runs it has
// read before, or has refused to.
func (r *Reconciler) putBack(ctx context.Context, s *scope, revision string) (string, error) {
	done := "put back what was changed by hand: " + s.edited[revision]
	if revision == s.resolution.revision && s.config(revision) == nil {
		_, err := r.record(ctx, s)
		return done, err
	}
	j, err := r.recordedObjects(s, revision)
	if err != nil {
		return "", err
	}
	if s.config(revision) == nil {
		if err := r.apply(ctx, j.ConfigMap()); err != nil {
			return "", err
		}
	}
	if seen := s.set(revision); seen != nil && resources.Edited(seen) != "" {
		if err := r.putBackSet(ctx, j, seen); err != nil {
			return "", err
		}
	}
	return done, nil
}

// recordedObjects are those of a revision as its ConfigMap says, or its ControllerRevision, where somebody changed that.
func (r *Reconciler) recordedObjects(s *scope, revision string) (*resources.Objects, error) {
	if c := s.config(revision); c != nil {
		return r.objects(s, revision, c.spec, c.generation)
	}
	if c := s.controllerRevision(revision); c != nil {
		return r.objects(s, revision, c.recorded.Spec, generationOf(c.object))
	}
	return nil, fmt.Errorf("revision %s is not recorded any more, so that its objects cannot be put back", revision)
}

// putBackSet writes the whole StatefulSet: what is applied would leave in it what somebody has added.
func (r *Reconciler) putBackSet(ctx context.Context, j *resources.Objects, seen *appsv1.StatefulSet) error {
	text, err := json.Marshal(j.StatefulSet(resources.Pods))
	if err != nil {
		return fmt.Errorf("write StatefulSet %s: %w", seen.Name, err)
	}
	var made appsv1.StatefulSet
	if err := json.Unmarshal(text, &made); err != nil {
		return fmt.Errorf("write StatefulSet %s: %w", seen.Name, err)
	}
	set := seen.DeepCopy()
	resources.Own(set, &made)
	return client.IgnoreNotFound(r.Client.Update(ctx, set, client.FieldOwner(resources.FieldOwner)))
}

// removeOrphans deletes what a former StreamJob of this name left without an owner.
func (r *Reconciler) removeOrphans(ctx context.Context, s *scope) (string, error) {
	for _, o := range s.orphans {
		if err := r.remove(ctx, o, o.GetUID()); err != nil {
			return "", err
		}
	}
	return "removed what a former StreamJob of this name left: " + strings.Join(s.facts.Orphans, ", "), nil
}
