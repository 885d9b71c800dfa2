package resources

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"

	"github.com/weirstream/weir/api/v1alpha1"
)

// RevisionFields are the fields of a spec of which another value is another revision (P8): what the job does, and what
// its pods are. All others are settings that an attempt is activated with, or the operator's concern alone.
//
// A field that is added later must be omitted when it is empty: then revisions that do not have it keep their hash.
type RevisionFields struct {
	SQL               *string               `json:"sql,omitempty"`
	Image             *string               `json:"image,omitempty"`
	State             v1alpha1.StateSpec    `json:"state,omitzero"`
	CredentialsSecret *string               `json:"credentialsSecret,omitempty"`
	Worker            v1alpha1.PodSpec      `json:"worker,omitzero"`
	Program           *v1alpha1.ProgramSpec `json:"program,omitempty"`
}

// Fields are those of a spec, be it the user's or a resolved one. They share its memory. The engine's image, which every job is given
// that names none, is none of a program's: that has its own.
func Fields(spec *v1alpha1.StreamJobSpec) RevisionFields {
	image := spec.Image
	if spec.Program != nil {
		image = nil
	}
	return RevisionFields{
		SQL: spec.SQL, Image: image, State: spec.State,
		CredentialsSecret: spec.Checkpoint.CredentialsSecret, Worker: spec.Worker, Program: spec.Program,
	}
}

// Apply gives a spec these fields. That is how a spec whose user changed none of them keeps what they were resolved to,
// the image above all.
func (f RevisionFields) Apply(spec *v1alpha1.StreamJobSpec) {
	spec.SQL, spec.Program, spec.Image, spec.State = f.SQL, f.Program, f.Image, f.State
	spec.Checkpoint.CredentialsSecret, spec.Worker = f.CredentialsSecret, f.Worker
}

// Equal tells that they mean the same; 1 and 1000m are the same quantity, and {} is the same as nothing.
func (f RevisionFields) Equal(other RevisionFields) bool {
	return bytes.Equal(f.canonical(), other.canonical())
}

// Revision is the hash of a resolved spec's revision fields: 10 hexadecimal digits of the SHA-256 of their canonical JSON.
func Revision(spec *v1alpha1.StreamJobSpec) string {
	sum := sha256.Sum256(Fields(spec).canonical())
	return hex.EncodeToString(sum[:])[:revisionLength]
}

// canonical is JSON with fields in the order of their declaration, keys of maps sorted, quantities in their shortest form
// and nothing that is empty.
func (f RevisionFields) canonical() []byte {
	text, err := marshal(f)
	if err != nil {
		panic(fmt.Sprintf("resources: revision fields are not JSON: %v", err)) // they are texts, numbers and maps of those
	}
	return text
}

// Image is that of the job's pods: the program's, or the engine's; empty: it is not resolved yet.
func Image(spec *v1alpha1.StreamJobSpec) string {
	if spec.Program != nil {
		return spec.Program.Image
	}
	return value(spec.Image)
}

// runnable tells that a resolved spec says what its pods run.
func runnable(spec *v1alpha1.StreamJobSpec) bool {
	return (spec.SQL != nil || spec.Program != nil) && Image(spec) != ""
}

// Recorded is the content of a ControllerRevision.
type Recorded struct {
	// Source is what the user's spec said of the revision fields when the revision was made.
	Source RevisionFields `json:"source"`
	// Spec is all that it was resolved to.
	Spec v1alpha1.StreamJobSpec `json:"spec"`
}

// ControllerRevision records the revision, once: number counts a job's revisions up, source is what the user's spec says
// of the revision fields.
func (j *Objects) ControllerRevision(number int64, source RevisionFields) (*appsv1ac.ControllerRevisionApplyConfiguration, error) {
	text, err := marshal(Recorded{Source: source, Spec: j.in.Spec})
	if err != nil {
		return nil, fmt.Errorf("write revision %s: %w", j.in.Revision, err)
	}
	return appsv1ac.ControllerRevision(j.name(), j.in.Namespace).
		WithLabels(j.labels()).
		WithAnnotations(j.generation()).
		WithOwnerReferences(j.owner()).
		WithData(runtime.RawExtension{Raw: text}).
		WithRevision(number), nil
}

// ReadRevision returns what a ControllerRevision of this package records.
func ReadRevision(r *appsv1.ControllerRevision) (Recorded, error) {
	var recorded Recorded
	if err := json.Unmarshal(r.Data.Raw, &recorded); err != nil {
		return Recorded{}, fmt.Errorf("read ControllerRevision %s: %w", r.Name, err)
	}
	if !runnable(&recorded.Spec) {
		return Recorded{}, fmt.Errorf("read ControllerRevision %s: it records no resolved spec", r.Name)
	}
	return recorded, nil
}

// marshal does not write <, > and & of a query as six characters each: objects have a limit.
func marshal(v any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}
