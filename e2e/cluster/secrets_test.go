package cluster

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/e2e/cluster/lab"
)

// TestThePasswordIsNowhere looks for the password of the bucket, and for a wrong one that the job was made to fail with, in
// all that the operator and the job have written.
func TestThePasswordIsNowhere(t *testing.T) {
	t.Parallel()
	job, _ := running(t, "password")
	job.Savepoint("whole", v1alpha1.Continue)
	job.UntilSavepoint("whole")
	job.Where("distance >= 500") // leaves another revision, a preflight and a stop
	job.Apply()
	job.UntilReady()

	const wrong = "planted-and-wrong-8c1f0e"
	pod := job.Pod()
	logs := job.Kubectl("logs", pod.Name)
	job.ChangePassword(wrong)
	job.Kill(pod)
	job.Holds(lab.Patience, "the new pod fails to reach the bucket, and says so", func() bool { return job.Failure() != "" })
	logs += job.Kubectl("logs", job.Pod().Name)

	haystacks := map[string]string{
		"the job's logs":      logs,
		"what the job says":   job.Failure(),
		"the operator's logs": testbed.OperatorLogs(t),
	}
	for _, kind := range []string{"configmaps", "controllerrevisions", "streamjobs", "savepoints", "events", "pods", "statefulsets", "jobs", "services"} {
		haystacks[kind] = job.Kubectl("get", kind, "-o", "yaml", "--show-managed-fields")
	}
	haystacks["the Secret of its identity"] = job.Kubectl("get", "secret", job.Name()+"-weir-identity", "-o", "yaml")
	for _, place := range []string{"checkpoints", "savepoints", "out"} {
		objects := job.Place(place).Contents()
		if len(objects) == 0 {
			t.Errorf("there is nothing in %s: the test would prove nothing", place)
		}
		for name, content := range objects {
			haystacks[place+"/"+name] = string(content)
		}
	}
	for _, password := range []string{testbed.Password(), wrong} {
		for _, needle := range []string{password, base64.StdEncoding.EncodeToString([]byte(password))} {
			for where, text := range haystacks {
				if strings.Contains(text, needle) {
					t.Errorf("%q is in %s", needle, where)
				}
			}
		}
	}
	t.Logf("%d places were searched", len(haystacks))
}

// TestWhoHasNoRightsGetsNothing lets a pod of another namespace try every route of the coordinator, whatever certificate it sees.
func TestWhoHasNoRightsGetsNothing(t *testing.T) {
	t.Parallel()
	job, _ := running(t, "host")
	pod := job.Pod()
	const namespace = "e2e-unauthorized"
	answers := testbed.RunPod(t, namespace, testbed.Unauthorized, fmt.Sprintf("https://%s:8443", pod.Status.PodIP))
	tried := 0
	for line := range strings.Lines(answers) {
		tried++
		if !strings.Contains(line, " 401 ") {
			t.Errorf("who has no rights got %s", line)
		}
		for _, secret := range []string{job.Name(), "chk-", testbed.Password(), job.Token()} {
			if strings.Contains(line, secret) {
				t.Errorf("the answer tells who has no rights of %s: %s", secret, line)
			}
		}
	}
	if tried < 20 {
		t.Errorf("%d doors were tried, want 20 and more", tried)
	}
	if _, err := testbed.Kubectl(t.Context(), "auth", "can-i", "get", "secrets", "-n", job.Namespace(),
		"--as=system:serviceaccount:"+namespace+":default", "--quiet"); err == nil {
		t.Error("the pod may read the job's Secrets")
	}
	now := job.UntilReady()
	if got := job.Pod(); got.UID != pod.UID || lab.Restarts(got) != 0 || now.Status.Attempt != 1 {
		t.Errorf("attempt %d runs in pod %s with %d restarts: the pod has disturbed the job", now.Status.Attempt, got.UID, lab.Restarts(got))
	}
}
