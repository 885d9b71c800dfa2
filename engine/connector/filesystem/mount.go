package filesystem

import (
	"os"
	"path/filepath"
	"syscall"
)

// mount is the folder of a location as it was when a reader began: on which device it was tells an unmounted folder, which is
// there and empty, from one that somebody has emptied.
type mount struct {
	path   string // empty: the store is not local, and its folders are always there
	device uint64
	known  bool
}

// mount looks at the folder that the location names.
func (l *location) mount() *mount {
	m := &mount{path: l.local}
	if l.local != "" && l.literal {
		m.path = filepath.Join(l.local, l.pattern[0])
	}
	m.device, m.known = deviceOf(m.path)
	return m
}

// isThere says whether the folder is there, on the device where it was.
func (m *mount) isThere() bool {
	if m.path == "" {
		return true
	}
	device, there := deviceOf(m.path)
	return there && (!m.known || device == m.device)
}

// deviceOf returns the device that a file or folder is on; false: it is not there, or cannot be looked at.
func deviceOf(path string) (device uint64, there bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, true
	}
	return uint64(stat.Dev), true
}
