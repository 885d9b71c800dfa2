package overlap

import (
	"fmt"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// written is where the job writes: files such as it makes there, by their URLs.
type written struct {
	files []string
	what  string
	// output may be read by bounded input: that is listed once, before any output is visible.
	output bool
}

// kept is a folder out of which its owner removes what it does not know.
type kept struct{ folder, what string }

// Check refuses a job whose places are in each other's way: one that would read what it writes itself, its
// snapshots or, if it looks for new files for ever, its output, so that it would never come to rest; and one that would
// write into a folder that it clears itself.
func Check(cfg config.Config, g *graph.Graph) error {
	folders := keeps(cfg, g)
	checkpoints := written{files: inFolder(cfg.Storage, cfg.Job+"/attempts/1", cfg.Job+"/chk-1/1", cfg.Job+"/shared/1"),
		what: "the job's own checkpoints (spec.checkpoint.storage)"}
	uid, why := inTheWay(g, folders[1:], checkpoints)
	for _, w := range writes(cfg, g) {
		if why == "" {
			uid, why = inTheWay(g, folders, w)
		}
	}
	if why != "" {
		return fault.Permanentf(uid, "let them be folders of which neither is in the other", "%s", why)
	}
	return nil
}

// Target is Check for the savepoint that a request names a place for. Its errors are what REST answers.
func Target(cfg config.Config, g *graph.Graph, id, target string) error {
	place, err := storageurl.InheritQuery(target, cfg.Storage)
	if err != nil {
		return &rest.Error{Code: rest.BadRequest, Message: "target: " + err.Error(), Remedy: "name a URL or an absolute path"}
	}
	if uid, why := inTheWay(g, keeps(cfg, g), savepointIn(place, cfg.Job, id, "the savepoint")); why != "" {
		return &rest.Error{Code: rest.BadRequest, Message: fmt.Sprintf("target %s: %s: %s", target, uid, why),
			Remedy: "name a folder that no source of the job reads, and that is not below its checkpoints"}
	}
	return nil
}

// inTheWay says what is wrong with a place that the job writes to, and of whom; nothing: all is well.
func inTheWay(g *graph.Graph, folders []kept, w written) (uid, why string) {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Source == nil || w.output && n.Source.Bounded() {
			continue
		}
		reader, ok := n.Source.Source.(connector.PlaceReader)
		if !ok {
			continue
		}
		for _, file := range w.files {
			if reader.Reads(file) {
				return n.UID, "it would read " + w.what
			}
		}
	}
	for _, k := range folders {
		for _, file := range w.files {
			if storage.Within(file, k.folder) {
				return "job", fmt.Sprintf("%s would be written into %s (%s), out of which the job removes what it does not know", w.what, k.folder, k.what)
			}
		}
	}
	return "", ""
}

// keeps lists the folders that the job clears: that of its checkpoints, which is the first, and those of staged output.
func keeps(cfg config.Config, g *graph.Graph) []kept {
	folder, err := storageurl.Join(cfg.Storage, cfg.Job)
	if err != nil {
		folder = "" // a URL that is wrong is refused where it is opened; nothing is within ""
	}
	list := []kept{{folder, "its checkpoints"}}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if w, ok := n.Sink.(connector.PlaceWriter); ok {
			list = append(list, kept{w.Keeps(), "output of " + n.UID + " that is not visible yet"})
		}
	}
	return list
}

// writes lists where the job will write besides its checkpoints, as far as that is known.
func writes(cfg config.Config, g *graph.Graph) []written {
	places := []written{savepointIn(cfg.SavepointStorage, cfg.Job, "1", "the job's own savepoints (spec.savepoint.storage)")}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Source != nil {
			places = append(places, movedBy(n)...)
		}
		if w, ok := n.Sink.(connector.PlaceWriter); ok {
			places = append(places, written{files: []string{w.Writes(cfg.Job, n.UID)}, what: "the output of " + n.UID, output: true})
		}
	}
	return places
}

// movedBy is where a source moves what it has read, if it does. Files keep their names, of which these are examples: another
// source may select some names only.
func movedBy(n *graph.Node) []written {
	m, ok := n.Source.Source.(connector.PlaceMover)
	if !ok || m.MovesTo() == "" {
		return nil
	}
	return []written{{files: inFolder(m.MovesTo(), "moved", "moved.json", "moved.csv"), what: "what " + n.UID + " has read and moved"}}
}

// savepointIn is a savepoint in a place.
func savepointIn(place, job, id, what string) written {
	folder := "savepoint-" + job + "-" + id
	return written{files: inFolder(place, folder+"/1"), what: what}
}

// inFolder names files of a folder.
func inFolder(folder string, keys ...string) []string {
	var files []string
	for _, key := range keys {
		if file, err := storageurl.Join(folder, key); err == nil { // a URL that is wrong is refused where it is opened
			files = append(files, file)
		}
	}
	return files
}
