package snapshot

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"
)

const (
	attemptsFolder  = "attempts"
	sharedFolder    = "shared"
	pinsFolder      = "pins"
	metadataName    = "_metadata"
	confirmedName   = "_confirmed"
	baseSuffix      = ".base"
	checkpointStart = "chk-"
	savepointStart  = "savepoint-"

	// sharedPath leads from the folder of a checkpoint to the runs of its job.
	sharedPath = "../" + sharedFolder + "/"
)

// ShortUID returns the eight hex digits that stand for an operator's uid in the names of files.
func ShortUID(uid string) string { return fmt.Sprintf("%016x", xxh3.HashString(uid))[:8] }

func attemptKey(n int64) string { return fmt.Sprintf("%s/%d", attemptsFolder, n) }
func baseKey(n int64) string    { return attemptKey(n) + baseSuffix }

func checkpointFolder(id int64) string { return fmt.Sprintf("%s%d", checkpointStart, id) }

func savepointFolder(job, id string) string { return savepointStart + job + "-" + id }

// dataName is the name of a data file. The random part keeps it apart from what another try of the same subtask wrote.
func dataName(attempt, restart int64, uid string, subtask int, random []byte) string {
	return fmt.Sprintf("%d.%d-%s-%d-%s", attempt, restart, ShortUID(uid), subtask, hex.EncodeToString(random))
}

// runName is the name of a run, in the folder of shared files.
func runName(attempt, restart, checkpoint int64, uid string, subtask int, random []byte) string {
	return fmt.Sprintf("%d.%d-%d-%s-%d-%s", attempt, restart, checkpoint, ShortUID(uid), subtask, hex.EncodeToString(random))
}

// writerOfRun returns which attempt has written a run, and for which checkpoint.
func writerOfRun(name string) (attempt, checkpoint int64, ok bool) {
	parts := strings.Split(name, "-")
	if len(parts) != 5 {
		return 0, 0, false
	}
	attempt, ok = attemptOfData(name)
	if !ok {
		return 0, 0, false
	}
	checkpoint, ok = parseNumber(parts[1])
	return attempt, checkpoint, ok
}

// attemptOfData returns the attempt that wrote a data file.
func attemptOfData(name string) (int64, bool) {
	attempt, _, found := strings.Cut(name, ".")
	if !found {
		return 0, false
	}
	return parseNumber(attempt)
}

// parseNumber reads a number as this package writes it: "07" and "+7" are not its own.
func parseNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}

// parseAttempt reads a name in the folder of attempts.
func parseAttempt(name string) (n int64, base, ok bool) {
	number, base := strings.CutSuffix(name, baseSuffix)
	n, ok = parseNumber(number)
	return n, base, ok
}

// parseCheckpoint reads the name of a checkpoint's folder, with or without a slash at its end.
func parseCheckpoint(name string) (id int64, ok bool) {
	number, ok := strings.CutPrefix(strings.TrimSuffix(name, "/"), checkpointStart)
	if !ok {
		return 0, false
	}
	return parseNumber(number)
}
