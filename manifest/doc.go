// Package manifest reads StreamJobs: the one reading of the YAML that users write, for `weir run`, for pods and for the
// operator. Out of it comes a Job: the spec with every default resolved, and the engine's configuration.
//
// Values come in layers, each over the one before, field by field:
//
//  1. the defaults: those of package config for the settings of the engine, else those of this package,
//  2. weir.yaml, the global configuration: the fields of spec that all jobs share,
//  3. the StreamJob's manifest, or a file of SQL alone,
//  4. settings, as of --set spec.parallelism=4.
//
// null is the same as nothing written. A file may hold several YAML documents, of which exactly one is a StreamJob; others are
// left out with a note, except documents of the group weir.stream that are of no kind it has.
//
// Reading is strict, because a misspelt field would silently do something else than was meant: unknown fields, fields written
// twice and values of another type are refused, and so are the fields that are planned but do nothing yet. Every
// refusal is an *Error, which names the file, the place, the field and what to do.
//
// [Marshal] writes a job down with all of that resolved, for its pods; read again, it is the same.
//
// The package reads no files and knows no flags, environment or cluster: whoever calls it passes texts in.
package manifest
