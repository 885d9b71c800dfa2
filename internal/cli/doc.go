// Package cli is what the verbs of a command line share: the process that they run in, the root that finds them, exit codes,
// and how a running job is found and asked. A verb is a package below it, which reads flags and files, calls the package that
// does the work, and shows what came of it; another program than weir may take those that it wants.
//
// What a command says of its result goes to standard output, all else to standard error. A failure is one line there. The
// exit code is 0 if it is done, 2 if what the user wrote is wrong (flags, manifest, SQL: the same command can never
// succeed), and 1 for any other failure.
package cli
