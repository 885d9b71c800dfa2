package manifest

import (
	"strings"
	"testing"
)

func TestWhatIsRefused(t *testing.T) {
	const head = "apiVersion: weir.stream/v1alpha1\nkind: StreamJob\nmetadata: {name: delays}\n"
	long := strings.Repeat("x", 41)
	for _, c := range []struct{ name, manifest, set, want string }{
		{"a misspelt field", minimal + "  parallelsm: 2\n", "",
			`job.yaml:6:3: spec has no field "parallelsm"; did you mean parallelism?`},
		{"a misspelt field further down", minimal + "  checkpoint:\n    intervall: 2s\n", "",
			`job.yaml:7:5: spec.checkpoint has no field "intervall"; did you mean interval?`},
		{"a field that nothing is near to", minimal + "  state: {colour: red}\n", "",
			`job.yaml:6:11: spec.state has no field "colour"; it has backend`},
		{"a field of the document", minimal + "specs: {}\n", "",
			`job.yaml:6:1: the document has no field "specs"; did you mean spec?`},
		{"a status", minimal + "status: {phase: Running}\n", "",
			"job.yaml:6:1: status: it is written by the operator, never by hand; remove it"},
		{"a planned field", minimal + "  slotsPerWorker: 2\n", "",
			"job.yaml:6:3: not supported yet: spec.slotsPerWorker; leave it out for now"},
		{"a program", head + "spec:\n  program: {image: x}\n", "",
			"job.yaml:5:12: spec.program: this is a program, which runs itself; build the program, and run it with this manifest: ./my-program run -f streamjob.yaml"},
		{"a planned field further down", minimal + "  checkpoint: {alignmentTimeout: 10s}\n", "",
			"job.yaml:6:16: not supported yet: spec.checkpoint.alignmentTimeout; leave it out: checkpoints are always aligned"},
		{"a planned word", minimal + "  state: {backend: Pebble}\n", "",
			"job.yaml:6:20: spec.state.backend: not supported yet: spec.state.backend: Pebble; leave it out: state is kept on the Heap"},
		{"a planned mode", minimal + "  checkpoint: {mode: AtLeastOnce}\n", "",
			"job.yaml:6:22: spec.checkpoint.mode: not supported yet: spec.checkpoint.mode: AtLeastOnce; leave it out: checkpoints are ExactlyOnce"},
		{"a misspelt word", minimal + "  state: {backend: heap}\n", "",
			`job.yaml:6:20: spec.state.backend: "heap" is not known; did you mean Heap?`},
		{"a field that stands twice", minimal + "  parallelism: 2\n  parallelism: 3\n", "",
			"job.yaml:7:3: spec.parallelism: it is there already, in line 6; remove one of the two"},

		{"text for a number", minimal + "  parallelism: two\n", "",
			`job.yaml:6:16: spec.parallelism: "two" is not a whole number; write digits, without quotes or unit`},
		{"a quoted number", minimal + "  parallelism: '2'\n", "",
			`job.yaml:6:16: spec.parallelism: "2" is not a whole number; write digits, without quotes or unit`},
		{"a number that YAML 1.1 and 1.2 read differently", minimal + "  parallelism: 010\n", "",
			`job.yaml:6:16: spec.parallelism: "010" is not a whole number; write digits, without quotes or unit`},
		{"a number of which nothing is left", minimal + "  parallelism: -00\n", "",
			`job.yaml:6:16: spec.parallelism: "-00" is not a whole number; write digits, without quotes or unit`},
		{"signs alone", minimal + "  parallelism: +-\n", "",
			`job.yaml:6:16: spec.parallelism: "+-" is not a whole number; write digits, without quotes or unit`},
		{"more subtasks than one process carries", minimal + "  parallelism: 513\n", "",
			"job.yaml:6:16: spec.parallelism: 513 is out of bounds; use a number from 1 to 512"},
		{"bytes that are no text", minimal + "  jobID: a # \xe9\n", "",
			"job.yaml:6:14: this is not YAML: the text is not UTF-8; save the file as UTF-8"},
		{"a control character", minimal + "  jobID: a\x00\n", "",
			"job.yaml:6:11: this is not YAML: there is a control character; remove it"},
		{"an alias of nothing", minimal + "  parallelism: *p\n", "",
			"job.yaml: this is not YAML: unknown anchor 'p' referenced; check the indentation (spaces only), colons and quotes there"},
		{"a broken number", minimal + "  parallelism: 2.5\n", "",
			`job.yaml:6:16: spec.parallelism: "2.5" is not a whole number; write digits, without quotes or unit`},
		{"a number too large for any machine", minimal + "  parallelism: 99999999999\n", "",
			`job.yaml:6:16: spec.parallelism: "99999999999" is not a number of 32 bits; write a smaller one`},
		{"a number for a text", minimal + "  jobID: 17\n", "",
			`job.yaml:6:10: spec.jobID: "17" is not a text; put it in quotes: "17"`},
		{"a word for a truth", minimal + "  upgrade: {allowNonRestoredState: 'yes'}\n", "",
			`job.yaml:6:36: spec.upgrade.allowNonRestoredState: "yes" is not true or false; write true or false, without quotes`},
		{"a duration without a unit", minimal + "  checkpoint: {interval: 10}\n", "",
			`job.yaml:6:26: spec.checkpoint.interval: "10" is not a duration; write a number with its unit, such as 500ms, 10s, 5m or 1h30m`},
		{"zero without a unit", minimal + "  checkpoint: {minPause: 0}\n", "",
			`job.yaml:6:26: spec.checkpoint.minPause: "0" is not a duration; write a number with its unit, such as 500ms, 10s, 5m or 1h30m`},
		{"a duration in microseconds", minimal + "  checkpoint: {interval: 2000us}\n", "",
			`job.yaml:6:26: spec.checkpoint.interval: "2000us" is not a duration; write a number with its unit, such as 500ms, 10s, 5m or 1h30m`},
		{"a group for a duration", minimal + "  checkpoint: {interval: {s: 10}}\n", "",
			`job.yaml:6:26: spec.checkpoint.interval: a group of fields is not a duration; write a number with its unit, such as 500ms, 10s, 5m or 1h30m`},
		{"a text for a group", minimal + "  savepoint: /tmp\n", "",
			`job.yaml:6:14: spec.savepoint: "/tmp" is not a group of fields; write its fields, each in a line of its own: storage`},
		{"a list for a text", minimal + "  jobID: [a]\n", "",
			`job.yaml:6:10: spec.jobID: a list is not a text; write one value`},
		{"a label whose name is in two lines", strings.Replace(minimal, "{name: delays}", `{name: delays, labels: {"a\nb": 1}}`, 1), "",
			`job.yaml:3:43: metadata.labels.a\nb: "1" is not a text; put it in quotes: "1"`},
		{"labels that are no texts", strings.Replace(minimal, "{name: delays}", "{name: delays, labels: {a: 1}}", 1), "",
			`job.yaml:3:38: metadata.labels.a: "1" is not a text; put it in quotes: "1"`},
		{"a merge key", minimal + "  checkpoint: {<<: {interval: 1s}}\n", "",
			"job.yaml:6:16: spec.checkpoint: merge keys (<<) are not read; write the fields out"},

		{"parallelism 0", minimal + "  parallelism: 0\n", "",
			"job.yaml:6:16: spec.parallelism: 0 is out of bounds; use a number from 1 to 512"},
		{"more subtasks than key groups", minimal + "  parallelism: 9\n  maxParallelism: 8\n", "",
			"job.yaml:6:16: spec.parallelism: 9 is more than spec.maxParallelism, which is 8; a key group is never divided: " +
				"lower it, or raise maxParallelism before the job's first run"},
		{"too many key groups", minimal + "  maxParallelism: 32769\n", "",
			"job.yaml:6:19: spec.maxParallelism: 32769 is out of bounds; use a number from 1 to 32768"},
		{"an interval of nothing", minimal + "  checkpoint: {interval: 0s}\n", "",
			"job.yaml:6:26: spec.checkpoint.interval: 0s is too short; use at least 1ms"},
		{"a negative pause", minimal + "  checkpoint: {minPause: -1s}\n", "",
			"job.yaml:6:26: spec.checkpoint.minPause: -1s is negative; use at least 0s"},
		{"a restart at once, and for ever", minimal + "  restart: {initialDelay: 0s}\n", "",
			"job.yaml:6:27: spec.restart.initialDelay: 0s is too short; use at least 1ms"},
		{"a fraction of a millisecond", minimal + "  checkpoint: {interval: 1500us}\n", "",
			"job.yaml:6:26: spec.checkpoint.interval: 1.5ms has a fraction of a millisecond; use whole milliseconds"},
		{"an interval of a life", minimal + "  checkpoint: {interval: 999999h}\n", "",
			"job.yaml:6:26: spec.checkpoint.interval: 999999h0m0s is too long; use at most 87600h0m0s"},
		{"no checkpoint kept", minimal + "  checkpoint: {retained: 0}\n", "",
			"job.yaml:6:26: spec.checkpoint.retained: 0 is out of bounds; use a number from 1 to 1000"},
		{"backoff upside down", minimal + "  restart: {initialDelay: 2m}\n", "",
			"job.yaml:6:27: spec.restart.initialDelay: initialDelay is 2m0s and maxDelay 1m0s; set both, initialDelay to no more than maxDelay"},
		{"a job that is not to run", minimal + "  desiredState: Suspended\n", "",
			"job.yaml:6:17: spec.desiredState: a suspended job does not run; leave it out, or do not run the job"},
		{"an object of Kubernetes to start from", minimal + "  restore: {savepointRef: {name: before}}\n", "",
			"job.yaml:6:27: spec.restore.savepointRef: Savepoints are objects of Kubernetes, and this is none; name the savepoint's folder in spec.restore.path"},
		{"a misspelt word for what becomes of checkpoints", minimal + "  checkpoint: {onDelete: delete}\n", "",
			`job.yaml:6:26: spec.checkpoint.onDelete: "delete" is not known; did you mean Delete?`},
		{"a nonce without a path", minimal + "  restore: {nonce: 3}\n", "",
			"job.yaml:6:20: spec.restore.nonce: there is nothing to restore; name a snapshot in spec.restore.path, or remove the nonce"},
		{"a bad job id", minimal + "  jobID: Flight_Delays\n", "",
			`job.yaml:6:10: spec.jobID: "Flight_Delays" is not a job id; use at most 120 small letters, digits and, between them, '-' and '.', such as "flight-delays"`},
		{"an unknown kind of storage", minimal + "  checkpoint: {storage: \"ftp://x/y\"}\n", "",
			`job.yaml:6:25: spec.checkpoint.storage: storage "ftp://x/y": unknown scheme "ftp": use file, mem, s3, gs or azblob`},
		{"a bucket without a name", minimal + "  savepoint: {storage: \"s3:///x\"}\n", "",
			"job.yaml:6:24: spec.savepoint.storage: storage \"s3:///x\" names no bucket: write s3://bucket/prefix"},

		{"no name", strings.Replace(minimal, "{name: delays}", "{}", 1), "",
			"job.yaml:1: metadata.name: it is missing; give the job a name: metadata: {name: my-job}"},
		{"a long name", strings.Replace(minimal, "delays", long, 1), "",
			`job.yaml:3:18: metadata.name: "` + long + `" has 41 characters; use at most 40: the names of the job's pods are made of it`},
		{"a name that is none", strings.Replace(minimal, "delays", "Flight_Delays", 1), "",
			`job.yaml:3:18: metadata.name: "Flight_Delays" is not a name; use small letters, digits and, between them, '-'`},
		{"no text", head + "spec: {parallelism: 1}\n", "",
			"job.yaml:1: spec.sql: it is missing; write the job as SQL there, or name the image of a program in spec.program.image"},
		{"an empty text", head + "spec: {sql: ' '}\n", "",
			"job.yaml:4:13: spec.sql: the SQL text is empty; write at least CREATE TABLE and INSERT INTO"},
		{"too long a text", head + "spec:\n  sql: |\n    " + strings.Repeat("(", MaxSQL+1) + "\n", "",
			"job.yaml:5:8: spec.sql: the SQL text has more than 262144 bytes (256 KiB); split the job"},

		{"a Savepoint of another version", minimal + "---\napiVersion: weir.stream/v2\nkind: Savepoint\n", "",
			`job.yaml:7:13: apiVersion: "weir.stream/v2" has no Savepoint; write apiVersion: weir.stream/v1alpha1`},
		{"no StreamJob", "apiVersion: v1\nkind: Secret\n---\napiVersion: apps/v1\nkind: Deployment\n", "",
			"job.yaml: there is no StreamJob in this file, only Secret, Deployment; begin with apiVersion: weir.stream/v1alpha1 and kind: StreamJob"},
		{"nothing at all", "# a comment\n", "",
			"job.yaml: there is no StreamJob in this file; begin with apiVersion: weir.stream/v1alpha1 and kind: StreamJob"},
		{"two StreamJobs", minimal + "---\n" + minimal, "",
			"job.yaml:7:1: a second StreamJob; the first is in line 1; put each StreamJob into a file of its own"},
		{"a misspelt kind", strings.Replace(minimal, "kind: StreamJob", "kind: Streamjobs", 1), "",
			`job.yaml:2:7: kind: weir.stream/v1alpha1 has no kind "Streamjobs"; write kind: StreamJob`},
		{"no kind", strings.Replace(minimal, "kind: StreamJob\n", "", 1), "",
			"job.yaml:1:1: kind: it is missing; write kind: StreamJob"},
		{"no version", strings.Replace(minimal, "apiVersion: weir.stream/v1alpha1\n", "", 1), "",
			"job.yaml:1:1: apiVersion: it is missing; write apiVersion: weir.stream/v1alpha1"},
		{"another version", strings.Replace(minimal, "v1alpha1", "v2", 1), "",
			`job.yaml:1:13: apiVersion: "weir.stream/v2" has no StreamJob; write apiVersion: weir.stream/v1alpha1`},
		{"a text instead of a manifest", "CREATE TABLE a\n", "",
			`job.yaml:1:1: "CREATE TABLE a" is not a manifest; begin with apiVersion: weir.stream/v1alpha1 and kind: StreamJob`},
		{"no YAML", minimal + "  checkpoint: [\n", "",
			"job.yaml:6: this is not YAML: did not find expected node content; check the indentation (spaces only), colons and quotes there"},
		{"a tab", minimal + "\tparallelism: 2\n", "",
			"job.yaml:5: this is not YAML: found a tab character that violates indentation; check the indentation (spaces only), colons and quotes there"},

		{"a setting of nothing", minimal, "parallelism",
			`--set: "parallelism" is not a setting; write --set spec.parallelism=4`},
		{"a setting outside spec", minimal, "metadata.name=x",
			"--set: metadata.name: only fields of spec can be set; write --set spec.parallelism=4"},
		{"a setting without spec", minimal, "checkpoint.interval=1s",
			"--set: checkpoint.interval: only fields of spec can be set; did you mean spec.checkpoint.interval?"},
		{"a setting whose name is in two lines", minimal, "metadata.\n\xffname\x1b[2J=x",
			`--set: metadata.\n\xffname\x1b[2J: only fields of spec can be set; write --set spec.parallelism=4`},
		{"a setting without spec whose name is in two lines", minimal, "checkpoint.\nä=1s",
			`--set: checkpoint.\nä: only fields of spec can be set; did you mean spec.checkpoint.\nä?`},
		{"a setting of an unknown field", minimal, "spec.checkpoint.intervall=1s",
			`--set: spec.checkpoint has no field "intervall"; did you mean interval?`},
		{"a setting of a planned field", minimal, "spec.slotsPerWorker=2",
			"--set: not supported yet: spec.slotsPerWorker; leave it out for now"},
		{"a setting of a group", minimal, "spec.state=Heap",
			"--set: spec.state: it is a group of fields; set one of them: backend"},
		{"a setting of a group that may be absent", minimal, "spec.restore.savepointRef=before",
			"--set: spec.restore.savepointRef: it is a group of fields; set one of them: name"},
		{"a setting of a mapping", minimal, "spec.worker.podTemplate.labels=a",
			"--set: spec.worker.podTemplate.labels: it is more than one value; write it into the manifest"},
		{"a setting in a mapping", minimal, "spec.worker.resources.limits.cpu=1",
			"--set: spec.worker.resources.limits.cpu: spec.worker.resources.limits is more than one value; write it into the manifest"},
		{"a setting below a duration", minimal, "spec.checkpoint.interval.Duration=1",
			"--set: spec.checkpoint.interval.Duration: spec.checkpoint.interval has no fields; set spec.checkpoint.interval itself"},
		{"a setting below a field", minimal, "spec.parallelism.x=1",
			"--set: spec.parallelism.x: spec.parallelism has no fields; set spec.parallelism itself"},
		{"a setting of another type", minimal, "spec.parallelism=four",
			`--set: spec.parallelism: "four" is not a whole number; write digits, without quotes or unit`},
		{"an empty setting", minimal, "spec.parallelism=",
			`--set: spec.parallelism: "" is not a whole number; write digits, without quotes or unit`},
		{"a setting out of bounds", minimal, "spec.parallelism=-1",
			"--set: spec.parallelism: -1 is out of bounds; use a number from 1 to 512"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var settings []string
			if c.set != "" {
				settings = []string{c.set}
			}
			_, err := load(c.manifest, settings...)
			if err == nil {
				t.Fatal("it is taken")
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestWhatIsRefusedOfFilesBesideTheManifest(t *testing.T) {
	manifest := &File{"job.yaml", []byte(minimal)}
	for _, c := range []struct {
		name string
		in   Input
		want string
	}{
		{"a job's own field in weir.yaml", Input{Manifest: manifest, Global: &File{"weir.yaml", []byte("spec:\n  jobID: x\n")}},
			"weir.yaml:2:10: spec.jobID: it cannot be the same for all jobs; write it into the job's own manifest"},
		{"an unknown field in weir.yaml", Input{Manifest: manifest, Global: &File{"weir.yaml", []byte("checkpoint: {storag: x}\n")}},
			`weir.yaml:1:14: spec.checkpoint has no field "storag"; did you mean storage?`},
		{"a value out of bounds in weir.yaml", Input{Manifest: manifest, Global: &File{"weir.yaml", []byte("parallelism: 0\n")}},
			"weir.yaml:1:14: spec.parallelism: 0 is out of bounds; use a number from 1 to 512"},
		{"two documents in weir.yaml", Input{Manifest: manifest, Global: &File{"weir.yaml", []byte("parallelism: 1\n---\nparallelism: 2\n")}},
			"weir.yaml:3:1: a second document; put everything into one"},
		{"a file of SQL whose name is no job id", Input{SQL: &File{"dir/Flight Delays.sql", []byte("SELECT 1")}},
			`dir/Flight Delays.sql: the job id, "Flight Delays", cannot be made of the file's name; rename the file to flight-delays.sql, or add --set spec.jobID=flight-delays`},
		{"a file of SQL with nothing", Input{SQL: &File{"a.sql", []byte("\n")}},
			"a.sql: spec.sql: the SQL text is empty; write at least CREATE TABLE and INSERT INTO"},
		{"a file that is no text", Input{SQL: &File{"a.sql", []byte("\xff\xfe")}},
			"a.sql: the file is not UTF-8 text; name a file of SQL, or a manifest with -f"},
		{"too much SQL", Input{SQL: &File{"a.sql", []byte(strings.Repeat("(", 5_000_000))}},
			"a.sql: spec.sql: the SQL text has more than 262144 bytes (256 KiB); split the job"},
		{"no storage in a cluster", Input{Manifest: manifest, Cluster: true},
			"job.yaml:1: spec.checkpoint.storage: it is missing; name a bucket there or in weir.yaml, such as s3://bucket/prefix"},
		{"a path in a cluster", Input{Manifest: manifest, Cluster: true, Settings: []Setting{{"--set", "spec.checkpoint.storage", "./out"}}},
			`--set: spec.checkpoint.storage: "./out" is a path, which the job's pods do not share; name a bucket, such as s3://bucket/prefix`},
		{"a relative file URL in a cluster", Input{Manifest: manifest, Cluster: true, Settings: []Setting{{"--set", "spec.checkpoint.storage", "file://./out"}}},
			`--set: spec.checkpoint.storage: "file://./out" is relative to a working directory, which the job's pods do not share; name a bucket, such as s3://bucket/prefix`},
		{"more subtasks than a pod carries", Input{Manifest: manifest, Cluster: true, Settings: []Setting{
			{"--set", "spec.checkpoint.storage", "mem://x"}, {"--set", "spec.parallelism", "513"}}},
			"--set: spec.parallelism: 513 is out of bounds; use a number from 1 to 512"},
		{"two snapshots to start from", Input{Manifest: &File{"job.yaml", []byte(minimal + "  restore:\n    savepointRef: {name: before}\n    path: s3://a/b\n")}, Cluster: true,
			Settings: []Setting{{"--set", "spec.checkpoint.storage", "mem://x"}}},
			"job.yaml:7:19: spec.restore.savepointRef: spec.restore.path is set too; remove one of the two"},
		{"too large a manifest", Input{Manifest: &File{"job.yaml", []byte(strings.Repeat("#", MaxFile+1))}},
			"job.yaml: the file has more than 1048576 bytes; split it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(c.in)
			if err == nil {
				t.Fatal("it is taken")
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}
