package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// write splits the records into consecutive files of equal length (the last may be shorter) in the folder dir. One file
// is name.jsonl; several are name-00.jsonl, name-01.jsonl and so on, whose order by path is the order of arrival. Files
// of the folder that it does not write stay as they are.
func write(dir, name string, flights []flight, files int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if files == 1 {
		return writeFile(filepath.Join(dir, name+".jsonl"), flights)
	}
	digits := max(2, len(strconv.Itoa(files-1)))
	size := (len(flights) + files - 1) / files
	for i := range files {
		part := flights[min(i*size, len(flights)):min((i+1)*size, len(flights))]
		if err := writeFile(filepath.Join(dir, fmt.Sprintf("%s-%0*d.jsonl", name, digits, i)), part); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes one file whole: it appears under its name when all of it is there, as readers of a folder expect.
func writeFile(path string, flights []flight) (err error) {
	dir, base := filepath.Split(path)
	f, err := os.CreateTemp(dir, "."+base+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	var line []byte
	for _, r := range flights {
		line = appendLine(line[:0], r)
		if _, err := w.Write(line); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := errors.Join(w.Flush(), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// appendLine appends the record as one line of JSON. Airport codes are letters, which strconv quotes as JSON does.
func appendLine(b []byte, f flight) []byte {
	b = append(b, `{"date":"`...)
	b = time.Unix(f.date, 0).UTC().AppendFormat(b, time.DateTime)
	b = append(b, `","delay":`...)
	b = strconv.AppendInt(b, int64(f.delayMinutes), 10)
	b = append(b, `,"distance":`...)
	b = strconv.AppendInt(b, int64(f.distanceMiles), 10)
	b = append(b, `,"origin":`...)
	b = strconv.AppendQuote(b, f.origin)
	b = append(b, `,"destination":`...)
	b = strconv.AppendQuote(b, f.destination)
	return append(b, '}', '\n')
}
