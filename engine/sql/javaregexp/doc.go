// Package javaregexp matches the regular expressions of java.util.regex, which Flink has, in time linear to the text.
//
// The syntax is read as Java 17 reads it: intersections and unions of classes, \b by Unicode, \h, \v, \R, \Z, POSIX
// classes such as \p{Alpha}, \uXXXX, quotes, the flags i, s, m and d. What cannot be matched in linear time is refused and
// not given another meaning: references to groups, looking around, atomic groups and possessive quantifiers; so are a few
// rarities, each with its own message. An [Error] tells what Java refuses too from what only this package does.
//
// There are two engines under one syntax tree. The standard library's takes most patterns, written out in its own syntax.
// Where its assertions mean something else for a text (before a line break at the end, beside a letter that is not
// ASCII), or where a search has to go on from within the text, a machine of threads takes over (Pike's, as in Russ Cox,
// "Regular Expression Matching: the Virtual Machine Approach", swtch.com/~rsc/regexp/regexp2.html). Its time is the length
// of the text times the size of the pattern, which is bounded by [maxInstructions].
package javaregexp
