package pod_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/internal/clitest"
)

func TestAPodRunsNothingThatWasChangedByHand(t *testing.T) {
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	for _, c := range []struct {
		name string
		// beside is what the digest is of; empty: there is none.
		beside, edit, pod, want string
	}{
		{"as it was written", "before", "", "flights-0-0", ""},
		{"as an earlier operator wrote it, without a digest", "", "", "", ""},
		{"another interval", "before", "interval: 2h", "", "the manifest is not what its digest says: it was changed by hand"},
		{"another text, and its digest", "after", "FROM k", "", "the manifest is that of revision "},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := clitest.New(t)
			clitest.InPod(t, strings.Replace(clitest.Endless, "FROM g", "FROM h", 1)) // it would not plan: nothing is run here
			text, err := os.ReadFile("job.yaml")
			if err != nil {
				t.Fatal(err)
			}
			revision, after := clitest.PodRevision(), string(text)
			switch {
			case strings.HasPrefix(c.edit, "interval"):
				after = strings.Replace(after, "interval: 1h", c.edit, 1)
			case c.edit != "":
				after = strings.Replace(after, "FROM h", "FROM k", 1)
			}
			clitest.Write(t, "job.yaml", after)
			if c.beside != "" {
				clitest.Write(t, resources.DigestKey, sum(map[string]string{"before": string(text), "after": after}[c.beside]))
			}
			p.Env[resources.PodEnv] = c.pod
			code := p.Run(clitest.PodArgs("coordinator", "--revision="+revision, "--owner="+clitest.PodOwner, "--identity=identity", "--listen=127.0.0.1:0", "--metrics=127.0.0.1:0")...)
			want := c.want
			if want == "" {
				want = "there is no table or view h"
			}
			if got := clitest.Words(t); code != 2 || !got.Permanent || !strings.Contains(got.Message, want) {
				t.Errorf("exit code %d, last words %+v", code, got)
			}
		})
	}
}
