package storage

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/weirstream/weir/engine/storage/storageurl"
)

// Within tells whether a place is a folder or anything below it, where symbolic links lead to. Both are URLs or local paths.
func Within(place, folder string) bool {
	at, err := storageurl.Parse(place)
	if err != nil {
		return false // it is refused where it is opened
	}
	of, err := storageurl.Parse(folder)
	if err != nil || at.Scheme != of.Scheme || at.Host != of.Host {
		return false
	}
	inside, outside := FollowLinks(at), strings.TrimSuffix(FollowLinks(of), "/")
	return inside == outside || strings.HasPrefix(inside, outside+"/")
}

// FollowLinks returns the path of a place; of a local one, with the symbolic links followed as far as there are any.
func FollowLinks(u *url.URL) string {
	if u.Scheme != "file" {
		return u.Path
	}
	return resolved(filepath.FromSlash(u.Path))
}

// mostLinks bounds how many links one after the other are followed, as operating systems do.
const mostLinks = 40

// resolved follows links of which the target is not there yet, too: the job may be about to make it.
func resolved(path string) string {
	for range mostLinks {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.ToSlash(real)
		}
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	parent := filepath.Dir(path)
	if parent == path {
		return filepath.ToSlash(path)
	}
	return strings.TrimSuffix(resolved(parent), "/") + "/" + filepath.Base(path)
}
