package snapshot_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// withChecksum returns a _metadata file with length and checksum made right: what a careful forger, or a newer engine,
// would write.
func withChecksum(file []byte) []byte {
	const header, checksum = 20, 4
	if len(file) < header+checksum {
		return file
	}
	fixed := bytes.Clone(file)
	end := len(fixed) - checksum
	binary.LittleEndian.PutUint64(fixed[12:], uint64(end-header))
	binary.LittleEndian.PutUint32(fixed[end:], crc32.Checksum(fixed[:end], crc32.MakeTable(crc32.Castagnoli)))
	return fixed
}
