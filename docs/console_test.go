package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/harness"
)

// binaries is a folder that lives as long as the tests of this package.
var binaries string

// TestMain makes the folder and removes it; the exit code is that of the tests, as the testing package sets it.
func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "weir-docs-"); err != nil {
		panic(err) // there is no test yet that could fail
	}
	m.Run()
	if err := os.RemoveAll(binaries); err != nil {
		panic(err)
	}
}

var built = sync.OnceValues(func() (string, error) { return harness.Build(context.Background(), binaries) })

// weir is the path of the binary, which is built by the first test that needs it.
func weir(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err = errors.Join(err, harness.DependsOnSources()); err != nil {
		t.Fatal(err)
	}
	return path
}

// verb is a command of the binary: its words after "weir", and what its help says.
type verb struct {
	name, help string
	parent     bool // it only groups other verbs
}

var (
	childPattern = regexp.MustCompile(`(?m)^  ([a-z][a-z-]*) `)
	flagPattern  = regexp.MustCompile(`(?m)^ +(?:(-[A-Za-z]), )?(--[a-z][a-z-]*)`)
)

// verbs asks the binary for its commands and theirs, in the order of its help.
func verbs(t *testing.T) []verb {
	t.Helper()
	var out []verb
	var ask func(words []string)
	ask = func(words []string) {
		help, err := exec.CommandContext(t.Context(), weir(t), append(words, "--help")...).Output()
		if err != nil {
			t.Fatalf("weir %s --help: %v", strings.Join(words, " "), err)
		}
		_, children, parent := strings.Cut(string(help), "Available Commands:\n")
		out = append(out, verb{strings.Join(words, " "), string(help), parent})
		children, _, _ = strings.Cut(children, "\n\n")
		for _, m := range childPattern.FindAllStringSubmatch(children, -1) {
			if m[1] != "help" && m[1] != "completion" {
				ask(append(slices.Clone(words), m[1]))
			}
		}
	}
	ask(nil)
	return out
}

// commandReference is what every verb says of itself.
func commandReference(t *testing.T) string {
	var b strings.Builder
	for _, v := range verbs(t) {
		fmt.Fprintf(&b, "\n### %s\n\n```text\n%s\n```\n", strings.TrimSpace("weir "+v.name), strings.TrimSpace(v.help))
	}
	return b.String() + "\n"
}

// TestEveryCommandExists checks the verbs and flags of weir, and the targets of make, in every ```console block and in every
// code span that begins with one of the two.
func TestEveryCommandExists(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	known := verbs(t)
	n := 0
	for _, d := range documents(t) {
		var lines []string
		for _, b := range d.blocks {
			if b.lang == "console" {
				lines = append(lines, commands(b.text)...)
			}
		}
		for _, s := range d.spans {
			lines = append(lines, s.text)
		}
		for _, line := range lines {
			for _, c := range simpleCommands(line) {
				n++
				if err := checkCommand(known, string(makefile), c); err != nil {
					t.Errorf("%s: %s: %v", d.path, line, err)
				}
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d commands were found", n)
	}
}

// commands returns what stands after the prompts of a console block; a backslash goes on in the next line.
func commands(text string) []string {
	var out []string
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if c, ok := strings.CutPrefix(strings.TrimSpace(line), "$ "); ok {
			out = append(out, c)
		}
	}
	return out
}

// simpleCommands returns the words of every weir and make command in a line of shell.
func simpleCommands(line string) [][]string {
	var out [][]string
	for _, part := range regexp.MustCompile(`[|;&()]+`).Split(line, -1) {
		words := strings.Fields(part)
		for len(words) > 0 && strings.Contains(words[0], "=") && !strings.HasPrefix(words[0], "-") {
			words = words[1:]
		}
		if i := slices.IndexFunc(words, isWeir); i > 0 && words[0] == "timeout" {
			words = words[i:]
		}
		if len(words) > 0 && (isWeir(words[0]) || words[0] == "make") {
			out = append(out, words)
		}
	}
	return out
}

func isWeir(word string) bool { return word == "weir" || word == "bin/weir" }

func checkCommand(known []verb, makefile string, words []string) error {
	if words[0] == "make" {
		for _, target := range words[1:] {
			if !strings.Contains(target, "=") && !strings.Contains(makefile, "\n"+target+":") {
				return fmt.Errorf("make has no target %s", target)
			}
		}
		return nil
	}
	v, rest := find(known, words[1:])
	if v.parent && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return fmt.Errorf("weir %s has no verb %s", v.name, rest[0])
	}
	for _, w := range rest {
		flag, _, _ := strings.Cut(w, "=")
		if !strings.HasPrefix(flag, "-") || flag == "-" || flag == "--help" {
			continue
		}
		if !slices.ContainsFunc(flagPattern.FindAllStringSubmatch(v.help, -1), func(m []string) bool { return m[1] == flag || m[2] == flag }) {
			return fmt.Errorf("weir %s has no flag %s", v.name, flag)
		}
	}
	return nil
}

// find returns the verb that the words begin with, the longest that fits, and the words after it.
func find(known []verb, words []string) (verb, []string) {
	var best verb
	n := -1
	for _, v := range known {
		name := strings.Fields(v.name)
		if len(name) > n && len(name) <= len(words) && slices.Equal(name, words[:len(name)]) {
			best, n = v, len(name)
		}
	}
	return best, words[max(n, 0):]
}

// TestEverySessionRuns runs the ```console run blocks of a document one after the other in a folder of their own, which
// holds what its blocks with file=NAME say, and compares what is printed with what is shown. In what is shown, ... stands
// for anything, alone on a line for any lines. A job in ```console run background runs on while the blocks after it do;
// before the next job begins it must have ended, and is compared.
func TestEverySessionRuns(t *testing.T) {
	n := 0
	for _, d := range documents(t) {
		if !slices.ContainsFunc(d.blocks, func(b block) bool { return b.lang == "console" && b.has("run") }) {
			continue
		}
		n++
		t.Run(d.path, func(t *testing.T) {
			s := newSession(t, filepath.Dir(weir(t)))
			for _, b := range d.blocks {
				if name := b.value("file"); name != "" {
					s.write(name, b.text)
				}
				if b.lang == "console" && b.has("run") {
					s.run(b)
				}
			}
			s.end()
		})
	}
	if n == 0 {
		t.Error("no session was found")
	}
}

// session is a folder and what runs in it.
type session struct {
	t          *testing.T
	dir        string
	env        []string
	background *terminal // nil: there is none
}

// terminal is a command that still runs.
type terminal struct {
	block block
	out   bytes.Buffer
	done  chan struct{}
}

// patience bounds every wait of a session.
const patience = 3 * time.Minute

func newSession(t *testing.T, bin string) *session {
	dir := t.TempDir()
	home := t.TempDir()
	return &session{t: t, dir: dir, env: append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+home,
		"XDG_RUNTIME_DIR="+home, "XDG_STATE_HOME="+home, "XDG_CACHE_HOME="+home, "TMPDIR="+home)}
}

func (s *session) write(name, text string) {
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// run does what a block shows, and compares what is printed.
func (s *session) run(b block) {
	s.t.Helper()
	if strings.Contains(b.text, "$ weir run") {
		s.end()
	}
	if b.has("background") {
		s.open(b)
		return
	}
	var printed strings.Builder
	for _, line := range commands(b.text) {
		ctx, cancel := context.WithTimeout(s.t.Context(), patience)
		out, _ := s.command(ctx, line).CombinedOutput() // what a command that fails prints is compared too
		cancel()
		fmt.Fprintf(&printed, "$ %s\n%s", line, out)
	}
	s.compare(b, printed.String())
}

func (s *session) compare(b block, printed string) {
	s.t.Helper()
	if err := matchOutput(strings.ReplaceAll(b.text, "\\\n", " "), printed); err != nil {
		s.t.Errorf("%s: %v; what is printed is\n%s", b.at(), err, printed)
	}
}

// open starts a job in another terminal, and waits until it runs.
func (s *session) open(b block) {
	s.t.Helper()
	term := &terminal{block: b, done: make(chan struct{})}
	line := strings.Join(commands(b.text), "\n")
	cmd := s.command(s.t.Context(), line)
	cmd.Stdout, cmd.Stderr = &term.out, &term.out
	fmt.Fprintf(&term.out, "$ %s\n", line)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(term.done)
		_ = cmd.Wait() // what it printed is compared, its exit code is part of no document
	}()
	s.background = term
	harness.Await(s.t, patience, "weir list shows that the job of "+b.at()+" runs", func() bool {
		out, err := s.command(s.t.Context(), "weir list").Output()
		return err == nil && bytes.Contains(out, []byte(" Running "))
	})
}

// end waits for the job in the background, and compares what it printed.
func (s *session) end() {
	s.t.Helper()
	if s.background == nil {
		return
	}
	select {
	case <-s.background.done:
		s.compare(s.background.block, s.background.out.String())
	case <-time.After(patience):
		s.t.Errorf("%s: it still runs", s.background.block.at())
	}
	s.background = nil
}

// matchOutput compares what a block shows with what was printed, without blanks at the ends of lines.
func matchOutput(shown, printed string) error {
	var pattern strings.Builder
	pattern.WriteString("^")
	for line := range strings.Lines(shown) {
		line = strings.TrimSpace(line)
		if line == "..." {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		parts := strings.Split(line, "...")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString(strings.Join(parts, ".*") + `[ \t]*\n`)
	}
	pattern.WriteString("$")
	var lines strings.Builder
	for line := range strings.Lines(printed) {
		lines.WriteString(strings.TrimSpace(line) + "\n")
	}
	if !regexp.MustCompile(pattern.String()).MatchString(lines.String()) {
		return errors.New("it prints something else than is shown")
	}
	return nil
}

func TestTheChecksOfCommandsFind(t *testing.T) {
	known := []verb{{"", "Available Commands:\n  run  x\n", true}, {"run", "Flags:\n  -f, --file string   x\n      --web string\n", false},
		{"snapshot", "", true}, {"snapshot verify", "", false}}
	for _, c := range []struct{ name, line, want string }{
		{"a verb with its flags", "weir run -f x --web=:1 # &", ""},
		{"a verb below another", "bin/weir snapshot verify PATH | head", ""},
		{"a verb that is not there", "weir walk", "no verb walk"},
		{"a verb below another that is not there", "weir snapshot burn", "no verb burn"},
		{"a flag that is not there", "X=1 weir run --fast", "no flag --fast"},
		{"a command behind another", "timeout -s KILL 5 weir run; weir walk", "no verb walk"},
		{"a target of make", "make test", ""},
		{"a target that is not there", "make love", "no target love"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got string
			for _, words := range simpleCommands(c.line) {
				if err := checkCommand(known, "\ntest: x\n", words); err != nil {
					got = err.Error()
				}
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsPrintedIsCompared(t *testing.T) {
	const printed = "$ a\none 1 \ntwo\nthree\n"
	for _, c := range []struct {
		shown string
		ok    bool
	}{
		{"$ a\none 1\ntwo\nthree\n", true}, {"$ a\none ...\n...\nthree\n", true}, {"$ a\n...\n", true},
		{"$ a\none 2\ntwo\nthree\n", false}, {"$ a\none 1\n", false}, {"$ a\n...\nfour\n", false},
	} {
		if err := matchOutput(c.shown, printed); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.shown, err)
		}
	}
}
