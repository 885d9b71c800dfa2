package run

// What the tests of whole commands need to see.
const EraseLine = eraseLine

type Terminal = terminal

var RefuseSecond = refuseSecond
