package filedriver

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// OwnPrefix begins the names of files that belong to the storage layer itself: never listed, refused as parts of keys.
const OwnPrefix = ".weir-"

const (
	tempFolder       = OwnPrefix + "tmp"
	attributesFolder = OwnPrefix + "attributes"
)

// escaped matches what escapeKey writes for one character. A key that itself contains such a text has its first
// underscore escaped, so that two keys never share a file.
var escaped = regexp.MustCompile(`__0x[0-9a-f]{1,8}__`)

// escapeKey turns a key into a relative path, of which it is the only key. The last part must not be "." or "..".
func escapeKey(key string) string {
	var b strings.Builder
	start := 0 // of the current part
	for i := 0; i < len(key); i++ {
		c := key[i]
		part := key[start:i]
		ambiguous := c == '/' && (part == "" || part == "." || part == ".." || i == len(key)-1)
		literal := c == '_' && escaped.FindStringIndex(key[i:]) != nil && escaped.FindStringIndex(key[i:])[0] == 0
		if c < 32 || ambiguous || literal {
			fmt.Fprintf(&b, "__0x%x__", c)
		} else {
			b.WriteByte(c)
		}
		if c == '/' {
			start = i + 1
		}
	}
	return b.String()
}

// unescapeKey is the inverse of escapeKey.
func unescapeKey(path string) string {
	return escaped.ReplaceAllStringFunc(path, func(s string) string {
		r, err := strconv.ParseUint(s[len("__0x"):len(s)-len("__")], 16, 32)
		if err != nil {
			return s
		}
		return string(rune(r))
	})
}

// path returns the file of a key, or an error for keys that no file can have.
func (b *Bucket) path(key string) (string, error) {
	rel := escapeKey(key)
	parts := strings.Split(rel, "/")
	for _, part := range parts {
		if strings.HasPrefix(part, OwnPrefix) {
			return "", fmt.Errorf("%w: %q: names that begin with %q belong to the storage layer", errInvalidKey, key, OwnPrefix)
		}
	}
	if last := parts[len(parts)-1]; last == "" || last == "." || last == ".." {
		return "", fmt.Errorf("%w: %q does not name a file", errInvalidKey, key)
	}
	return filepath.Join(b.root, filepath.FromSlash(rel)), nil
}

// attributesPath returns the file that holds the attributes of a key whose own path is valid.
func (b *Bucket) attributesPath(key string) string {
	return filepath.Join(b.root, attributesFolder, filepath.FromSlash(escapeKey(key)))
}
