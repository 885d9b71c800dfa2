package filesystem

import (
	"encoding/json"
	"fmt"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// committable is a staged file and the name that it is to have (P10). It is JSON, so that people can read it in a snapshot.
type committable struct {
	Format int    `json:"format"`
	Root   string `json:"root"`   // URL of the sink's path, without credentials: the option may have changed since
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
