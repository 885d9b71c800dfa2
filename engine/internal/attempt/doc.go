// Package attempt makes one attempt at a job: from the claim of its number to its end (P1). The coordinator, a pure state
// machine, says what to do; the driver does it, with the subtasks of this process and on storage, and tells what has
// happened. The package decides nothing itself.
//
// What comes before: whether the attempt may begin (admission, P3 and P5), what it goes on from and whether that fits the job
// (begin, preflight, P2 and P9). What an attempt is asked for lies in a list that outlives it. Nothing here knows
// why an attempt is made, what follows it, or how it is reached: a Handle is what others watch and ask.
package attempt
