package v1alpha1

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Savepoint is a snapshot of a job that was asked for: complete, self-contained, relocatable, and its user's own. Its
// identity is the object's UID: however often the work is repeated, there is one savepoint in storage (P3).
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=savepoints,singular=savepoint,shortName=sp,categories={weir}
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Job",type=string,JSONPath=`.spec.jobRef.name`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.status.mode`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Checkpoint",type=integer,JSONPath=`.status.checkpointID`
// +kubebuilder:printcolumn:name="Size",type=integer,JSONPath=`.status.sizeBytes`
// +kubebuilder:printcolumn:name="Duration",type=string,JSONPath=`.status.duration`
// +kubebuilder:printcolumn:name="Path",type=string,JSONPath=`.status.path`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Savepoint struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is that of any Kubernetes object.
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what was asked for. Immutable.
	//
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable: create another Savepoint"
	Spec SavepointSpec `json:"spec"`

	// status is what became of it.
	//
	// +optional
	Status SavepointStatus `json:"status,omitzero"`

	// UnreadSpec is spec as it is stored, if not all of it can be read; nil: Spec is all. Nobody acts on such a Spec.
	UnreadSpec json.RawMessage `json:"-"`
}

// SavepointList is a list of Savepoints.
//
// +kubebuilder:object:root=true
type SavepointList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []Savepoint `json:"items"`
}

// SavepointSpec is what a savepoint is to be.
type SavepointSpec struct {
	// jobRef is the StreamJob, of the same namespace.
	JobRef JobReference `json:"jobRef"`

	// storage is the URL of the folder that the savepoint's folder is made in. Default: the job's spec.savepoint.storage;
	// without that, Stop and Drain leave the chain's last checkpoint as their result, and Continue fails.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="!self.matches(r'\\p{Cc}') && isURL(self) && self.matches('^(?i:(s3|gs|azblob)://[^/?#]+([/?#].*)?|file://(localhost)?/.*|mem://.*)$')",message="storage is the URL of a folder: s3://bucket/prefix, gs://, azblob://, file:///folder or mem://name"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^/]*//[^/?#]*@') && !self.matches('(?i)[?&]([^=&#]*(password|secret|token|signature|access_?key)[^=&#]*|sig)(=|&|#|$)')",message="storage holds no credentials: put them into the environment of the job's pods"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Storage *string `json:"storage,omitempty"`

	// mode is what the job does afterwards: Continue goes on, Stop stops (until its spec changes), Drain lets event time end
	// first, so that every window fires, and ends the job for good. Default: Continue.
	//
	// +optional
	Mode *SavepointMode `json:"mode,omitempty"`

	// deadline is how long it may take, from 1s, counted from the object's creation. Default: 10m.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]{1,3})?(h|m|s)|[0-9]+ms)+$') && duration(self) >= duration('1s') && duration(self) <= duration('87600h')",message="write deadline as a number with its unit, such as 500ms, 10s, 5m or 1h30m: 1s to 87600h, in whole milliseconds"
	Deadline *metav1.Duration `json:"deadline,omitempty"`

	// backoffLimit is how many failed tries are repeated, from 0. Default: 6.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	BackoffLimit *int32 `json:"backoffLimit,omitempty"`

	// deletionPolicy is what becomes of the savepoint in storage when this object is deleted: Retain or Delete. Default:
	// Retain.
	//
	// +optional
	DeletionPolicy *DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// JobReference names a StreamJob of the same namespace.
type JobReference struct {
	// name is that of the StreamJob.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
}

// SavepointMode is what the job does after a savepoint.
//
// +kubebuilder:validation:Enum=Continue;Stop;Drain
type SavepointMode string

// The modes of a savepoint.
const (
	Continue SavepointMode = "Continue" // the job goes on
	Stop     SavepointMode = "Stop"     // the job stops, and can go on from there
	Drain    SavepointMode = "Drain"    // event time ends, every window fires, and the job is over
)

// SavepointPhase is how far a savepoint is.
type SavepointPhase string

// The phases of a savepoint. Completed and Failed are final.
const (
	SavepointPending    SavepointPhase = "Pending"    // it waits for the job, or for its next try
	SavepointInProgress SavepointPhase = "InProgress" // the job's coordinator works on it
	SavepointCompleted  SavepointPhase = "Completed"  // it is in storage
	SavepointFailed     SavepointPhase = "Failed"     // it is given up; the job goes on
	SavepointDeleting   SavepointPhase = "Deleting"   // it is being removed from storage
)

// SavepointStatus is what became of a savepoint.
type SavepointStatus struct {
	// observedGeneration is the generation of the spec that the rest of the status is about.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// phase is how far it is. Completed and Failed are final.
	//
	// +optional
	Phase SavepointPhase `json:"phase,omitempty"`

	// mode is what the job does afterwards: spec.mode, or its default.
	//
	// +optional
	Mode SavepointMode `json:"mode,omitempty"`

	// conditions are Ready (it is in storage), Progressing and Stalled (it failed).
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// path is the URL of the savepoint's folder.
	//
	// +optional
	Path string `json:"path,omitempty"`

	// checkpointID is the checkpoint that it was made of.
	//
	// +optional
	CheckpointID int64 `json:"checkpointID,omitempty"`

	// sizeBytes is the size of all its files.
	//
	// +optional
	SizeBytes int64 `json:"sizeBytes,omitempty"`

	// duration is from the first request to its completion.
	//
	// +optional
	Duration *metav1.Duration `json:"duration,omitempty"`

	// progress is a word for people: what is being waited for, or how much is copied.
	//
	// +optional
	Progress string `json:"progress,omitempty"`

	// failures counts the tries that failed.
	//
	// +optional
	Failures int32 `json:"failures,omitempty"`

	// startedAt is when the coordinator was first asked.
	//
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`

	// nextTryAt is when it is tried again.
	//
	// +optional
	NextTryAt *metav1.Time `json:"nextTryAt,omitempty"`

	// jobUID is the StreamJob's that was asked: another one of the same name is not held by what stopped the first.
	//
	// +optional
	JobUID types.UID `json:"jobUID,omitempty"`

	// jobGeneration is the StreamJob's generation when a Stop or Drain was first asked for: a job that was stopped by a
	// Savepoint runs again when its spec is newer.
	//
	// +optional
	JobGeneration int64 `json:"jobGeneration,omitempty"`
}
