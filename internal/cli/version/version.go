// Package version is `weir version`: it prints the version.
package version

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/weirstream/weir/internal/cli"
)

// Command is the verb.
func Command(a *cli.Process) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cli.Between(0, 0),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.Stdout, "weir %s %s %s/%s\n", a.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
