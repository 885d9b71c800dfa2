package kafka

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/engine/connector/kafka/kafkatest"
)

// TestATransactionThatTimedOutDuringAStopIsSaidLoudly kills a job between the publish and the commit, and starts it when the broker has aborted what was
// prepared: it names the loss and stops. Told to pass over it, it says so and goes on.
func TestATransactionThatTimedOutDuringAStopIsSaidLoudly(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t, "transaction.abort.timed.out.transaction.cleanup.interval.ms=200")
	kafkatest.Topic(t, b.Address, "in", 1)
	kafkatest.Topic(t, b.Address, "out", 1)
	sql := copied(b.Address)
	short := strings.Replace(sql, "'exactly-once',", "'exactly-once', 'properties.transaction.timeout.ms' = '1000',", 1)
	j := newJob(t, short)
	n := more(t, b.Address, "in", 1, 0)
	p := j.startToCrash("publish", 1)
	harness.Await(t, patience, "it has killed itself", p.Ended)
	awaitNoOpenTransaction(t, b.Address)
	if got := j.start().Fail(patience); !strings.Contains(got, "1 records of a complete checkpoint are lost") || !strings.Contains(got, "'sink.lost-transactions' = 'pass-over'") || !strings.Contains(got, "allow-repeated-output") {
		t.Fatalf("it says %s", got)
	}
	if got := numbersOf(t, b.Address, "out"); len(got) != 0 {
		t.Errorf("the output has %v", got)
	}
	j.SQL = strings.Replace(short, "'exactly-once',", "'exactly-once', 'sink.lost-transactions' = 'pass-over',", 1)
	more(t, b.Address, "in", 1, n)
	p = j.start()
	p.Until(patience, "the second record is in the output", func() bool {
		got := numbersOf(t, b.Address, "out")
		return len(got) == 1 && got[0] == 1
	})
	if !strings.Contains(p.Stderr(), "output is lost, and passed over") {
		t.Errorf("it does not say what it passed over: %s", p.Stderr())
	}
	p.Interrupt()
	p.Exit(patience)
}

func awaitNoOpenTransaction(t *testing.T, address string) {
	t.Helper()
	adm := kadm.NewClient(kafkatest.Client(t, address))
	harness.Await(t, patience, "the broker has aborted the transaction", func() bool {
		open, err := adm.ListTransactions(t.Context(), nil, []string{"Ongoing", "PrepareAbort", "PrepareEpochFence"})
		return err == nil && len(open) == 0
	})
}

// TestAZombieThatWakesAfterItsSuccessorsCommitChangesNothing freezes a job, has a second process go on with it, and thaws the first.
func TestAZombieThatWakesAfterItsSuccessorsCommitChangesNothing(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	kafkatest.Topic(t, b.Address, "in", 2)
	kafkatest.Topic(t, b.Address, "out", 2)
	stop := feed(t, b.Address, "in", 2)
	j := newJob(t, copied(b.Address))
	zombie := j.start()
	zombie.UntilCheckpoint(j.chain(), 1)
	for range 3 {
		zombie.Freeze()
		if err := os.Remove(filepath.Join(j.checkpoints(), "k", ".weir-lock")); err != nil { // as another host does not see it
			t.Fatal(err)
		}
		heir := j.start()
		heir.UntilCheckpoint(j.chain(), j.chain().Newest()+1)
		zombie.Thaw()
		if got := zombie.Fail(patience); !strings.Contains(got, "attempt") {
			t.Errorf("the zombie says %s", got)
		}
		zombie = heir
	}
	n := stop()
	zombie.Until(patience, "all is in the output, once", func() bool { return once(numbersOf(t, b.Address, "out"), n) == nil })
	zombie.Interrupt()
	zombie.Exit(patience)
}

// TestABrokerThatIsAwayIsNamed starts a job without one, and takes it away later.
func TestABrokerThatIsAwayIsNamed(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	kafkatest.Topic(t, b.Address, "in", 1)
	kafkatest.Topic(t, b.Address, "out", 1)
	n := more(t, b.Address, "in", 1, 0)
	b.Kill()
	j := newJob(t, copied(b.Address))
	p := j.start()
	p.Until(patience, "it names the broker and what to do", func() bool {
		return strings.Contains(p.Stderr(), b.Address) && strings.Contains(p.Stderr(), "properties.bootstrap.servers")
	})
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Until(patience, "it goes on when the broker is there", func() bool { return once(numbersOf(t, b.Address, "out"), n) == nil })
	b.Kill()
	p.Until(patience, "it says that the partition cannot be read", func() bool { return strings.Contains(p.Stderr(), "a partition cannot be read; trying again") })
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	n += more(t, b.Address, "in", 1, n)
	p.Until(patience, "it goes on", func() bool { return once(numbersOf(t, b.Address, "out"), n) == nil })
	p.Interrupt()
	p.Exit(patience)
}

// TestWhatIsNoLongerThereStopsTheJob are positions that a broker cannot go on from: each names the partition, and nothing is jumped over.
func TestWhatIsNoLongerThereStopsTheJob(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	for _, c := range []struct {
		name string
		then func(t *testing.T, adm *kadm.Client)
		want []string
	}{
		{"retention has passed", func(t *testing.T, adm *kadm.Client) {
			for i := range 5 {
				more(t, b.Address, "in", 1, 1+i)
			}
			if _, err := adm.DeleteRecords(kafkatest.Within(t), kadm.Offsets{"in": {0: {Topic: "in", At: 4}}}); err != nil {
				t.Fatal(err)
			}
		}, []string{"kafka partition in-0", "offset 1 is next", "deleted everything before 4", "3 offsets are lost"}},
		{"the topic is gone", func(t *testing.T, adm *kadm.Client) { remove(t, adm, "in") }, []string{"topic in", "create the topic"}},
		{"the topic was made anew", func(t *testing.T, adm *kadm.Client) {
			remove(t, adm, "in")
			kafkatest.Topic(t, b.Address, "in", 1)
			more(t, b.Address, "in", 1, 1)
		}, []string{"kafka topic in", "deleted and made anew"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			adm := kadm.NewClient(kafkatest.Client(t, b.Address))
			kafkatest.Topic(t, b.Address, "in", 1)
			kafkatest.Topic(t, b.Address, "out", 1)
			defer remove(t, adm, "in")
			defer remove(t, adm, "out")
			more(t, b.Address, "in", 1, 0)
			j := newJob(t, copied(b.Address))
			p := j.start()
			p.Until(patience, "the record is in the output", func() bool { return len(numbersOf(t, b.Address, "out")) == 1 })
			p.Interrupt()
			p.Exit(patience)
			c.then(t, adm)
			got := j.start().Fail(patience)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("it does not say %q: %s", want, got)
				}
			}
		})
	}
}

// remove deletes a topic, if it is there, and waits until it is gone.
func remove(t *testing.T, adm *kadm.Client, topic string) {
	t.Helper()
	if _, err := adm.DeleteTopics(kafkatest.Within(t), topic); err != nil {
		t.Fatal(err)
	}
	harness.Await(t, patience, "the topic is gone", func() bool {
		m, err := adm.Metadata(context.WithoutCancel(t.Context()), topic)
		return err == nil && m.Topics[topic].Err != nil
	})
}

// TestBrokersThatWantToKnowWhoConnects are a broker with SASL over TLS.
func TestBrokersThatWantToKnowWhoConnects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shell := func(script string) {
		t.Helper()
		c := exec.Command("bash", "-ec", script)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", script, err, out)
		}
	}
	shell(`openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=weir-test -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out ca.pem 2>/dev/null
openssl pkcs8 -topk8 -nocrypt -in key.pem -out key8.pem && cat key8.pem ca.pem >store.pem
mkdir -p login && printf '%s\n' ann >login/username && printf '%s' s3same >login/password`)
	login := `org.apache.kafka.common.security.%s.%sLoginModule required username="admin" password="s3same" user_admin="s3same" user_ann="s3same";`
	b, err := kafkatest.LaunchSecure(t.Context(), t.TempDir(), []string{"WEIR_KAFKA_FORMAT=--add-scram SCRAM-SHA-256=[name=ann,password=s3same]"},
		"ssl.keystore.type=PEM", "ssl.keystore.location="+filepath.Join(dir, "store.pem"), "ssl.truststore.type=PEM", "ssl.truststore.location="+filepath.Join(dir, "ca.pem"),
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256",
		"listener.name.sasl_ssl.plain.sasl.jaas.config="+fmt.Sprintf(login, "plain", "Plain"), "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Kill)
	kafkatest.Topic(t, b.Address, "in", 1)
	n := more(t, b.Address, "in", 1, 0)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256"} {
		t.Run(mechanism, func(t *testing.T) {
			kafkatest.Topic(t, b.Address, "out-"+mechanism, 1)
			secure := fmt.Sprintf("'properties.bootstrap.servers' = '%s', 'properties.security.protocol' = 'SASL_SSL', 'properties.sasl.mechanism' = '%s', 'properties.ssl.truststore.location' = '%s', 'properties.sasl.credentials.folder' = '%s'",
				b.Secure, mechanism, filepath.Join(dir, "ca.pem"), filepath.Join(dir, "login"))
			sql := strings.ReplaceAll(copied(b.Address), "'properties.bootstrap.servers' = '"+b.Address+"'", secure)
			j := newJob(t, strings.ReplaceAll(sql, "'topic' = 'out'", "'topic' = 'out-"+mechanism+"'"))
			p := j.start()
			p.Until(patience, "the record is in the output", func() bool { return once(numbersOf(t, b.Address, "out-"+mechanism), n) == nil })
			p.Interrupt()
			p.Exit(patience)

			j = newJob(t, strings.ReplaceAll(j.SQL, filepath.Join(dir, "login"), filepath.Join(dir, "wrong")))
			shell(`mkdir -p wrong && printf ann >wrong/username && printf other >wrong/password`)
			if got := j.start().Fail(patience); !strings.Contains(got, b.Secure) || !strings.Contains(got, "properties.sasl.mechanism") || strings.Contains(got, "other") {
				t.Errorf("with a wrong password it says %s", got)
			}
		})
	}
}
