package filesystem

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// anyFolders is the element of a pattern that stands for any number of folders, none included.
const anyFolders = "**"

// pattern selects files below a root: an element for each part of a path, as in path.Match, or "**". What a folder that it
// matches holds is selected with it. An empty pattern selects everything.
type pattern []string

// check refuses elements that mean nothing, or not what they seem to.
func (p pattern) check() error {
	for _, element := range p {
		if element != anyFolders && strings.Contains(element, anyFolders) {
			return fmt.Errorf("the glob %q in it has ** beside other characters; ** stands for any number of folders and is a part of the path by itself, as in in/**/*.json", element)
		}
		if _, err := path.Match(element, ""); err != nil {
			return fmt.Errorf("the glob %q in it is malformed: %w", element, err)
		}
	}
	return nil
}

// reached are the elements that may match the next part of a path, in ascending order. The number of all elements among
// them says that the path is selected, with all below it. Nothing: no file below can be.
type reached []int

// root is where every path begins.
func (p pattern) root() reached { return p.reach(nil, 0) }

// reach adds an element, and those after it that may match nothing before the next part.
func (p pattern) reach(at reached, element int) reached {
	for {
		if !slices.Contains(at, element) {
			at = append(at, element)
		}
		if element == len(p) || p[element] != anyFolders {
			return at
		}
		element++
	}
}

// next goes on from there by a part of a path. Names that begin with a dot or an underscore are hidden.
func (p pattern) next(at reached, name string) reached {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return nil
	}
	var out reached
	for _, element := range at {
		switch {
		case element == len(p):
			out = p.reach(out, element)
		case p[element] == anyFolders:
			out = p.reach(out, element)
		default:
			if ok, err := path.Match(p[element], name); err == nil && ok { // check refused malformed ones
				out = p.reach(out, element+1)
			}
		}
	}
	return out
}

// selects says whether what was reached is a file of the location.
func (p pattern) selects(at reached) bool { return slices.Contains(at, len(p)) }
