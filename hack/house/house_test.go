package house

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/weirstream/weir/"
	root   = "../.."
)

// floors is the house from the roof down. An entry is a folder with all below it, the longest that fits counts. A
// package imports only from floors below its own, and from its own entry: neighbours do not know each other.
var floors = [][]string{
	{"cmd", "e2e", "bench", "examples", "hack", "charts"},
	{"job"},         // the main function of programs
	{"internal"},    // the verbs of command lines
	{"controllers"}, // the operator's composition
	{"controllers/streamjob", "controllers/savepoint"}, // observe, plan, act, status
	{"controllers/plan"}, // what to do next, pure
	{"controllers/coordinators", "controllers/resources"}, // what coordinators are asked; what jobs are made of
	{"manifest"},
	{"engine/internal/jobtest"},                // a small job for tests
	{"engine/stateview"},                       // state in snapshots, for people
	{"engine/enginetest"},                      // sources and sinks for tests of whole jobs
	{"engine/sql"},                             // text to graph
	{"engine/sql/bind", "engine/sql/physical"}, // what a text means; how that is carried out
	{"engine/sql/logical"},                     // relations, fingerprints
	{"engine/sql/catalog", "engine/sql/exec"},  // declared tables; operators
	{"engine/sql/expr"},                        // scalar expressions
	{"engine/sql/parser", "engine/sql/datetime", "engine/sql/javaregexp"},
	{"engine/stream"},        // the Go SDK
	{"engine/job"},           // the composition root
	{"engine/internal/host"}, // the process of a pod
	{"engine/internal/web", "engine/internal/attempt"},                                  // REST and metrics of a running job; an attempt at it
	{"engine/internal/operations"},                                                      // what a job is asked for
	{"engine/internal/restore", "engine/internal/overlap", "engine/internal/jobfolder"}, // what may begin, and where
	{"engine/internal/coordinator", "engine/internal/worker"},
	{"engine/internal/task"},     // one goroutine that owns a subtask
	{"engine/internal/executor"}, // what a driver sees of subtasks
	{"engine/internal/backend", "engine/internal/exchange"},
	{"engine/internal/checkpoint"}, // the alignment of barriers, pure
	{"engine/internal/message"},    // what coordinator and workers say to each other
	{"engine/internal/timer"},
	{"engine/internal/graph"},     // what runs, as data
	{"engine/internal/operator"},  // one link of a chain
	{"engine/connector/typed"},    // the connectors with rows of Go
	{"engine/connector/registry"}, // the connectors by name
	{"engine/connector/connectortest", "engine/connector/filesystem", "engine/connector/kafka", "engine/connector/datagen", "engine/connector/print", "engine/connector/blackhole"},
	{"engine/connector"}, // contracts of sources and sinks
	{"engine/snapshot"},  // the format and the chain
	{"engine/storage"},   // buckets by URL
	{"engine/state", "engine/window", "engine/codec"},
	{"engine/connector/table"}, // a table as it is declared: columns and options
	{"engine/types"},           // the types of SQL
	{"engine/batch"},           // what the runtime moves
	{"engine/rest", "engine/fault"},
	{"engine/outcome", "engine/config", "engine/backoff"}, // how runs end; what a job is told; pauses between tries
	{"api"},
}

// bans are the rules that the floors alone do not hold.
var bans = []struct {
	from, to string
	except   []string // of to, what may be seen
	why      string
}{
	{from: "engine", to: "api", why: "the engine knows nothing of Kubernetes: manifest translates a StreamJob for it"},
	{from: "controllers", to: "engine", except: []string{"engine/rest", "engine/outcome", "engine/config", "engine/backoff", "engine/sql"},
		why: "the operator reaches an engine only through its REST client; the SQL checker serves admission"},
	{from: "controllers/plan", to: "manifest", why: "it decides from facts; who reads texts gives it what they say"},
	{from: "controllers/coordinators", to: "manifest", why: "it knows addresses, identities and answers, no jobs"},
	{from: "engine/sql", to: "engine/job", why: "a query becomes a graph; who runs it is not its concern"},
}

// asks is why the verbs that ask a running job link no engine.
const asks = "it asks a job that runs elsewhere, and may be part of another program, such as a kubectl plugin"

// links are the rules about what a package brings along, directly or not.
var links = []struct {
	from, to string
	only     []string // of to, what may be linked
	why      string
}{
	{from: "controllers", to: "engine",
		only: []string{"engine/rest", "engine/fault", "engine/sql", "engine/outcome", "engine/config", "engine/backoff",
			"engine/storage/storageurl", "engine/connector/table", "engine/batch", "engine/types"},
		why: "the operator is small, and what runs jobs is not in it: no stores, no connectors, no coordinator"},
	{from: "manifest", to: "engine/job", why: "a manifest is read by whoever runs no job"},
	{from: "internal/cli/list", to: "engine/job", why: asks},
	{from: "internal/cli/savepoint", to: "engine/job", why: asks},
	{from: "internal/cli/stop", to: "engine/job", why: asks},
	{from: "internal/cli/checkpoint", to: "engine/job", why: asks},
	{from: "internal/cli/cancel", to: "engine/job", why: asks},
}

// linked says which packages break a rule of links, by what each imports.
func linked(imports map[string][]string) (wrong []string) {
	for _, rule := range links {
		var reach func(from string, via []string, seen map[string]bool)
		reach = func(at string, via []string, seen map[string]bool) {
			if seen[at] {
				return
			}
			seen[at] = true
			via = append(slices.Clone(via), at)
			allowed := slices.ContainsFunc(rule.only, func(dir string) bool { return at == dir || dir == "engine/sql" && within(at, dir) })
			if within(at, rule.to) && !allowed {
				wrong = append(wrong, fmt.Sprintf("%s: %s", strings.Join(via, " -> "), rule.why))
				return
			}
			for _, next := range imports[at] {
				reach(next, via, seen)
			}
		}
		for from := range imports {
			if within(from, rule.from) && !isTestKit(from) {
				reach(from, nil, map[string]bool{})
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}

// place is the floor and the entry of a folder; ok is false if it has none.
func place(folder string) (floor int, entry string, ok bool) {
	for f, entries := range floors {
		for _, e := range entries {
			if within(folder, e) && len(e) > len(entry) {
				floor, entry, ok = f, e, true
			}
		}
	}
	return floor, entry, ok
}

// within says whether a folder is dir or below it.
func within(folder, dir string) bool {
	return folder == dir || strings.HasPrefix(folder, dir+"/")
}

// violation says what is wrong with a package of one folder importing that of another; empty if nothing is.
func violation(from, to string) string {
	fromFloor, fromEntry, ok := place(from)
	if !ok {
		return "it has no place in the house: add it to floors in hack/house"
	}
	toFloor, toEntry, ok := place(to)
	if !ok {
		return fmt.Sprintf("%s has no place in the house: add it to floors in hack/house", to)
	}
	if isTestKit(to) && !isTestKit(from) {
		return fmt.Sprintf("%s is for tests, and this is none", to)
	}
	for _, b := range bans {
		allowed := func(dir string) bool { return within(to, dir) }
		if within(from, b.from) && within(to, b.to) && !slices.ContainsFunc(b.except, allowed) {
			return fmt.Sprintf("it must not see %s: %s", to, b.why)
		}
	}
	if fromEntry != toEntry && toFloor <= fromFloor {
		return fmt.Sprintf("%s is not below it: imports run down", to)
	}
	return ""
}

// isTestKit says whether a folder holds helpers and conformance suites for tests, as all below e2e does.
func isTestKit(folder string) bool { return strings.HasSuffix(folder, "test") || within(folder, "e2e") }

// TestImportsRunDown reads the import clauses of all files that are not tests; a test may use what it needs.
func TestImportsRunDown(t *testing.T) {
	imports := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && outside(path, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		return checkFile(t, path, imports)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(imports) == 0 {
		t.Error("no file was read")
	}
	for _, what := range linked(imports) {
		t.Error(what)
	}
}

// outside says whether a folder is not part of the module's packages.
func outside(path, name string) bool {
	_, err := os.Stat(filepath.Join(path, "go.mod")) // a module of its own
	return err == nil || name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func checkFile(t *testing.T, path string, imports map[string][]string) error {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	name, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	name = filepath.ToSlash(name)
	folder := name[:max(strings.LastIndexByte(name, '/'), 0)]
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		to, ours := strings.CutPrefix(imported, module)
		if !ours {
			continue
		}
		imports[folder] = append(imports[folder], to)
		if what := violation(folder, to); what != "" {
			t.Errorf("%s: %s", name, what)
		}
	}
	return nil
}

func TestWhatIsBroughtAlongIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		imports map[string][]string
		want    string
	}{
		"only what is allowed":  {map[string][]string{"controllers/plan": {"engine/rest"}, "engine/rest": {"engine/config"}}, ""},
		"directly":              {map[string][]string{"controllers/plan": {"engine/job"}}, "controllers/plan -> engine/job"},
		"through another":       {map[string][]string{"controllers/plan": {"manifest"}, "manifest": {"engine/storage"}}, "manifest -> engine/storage"},
		"through what may be":   {map[string][]string{"controllers": {"engine/rest"}, "engine/rest": {"engine/snapshot"}}, "engine/rest -> engine/snapshot"},
		"below what may be":     {map[string][]string{"controllers": {"engine/rest/other"}}, "engine/rest/other"},
		"by a manifest":         {map[string][]string{"manifest": {"engine/job"}}, "read by whoever runs no job"},
		"by a kit for tests":    {map[string][]string{"controllers/controllertest": {"engine/job"}}, ""},
		"by who may, elsewhere": {map[string][]string{"cmd/weir": {"engine/job"}, "engine/job": {"engine/snapshot"}}, ""},
	} {
		got := strings.Join(linked(c.imports), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestTheRuleItself(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"down is allowed", "engine/job", "engine/internal/task", ""},
		{"within an entry all is allowed", "engine/storage", "engine/storage/filedriver", ""},
		{"up is refused", "engine/batch", "engine/job", "imports run down"},
		{"neighbours do not know each other", "engine/internal/coordinator", "engine/internal/worker", "imports run down"},
		{"the engine does not see the API", "engine/job", "api/v1alpha1", "knows nothing of Kubernetes"},
		{"manifest does", "manifest", "api/v1alpha1", ""},
		{"the API sees nothing", "api/v1alpha1", "engine/batch", "imports run down"},
		{"the operator sees the REST client", "controllers/streamjob", "engine/rest", ""},
		{"the operator sees no more of the engine", "controllers/streamjob", "engine/snapshot", "REST client"},
		{"the operator is composed of controllers", "controllers", "controllers/streamjob", ""},
		{"controllers do not know each other", "controllers/streamjob", "controllers/savepoint", "imports run down"},
		{"a controller asks the plan", "controllers/streamjob", "controllers/plan", ""},
		{"the plan knows no controller", "controllers/plan", "controllers/streamjob", "imports run down"},
		{"the plan reads no manifests", "controllers/plan", "manifest", "decides from facts"},
		{"objects are made without knowing who is asked", "controllers/resources", "controllers/coordinators", "imports run down"},
		{"an attempt does not know how it is reached", "engine/internal/attempt", "engine/internal/web", "imports run down"},
		{"an attempt does not know what follows it", "engine/internal/attempt", "engine/internal/host", "imports run down"},
		{"test kits are for tests", "engine/job", "engine/connector/connectortest", "for tests"},
		{"a new folder needs a place", "engine/novelty", "engine/batch", "no place"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := violation(c.from, c.to); c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%s importing %s: %q, want %q", c.from, c.to, got, c.want)
			}
		})
	}
}
