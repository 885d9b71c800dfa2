// Package filedriver keeps the objects of a bucket as files of one folder, durably. It implements the blob driver
// interface of the Go CDK (gocloud.dev/blob/driver) and passes its conformance suite.
//
// What it promises, and the Go CDK's own file driver does not (P1):
//
//   - Create-if-absent has one winner among any number of processes: the finished file is linked to its name, and
//     link(2) refuses a name that exists.
//   - An object is durable when its writer's Close returns: the file is synced before it gets its name, the folder
//     after, and so is every folder that had to be made.
//   - An object is there whole or not at all. It is written under a temporary name, which no listing shows. What a
//     killed process left under such a name is removed by the next process that writes to the bucket; a lock on the
//     open file, which the kernel frees with the process, tells what was left from what is being written.
//   - A listing that could not read a folder is an error. An empty listing means that there is nothing.
//
// A key is the file's path below the folder, with "/" between the parts; what a path cannot say (an empty part, "." and
// "..", control characters) is escaped as __0x<hex>__. Parts that begin with ".weir-" belong to the driver (temporary
// files, attributes, locks) and are refused as keys. Folders exist only as far as objects need them: a folder is made for
// the first object in it and removed with the last. Symbolic links to files are read; links to folders are not followed.
//
// It refuses to know what the objects mean, and it never retries.
package filedriver
