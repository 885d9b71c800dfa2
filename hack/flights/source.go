package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// flight is one record. Times are zoneless and held as UTC.
type flight struct {
	date                int64 // departure, seconds since 1970
	delayMinutes        int32
	distanceMiles       int32
	origin, destination string
}

// arrival is when the record is taken to come in, in seconds since 1970.
func (f flight) arrival() int64 { return f.date + int64(f.delayMinutes)*60 }

// dataset is a file of the package.
type dataset struct {
	name   string
	member string // path in the archive
	sha256 string
	decode func([]byte) ([]flight, error)
}

// datasets are those files of vega-datasets 3.2.1 that hold all five columns.
var datasets = []dataset{
	{"flights-20k", "package/data/flights-20k.json", "52f0ddd892d4569284b845e17323abc9afb7d303ec8f63251634a20327a610bb", decodeJSON},
	{"flights-3m", "package/data/flights-3m.parquet", "dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0", decodeParquet},
}

func datasetNames() string {
	names := make([]string, len(datasets))
	for i, d := range datasets {
		names[i] = d.name
	}
	return strings.Join(names, " or ")
}

// load reads a data set out of the package's archive, and checks that it is the one that this program was written for.
func load(archive, set string) ([]flight, error) {
	for _, d := range datasets {
		if d.name != set {
			continue
		}
		data, err := member(archive, d.member)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", archive, err)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != d.sha256 {
			return nil, fmt.Errorf("%s in %s has SHA-256 %x, not %s: fetch vega-datasets 3.2.1 again", d.member, archive, sum, d.sha256)
		}
		flights, err := d.decode(data)
		if err != nil {
			return nil, fmt.Errorf("%s in %s: %w", d.member, archive, err)
		}
		return flights, nil
	}
	return nil, fmt.Errorf("-set %q is unknown: use %s", set, datasetNames())
}

// member is the content of one file of a .tgz archive.
func member(archive, path string) (data []byte, err error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("it has no file %s", path)
		}
		if err != nil {
			return nil, err
		}
		if h.Name == path {
			return io.ReadAll(t)
		}
	}
}

func decodeJSON(data []byte) ([]flight, error) {
	var rows []struct {
		Date                string
		Delay, Distance     int32
		Origin, Destination string
	}
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, err
	}
	flights := make([]flight, len(rows))
	for i, r := range rows {
		date, err := time.Parse("2006/01/02 15:04", r.Date)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		flights[i] = flight{date.Unix(), r.Delay, r.Distance, r.Origin, r.Destination}
	}
	return flights, nil
}

func decodeParquet(data []byte) ([]flight, error) {
	type row struct {
		Date        int64  `parquet:"date,optional"` // microseconds since 1970
		Delay       int64  `parquet:"delay,optional"`
		Distance    int64  `parquet:"distance,optional"`
		Origin      string `parquet:"origin,optional"`
		Destination string `parquet:"destination,optional"`
	}
	rows, err := parquet.Read[row](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	flights := make([]flight, len(rows))
	for i, r := range rows {
		flights[i] = flight{r.Date / 1_000_000, int32(r.Delay), int32(r.Distance), r.Origin, r.Destination}
	}
	return flights, nil
}
