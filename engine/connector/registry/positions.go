package registry

import (
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/filesystem"
)

// Positions tells how far a source of a connector had read its files when a snapshot was taken; nothing for a connector
// that reads no files.
func Positions(name string, seen []byte, open []connector.OpenSplit) ([]connector.FilePosition, error) {
	read, ok := positions[name]
	if !ok {
		return nil, nil
	}
	return read(seen, open)
}

// positions reads the positions of the connectors that have files.
var positions = map[string]func(seen []byte, open []connector.OpenSplit) ([]connector.FilePosition, error){
	"filesystem": filesystem.Positions,
}
