package v1alpha1

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// StreamJob is a stateful streaming job.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=streamjobs,singular=streamjob,shortName=sj,categories={all,weir}
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.parallelism,statuspath=.status.parallelism
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Parallelism",type=integer,JSONPath=`.status.parallelism`
// +kubebuilder:printcolumn:name="Attempt",type=integer,JSONPath=`.status.attempt`
// +kubebuilder:printcolumn:name="Checkpoint",type=integer,JSONPath=`.status.lastCheckpoint.id`
// +kubebuilder:printcolumn:name="Last",type=date,JSONPath=`.status.lastCheckpoint.time`
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.revision`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40",message="the name has at most 40 characters: the names of the job's pods are made of it"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="the name begins with a letter and has small letters, digits and '-': the job's Service is named so"
type StreamJob struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is that of any Kubernetes object. Its name has at most 40 characters.
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what the job is to be.
	Spec StreamJobSpec `json:"spec"`

	// status is what the operator last saw of the job. Nobody else writes it, and nothing is lost with it: the job's folder
	// in storage is the truth.
	//
	// +optional
	Status StreamJobStatus `json:"status,omitzero"`

	// UnreadSpec is spec as it is stored, if not all of it can be read; nil: Spec is all. It is for telling what is wrong:
	// nobody acts on such a Spec.
	UnreadSpec json.RawMessage `json:"-"`
}

// StreamJobList is a list of StreamJobs.
//
// +kubebuilder:object:root=true
type StreamJobList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []StreamJob `json:"items"`
}

// StreamJobSpec is what a job is to be.
//
// +kubebuilder:validation:XValidation:rule="has(self.sql) != has(self.program)",message="write the job as sql or as program: exactly one of them"
// +kubebuilder:validation:XValidation:rule="!has(self.program) || !has(self.image)",message="image is the engine's, for sql: the image of a program is program.image"
// +kubebuilder:validation:XValidation:rule="has(self.jobID) == has(oldSelf.jobID) && (!has(self.jobID) || self.jobID == oldSelf.jobID)",message="jobID is immutable: it names the folder of the job's snapshots"
// +kubebuilder:validation:XValidation:rule="has(self.maxParallelism) == has(oldSelf.maxParallelism) && (!has(self.maxParallelism) || self.maxParallelism == oldSelf.maxParallelism)",message="maxParallelism is immutable: state is stored by key group"
// +kubebuilder:validation:XValidation:rule="!has(self.maxParallelism) || self.parallelism <= self.maxParallelism",message="parallelism is at most maxParallelism"
type StreamJobSpec struct {
	// jobID names the folder of the job's snapshots, so that a job is found again after its StreamJob is gone. Immutable.
	// Default: namespace.name; for `weir run` metadata.name, or the stem of the SQL file's name.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=120
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]{0,118}[a-z0-9])?$`
	JobID *string `json:"jobID,omitempty"`

	// sql is the job: statements of Flink SQL, of which at least one is an INSERT. At most 256 KiB. Exactly one of sql and program
	// is set.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	// +kubebuilder:validation:XValidation:rule="self.matches(r'\\S')",message="sql is empty: write at least CREATE TABLE and INSERT INTO"
	// +kubebuilder:validation:XValidation:rule="size(bytes(self)) <= 262144",message="sql has at most 256 KiB: split the job"
	SQL *string `json:"sql,omitempty"`

	// program is the job, instead of sql: a program on the Go SDK. It is part of the job's revision: another image, or other
	// arguments, are an upgrade.
	//
	// +optional
	Program *ProgramSpec `json:"program,omitempty"`

	// image is the engine's image, for a job that is sql. It is part of the job's revision: another one is an upgrade. Default: the
	// operator's own at the time the revision is made; a later operator does not change it. For `weir run` it has no effect.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-zA-Z0-9][a-zA-Z0-9._/:@+-]*$')",message="write image as registry/name:tag or registry/name@sha256:digest"
	Image *string `json:"image,omitempty"`

	// desiredState is Running or Suspended: a suspended job is stopped with a savepoint and has no pods; it resumes from
	// where it was stopped. Default: Running. For `weir run` it must be Running.
	//
	// +optional
	DesiredState *DesiredState `json:"desiredState,omitempty"`

	// parallelism is the number of subtasks of each operator that the text or program gives none of its own, from 1 to
	// maxParallelism, and at most 512: one process carries them all. Default: 1.
	//
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=512
	Parallelism *int32 `json:"parallelism,omitempty"`

	// maxParallelism is the number of key groups that keyed state is divided into, from 1 to 32768. Immutable. Default: 1024.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=32768
	MaxParallelism *int32 `json:"maxParallelism,omitempty"`

	// checkpoint says where and how often the engine takes checkpoints.
	//
	// +optional
	Checkpoint CheckpointSpec `json:"checkpoint,omitzero"`

	// state says how the operators keep their state.
	//
	// +optional
	State StateSpec `json:"state,omitzero"`

	// savepoint says where savepoints go.
	//
	// +optional
	Savepoint SavepointDefaults `json:"savepoint,omitzero"`

	// upgrade says what may become of state when the job is changed.
	//
	// +optional
	Upgrade UpgradeSpec `json:"upgrade,omitzero"`

	// restore says what the job starts from, if not from the newest complete checkpoint of its own.
	//
	// +optional
	Restore RestoreSpec `json:"restore,omitzero"`

	// restart says how the job is started again after a failure.
	//
	// +optional
	Restart RestartSpec `json:"restart,omitzero"`

	// worker says what the pods that process the records are given. For `weir run` it has no effect.
	//
	// +optional
	Worker PodSpec `json:"worker,omitzero"`
}

// DesiredState is whether a job is to run.
//
// +kubebuilder:validation:Enum=Running;Suspended
type DesiredState string

const (
	// Running jobs process records.
	Running DesiredState = "Running"
	// Suspended jobs are stopped with a savepoint and have no pods.
	Suspended DesiredState = "Suspended"
)

// PodSpec is what a job's pods are given. All of it is part of the job's revision: a change is an upgrade.
type PodSpec struct {
	// resources are the container's requests and limits. Default: none.
	//
	// +optional
	Resources Resources `json:"resources,omitzero"`

	// podTemplate is laid over the pods that the operator makes.
	//
	// +optional
	PodTemplate PodTemplate `json:"podTemplate,omitzero"`
}

// PodTemplate is the part of a pod that users decide about. What keeps a pod restricted (security contexts, volumes,
// probes, command) is the operator's.
type PodTemplate struct {
	// labels are added to the pods; those of the operator win.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="the names of labels are letters, digits and, between them, '-', '_' and '.', with a domain and '/' before them or none"
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// annotations are added to the pods; those of the operator win.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="the names of annotations are letters, digits and, between them, '-', '_' and '.', with a domain and '/' before them or none"
	Annotations map[string]string `json:"annotations,omitempty"`

	// serviceAccountName is whose identity the pods have, for example at the bucket's provider. Its token is not mounted: jobs
	// do not talk to Kubernetes. Default: the namespace's default.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="serviceAccountName is the name of an object: small letters, digits and, between them, '-' and '.'"
	ServiceAccountName *string `json:"serviceAccountName,omitempty"`

	// priorityClassName is the pods' priority. Default: none.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="priorityClassName is the name of an object: small letters, digits and, between them, '-' and '.'"
	PriorityClassName *string `json:"priorityClassName,omitempty"`

	// imagePullSecrets are for images of private registries.
	//
	// +optional
	// +kubebuilder:validation:MaxItems=16
	ImagePullSecrets []PullSecret `json:"imagePullSecrets,omitempty"`

	// nodeSelector are labels that the pods' nodes must have.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="the names of nodeSelector are letters, digits and, between them, '-', '_' and '.', with a domain and '/' before them or none"
	NodeSelector map[string]LabelValue `json:"nodeSelector,omitempty"`

	// tolerations are taints that the pods bear.
	//
	// +optional
	// +kubebuilder:validation:MaxItems=64
	Tolerations []Toleration `json:"tolerations,omitempty"`
}

// Resources are what a container asks for, and the most that it gets.
//
// +kubebuilder:validation:XValidation:rule="!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits) || !quantity(string(self.requests[k])).isGreaterThan(quantity(string(self.limits[k]))))",message="requests are at most limits"
type Resources struct {
	// limits are the most that the container gets, by the names of resources: cpu, memory, ephemeral-storage, hugepages-* or
	// one with a domain. Default: none.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=6
	// +kubebuilder:validation:XValidation:rule="self.all(k, isQuantity(string(self[k])) && sign(quantity(string(self[k]))) >= 0)",message="limits are numbers from 0 with or without a unit, such as 500m, 2 or 1Gi"
	// +kubebuilder:validation:XValidation:rule="self.all(k, k in ['cpu', 'memory', 'ephemeral-storage'] || k.startsWith('hugepages-') || k.contains('/'))",message="limits are of cpu, memory, ephemeral-storage, hugepages-* or a name with a domain"
	Limits corev1.ResourceList `json:"limits,omitempty"`

	// requests are what the container is given room for, each at most its limit. Default: limits.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=6
	// +kubebuilder:validation:XValidation:rule="self.all(k, isQuantity(string(self[k])) && sign(quantity(string(self[k]))) >= 0)",message="requests are numbers from 0 with or without a unit, such as 500m, 2 or 1Gi"
	// +kubebuilder:validation:XValidation:rule="self.all(k, k in ['cpu', 'memory', 'ephemeral-storage'] || k.startsWith('hugepages-') || k.contains('/'))",message="requests are of cpu, memory, ephemeral-storage, hugepages-* or a name with a domain"
	Requests corev1.ResourceList `json:"requests,omitempty"`
}

// ProgramSpec is a program on the Go SDK, whose main function is job.Main.
type ProgramSpec struct {
	// image is that of the program; its entrypoint is the program. Where the program runs as a process of its own it has no effect.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-zA-Z0-9][a-zA-Z0-9._/:@+-]*$')",message="write image as registry/name:tag or registry/name@sha256:digest"
	Image string `json:"image"`

	// args are the program's own arguments, each as it is: none is split, and no shell reads them. At most 256. Default: none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=4096
	Args []string `json:"args,omitempty"`
}

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`
type LabelValue string

// PullSecret names a Secret of the job's namespace, with the login of a registry.
type PullSecret struct {
	// name is that of the Secret.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="name is the name of an object: small letters, digits and, between them, '-' and '.'"
	Name string `json:"name"`
}

// Toleration is a taint that pods bear, with the fields and the meaning that it has in a pod.
//
// +kubebuilder:validation:XValidation:rule="has(self.key) && size(self.key) > 0 || has(self.operator) && self.operator == 'Exists'",message="name the taint's key, or write operator: Exists to bear every taint"
// +kubebuilder:validation:XValidation:rule="!has(self.value) || size(self.value) == 0 || !has(self.operator) || self.operator != 'Exists'",message="value means nothing with operator: Exists"
// +kubebuilder:validation:XValidation:rule="!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'",message="tolerationSeconds means nothing without effect: NoExecute"
type Toleration struct {
	// key is that of the taint. Default: every taint, with operator: Exists.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^(([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`
	Key string `json:"key,omitempty"`

	// operator is Equal, which compares the taint's value, or Exists. Default: Equal.
	//
	// +optional
	// +kubebuilder:validation:Enum=Equal;Exists;""
	Operator corev1.TolerationOperator `json:"operator,omitempty"`

	// value is that of the taint, with operator: Equal. Default: none.
	//
	// +optional
	Value LabelValue `json:"value,omitempty"`

	// effect is NoSchedule, PreferNoSchedule or NoExecute. Default: all of them.
	//
	// +optional
	// +kubebuilder:validation:Enum=NoSchedule;PreferNoSchedule;NoExecute;""
	Effect corev1.TaintEffect `json:"effect,omitempty"`

	// tolerationSeconds is for how long effect: NoExecute is borne. Default: for ever.
	//
	// +optional
	TolerationSeconds *int64 `json:"tolerationSeconds,omitempty"`
}

// CheckpointMode is what checkpoints promise.
//
// +kubebuilder:validation:Enum=ExactlyOnce
type CheckpointMode string

// ExactlyOnce checkpoints hold the effect of every record once.
const ExactlyOnce CheckpointMode = "ExactlyOnce"

// CheckpointSpec says where and how often the engine takes checkpoints.
type CheckpointSpec struct {
	// storage is the URL of the folder in which the job's folder of checkpoints is made: s3, gs, azblob, file or mem;
	// for `weir run` also a path. Default: .weir/checkpoints for `weir run`; else it must be said.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="!self.matches(r'\\p{Cc}') && isURL(self) && self.matches('^(?i:(s3|gs|azblob)://[^/?#]+([/?#].*)?|file://(localhost)?/.*|mem://.*)$')",message="storage is the URL of a folder: s3://bucket/prefix, gs://, azblob://, file:///folder or mem://name"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^/]*//[^/?#]*@') && !self.matches('(?i)[?&]([^=&#]*(password|secret|token|signature|access_?key)[^=&#]*|sig)(=|&|#|$)')",message="storage holds no credentials: put them into the Secret that checkpoint.credentialsSecret names"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Storage *string `json:"storage,omitempty"`

	// interval is the time from one checkpoint's trigger to the next, from 1ms. Default: 10s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]{1,3})?(h|m|s)|[0-9]+ms)+$') && duration(self) >= duration('1ms') && duration(self) <= duration('87600h')",message="write interval as a number with its unit, such as 500ms, 10s, 5m or 1h30m: 1ms to 87600h, in whole milliseconds"
	Interval *metav1.Duration `json:"interval,omitempty"`

	// timeout is how long a checkpoint may take before it is given up, from 1ms. Default: 10m.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]{1,3})?(h|m|s)|[0-9]+ms)+$') && duration(self) >= duration('1ms') && duration(self) <= duration('87600h')",message="write timeout as a number with its unit, such as 500ms, 10s, 5m or 1h30m: 1ms to 87600h, in whole milliseconds"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// minPause is the least time from the end of a checkpoint to the next trigger. Default: 0s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]{1,3})?(h|m|s)|[0-9]+ms)+$') && duration(self) >= duration('0s') && duration(self) <= duration('87600h')",message="write minPause as a number with its unit, such as 500ms, 10s, 5m or 1h30m: 0s to 87600h, in whole milliseconds"
	MinPause *metav1.Duration `json:"minPause,omitempty"`

	// mode is what checkpoints promise: ExactlyOnce, which is the default.
	//
	// +optional
	Mode *CheckpointMode `json:"mode,omitempty"`

	// incremental has a checkpoint write what has changed since the newest complete one, and share the rest with it. false: each is
	// written whole. Savepoints are whole in any case. Default: true.
	//
	// +optional
	Incremental *bool `json:"incremental,omitempty"`

	// tolerableFailures is how many checkpoints in a row may fail before the job is restarted, from 0. Default: 3.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	TolerableFailures *int32 `json:"tolerableFailures,omitempty"`

	// retained is how many of the newest complete checkpoints are kept, from 1 to 1000. Default: 3.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Retained *int32 `json:"retained,omitempty"`

	// credentialsSecret is the name of a Secret of the job's namespace; all it holds becomes environment of the job's pods,
	// such as AWS_ACCESS_KEY_ID. The operator never reads it. It is part of the job's revision. Default: none. For `weir
	// run` it has no effect: credentials are taken from the environment.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="credentialsSecret is the name of an object: small letters, digits and, between them, '-' and '.'"
	CredentialsSecret *string `json:"credentialsSecret,omitempty"`

	// onDelete is what becomes of the checkpoints when the StreamJob is deleted: Retain or Delete. Default: Retain. For
	// `weir run` it has no effect.
	//
	// +optional
	OnDelete *DeletionPolicy `json:"onDelete,omitempty"`
}

// DeletionPolicy is what becomes of snapshots when the object they belong to is deleted.
//
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

const (
	// Retain keeps them.
	Retain DeletionPolicy = "Retain"
	// Delete removes them, as far as storage can be reached in five minutes.
	Delete DeletionPolicy = "Delete"
)

// StateBackend is how state is kept while the job runs.
//
// +kubebuilder:validation:Enum=Heap
type StateBackend string

// Heap keeps state in memory, copied on write while a checkpoint is written.
const Heap StateBackend = "Heap"

// StateSpec says how the operators keep their state.
type StateSpec struct {
	// backend is Heap, which is the default.
	//
	// +optional
	Backend *StateBackend `json:"backend,omitempty"`
}

// SavepointDefaults says where savepoints go.
type SavepointDefaults struct {
	// storage is the URL of the folder for savepoints that name none; for `weir run` also a path. Default: none, and
	// every savepoint must name its own; .weir/savepoints for `weir run` if checkpoint.storage is not said either.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="!self.matches(r'\\p{Cc}') && isURL(self) && self.matches('^(?i:(s3|gs|azblob)://[^/?#]+([/?#].*)?|file://(localhost)?/.*|mem://.*)$')",message="storage is the URL of a folder: s3://bucket/prefix, gs://, azblob://, file:///folder or mem://name"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^/]*//[^/?#]*@') && !self.matches('(?i)[?&]([^=&#]*(password|secret|token|signature|access_?key)[^=&#]*|sig)(=|&|#|$)')",message="storage holds no credentials: put them into the Secret that checkpoint.credentialsSecret names"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Storage *string `json:"storage,omitempty"`
}

// UpgradeSpec says what may become of state when the job is changed.
type UpgradeSpec struct {
	// allowNonRestoredState lets the state of an operator that the job no longer has be left behind. Default: false.
	//
	// +optional
	AllowNonRestoredState *bool `json:"allowNonRestoredState,omitempty"`

	// initEmpty names aggregates that are new in a query whose windows hold rows already, as uid#aggregate: they count from the
	// next row on, and start empty in the windows that are open. `weir plan` shows the names. One that is not new, or no longer
	// there, has no effect.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=3
	// +kubebuilder:validation:items:MaxLength=8192
	InitEmpty []string `json:"initEmpty,omitempty"`

	// surge lets the new revision's pod stand by beside the old one before that is stopped, so that an upgrade needs room for
	// one more pod. With false the old pod is stopped with a savepoint and ends first: no room is needed, the job is down
	// until the new pod has started, and does not go back by itself if that cannot start. The check that comes before it
	// then asks for little. Default: true. For `weir run` it has no effect.
	//
	// +optional
	Surge *bool `json:"surge,omitempty"`
}

// SavepointReference names a Savepoint of the same namespace.
type SavepointReference struct {
	// name is that of the Savepoint.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="name is the name of an object: small letters, digits and, between them, '-' and '.'"
	Name string `json:"name"`
}

// RestoreSpec says what the job starts from, and what the user agrees to.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.path) && has(self.savepointRef))",message="set path or savepointRef, not both"
// +kubebuilder:validation:XValidation:rule="!has(self.nonce) || self.nonce == 0 || has(self.path) || has(self.savepointRef)",message="there is nothing to restore: set path or savepointRef, or remove nonce"
type RestoreSpec struct {
	// path is the URL of a savepoint or checkpoint; for `weir run` also a path. It takes effect when the job has not run
	// yet, or when nonce is new; else it is ignored. Default: the newest complete checkpoint of the job, if there is any.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="!self.matches(r'\\p{Cc}') && isURL(self) && self.matches('^(?i:(s3|gs|azblob)://[^/?#]+([/?#].*)?|file://(localhost)?/.*|mem://.*)$')",message="path is the URL of a folder: s3://bucket/prefix, gs://, azblob://, file:///folder or mem://name"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^/]*//[^/?#]*@') && !self.matches('(?i)[?&]([^=&#]*(password|secret|token|signature|access_?key)[^=&#]*|sig)(=|&|#|$)')",message="path holds no credentials: put them into the Secret that checkpoint.credentialsSecret names"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Path *string `json:"path,omitempty"`

	// savepointRef is a Savepoint of the job's namespace to start from, instead of path.
	//
	// +optional
	SavepointRef *SavepointReference `json:"savepointRef,omitempty"`

	// nonce is a number from 0; a new one restores from path or savepointRef once more. Default: 0, which is never new.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Nonce *int64 `json:"nonce,omitempty"`

	// takeOver lets this job go on with the snapshots of another owner that may still run. Default: false.
	//
	// +optional
	TakeOver *bool `json:"takeOver,omitempty"`

	// allowRepeatedOutput lets the job go back to an older checkpoint although output was committed after it. Default: false.
	//
	// +optional
	AllowRepeatedOutput *bool `json:"allowRepeatedOutput,omitempty"`
}

// RestartSpec is an exponential backoff with jitter.
//
// +kubebuilder:validation:XValidation:rule="!has(self.initialDelay) || !has(self.maxDelay) || duration(self.initialDelay) <= duration(self.maxDelay)",message="initialDelay is at most maxDelay"
type RestartSpec struct {
	// initialDelay is the time before the first restart, from 1ms; it doubles with each. Default: 1s.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]{1,3})?(h|m|s)|[0-9]+ms)+$') && duration(self) >= duration('1ms') && duration(self) <= duration('87600h')",message="write initialDelay as a number with its unit, such as 500ms, 10s, 5m or 1h30m: 1ms to 87600h, in whole milliseconds"
	InitialDelay *metav1.Duration `json:"initialDelay,omitempty"`

	// maxDelay is the longest time before a restart, at least initialDelay. Default: 1m.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]{1,3})?(h|m|s)|[0-9]+ms)+$') && duration(self) >= duration('1ms') && duration(self) <= duration('87600h')",message="write maxDelay as a number with its unit, such as 500ms, 10s, 5m or 1h30m: 1ms to 87600h, in whole milliseconds"
	MaxDelay *metav1.Duration `json:"maxDelay,omitempty"`

	// resetAfter is how long the job must run without a failure before the delay is initialDelay again, from 1s.
	// Default: 1h.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]{1,3})?(h|m|s)|[0-9]+ms)+$') && duration(self) >= duration('1s') && duration(self) <= duration('87600h')",message="write resetAfter as a number with its unit, such as 500ms, 10s, 5m or 1h30m: 1s to 87600h, in whole milliseconds"
	ResetAfter *metav1.Duration `json:"resetAfter,omitempty"`
}
