package commands_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/weirstream/weir/internal/clitest"
)

func TestWrongUseIsOneLineAndExitCode2(t *testing.T) {
	for _, c := range []struct {
		name string
		file string // job.yaml, if it is not empty
		args []string
		want string
	}{
		{"no verb", "", nil, "weir: no command is given; `weir --help` lists them"},
		{"a misspelt verb", "", []string{"savepont"}, `weir: there is no command "savepont"; did you mean savepoint?`},
		{"an unknown verb", "", []string{"frobnicate"}, "weir: there is no command \"frobnicate\"; `weir --help` lists them"},
		{"an unknown flag", "", []string{"run", "--paralelism", "2"}, "weir: unknown flag: --paralelism; see `weir run --help`"},
		{"a flag without its value", "", []string{"run", "-f"}, "weir: flag needs an argument: 'f' in -f; see `weir run --help`"},
		{"a flag of another type", "", []string{"savepoint", "--timeout", "soon"},
			"weir: invalid argument \"soon\" for \"--timeout\" flag: time: invalid duration \"soon\"; see `weir savepoint --help`"},
		{"too many arguments", "", []string{"run", "a.sql", "b.sql"}, "weir: \"b.sql\" is one argument too many; see `weir run --help`"},
		{"a missing argument", "", []string{"snapshot", "inspect"}, "weir: an argument is missing: weir snapshot inspect PATH [flags]"},
		{"half a verb", "", []string{"snapshot"}, "weir: say what to do with the snapshot: inspect, verify, export, diff, savepoint, du or gc"},
		{"the wrong half of a verb", "", []string{"snapshot", "erase"}, `weir: there is no command "snapshot erase"; there are inspect, verify, export, diff, savepoint, du and gc`},
		{"half of another verb", "", []string{"state"}, "weir: say what to do with the state: get"},
		{"a verb that is planned", "", []string{"worker"}, "weir: not supported yet: weir worker; `weir --help` lists what is there"},
		{"a pod's verb without its manifest", "", []string{"coordinator"}, "weir: --manifest is missing; see `weir coordinator --help`"},
		{"a pod's verb without its owner", "", []string{"discard", "--manifest", "job.yaml"}, "weir: --owner is missing; see `weir discard --help`"},
		{"a revision of an unset variable", "", []string{"preflight", "--manifest", "job.yaml", "--revision", ""}, "weir: --revision is missing; see `weir preflight --help`"},
		{"a savepoint that cannot be one", "", []string{"dispose", "--manifest", "job.yaml", "--path", "ftp://x"},
			`weir: --path: storage "ftp://x": unknown scheme "ftp": use file, mem, s3, gs or azblob`},
		{"help for an unknown verb", "", []string{"help", "frobnicate"}, "weir: there is no command \"frobnicate\"; `weir --help` lists them"},
		{"a name that is empty", "", []string{"run", ""}, "weir: no job is named; run `weir run -f streamjob.yaml` or `weir run job.sql`"},
		{"an unknown output", "", []string{"list", "-o", "xml"}, `weir: --output is text or json, not "xml"`},

		{"no job", "", []string{"run"}, "weir: no job is named; run `weir run -f streamjob.yaml` or `weir run job.sql`"},
		{"two jobs", clitest.ManifestOf + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml", "job.sql"}, "weir: two jobs are named, job.yaml and job.sql; name one"},
		{"SQL as manifest", "", []string{"run", "-f", "job.sql"}, "weir: -f takes a manifest, and job.sql is SQL; run `weir run job.sql`"},
		{"a missing file", "", []string{"run", "-f", "nowhere.yaml"},
			"weir: nowhere.yaml: no such file or directory; check the path, and the working directory that it is relative to"},
		{"a missing file of SQL", "", []string{"run", "nowhere.sql"},
			"weir: nowhere.sql: no such file or directory; check the path, and the working directory that it is relative to"},
		{"a folder", "", []string{"run", "-f", "."}, "weir: .: is a directory; name a file that can be read"},
		{"a missing weir.yaml", clitest.ManifestOf + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml", "--config", "weir.yaml"},
			"weir: weir.yaml: no such file or directory; check the path, and the working directory that it is relative to"},
		{"an empty standard input", "", []string{"run", "-f", "-"},
			"weir: standard input: there is no StreamJob in this file; begin with apiVersion: weir.stream/v1alpha1 and kind: StreamJob"},

		{"no YAML", "a: [\n", []string{"run", "-f", "job.yaml"},
			"weir: job.yaml:1: this is not YAML: did not find expected node content; check the indentation (spaces only), colons and quotes there"},
		{"an unknown field", clitest.ManifestOf + clitest.Indented(clitest.Printing) + "  parallelsm: 3\n", []string{"run", "job.yaml"},
			`weir: job.yaml:13:3: spec has no field "parallelsm"; did you mean parallelism?`},
		{"a field of another type", strings.Replace(clitest.ManifestOf, "parallelism: 2", "parallelism: two", 1) + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml"},
			`weir: job.yaml:6:16: spec.parallelism: "two" is not a whole number; write digits, without quotes or unit`},
		{"a planned field", strings.Replace(clitest.ManifestOf, "parallelism: 2", "slotsPerWorker: 2", 1) + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml"},
			"weir: job.yaml:6:3: not supported yet: spec.slotsPerWorker; leave it out for now"},
		{"a bad setting", clitest.ManifestOf + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml", "--set", "spec.paralelism=3"},
			`weir: --set: spec has no field "paralelism"; did you mean parallelism?`},
		{"a setting without a value", clitest.ManifestOf + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml", "--set", "spec.parallelism"},
			`weir: --set: "spec.parallelism" is not a setting; write --set spec.parallelism=4`},
		{"a bad storage", clitest.ManifestOf + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml", "--set", "spec.checkpoint.storage=s4://x"},
			`weir: --set: spec.checkpoint.storage: storage "s4://x": unknown scheme "s4": use file, mem, s3, gs or azblob`},
		{"a bad snapshot", clitest.ManifestOf + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml", "-s", "s4://x"},
			`weir: -s: spec.restore.path: storage "s4://x": unknown scheme "s4": use file, mem, s3, gs or azblob`},

		{"a snapshot of an unset variable", clitest.ManifestOf + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml", "-s", ""},
			"weir: -s: spec.restore.path: no storage named: give a path or a URL such as file:///data, s3://bucket/prefix or mem://name"},
		{"a place of an unset variable", "", []string{"stop", "a", "--savepoint-path", ""},
			"weir: --savepoint-path: no storage named: give a path or a URL such as file:///data, s3://bucket/prefix or mem://name"},
		{"a target of an unset variable", "", []string{"savepoint", "a", ""},
			"weir: TARGET: no storage named: give a path or a URL such as file:///data, s3://bucket/prefix or mem://name"},
		{"a snapshot that cannot be one", "", []string{"snapshot", "verify", "ftp://x"},
			`weir: PATH: storage "ftp://x": unknown scheme "ftp": use file, mem, s3, gs or azblob`},
		{"a snapshot without a name", "", []string{"snapshot", "inspect", ""},
			"weir: PATH: no storage named: give a path or a URL such as file:///data, s3://bucket/prefix or mem://name"},

		{"an address for all to reach", clitest.ManifestOf + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml", "--web", "0.0.0.0:8081"},
			`weir: --web "0.0.0.0:8081": a local job listens on 127.0.0.1 only; write :8081`},
		{"no address", clitest.ManifestOf + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml", "--web", "8081"}, `weir: --web "8081" is no address; write :8081`},
		{"no port", clitest.ManifestOf + clitest.Indented(clitest.Printing), []string{"run", "-f", "job.yaml", "--web", ":http"},
			`weir: --web ":http": port "http" is no number up to 65535; write :8081`},

		{"an id that is none", "", []string{"savepoint", "a", "--id", "a b"},
			`weir: id "a b" cannot be used; use 1 to 64 letters, digits and, between them, '-', '_' and '.'; a UUID will do`},
		{"no time", "", []string{"cancel", "a", "--timeout", "0s"}, "weir: --timeout 0s leaves no time"},
		{"a target that is none", "", []string{"savepoint", "a", "ftp://x"},
			`weir: TARGET: storage "ftp://x": unknown scheme "ftp": use file, mem, s3, gs or azblob`},
		{"a target of a stop that is none", "", []string{"stop", "a", "--savepoint-path", "ftp://x"},
			`weir: --savepoint-path: storage "ftp://x": unknown scheme "ftp": use file, mem, s3, gs or azblob`},
		{"an address that is none", "", []string{"checkpoint", "ftp://x"}, `weir: "ftp://x" is no coordinator's address: write http://host:port`},
		{"an address without a token", "", []string{"checkpoint", "http://127.0.0.1:1"},
			"weir: http://127.0.0.1:1 is no job of yours on this machine; set WEIR_TOKEN to its token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := clitest.New(t)
			if c.file != "" {
				clitest.Write(t, "job.yaml", c.file)
			}
			code := p.Run(c.args...)
			if got := p.Stderr.String(); got != c.want+"\n" || code != 2 || p.Stdout.String() != "" {
				t.Errorf("exit code %d\ngot  %swant %s\nstdout %q", code, got, c.want, p.Stdout)
			}
		})
	}
}

func TestFailureIsOneLineAndExitCode1(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name string
		args []string
		want string // the line holds it
	}{
		{"no job runs", []string{"savepoint"}, "no job runs here; start one with `weir run`"},
		{"no job of that name runs", []string{"stop", "delays"}, `no job "delays" runs here, nor any other`},
		{"nothing is there to inspect", []string{"snapshot", "inspect", "nowhere"}, "nowhere is not a snapshot"},
		{"nothing is there to verify", []string{"snapshot", "verify", "nowhere"}, "nowhere is not a snapshot"},
		{"the port is taken", []string{"run", "job.sql", "--web", taken.Addr().String()}, "address already in use; choose another port"},
		{"the snapshot to start from is not there", []string{"run", "job.sql", "-s", "nowhere"}, "nowhere is not a snapshot"},
		{"the storage is a file", []string{"run", "job.sql", "--set", "spec.checkpoint.storage=job.sql"}, "job.sql"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := clitest.New(t)
			clitest.Write(t, "job.sql", clitest.Printing)
			code := p.Run(c.args...)
			got := p.Stderr.String()
			if !strings.Contains(got, c.want) || !strings.HasPrefix(got, "weir: ") || strings.Count(got, "\n") != 1 || code != 1 {
				t.Errorf("exit code %d\n%s", code, got)
			}
		})
	}
}

func TestAnErrorInSQLIsPlacedInTheFileThatItStandsIn(t *testing.T) {
	const wrong = "CREATE TABLE o (id BIGINT) WITH ('connector' = 'blackhole');\nINSERT INTO o SELECT id FROM nowhere;\n"
	quoted := strings.Replace(clitest.ManifestOf, "|\n", `"`+strings.ReplaceAll(wrong, "\n", `\n`)+`"`, 1)
	for _, c := range []struct{ name, file, text, want string }{
		{"in a file of SQL", "job.sql", wrong, "weir: job.sql:2:"},
		{"in a manifest", "job.yaml", clitest.ManifestOf + clitest.Indented(wrong), "weir: job.yaml:9:"},
		{"in quotes", "job.yaml", quoted, "weir: job.yaml:7:8: spec.sql:2:"},
		{"of a connector", "job.sql", strings.Replace(clitest.Endless, "datagen", "datagem", 1), "weir: job.sql:1:"},
		{"of an option", "job.sql", strings.Replace(clitest.Endless, "rows-per-second", "rows-per-minute", 1), "weir: job.sql:1:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := clitest.New(t)
			clitest.Write(t, c.file, c.text)
			code := p.Run("run", c.file)
			if got := p.Stderr.String(); !strings.HasPrefix(got, c.want) || strings.Count(got, "\n") != 1 || code != 2 {
				t.Errorf("exit code %d\n%s", code, got)
			}
			if _, err := os.Stat(".weir"); err == nil {
				t.Error("it has touched storage")
			}
		})
	}
}

func TestFiveMillionParenthesesAreOneShortLine(t *testing.T) {
	parentheses := strings.Repeat("(", 5_000_000)
	for _, c := range []struct{ name, file, text, want string }{
		{"in a file of SQL", "job.sql", parentheses, "job.sql: spec.sql: the SQL text has more than 262144 bytes (256 KiB); split the job"},
		{"in a manifest", "job.yaml", clitest.ManifestOf + "    " + parentheses, "job.yaml: the file has more than 1048576 bytes; split it"},
		{"just within the limit, but not that deep", "job.sql", parentheses[:200_000], "job.sql:1:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := clitest.New(t)
			clitest.Write(t, c.file, c.text)
			code := p.Run("run", c.file)
			if got := p.Stderr.String(); !strings.HasPrefix(got, "weir: "+c.want) || len(got) > 300 || strings.Count(got, "\n") != 1 || code != 2 {
				t.Errorf("exit code %d\n%.400s", code, got)
			}
		})
	}
}
