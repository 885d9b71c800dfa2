package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/engine/storage"
)

// Examples is the folder of the manifests that users see.
const Examples = "examples/flight-delays/kubernetes"

// credentials is the name of the Secret of a job's bucket.
const credentials = "bucket"

const (
	// Patience is how long a job may take for what takes seconds on a machine that does nothing else.
	Patience = 3 * time.Minute
	// goneLimit is how long a namespace may take to go.
	goneLimit = 7 * time.Minute
)

// FlightDelays is the flight-delays job of the examples in a namespace of its own.
type FlightDelays struct {
	// Declared is what Apply applies.
	Declared *v1alpha1.StreamJob
	// Folder is the job's folder in the bucket: in, out, checkpoints and savepoints are in it. Empty: the bucket itself.
	Folder string

	t   testing.TB
	lab *Lab
}

// Walkthrough makes the namespace and the Secret of the example, and leaves the manifest as it is.
func (l *Lab) Walkthrough(t testing.TB) *FlightDelays { return l.newJob(t, "flight-delays", "") }

// NewJob makes a namespace, in it the Secret of the bucket, and declares the example's job with a folder of its own. The
// namespace goes when the test ends.
func (l *Lab) NewJob(t testing.TB, name string) *FlightDelays {
	t.Helper()
	j := l.newJob(t, "e2e-"+name, name+"/")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), goneLimit)
		defer cancel()
		if err := l.deleteNamespace(ctx, j.Namespace()); err != nil {
			t.Error(err)
		}
	})
	return j
}

func (l *Lab) newJob(t testing.TB, namespace, folder string) *FlightDelays {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), goneLimit)
	defer cancel()
	if err := l.deleteNamespace(ctx, namespace); err != nil { // of an earlier run
		t.Fatal(err)
	}
	j := &FlightDelays{Declared: l.example(t), Folder: folder, t: t, lab: l}
	j.Declared.Namespace = namespace
	moved := func(text string) *string {
		text = strings.ReplaceAll(text, "s3://weir/", "s3://weir/"+folder)
		return &text
	}
	j.Declared.Spec.SQL = moved(*j.Declared.Spec.SQL)
	j.Declared.Spec.Checkpoint.Storage = moved(*j.Declared.Spec.Checkpoint.Storage)
	j.Declared.Spec.Savepoint.Storage = moved(*j.Declared.Spec.Savepoint.Storage)
	j.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}})
	j.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: credentials, Namespace: namespace}, StringData: l.Credentials()})
	return j
}

// example reads the manifest of the main job.
func (l *Lab) example(t testing.TB) *v1alpha1.StreamJob {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(l.root, Examples, "streamjob.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var job v1alpha1.StreamJob
	if err := errors.Join(yaml.Unmarshal(text, &job), job.SpecProblem()); err != nil {
		t.Fatal(err)
	}
	return &job
}

func (j *FlightDelays) create(object client.Object) {
	j.t.Helper()
	if err := j.lab.Client.Create(j.t.Context(), object); err != nil {
		j.t.Fatal(err)
	}
}

// deleteNamespace deletes one, and waits until it is gone.
func (l *Lab) deleteNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := l.Client.Delete(ctx, namespace); apierrors.IsNotFound(err) {
		return nil
	} else if err != nil && !apierrors.IsConflict(err) { // Conflict: it is going already
		return err
	}
	err := poll(ctx, func() (bool, error) {
		err := l.Client.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("wait until namespace %s is gone: %w: %+v", name, err, namespace.Status.Conditions)
	}
	return nil
}

// For returns the same job for another test.
func (j *FlightDelays) For(t testing.TB) *FlightDelays {
	other := *j
	other.t = t
	return &other
}

// Namespace is the job's namespace.
func (j *FlightDelays) Namespace() string { return j.Declared.Namespace }

// Name is the job's name.
func (j *FlightDelays) Name() string { return j.Declared.Name }

// Apply applies what is declared.
func (j *FlightDelays) Apply() {
	j.t.Helper()
	text, err := yaml.Marshal(j.Declared)
	if err != nil {
		j.t.Fatal(err)
	}
	if err := j.lab.apply(j.t.Context(), string(text)); err != nil {
		j.t.Fatal(err)
	}
}

// Kubectl runs kubectl in the job's namespace.
func (j *FlightDelays) Kubectl(args ...string) string {
	j.t.Helper()
	out, err := j.lab.Kubectl(j.t.Context(), append([]string{"-n", j.Namespace()}, args...)...)
	if err != nil {
		j.t.Fatal(err)
	}
	return out
}

// Where puts a condition into the query, in place of the one that it has.
func (j *FlightDelays) Where(condition string) {
	j.t.Helper()
	const table, group = "INTERVAL '1' HOUR))\n", "GROUP BY"
	before, after, found := strings.Cut(*j.Declared.Spec.SQL, table)
	at := strings.LastIndex(after, group)
	if !found || at < 0 {
		j.t.Fatalf("the query of the example has no %q and %q any more", table, group)
	}
	sql := before + table + "WHERE " + condition + "\n" + after[at:]
	j.Declared.Spec.SQL = &sql
}

// Seen reads the StreamJob.
func (j *FlightDelays) Seen() *v1alpha1.StreamJob {
	j.t.Helper()
	var seen v1alpha1.StreamJob
	if err := j.lab.Client.Get(j.t.Context(), client.ObjectKeyFromObject(j.Declared), &seen); err != nil {
		j.t.Fatal(err)
	}
	return &seen
}

// Until waits until a fact holds for the StreamJob, and returns it.
func (j *FlightDelays) Until(limit time.Duration, what string, fact func(*v1alpha1.StreamJob) bool) *v1alpha1.StreamJob {
	j.t.Helper()
	var seen *v1alpha1.StreamJob
	j.lab.until(j.t, limit, what, func() bool {
		seen = j.Seen()
		return fact(seen)
	}, j.explain)
	return seen
}

// Holds waits until a fact that is not of the StreamJob holds.
func (j *FlightDelays) Holds(limit time.Duration, what string, fact func() bool) {
	j.t.Helper()
	j.lab.until(j.t, limit, what, fact, j.explain)
}

// explain says what the cluster says about the job.
func (j *FlightDelays) explain() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(j.t.Context()), 2*kubectlLimit)
	defer cancel()
	var all []string
	for _, args := range [][]string{
		{"get", "streamjobs,savepoints", "-o", "yaml", "--show-managed-fields=false"},
		{"get", "pods,jobs,statefulsets", "-o", "wide"},
		{"get", "events", "--sort-by=.lastTimestamp"},
		{"logs", "-l", "app.kubernetes.io/managed-by=weir", "--tail=15", "--prefix"},
	} {
		out, err := j.lab.Kubectl(ctx, append([]string{"-n", j.Namespace()}, args...)...)
		if err != nil {
			out += err.Error()
		}
		all = append(all, "kubectl "+strings.Join(args, " ")+"\n"+out)
	}
	lines := strings.Split(strings.TrimSpace(j.lab.operatorLogs(ctx)), "\n")
	all = append(all, "the operator's last words:\n"+strings.Join(lines[max(0, len(lines)-30):], "\n"))
	return strings.Join(all, "\n")
}

// Is says whether a condition of the present spec has a status: of an older one it says nothing.
func Is(job *v1alpha1.StreamJob, condition string, status metav1.ConditionStatus) bool {
	return meta.IsStatusConditionPresentAndEqual(job.Status.Conditions, condition, status) && job.Status.ObservedGeneration == job.Generation
}

// UntilReady waits until the job is what its spec says.
func (j *FlightDelays) UntilReady() *v1alpha1.StreamJob {
	j.t.Helper()
	return j.Until(Patience, "the job is Ready", func(job *v1alpha1.StreamJob) bool {
		return Is(job, v1alpha1.ConditionReady, metav1.ConditionTrue)
	})
}

// UntilCheckpoint waits until the status shows a checkpoint above an id.
func (j *FlightDelays) UntilCheckpoint(above int64) *v1alpha1.StreamJob {
	j.t.Helper()
	return j.Until(Patience, fmt.Sprintf("the status shows a checkpoint above %d", above), func(job *v1alpha1.StreamJob) bool {
		return job.Status.LastCheckpoint != nil && job.Status.LastCheckpoint.ID > above
	})
}

// UntilStalled waits until the job says that somebody must act, and returns the condition.
func (j *FlightDelays) UntilStalled() metav1.Condition {
	j.t.Helper()
	job := j.Until(Patience, "the job is Stalled", func(job *v1alpha1.StreamJob) bool {
		return Is(job, v1alpha1.ConditionStalled, metav1.ConditionTrue)
	})
	return *meta.FindStatusCondition(job.Status.Conditions, v1alpha1.ConditionStalled)
}

// Delete deletes the StreamJob and waits until it is gone.
func (j *FlightDelays) Delete() {
	j.t.Helper()
	job := &v1alpha1.StreamJob{ObjectMeta: metav1.ObjectMeta{Name: j.Name(), Namespace: j.Namespace()}}
	if err := j.lab.Client.Delete(j.t.Context(), job); err != nil {
		j.t.Fatal(err)
	}
	j.lab.until(j.t, goneLimit, "the StreamJob is gone", func() bool {
		err := j.lab.Client.Get(j.t.Context(), client.ObjectKeyFromObject(job), job)
		return apierrors.IsNotFound(err)
	}, j.explain)
}

// Savepoint creates a Savepoint of the job.
func (j *FlightDelays) Savepoint(name string, mode v1alpha1.SavepointMode) {
	j.t.Helper()
	j.create(&v1alpha1.Savepoint{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: j.Namespace()},
		Spec:       v1alpha1.SavepointSpec{JobRef: v1alpha1.JobReference{Name: j.Name()}, Mode: &mode},
	})
}

// Savepoints returns the Savepoints of the namespace, by name.
func (j *FlightDelays) Savepoints() []v1alpha1.Savepoint {
	j.t.Helper()
	var list v1alpha1.SavepointList
	if err := j.lab.Client.List(j.t.Context(), &list, client.InNamespace(j.Namespace())); err != nil {
		j.t.Fatal(err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.Savepoint) int { return strings.Compare(a.Name, b.Name) })
	return list.Items
}

// UntilSavepoint waits until a Savepoint is completed.
func (j *FlightDelays) UntilSavepoint(name string) *v1alpha1.Savepoint {
	j.t.Helper()
	var found v1alpha1.Savepoint
	j.Holds(Patience, "Savepoint "+name+" is completed", func() bool {
		if err := j.lab.Client.Get(j.t.Context(), client.ObjectKey{Namespace: j.Namespace(), Name: name}, &found); err != nil {
			j.t.Fatal(err)
		}
		if found.Status.Phase == v1alpha1.SavepointFailed {
			j.t.Fatalf("Savepoint %s has failed: %+v", name, found.Status)
		}
		return found.Status.Phase == v1alpha1.SavepointCompleted
	})
	return &found
}

// Chain is the job's folder of attempts and checkpoints.
func (j *FlightDelays) Chain() *harness.Chain {
	j.t.Helper()
	return harness.OpenChain(j.t, j.lab.Outside(j.lab.Inside(j.Folder+"checkpoints/"+j.Namespace()+"."+j.Name())))
}

// CheckpointURL is where pods know a checkpoint of the chain.
func (j *FlightDelays) CheckpointURL(id int64) string {
	return j.lab.Inside(fmt.Sprintf("%scheckpoints/%s.%s/chk-%d", j.Folder, j.Namespace(), j.Name(), id))
}

// Place is one of in, out, checkpoints and savepoints.
func (j *FlightDelays) Place(name string) *harness.Place {
	j.t.Helper()
	return harness.Open(j.t, j.lab.Outside(j.lab.Inside(j.Folder+name)))
}

// URL is where pods know one of these places.
func (j *FlightDelays) URL(name string) string { return j.lab.Inside(j.Folder + name) }

// Put puts a file into one of these places.
func (j *FlightDelays) Put(place, name string, content []byte) {
	j.t.Helper()
	bucket, err := storage.Open(j.t.Context(), j.lab.Outside(j.URL(place)))
	if err == nil {
		err = errors.Join(bucket.Create(j.t.Context(), name, content), bucket.Close())
	}
	if err != nil {
		j.t.Fatal(err)
	}
}

// SavepointToDelete creates a Savepoint that is removed from storage together with its object.
func (j *FlightDelays) SavepointToDelete(name string) {
	j.t.Helper()
	policy := v1alpha1.Delete
	j.create(&v1alpha1.Savepoint{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: j.Namespace()},
		Spec:       v1alpha1.SavepointSpec{JobRef: v1alpha1.JobReference{Name: j.Name()}, DeletionPolicy: &policy},
	})
}

// ChangePassword puts another password into the Secret of the job's bucket: pods that start from now on have it.
func (j *FlightDelays) ChangePassword(password string) {
	j.t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: credentials, Namespace: j.Namespace()}}
	secret.StringData = j.lab.Credentials()
	secret.StringData["AWS_SECRET_ACCESS_KEY"] = password
	if err := j.lab.Client.Update(j.t.Context(), secret); err != nil {
		j.t.Fatal(err)
	}
}

// DeleteNamespace deletes the job's namespace, and waits until it is gone.
func (j *FlightDelays) DeleteNamespace() {
	j.t.Helper()
	ctx, cancel := context.WithTimeout(j.t.Context(), goneLimit)
	defer cancel()
	if err := j.lab.deleteNamespace(ctx, j.Namespace()); err != nil {
		j.t.Log(j.explain())
		j.t.Fatal(err)
	}
}

// Replace puts a manifest in the place of the object that has its name, as kubectl edit does.
func (j *FlightDelays) Replace(manifest string) error {
	_, err := j.lab.commandIn(j.t.Context(), kubectlLimit, manifest, j.lab.kubectl, "-n", j.Namespace(), "replace", "--force=false", "-f", "-")
	return err
}
