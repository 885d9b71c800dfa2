package cluster

import (
	"fmt"
	"os"
	"time"
)

// began is when the program did.
var began = time.Now()

// tell writes to whoever watches, if somebody still does.
func tell(format string, args ...any) { _, _ = fmt.Fprintf(os.Stdout, format, args...) }

// say tells what was done, with the seconds since the beginning.
func say(format string, args ...any) {
	tell("%6.1fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}

// section begins a part of the walkthrough.
func section(title string) { tell("\n== %s\n", title) }

// figure is one line of what was proved.
func figure(name, format string, args ...any) {
	tell("  %-44s %s\n", name, fmt.Sprintf(format, args...))
}
