package cluster

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/e2e/cluster/lab"
	"github.com/weirstream/weir/e2e/oracle"
)

// TestWhatPeopleDoToAJobsObjectsLosesNoRow deletes, edits, scales and doubles what belongs to a job, in a random order, for
// half a minute or for SOAK (make soak-cluster). After each step the job must come back by itself, Ready and with new checkpoints;
// in the end every row is right. It takes the operator away, so it is not run beside others.
func TestWhatPeopleDoToAJobsObjectsLosesNoRow(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("WEIR_SOAK_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("WEIR_SOAK_SEED: %v", err)
		}
	}
	t.Logf("repeat with WEIR_SOAK_SEED=%d", seed)
	long, lasts := 30*time.Second, os.Getenv("SOAK")
	if lasts != "" {
		var err error
		if long, err = time.ParseDuration(lasts); err != nil {
			t.Fatalf("SOAK: %v", err)
		}
	}
	const files, each = 400, 10
	job := testbed.NewJob(t, "meddle")
	feed := job.Feed(each*(files+reserve), files+reserve)
	feed.More(20)
	feed.Trickle(max(100*time.Millisecond, long/files), reserve)
	job.Apply()
	job.UntilReady()

	m := &meddler{t: t, random: rand.New(rand.NewPCG(seed, 1)), job: job, feed: feed, good: job.Declared.DeepCopy()}
	for over := time.Now().Add(long); time.Now().Before(over); {
		m.step()
	}
	t.Logf("%d steps", m.steps)
	finish(t, job, feed)
	requireExact(t, job, oracle.Query{Delay: delay}, feed)
}

// reserve is how many files the trickle leaves for steps that need input: one that begins late may find the trickle over.
const reserve = 100

// meddler does things to one job.
type meddler struct {
	t      *testing.T
	random *rand.Rand
	job    *lab.FlightDelays
	feed   *lab.Feed
	good   *v1alpha1.StreamJob // what runs
	steps  int
}

// meddling is one thing that people and clusters do to a job. What needs somebody to act is put right by it.
type meddling struct {
	name string
	do   func(m *meddler)
}

var meddlings = []meddling{
	{"its pod is deleted", func(m *meddler) {
		m.kubectl("delete", "pod", "-l", coordinators, "--grace-period=0", "--force", "--wait=false")
	}},
	{"its pod is deleted with grace", func(m *meddler) { m.kubectl("delete", "pod", "-l", coordinators, "--wait=false") }},
	{"its StatefulSet is deleted", func(m *meddler) { m.kubectl("delete", "statefulset", "-l", objects, "--wait=false") }},
	{"its StatefulSet is orphaned", func(m *meddler) { m.kubectl("delete", "statefulset", "-l", objects, "--cascade=orphan") }},
	{"two replicas", func(m *meddler) { m.whenThere("scale", "statefulset", "-l", objects, "--replicas=2") }},
	{"no replicas", func(m *meddler) { m.whenThere("scale", "statefulset", "-l", objects, "--replicas=0") }},
	{"its ConfigMap says another query", (*meddler).editConfigMap},
	{"its ConfigMap is deleted", func(m *meddler) { m.kubectl("delete", "configmap", "-l", objects) }},
	{"its Service is deleted", func(m *meddler) { m.kubectl("delete", "service", "-l", objects) }},
	{"its identity is deleted", func(m *meddler) { m.kubectl("delete", "secret", "-l", objects) }},
	{"its objects lose their labels", func(m *meddler) {
		m.whenThere("label", "statefulset,service", "-l", objects, "app.kubernetes.io/name-")
	}},
	{"its status is wiped", func(m *meddler) {
		m.kubectl("patch", "streamjob", m.job.Name(), "--subresource=status", "--type=json", `-p=[{"op":"replace","path":"/status","value":{}}]`)
	}},
	{"its annotations go", func(m *meddler) {
		m.kubectl("annotate", "streamjob", m.job.Name(), "weir.stream/nothing=1", "--overwrite")
	}},
	{"deleted and applied again", func(m *meddler) { m.job.Delete(); m.applyGood() }},
	{"orphaned and applied again", func(m *meddler) {
		m.kubectl("delete", "streamjob", m.job.Name(), "--cascade=orphan")
		m.applyGood()
	}},
	{"another parallelism", func(m *meddler) {
		n := int32(1 + m.random.IntN(3))
		m.good.Spec.Parallelism = &n
		m.applyGood()
	}},
	{"an upgrade", func(m *meddler) {
		retained := int32(30 + m.random.IntN(30))
		m.good.Spec.Checkpoint.Retained = &retained
		sql := *m.good.Spec.SQL + fmt.Sprintf("\n-- edited %d\n", m.steps)
		m.good.Spec.SQL = &sql
		m.applyGood()
	}},
	{"a query that does not plan", func(m *meddler) {
		m.applyUntilStalled(func(j *v1alpha1.StreamJob) {
			sql := strings.ReplaceAll(*j.Spec.SQL, "MAX(delay)", "MAX(dealy)")
			j.Spec.SQL = &sql
		})
	}},
	{"a restore that would repeat output", (*meddler).restoreOld},
	{"suspended and resumed", func(m *meddler) {
		m.setState(v1alpha1.Suspended)
		m.job.UntilReady()
		m.setState(v1alpha1.Running)
	}},
	{"suspended and resumed at once", func(m *meddler) { m.setState(v1alpha1.Suspended); m.setState(v1alpha1.Running) }},
	{"a savepoint", func(m *meddler) {
		name := fmt.Sprintf("taken-%d", m.steps)
		m.job.Savepoint(name, v1alpha1.Continue)
		m.job.UntilSavepoint(name)
	}},
	{"a savepoint, and its pod is deleted", func(m *meddler) {
		m.job.Savepoint(fmt.Sprintf("hit-%d", m.steps), v1alpha1.Continue)
		m.kubectl("delete", "pod", "-l", coordinators, "--grace-period=0", "--force", "--wait=false")
	}},
	{"its password is wrong for a while", func(m *meddler) {
		m.job.ChangePassword("wrong")
		m.kubectl("delete", "pod", "-l", coordinators, "--grace-period=0", "--force", "--wait=false")
		m.pass(10 * time.Second)
		m.job.ChangePassword(testbed.Password())
	}},
	{"the operator is killed", func(m *meddler) { testbed.KillOperator(m.t); testbed.RestoreOperator(m.t) }},
}

// objects selects what belongs to jobs, coordinators their pods.
const (
	objects      = "app.kubernetes.io/managed-by=weir"
	coordinators = "app.kubernetes.io/component=coordinator"
)

// step does one thing, sometimes two at once, and waits until the job is as it should be.
func (m *meddler) step() {
	m.t.Helper()
	m.steps++
	before := m.job.Chain().Newest()
	for range 1 + m.random.IntN(4)/3 {
		what := meddlings[m.random.IntN(len(meddlings))]
		say("meddle, step %d: %s", m.steps, what.name)
		m.t.Logf("%s step %d: %s", time.Now().Format(time.TimeOnly), m.steps, what.name)
		what.do(m)
	}
	m.job.UntilReady()
	chain := m.job.Chain()
	m.job.Holds(lab.Patience, fmt.Sprintf("there is a checkpoint above %d", before), func() bool { return chain.Newest() > before })
	m.job.Holds(lab.Patience, "one pod runs the job", func() bool { return len(m.job.Pods()) == 1 })
}

func (m *meddler) kubectl(args ...string) {
	m.t.Helper()
	m.job.Kubectl(args...)
}

// whenThere is kubectl of what must be there: in the step before it may have been deleted, and not be made again yet.
func (m *meddler) whenThere(args ...string) {
	m.t.Helper()
	m.job.Holds(lab.Patience, "kubectl "+strings.Join(args, " ")+" finds something", func() bool {
		_, err := testbed.Kubectl(m.t.Context(), append([]string{"-n", m.job.Namespace()}, args...)...)
		if err != nil && !strings.Contains(err.Error(), "no objects passed") && !strings.Contains(err.Error(), "NotFound") {
			m.t.Fatal(err)
		}
		return err == nil
	})
}

// pass lets up to d go by.
func (m *meddler) pass(d time.Duration) {
	m.t.Helper()
	began, limit := time.Now(), time.Duration(m.random.Int64N(int64(d)))
	m.job.Holds(2*d, "some time has passed", func() bool { return time.Since(began) >= limit })
}

func (m *meddler) applyGood() {
	m.t.Helper()
	m.job.Declared.Spec = *m.good.Spec.DeepCopy()
	m.job.Apply()
}

func (m *meddler) setState(state v1alpha1.DesiredState) {
	m.t.Helper()
	m.good.Spec.DesiredState = &state
	m.applyGood()
}

// applyUntilStalled applies what must be refused: no attempt begins with it. Attempts may begin meanwhile: a pod that was taken
// away just before may only now be replaced.
func (m *meddler) applyUntilStalled(change func(*v1alpha1.StreamJob)) {
	m.t.Helper()
	m.job.UntilReady()
	revision := m.job.Chain().Revision()
	change(m.job.Declared)
	m.job.Apply()
	stalled := m.job.UntilStalled()
	m.t.Logf("%s: %s", stalled.Reason, stalled.Message)
	if now := m.job.Chain().Revision(); now != revision {
		m.t.Fatalf("revision %s began for a spec that cannot run; before it was %s", now, revision)
	}
	m.applyGood()
}

// restoreOld asks for a savepoint that is older than committed output, and does not allow that output to be repeated.
func (m *meddler) restoreOld() {
	m.t.Helper()
	m.job.UntilReady()
	name := fmt.Sprintf("old-%d", m.steps)
	m.job.Savepoint(name, v1alpha1.Continue)
	m.job.UntilSavepoint(name)
	output := m.job.Place("out")
	seen := len(output.VisibleListing())
	if m.feed.Left() <= reserve {
		m.feed.More(10) // some hours of flights: windows close
	}
	m.job.Holds(lab.Patience, "there is output after the savepoint", func() bool { return len(output.VisibleListing()) > seen })
	nonce := int64(m.steps)
	m.applyUntilStalled(func(j *v1alpha1.StreamJob) {
		j.Spec.Restore = v1alpha1.RestoreSpec{SavepointRef: &v1alpha1.SavepointReference{Name: name}, Nonce: &nonce}
	})
}

// editConfigMap puts another query into what the pod reads, and kills the pod: what runs is what the revision says.
func (m *meddler) editConfigMap() {
	m.t.Helper()
	in := []string{"-n", m.job.Namespace()}
	for _, name := range strings.Fields(m.job.Kubectl("get", "configmap", "-l", objects, "-o", "name")) {
		text, err := testbed.Kubectl(m.t.Context(), append(in, "get", name, "-o", "yaml")...)
		edited := strings.ReplaceAll(text, "MAX(delay)", "MIN(delay)")
		if err == nil && edited != text {
			err = m.job.Replace(edited)
		}
		// That of an old revision may go meanwhile, and the operator may write at the same time.
		if err != nil && !strings.Contains(err.Error(), "NotFound") && !strings.Contains(err.Error(), "Conflict") {
			m.t.Fatal(err)
		}
	}
	m.kubectl("delete", "pod", "-l", coordinators, "--grace-period=0", "--force", "--wait=false")
}
