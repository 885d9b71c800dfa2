// Package house holds the order of the project's packages: imports run one way, down. Its test is the rule, and
// fails for a package that has no place yet. Which modules of others a package may use is the linter's business
// (depguard in .golangci.yml).
package house
