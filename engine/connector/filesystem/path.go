package filesystem

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// location is where a source reads: all files below a root that a pattern selects.
type location struct {
	// name is the option's value, without credentials, for messages.
	name string
	// root is the URL of the deepest folder that the path names without wildcards. For a path without any, it is the
	// folder that holds the file or folder: which of the two it is, the store knows.
	root string
	// local is the root on the local disk, "" for other stores.
	local string
	// pattern selects files below the root.
	pattern pattern
	// literal says that the pattern is the name of one file or folder.
	literal bool
}

const wildcards = `*?[\`

// parseLocation reads the option 'path'.
func parseLocation(name string) (location, error) {
	u, err := storageurl.Parse(name)
	if err != nil {
		return location{}, err
	}
	parts := strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })
	first := slices.IndexFunc(parts, func(p string) bool { return strings.ContainsAny(p, wildcards) })
	literal := first < 0
	if literal {
		first = max(len(parts)-1, 0)
	}
	if err := pattern(parts[first:]).check(); err != nil {
		return location{}, err
	}
	root := *u
	root.Path = "/" + strings.Join(parts[:first], "/")
	if root.Path == "/" && u.Scheme != "file" {
		root.Path = ""
	}
	l := location{name: shown(u), root: root.String(), pattern: parts[first:], literal: literal && len(parts) > 0}
	if u.Scheme == "file" {
		l.local = filepath.FromSlash(root.Path)
	}
	return l, nil
}

// shown is a URL as messages show it: the path alone if it is local, and never credentials.
func shown(u *url.URL) string {
	if u.Scheme == "file" {
		return u.Path
	}
	clean := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return clean.String()
}

// at names a file of the location.
func (l *location) at(key string) string {
	if l.local != "" {
		return filepath.Join(l.local, filepath.FromSlash(key))
	}
	root, _, _ := strings.Cut(l.root, "?")
	return strings.TrimSuffix(root, "/") + "/" + key
}

// missingPath is the error of a path that is not there.
type missingPath struct{ error }

// Unwrap gives the error its class.
func (e *missingPath) Unwrap() error { return e.error }

// checkLocal refuses a local path that does not exist or cannot be read, and says whether it names an existing folder.
// Other stores have no folders: there only the listing can tell.
func (l *location) checkLocal() (folder bool, err error) {
	if l.local == "" {
		return false, nil
	}
	name := l.local
	if l.literal {
		name = filepath.Join(name, l.pattern[0])
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, &missingPath{fault.Permanentf(name, "correct the option 'path'", "there is no such file or folder")}
	case errors.Is(err, os.ErrPermission):
		return false, fault.Permanentf(name, "allow this user to read it", "permission denied")
	case err != nil:
		return false, err // it names the file
	case !info.IsDir() && !info.Mode().IsRegular():
		return false, fault.Permanentf(name, "write into a file first, and name that in the option 'path'", "it is a device or a pipe")
	}
	return info.IsDir() && (l.literal || len(l.pattern) == 0), nil
}
