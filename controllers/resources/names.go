package resources

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// MaxJobName leaves room in 63 characters for <job>-<revision>, the StatefulSet's name, with what Kubernetes appends
	// to it in the label controller-revision-hash of its pods.
	MaxJobName = 40
	// maxName is the longest value of a label, and Kubernetes labels pods with the names of their Jobs and StatefulSets.
	maxName = 63
	// revisionLength is in hexadecimal digits.
	revisionLength = 10
)

var (
	// A Service's name begins with a letter, and that of the job's Service begins with the job's name.
	jobName      = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
	revisionName = regexp.MustCompile(`^[0-9a-f]{10}$`)
)

// CheckName tells what is wrong with a job's name, from which those of its objects are made.
func CheckName(job string) error {
	switch {
	case len(job) > MaxJobName:
		return fmt.Errorf("metadata.name: %q has %d characters; use at most %d: the names of the job's pods are made of it", job, len(job), MaxJobName)
	case !jobName.MatchString(job):
		return fmt.Errorf("metadata.name: %q cannot be the name of the job's Service; use small letters, digits and '-', beginning with a letter and ending with a letter or digit", job)
	}
	return nil
}

// Name is that of a revision's ControllerRevision, ConfigMap and StatefulSet.
func Name(job, revision string) string { return job + "-" + revision }

// Pods is how many pods a revision has: one, with the coordinator and all subtasks in it. Whatever depends on that asks here.
const Pods = 1

// PodName is that of a pod of a StatefulSet.
func PodName(set string, ordinal int) string { return fmt.Sprintf("%s-%d", set, ordinal) }

// CoordinatorPod is the name of the pod of a revision that its coordinator is in.
func CoordinatorPod(job, revision string) string { return PodName(Name(job, revision), 0) }

// Wanted tells whether a pod, by its name, is one that its StatefulSet is to have. Others are there where somebody has scaled
// that: two coordinators would take the job from each other.
func Wanted(name string) bool {
	ordinal, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
	return err == nil && ordinal < Pods
}

// ServiceName is that of the Service of all revisions of a job.
func ServiceName(job string) string { return job + "-weir" }

// SecretName is that of the Secret with a job's identity.
func SecretName(job string) string { return job + "-weir-identity" }

// PreflightName is that of the Job that checks a revision; nonce is spec.restore.nonce, of which a new one is checked
// anew. A nonce too long for a name is there as a hash.
func PreflightName(job, revision string, nonce int64) string {
	name := job + "-pf-" + revision
	if nonce == 0 {
		return name
	}
	if plain := name + "-n" + strconv.FormatInt(nonce, 10); len(plain) <= maxName {
		return plain
	}
	sum := sha256.Sum256([]byte(strconv.FormatInt(nonce, 10)))
	return name + "-x" + hex.EncodeToString(sum[:])[:maxName-MaxJobName-len("-pf-")-revisionLength-len("-x")]
}

// DiscardName is that of the Job that deletes a job's folder.
func DiscardName(job string) string { return job + "-discard" }

// DisposeName is that of the Job that deletes a Savepoint's folder.
func DisposeName(savepoint types.UID) string { return "dispose-" + string(savepoint) }

// StopSavepointName is that of the Savepoint that stops an attempt for the sake of a generation of the spec.
func StopSavepointName(job string, attempt, generation int64) string {
	return fmt.Sprintf("%s-%d-g%d", job, attempt, generation)
}
