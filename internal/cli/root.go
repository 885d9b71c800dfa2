package cli

import (
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// About is what a program's command line says of itself.
type About struct {
	Name, Short, Long string
	// FlagHint is what is added where a flag is not known.
	FlagHint string
}

// Weir is the command line of weir.
var Weir = About{Name: "weir", Short: "Stateful streaming jobs that never lose their state",
	Long: "Weir runs stateful streaming jobs that never lose their state."}

// Root is the command of a program without a verb, with the verbs that there are.
func Root(p *Process, about About, verbs ...*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   about.Name,
		Short: about.Short,
		Long: about.Long + `

JOB is the name of a job that runs on this machine, or a coordinator's address (http://host:port, with its token in
WEIR_TOKEN). Where nothing is ended it can be left out if just one job runs here.

Exit codes: 0 done, 1 failed, 2 wrong use.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return Usagef("no command is given; `%s --help` lists them", about.Name)
			}
			return unknownVerb(c, args[0])
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return Usagef("%w; see `%s --help`%s", err, c.CommandPath(), about.FlagHint)
	})
	root.SetHelpCommand(helpCommand(root))
	root.AddCommand(verbs...)
	return root
}

// helpCommand shows the help of a verb; unlike cobra's own it fails if there is no such verb.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			verb, _, err := root.Find(args)
			if len(args) > 0 && (err != nil || verb == root) {
				return unknownVerb(root, args[0])
			}
			return verb.Help()
		},
	}
}

// plannedVerbs are what pods will run.
var plannedVerbs = []string{"worker"}

// unknownVerb refuses a verb, and says what was perhaps meant.
func unknownVerb(root *cobra.Command, verb string) error {
	if slices.Contains(plannedVerbs, verb) {
		return Usagef("not supported yet: %s %s; `%[1]s --help` lists what is there", root.Name(), verb)
	}
	if near := root.SuggestionsFor(verb); len(near) > 0 {
		return Usagef("there is no command %q; did you mean %s?", verb, strings.Join(near, " or "))
	}
	return Usagef("there is no command %q; `%s --help` lists them", verb, root.Name())
}

// Between refuses more arguments than a command takes, and fewer than it needs.
func Between(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) > most:
			return Usagef("%q is one argument too many; see `%s --help`", args[most], c.CommandPath())
		case len(args) < least:
			return Usagef("an argument is missing: %s", c.UseLine())
		}
		return nil
	}
}

// Named wants the job that is to end to be named: the only one that runs may be another than the user thinks of.
func Named(c *cobra.Command, args []string) error {
	if len(args) == 0 || args[0] == "" {
		return Usagef("name the job that is to end: %s; `weir list` shows those that run", c.UseLine())
	}
	return Between(1, 1)(c, args)
}

// OutputFlag adds -o to a command that can answer to scripts.
func OutputFlag(c *cobra.Command) *string {
	return c.Flags().StringP("output", "o", "text", "text or json")
}

// AsJSON tells whether the answer is for a script.
func AsJSON(output string) (bool, error) {
	switch output {
	case "text":
		return false, nil
	case "json":
		return true, nil
	}
	return false, Usagef("--output is text or json, not %q", output)
}

// WriteJSON writes an answer for a script, indented.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// Required refuses flags of a command that are missing or empty.
func Required(c *cobra.Command, names ...string) error {
	for _, name := range names {
		if c.Flags().Lookup(name).Value.String() == "" {
			return Usagef("--%s is missing; see `%s --help`", name, c.CommandPath())
		}
	}
	return nil
}
