// Package expr holds the scalar expressions of SQL: their types, their binding from the syntax tree, and their
// compilation to closures that work on column vectors.
//
// Names, types and results are Flink's: three-valued logic, integers that wrap and divide towards zero, an error for
// integer division by zero and for a CAST that fails. The session's zone is UTC. What differs: there is no DECIMAL, so
// literals with a point are DOUBLE, and strings are never converted to numbers or times unless a CAST says so.
//
// [Bind] gives every node a type and refuses what does not fit, with its place and a remedy. [Compile] turns a bound
// expression into an [Eval], which owns its buffers and belongs to one goroutine; once its buffers have grown to the size
// of a batch it allocates nothing. AND, OR, CASE, COALESCE and IF evaluate an argument only for the rows that need it, so
// CASE WHEN b <> 0 THEN a / b END never divides by zero.
//
// The package knows no tables, operators or state; columns are numbers, and the caller resolves their names.
package expr
