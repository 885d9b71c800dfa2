package filesystem

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// committable is a staged file and the name that it is to have (P10). It is JSON, so that people can read it in a snapshot.
type committable struct {
	Format int    `json:"format"`
	Root   string `json:"root"`   // of the sink's path, as rootOf names it: the option may have changed since
	Staged string `json:"staged"` // below the root
	Final  string `json:"final"`
	Size   int64  `json:"size"`
	CRC32C uint32 `json:"crc32c"`
}

const committableFormat = 1

func (c *committable) encode() ([]byte, error) { return json.Marshal(c) }

func (c *committable) content() storage.Content {
	return storage.Content{Size: c.Size, CRC32C: c.CRC32C}
}

func decodeCommittables(encoded [][]byte) ([]committable, error) {
	out := make([]committable, len(encoded))
	for i, b := range encoded {
		c := &out[i]
		err := json.Unmarshal(b, c)
		if err == nil && (c.Format != committableFormat || c.Staged == "" || c.Final == "") {
			err = fmt.Errorf("its format is %d, not %d, or a name is missing", c.Format, committableFormat)
		}
		if err != nil {
			return nil, fault.Permanentf(fmt.Sprintf("committable %q of the snapshot", b),
				"use the version of Weir that wrote the snapshot", "it is malformed: %w", err)
		}
	}
	return out, nil
}

// rootOf names the place that a sink writes to, without credentials. A path relative to the working directory stays one: a
// job that is moved or copied with what it has written finds that where it is now, and a copy does not write into its
// original.
func rootOf(path string, b storage.Bucket) string {
	relative, isURL := strings.CutPrefix(path, "file://./")
	if isURL || !strings.Contains(path, "://") && !filepath.IsAbs(path) {
		return filepath.Clean(relative)
	}
	return b.String()
}
