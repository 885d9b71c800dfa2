package filesystem

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// enumerator finds splits: those of a bounded source once, those of a monitored folder as files appear.
type enumerator struct {
	source *Source
	bucket storage.Bucket
	said   bool // what is said once
	isAway bool // the folder was not there when it was last looked at

	// rest is what was listed and not handed out, for the call that continues restSeen, and known what a monitored source
	// has seen by then. They only save work: any other call lists again.
	rest     []storage.Object
	restSeen []byte
	known    *seen
}

// portionSplits is how many splits are handed out at once. All that wait are written with each checkpoint, so a folder of many
// small files would make every one of them large. A portion ends with a whole file. That of a monitored source is larger where
// it knows many files: they are written with each checkpoint as well, and gone through for each portion.
const (
	portionSplits = 1000
	portionShare  = 16
)

// Discover lists the path and returns the splits of files that are new since seen.
func (e *enumerator) Discover(ctx context.Context, seenBefore []byte) (connector.Discovery, error) {
	if e.source.Bounded() {
		return e.discoverOnce(ctx, seenBefore)
	}
	if wasBounded(seenBefore) {
		return connector.Discovery{}, fault.Permanentf(e.source.location.name,
			"remove the option '"+optionMonitor+"', or give the source another uid to read all files again",
			"the snapshot is of a source that read what was there once, and does not say which files that were")
	}
	if !e.continues(seenBefore) {
		known, err := decodeSeen(seenBefore)
		if err != nil {
			return connector.Discovery{}, err
		}
		list, err := e.source.location.list(ctx, e.bucket, true)
		if err != nil {
			return e.away(known, seenBefore, err)
		}
		e.known, e.rest = known, e.news(known, list)
	}
	var found []storage.Object
	found, e.rest = e.portion(e.rest, max(e.source.portion, len(e.known.files)/portionShare))
	e.known.add(found)
	e.known.more = len(e.rest) > 0
	d := connector.Discovery{Splits: e.splits(found), Seen: e.known.encode(), More: e.known.more, Next: e.source.config.Monitor}
	if d.More {
		d.Next = portionPause
	}
	e.continued(d.Seen, d.More)
	return d, nil
}

// news returns the files of a listing of a monitored folder that are not known yet, and says what it passes over.
func (e *enumerator) news(known *seen, list listing) []storage.Object {
	e.sayOnce(len(list.files) + len(list.foreign) + len(known.files))
	e.isAway = false
	for _, f := range known.passOver(list.foreign) {
		e.log().Warn("file passed over: "+f.why, "file", e.source.location.at(f.Key), "remedy", f.remedy)
	}
	found, changed := known.compare(list.files)
	e.sayChanged(changed)
	found = e.passOverOld(known, found)
	if age := e.source.config.ForgetAfter; age > 0 {
		known.forget(age, found)
	}
	e.source.refused.Store(known.refused)
	return found
}

// passOverOld returns the files that are younger than all that were forgotten, and says which are not.
func (e *enumerator) passOverOld(known *seen, files []storage.Object) []storage.Object {
	found, old := known.passOverOld(files)
	for _, o := range old {
		e.log().Warn("file passed over: it is no younger than files that were forgotten after '"+optionForget+"', so it may have been read before",
			"file", e.source.location.at(o.Key), "modified", o.ModTime.UTC(), "remedy", "if it was not, copy it to a new name so that it has a new time")
	}
	return found
}

// portionPause is the wait before the next portion is asked for. The coordinator asks for none while enough splits wait.
const portionPause = time.Millisecond

// continues tells that a call goes on where the last one has ended, with a rest to hand out.
func (e *enumerator) continues(seenBefore []byte) bool {
	return e.restSeen != nil && bytes.Equal(seenBefore, e.restSeen)
}

// continued notes for the next call what this one has seen, if more is to be handed out.
func (e *enumerator) continued(seen []byte, more bool) {
	if !more {
		e.rest, e.restSeen, e.known = nil, nil, nil
		return
	}
	e.restSeen = slices.Clone(seen)
}

// portion cuts off the files that have so many splits, and at least one file.
func (e *enumerator) portion(files []storage.Object, splits int) (portion, rest []storage.Object) {
	n := 0
	for n < len(files) && splits > 0 {
		if size := files[n].Size; size > 0 {
			splits -= int((size-1)/e.source.config.SplitBytes) + 1
		}
		n++
	}
	return files[:n], files[n:]
}

// discoverOnce returns the next portion of a bounded source's files, in path order, and says Done with the last.
func (e *enumerator) discoverOnce(ctx context.Context, seenBefore []byte) (connector.Discovery, error) {
	if isFinished(seenBefore) {
		return connector.Discovery{Seen: seenBefore, Done: true}, nil
	}
	before, err := decodeHandedOut(seenBefore)
	if err != nil {
		return connector.Discovery{}, err
	}
	if !e.continues(seenBefore) {
		if e.rest, err = e.listRest(ctx, before); err != nil {
			return connector.Discovery{}, err
		}
	}
	var found []storage.Object
	found, e.rest = e.portion(e.rest, e.source.portion)
	counted := before.count
	counted.add(found)
	d := connector.Discovery{Splits: e.splits(found), Seen: finished(counted, len(before.earlier) == 0), Done: true}
	if len(e.rest) > 0 {
		now := handedOut{last: found[len(found)-1].Key, left: int64(len(e.rest)), count: counted, earlier: before.earlier}
		d.Seen, d.Done, d.Next = now.encode(), false, portionPause
	}
	e.continued(d.Seen, !d.Done)
	return d, nil
}

// Recount lists the path again, for a bounded source that was read to its end.
func (e *enumerator) Recount(ctx context.Context, seen []byte) (connector.Recount, error) {
	then, known := decodeFinished(seen)
	if !known {
		return connector.Recount{}, nil
	}
	list, err := e.source.location.list(ctx, e.bucket, true)
	if err != nil {
		return connector.Recount{}, err
	}
	var now count
	now.add(list.files)
	return connector.Recount{Then: then.files, Now: now.files, Changed: now.files > 0 && now != then}, nil
}

// listRest lists what a bounded source has not handed out, in path order. Files whose portion a checkpoint covers may have been
// removed since; one of the rest may not, because nothing has read it.
func (e *enumerator) listRest(ctx context.Context, before handedOut) ([]storage.Object, error) {
	known, err := decodeSeen(before.earlier)
	if err != nil {
		return nil, err
	}
	list, err := e.source.location.list(ctx, e.bucket, before.last != "" || len(known.files) > 0)
	if err != nil {
		return nil, err
	}
	e.sayOnce(len(list.files) + len(list.foreign) + len(known.files))
	if len(list.foreign) > 0 {
		return nil, list.foreign[0].fault(&e.source.location)
	}
	found, changed := known.compare(list.files)
	e.sayChanged(changed)
	found = e.passOverOld(known, found)
	for len(found) > 0 && found[0].Key <= before.last {
		found = found[1:]
	}
	if gone := before.left - int64(len(found)); gone > 0 {
		return nil, fault.Permanentf(e.source.location.name, "put the files back; a file may be removed only when a complete checkpoint has its end behind it",
			"%d of %d files that were to be read after %s are gone", gone, before.left, e.source.location.at(before.last))
	}
	return found, nil
}

// away is a listing that failed. A monitored folder that was there before may be away for a while, because
// it is being replaced or mounted; what it held is known, and it is looked at again. Any other failure ends the job.
func (e *enumerator) away(known *seen, seenBefore []byte, err error) (connector.Discovery, error) {
	var missing *missingPath
	if len(known.files) == 0 && !e.said || !errors.As(err, &missing) {
		return connector.Discovery{}, err
	}
	if !e.isAway {
		e.isAway = true
		e.log().Warn("the monitored folder is away; looking again until it is back", "path", e.source.location.name, "every", e.source.config.Monitor)
	}
	return connector.Discovery{Seen: seenBefore, More: known.more, Next: e.source.config.Monitor}, nil
}

// sayOnce says what else nobody would notice: that nothing has matched so far, and links that are not followed.
func (e *enumerator) sayOnce(files int) {
	if e.said {
		return
	}
	e.said = true
	for _, link := range e.source.location.linkedFolders() {
		e.log().Warn("folder passed over: links to folders are not followed", "link", link,
			"remedy", "name the folder itself in the option 'path', or mount it there")
	}
	if files == 0 && !e.source.Bounded() {
		e.log().Warn("no file is there yet that the path selects", "path", e.source.location.name, "looking again every", e.source.config.Monitor)
	}
}

func (e *enumerator) sayChanged(changed []storage.Object) {
	for _, o := range changed {
		e.log().Warn("file passed over: it has changed since it was found, and is not read again; give new content a new name",
			"file", e.source.location.at(o.Key))
	}
}

func (e *enumerator) log() *slog.Logger { return e.source.config.Log }

func (e *enumerator) splits(files []storage.Object) []connector.Split {
	var out []connector.Split
	for _, o := range files {
		for start := int64(0); start < o.Size; start += e.source.config.SplitBytes {
			f := fileSplit{key: o.Key, size: o.Size, version: o.Version, start: start, end: o.Size}
			if o.Size-start > e.source.config.SplitBytes {
				f.end = start + e.source.config.SplitBytes
			}
			out = append(out, f.split())
		}
	}
	return out
}

// Close closes the bucket.
func (e *enumerator) Close() error { return e.bucket.Close() }
