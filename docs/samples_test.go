package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/sql"
	"github.com/weirstream/weir/engine/types"
	"github.com/weirstream/weir/manifest"
)

// connectors are the real ones.
func connectors() *registry.Registry {
	return registry.New(registry.Environment{Stdout: os.Stdout, Stderr: os.Stderr, Now: time.Now})
}

// TestEverySQLSampleCompiles compiles every ```sql block, with the tables of the document's ```sql tables block before it.
// ```sql refused must be refused with the words of the ```text block after it.
func TestEverySQLSampleCompiles(t *testing.T) {
	eachBlock(t, func(b block) bool { return b.lang == "sql" }, func(t *testing.T, d *document, i int) {
		if err := checkSQL(d.blocks, i); err != nil {
			t.Error(err)
		}
	})
}

// sample is the name of the file that the messages in documents show.
const sample = "job.sql"

func checkSQL(blocks []block, i int) error {
	b := blocks[i]
	var tables string
	if at := slices.IndexFunc(blocks, func(b block) bool { return b.has("tables") }); at >= 0 && !b.has("alone") && at != i {
		tables = blocks[at].text
	}
	if b.has("tables") {
		// Tables alone are no job: it is enough that they are declared well.
		b.text += "INSERT INTO nowhere SELECT 1 FROM nowhere;\n"
	}
	got := compile(tables, b.text)
	switch {
	case b.has("refused"):
		if i+1 >= len(blocks) || blocks[i+1].lang != "text" {
			return fmt.Errorf("%s: no text block with the message follows", b.at())
		}
		if want := strings.TrimSpace(blocks[i+1].text); got != want {
			return fmt.Errorf("%s: the message is\n%s\nand not\n%s", b.at(), got, want)
		}
	case b.has("tables"):
		if !strings.Contains(got, "nowhere") {
			return fmt.Errorf("%s: %s", b.at(), got)
		}
	case got != "":
		return fmt.Errorf("%s: %s", b.at(), got)
	}
	return nil
}

// compile returns what is wrong with a text, empty if nothing is; its lines are counted after those of tables.
func compile(tables, text string) string {
	_, err := sql.Compile(tables+text, sample, connectors())
	var refused *sql.Error
	if errors.As(err, &refused) {
		moved := *refused
		moved.Line -= strings.Count(tables, "\n")
		return moved.Error()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestEveryManifestSampleIsRead reads every ```yaml block as `weir run` would. A block that begins with spec: or with
// one of its fields is put into a whole manifest; ```yaml config is a weir.yaml; ```yaml refused is refused with the words
// of the ```text block after it. ```yaml cluster is for pods, and ```yaml savepoint is a Savepoint.
func TestEveryManifestSampleIsRead(t *testing.T) {
	eachBlock(t, func(b block) bool { return b.lang == "yaml" }, func(t *testing.T, d *document, i int) {
		if err := checkManifest(d.blocks, i); err != nil {
			t.Error(err)
		}
	})
}

const (
	manifestHead = "apiVersion: weir.stream/v1alpha1\nkind: StreamJob\nmetadata: {name: sample}\n"
	manifestSQL  = "  sql: |\n" +
		"    CREATE TABLE g (x INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');\n" +
		"    CREATE TABLE b (x INT) WITH ('connector' = 'blackhole');\n" +
		"    INSERT INTO b SELECT x FROM g;\n"
)

func checkManifest(blocks []block, i int) error {
	b := blocks[i]
	if b.has("savepoint") {
		var savepoint struct { // a Savepoint itself forgives
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
			Spec              v1alpha1.SavepointSpec `json:"spec"`
		}
		if err := yaml.UnmarshalStrict([]byte(b.text), &savepoint); err != nil {
			return fmt.Errorf("%s: %w", b.at(), err)
		}
		return nil
	}
	in := manifest.Input{Cluster: b.has("cluster")}
	text := b.text
	switch {
	case b.has("config"):
		in.Global = &manifest.File{Name: "weir.yaml", Text: []byte(text)}
		text = manifestHead + "spec:\n" + manifestSQL
	case strings.HasPrefix(text, "spec:"):
		text = manifestHead + text
		if !strings.Contains(text, "\n  sql:") && !isProgram(text) {
			text += manifestSQL
		}
	}
	if isProgram(text) {
		in.Program = &manifest.Program{Name: "sample"}
	}
	in.Manifest = &manifest.File{Name: "streamjob.yaml", Text: []byte(text)}
	job, err := manifest.Load(in)
	if b.has("refused") {
		if err == nil || i+1 >= len(blocks) || blocks[i+1].lang != "text" {
			return fmt.Errorf("%s: it is not refused (%w), or no text block with the message follows", b.at(), err)
		}
		if want := strings.TrimSpace(blocks[i+1].text); err.Error() != want {
			return fmt.Errorf("%s: the message is\n%s\nand not\n%s", b.at(), err, want)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", b.at(), err)
	}
	if isProgram(text) {
		return nil
	}
	if what := compile("", job.SQL.Text); what != "" {
		return fmt.Errorf("%s: %s", b.at(), what)
	}
	return nil
}

// isProgram tells that a manifest is a program's, which reads it.
func isProgram(text string) bool { return strings.Contains(text, "\n  program:") }

// TestEveryGoSampleRuns builds every ```go block as a program of this module, without writing it into the tree, and runs
// it; what it prints is the ```text block after it, for ```go unordered in any order of the lines. ```go main is a program whose
// main function is job.Main: its verb run is run, in a folder of its own, and what it prints is its standard output.
func TestEveryGoSampleRuns(t *testing.T) {
	eachBlock(t, func(b block) bool { return b.lang == "go" }, func(t *testing.T, d *document, i int) {
		if err := checkProgram(t, d.blocks, i); err != nil {
			t.Error(err)
		}
	})
}

func checkProgram(t *testing.T, blocks []block, i int) error {
	t.Helper()
	if strings.Contains(blocks[i].text, "/engine/internal/") {
		return fmt.Errorf("%s: a user's program cannot import internal packages", blocks[i].at())
	}
	if i+1 >= len(blocks) || blocks[i+1].lang != "text" {
		return fmt.Errorf("%s: no text block with what it prints follows", blocks[i].at())
	}
	program, err := buildProgram(t, blocks[i].text)
	if err != nil {
		return fmt.Errorf("%s: %w", blocks[i].at(), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program)
	var stderr bytes.Buffer
	run := command.CombinedOutput
	if blocks[i].has("main") {
		command.Args, command.Dir, command.Stderr = append(command.Args, "run"), t.TempDir(), &stderr
		run = command.Output
	}
	out, err := run()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s%s", blocks[i].at(), err, out, &stderr)
	}
	got, want := string(out), blocks[i+1].text
	if blocks[i].has("unordered") {
		got, want = sortedLines(got), sortedLines(want)
	}
	if got != want {
		return fmt.Errorf("%s: it prints\n%s", blocks[i].at(), out)
	}
	return nil
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// buildProgram compiles a program that only an overlay puts into the module.
func buildProgram(t *testing.T, text string) (path string, err error) {
	t.Helper()
	if err := harness.DependsOnSources(); err != nil {
		return "", err
	}
	dir := t.TempDir()
	top, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	source, overlayFile := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(top, "docs/sample/main.go"): source}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(source, []byte(text), 0o644), os.WriteFile(overlayFile, overlay, 0o644)); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-overlay", overlayFile, "-o", path, "./docs/sample")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
}

// TestOptionTablesAreComplete compares the tables of docs/sql.md and docs/connectors.md, by the heading that they stand under, with the options
// that the connector asks for.
func TestOptionTablesAreComplete(t *testing.T) {
	d, pages := readDocument(t, "docs/sql.md"), readDocument(t, "docs/connectors.md")
	for _, c := range []struct{ heading, connector, format string }{
		{"#### filesystem", "filesystem", "json"},
		{"#### datagen", "datagen", ""},
		{"#### print", "print", ""},
		{"#### blackhole", "blackhole", ""},
		{"#### json", "filesystem", "json"},
		{"#### csv", "filesystem", "csv"},
		{"## kafka", "kafka", "json"},
	} {
		t.Run(c.heading, func(t *testing.T) {
			known := knownOptions(t, c.connector, c.format)
			isFormat := strings.HasSuffix(c.heading, c.format) && c.format != ""
			known = slices.DeleteFunc(known, func(k string) bool {
				ofFormat := strings.Contains(k, "json.") || strings.Contains(k, "csv.")
				return k == "connector" || k == registry.OptionRate /* of every table */ || ofFormat != isFormat
			})
			if c.connector == "kafka" {
				d = pages
			}
			if got := documentedOptions(d, c.heading); !slices.Equal(got, known) {
				t.Errorf("the table has %q, the connector asks for %q", got, known)
			}
		})
	}
}

// knownOptions returns what a table with a column of every type may set, as source or as sink.
func knownOptions(t *testing.T, connector, format string) []string {
	t.Helper()
	r := connectors()
	var known []string
	var errs []error
	for _, kind := range []string{"random", "sequence"} {
		asSource, asSink := tableSpec(t, connector, format, kind), tableSpec(t, connector, format, kind)
		_, _, sourceErr := r.Source(connector, asSource)
		_, sinkErr := r.Sink(connector, asSink)
		if sourceErr != nil && sinkErr != nil {
			errs = append(errs, sourceErr, sinkErr)
		}
		known = slices.Concat(known, asSource.Options.Known(), asSink.Options.Known())
	}
	if len(errs) > 0 {
		t.Fatal(errors.Join(errs...))
	}
	for i, k := range known {
		if rest, ok := strings.CutPrefix(k, "fields."); ok { // one entry for all columns
			_, option, _ := strings.Cut(rest, ".")
			known[i] = "fields.<column>." + option
		}
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// documentedOptions returns the first cells of the rows between a heading and the next.
func documentedOptions(d *document, heading string) []string {
	lines := strings.Split(d.text, "\n")
	from := slices.Index(lines, heading)
	if from < 0 {
		return nil
	}
	to := slices.IndexFunc(lines[from+1:], func(l string) bool { return strings.HasPrefix(l, "#") })
	if to < 0 {
		to = len(lines)
	}
	var out []string
	for _, r := range d.rows {
		if r.line > from && r.line <= from+1+to {
			for _, m := range spanPattern.FindAllStringSubmatch(r.cells[0], -1) {
				out = append(out, m[1])
			}
		}
	}
	slices.Sort(out)
	return out
}

// everyType has a column of each type.
func everyType() types.Schema {
	return types.Schema{
		{Name: "s", Type: types.String()}, {Name: "b", Type: types.Boolean()}, {Name: "i", Type: types.Int()}, {Name: "l", Type: types.BigInt()},
		{Name: "d", Type: types.Double()}, {Name: "day", Type: types.Date()}, {Name: "ts", Type: types.Timestamp(3)},
	}
}

// tableSpec declares a table of the connector; kind is that of the columns that datagen makes.
func tableSpec(t *testing.T, connector, format, kind string) table.Spec {
	t.Helper()
	o := table.NewOptions("t", "docs:1:1")
	set := func(key, value string) { o.Set(key, value, "docs:1:1", false) }
	set("connector", connector)
	switch connector {
	case "filesystem":
		set("path", t.TempDir())
		set("format", format)
	case "kafka":
		set("topic", "t")
		set("format", format)
		set("key.format", format)
		set("key.fields", "s")
		set("properties.bootstrap.servers", "127.0.0.1:9092")
		set("properties.group.id", "g")
		set("properties.security.protocol", "SASL_SSL")
		set("properties.sasl.mechanism", "PLAIN")
		set("properties.sasl.credentials.folder", "/run/secrets")
	case "datagen":
		for _, f := range everyType() {
			if kind == "sequence" && !f.Type.Is(types.KindBoolean) {
				set("fields."+f.Name+".kind", kind)
				set("fields."+f.Name+".start", firstValue(f.Type))
				set("fields."+f.Name+".end", firstValue(f.Type))
			}
		}
	}
	return table.Spec{Name: "t", Schema: everyType(), Options: o}
}

func firstValue(t types.Type) string {
	switch t.Kind() {
	case types.KindTimestamp:
		return "2001-01-01 00:00:00"
	case types.KindDate:
		return "2001-01-01"
	}
	return "1"
}

func TestTheChecksOfSamplesFind(t *testing.T) {
	const good = "CREATE TABLE g (x INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');\nCREATE TABLE b (x INT) WITH ('connector' = 'blackhole');\n"
	for _, c := range []struct{ name, text, want string }{
		{"a sample that compiles", "```sql\n" + good + "INSERT INTO b SELECT x FROM g;\n```\n", ""},
		{"one that stands on the tables of its page", "```sql tables\n" + good + "```\n```sql\nINSERT INTO b SELECT x FROM g;\n```\n", ""},
		{"a column that is not there", "```sql\n" + good + "INSERT INTO b SELECT y FROM g;\n```\n", "job.sql:3:22"},
		{"a line is counted from the sample's own first", "```sql tables\n" + good + "```\n```sql\nINSERT INTO b SELECT y FROM g;\n```\n", "job.sql:1:22"},
		{"a refusal that does not happen", "```sql refused\n" + good + "INSERT INTO b SELECT x FROM g;\n```\n```text\nno\n```\n", "the message is"},
		{"a refusal in other words", "```sql refused\n" + good + "INSERT INTO b SELECT y FROM g;\n```\n```text\nno\n```\n", "the message is"},
		{"a table with a type that is not there", "```sql tables\nCREATE TABLE g (x FLOAT) WITH ('connector' = 'blackhole');\n```\n", "job.sql:1:19"},
		{"a manifest that is read", "```yaml\nspec:\n  parallelism: 2\n```\n", ""},
		{"a manifest with an unknown field", "```yaml\nspec:\n  paralelism: 2\n```\n", "paralelism"},
		{"a manifest whose SQL does not compile", "```yaml\nspec:\n  sql: SELECT\n```\n", "job.sql:1"},
		{"a configuration that is read", "```yaml config\nspec:\n  parallelism: 2\n```\n", ""},
		{"a configuration with an unknown field", "```yaml config\nspec:\n  x: 2\n```\n", "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := parse("x.md", c.text)
			if err != nil {
				t.Fatal(err)
			}
			var errs []error
			for i, b := range d.blocks {
				switch b.lang {
				case "sql":
					errs = append(errs, checkSQL(d.blocks, i))
				case "yaml":
					errs = append(errs, checkManifest(d.blocks, i))
				}
			}
			got := ""
			if err := errors.Join(errs...); err != nil {
				got = err.Error()
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAProgramThatIsWrongIsFound(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"it prints what is shown", "```go\npackage main\n\nfunc main() { println(1) }\n```\n```text\n1\n```\n", ""},
		{"it prints something else", "```go\npackage main\n\nfunc main() { println(2) }\n```\n```text\n1\n```\n", "it prints"},
		{"it does not compile", "```go\npackage main\n\nfunc main() { undefined() }\n```\n```text\n```\n", "undefined: undefined"},
		{"it imports what users cannot", "```go\npackage main\n\nimport _ \"github.com/weirstream/weir/engine/internal/graph\"\n```\n", "internal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := parse("x.md", c.text)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := checkProgram(t, d.blocks, 0); err != nil {
				got = err.Error()
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
