package registry

import (
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/filesystem"
)

// Positions tells how far a source of a connector had read its files when a snapshot was taken; nothing for a connector
// that reads no files.
func Positions(name string, seen []byte, open []connector.OpenSplit) ([]connector.FilePosition, error) {
	if name != "filesystem" {
		return nil, nil
	}
	return filesystem.Positions(seen, open)
}
