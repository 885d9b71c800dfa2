package resources

import (
	"errors"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/types"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/manifest"
)

// FieldOwner is who the operator is to server-side apply.
const FieldOwner = "weir"

// maxManifest is less than the 1 MiB that a ConfigMap may hold, and that package manifest reads.
const maxManifest = 1<<20 - 4<<10

// Input is a StreamJob of which everything is resolved.
type Input struct {
	Name, Namespace string
	UID             types.UID
	// Generation is the one that Spec was resolved from.
	Generation int64
	// Spec has a value for every field that has a default, image included.
	Spec v1alpha1.StreamJobSpec
	// Revision is Revision(Spec), or, of a recorded revision, the name it was recorded under.
	Revision string
	// Owner is whose the job's attempts are (P1): "<cluster id>/<UID>".
	Owner string
}

// Objects makes the objects of one revision of a StreamJob.
type Objects struct {
	in       Input
	manifest string
}

// NewObjects checks what the names of the objects are made of, and that the spec is complete and not too large.
func NewObjects(in Input) (*Objects, error) {
	if err := CheckName(in.Name); err != nil {
		return nil, err
	}
	switch {
	case in.Namespace == "" || in.UID == "" || in.Owner == "":
		return nil, errors.New("the job has no namespace, UID or owner")
	case !revisionName.MatchString(in.Revision):
		return nil, fmt.Errorf("%q is not a revision", in.Revision)
	case !runnable(&in.Spec) || in.Spec.Parallelism == nil:
		return nil, errors.New("the job's spec is not complete: sql or program, image and parallelism are resolved before objects are made")
	}
	Fields(&in.Spec).Apply(&in.Spec)
	text, err := manifest.Marshal(in.Name, in.Namespace, in.Spec)
	if err != nil {
		return nil, fmt.Errorf("write the manifest of %s: %w", in.Name, err)
	}
	if len(text) > maxManifest {
		return nil, fmt.Errorf("the job's manifest is %d bytes long and a ConfigMap holds %d: make spec.sql or spec.program.args shorter", len(text), maxManifest)
	}
	return &Objects{in: in, manifest: string(text)}, nil
}

// name is that of the revision's objects.
func (j *Objects) name() string { return Name(j.in.Name, j.in.Revision) }

// generation is the annotation that tells which spec an object was resolved from. It is on objects, never on pod
// templates: a new generation alone changes no pod.
func (j *Objects) generation() map[string]string {
	return map[string]string{v1alpha1.AnnotationGeneration: strconv.FormatInt(j.in.Generation, 10)}
}

// labels are on the objects of the revision.
func (j *Objects) labels() map[string]string { return RevisionLabels(j.in.Name, j.in.Revision) }

// owner makes the StreamJob's deletion that of an object too.
func (j *Objects) owner() *metav1ac.OwnerReferenceApplyConfiguration {
	return ownedBy(v1alpha1.StreamJobKind, j.in.Name, j.in.UID)
}

func ownedBy(kind, name string, uid types.UID) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind(kind).WithName(name).WithUID(uid).
		WithController(true).WithBlockOwnerDeletion(true)
}
