// Package docs is the documentation for users, and the tests that keep it true: every sample in it is compiled or run,
// every table that repeats the code is made from the code, and every test, file, verb and flag that it names exists.
//
// It has no code of its own. `make generate` writes the generated sections anew.
package docs

//go:generate go test -run ^TestGeneratedSectionsAreFresh$ -update
