// Package storageurl reads, joins and prints the names of places in storage: URLs and local paths. It opens none.
package storageurl

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

// Parse reads the name of a place: a URL, or a local path, absolute or relative to the working directory. The result
// has a clean path.
func Parse(name string) (*url.URL, error) {
	if name == "" {
		return nil, fmt.Errorf("no storage named: give a path or a URL such as file:///data, s3://bucket/prefix or mem://name")
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return nil, fmt.Errorf("storage %q has a control character in it: remove it", redactText(name))
	}
	if !strings.Contains(name, "://") {
		if err := checkPath(name); err != nil {
			return nil, err
		}
		abs, err := filepath.Abs(name)
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", name, err)
		}
		return &url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}, nil
	}
	u, err := url.Parse(name)
	var parse *url.Error
	if errors.As(err, &parse) {
		return nil, fmt.Errorf("storage %q is not a URL: %w", redactText(name), parse.Err) // without the text that was parsed
	}
	if holdsCredentials(u) {
		return nil, fmt.Errorf("storage %q has credentials in it: take them out, and put them into the environment", Redact(u))
	}
	switch u.Scheme {
	case "file":
		if u.Host == "." { // file://./relative
			abs, err := filepath.Abs(filepath.FromSlash(strings.TrimPrefix(u.Path, "/")))
			if err != nil {
				return nil, fmt.Errorf("path %q: %w", name, err)
			}
			u.Path = filepath.ToSlash(abs)
		} else if u.Host != "" && u.Host != "localhost" {
			return nil, fmt.Errorf("storage %q: a file URL has three slashes: file:///%s%s", name, u.Host, u.Path)
		}
		if u.Path == "" {
			return nil, fmt.Errorf("storage %q names no folder: write file:///folder", name)
		}
		u.Host = ""
	case "mem":
	case "s3", "gs", "azblob":
		if u.Host == "" {
			return nil, fmt.Errorf("storage %q names no bucket: write %s://bucket/prefix", redactText(name), u.Scheme)
		}
	default:
		return nil, fmt.Errorf("storage %q: unknown scheme %q: use file, mem, s3, gs or azblob", redactText(name), u.Scheme)
	}
	if u.Path != "" {
		u.Path = path.Clean("/" + u.Path)
	}
	u.RawPath = ""
	return u, nil
}

// halfURL is the beginning of a URL in which a slash is missing.
var halfURL = regexp.MustCompile(`^(file|mem|s3|gs|azblob):/?`)

// checkPath refuses paths that are probably not meant as such: they would be made as folders of the working directory.
func checkPath(name string) error {
	if half := halfURL.FindStringSubmatch(name); half != nil {
		rest := name[len(half[0]):]
		if half[1] == "file" {
			rest = "/" + rest
		}
		return fmt.Errorf("storage %q: a URL has two slashes after its scheme: write %s://%s, or ./%s for a folder of that name",
			name, half[1], rest, name)
	}
	if name == "~" || strings.HasPrefix(name, "~/") {
		return fmt.Errorf("path %q: no shell has replaced the ~: write the home folder out, or ./%s for a folder of that name", name, name)
	}
	return nil
}

// holdsCredentials tells whether somebody who reads the URL learns a secret (P11).
func holdsCredentials(u *url.URL) bool {
	if u.User != nil {
		return true
	}
	for key := range u.Query() {
		if secretKey.MatchString(key) {
			return true
		}
	}
	return false
}

// Join appends a folder or key to the path of a place.
func Join(name, key string) (string, error) {
	u, err := Parse(name)
	if err != nil {
		return "", err
	}
	u.Path = path.Join("/", u.Path, key)
	return text(u), nil
}

// Split parts a place into its parent folder and the last part of its path.
func Split(name string) (parent, last string, err error) {
	u, err := Parse(name)
	if err != nil {
		return "", "", err
	}
	dir, last := path.Split(u.Path)
	if last == "" {
		return "", "", fmt.Errorf("%s names no folder in its bucket", Redact(u))
	}
	u.Path = path.Clean("/" + dir)
	return u.String(), last, nil
}

// InheritQuery returns name with the query of configured if name has none and both are in the same bucket: endpoints and
// regions stand in the query, and a printed path may have lost it.
func InheritQuery(name, configured string) (string, error) {
	u, err := Parse(name)
	if err != nil {
		return "", err
	}
	c, err := Parse(configured)
	if err != nil {
		return "", err
	}
	if u.RawQuery == "" && u.Scheme == c.Scheme && u.Host == c.Host {
		u.RawQuery = c.RawQuery
	}
	return text(u), nil
}

// secretKey matches the names of query parameters that hold credentials (P11).
var secretKey = regexp.MustCompile(`(?i)password|secret|token|signature|^sig$|access_?key`)

// Redact returns a URL without user and credentials.
func Redact(u *url.URL) string {
	clean := *u
	clean.User = nil
	query := clean.Query()
	for key := range query {
		if secretKey.MatchString(key) {
			query.Del(key)
		}
	}
	clean.RawQuery = query.Encode()
	return text(&clean)
}

// text is a URL as it is written: package url leaves the slashes away where nothing follows them.
func text(u *url.URL) string {
	if u.Host == "" && u.Path == "" && u.Opaque == "" && u.Scheme != "" {
		return u.Scheme + "://" + strings.TrimPrefix(u.String(), u.Scheme+":")
	}
	return u.String()
}

// redactText does what it can for a text that may not be a URL.
func redactText(name string) string {
	if u, err := url.Parse(name); err == nil {
		return Redact(u)
	}
	scheme, rest, _ := strings.Cut(name, "://")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	rest, _, _ = strings.Cut(rest, "?")
	return scheme + "://" + rest
}
