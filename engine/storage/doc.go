// Package storage is where snapshots and files go: buckets, opened by URL, with create-if-absent. Snapshots and the
// filesystem connector stand on it.
//
// It promises the same of every scheme (storagetest holds the suite that each one passes):
//
//   - The path of a URL is a prefix: objects of s3://bucket/a/b have keys below a/b/.
//   - Create has one winner among any number of writers, and its result is known: a lost answer is looked up (P1).
//   - An object appears whole, when it is durable, or not at all.
//   - A listing is complete or an error. A missing folder or prefix is an empty listing, a lost permission is not.
//   - Errors have a class (ErrNotFound, ErrExists, ErrPermission, ErrFull, ErrTransient) and name the object's URL,
//     without credentials. What may be repeated is repeated, with growing pauses and a bounded total, before a
//     transient error is returned.
//
// Schemes: file:// (a folder; see package filedriver), mem:// (see Open), s3://, gs:// and azblob:// (the Go CDK's
// drivers and their query parameters; credentials come from the environment as in each vendor's own tools).
//
// It refuses to know what the objects mean and which of them belong together.
package storage
