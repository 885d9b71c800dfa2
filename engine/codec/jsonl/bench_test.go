package jsonl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/types"
)

var flightSchema = types.Schema{
	{Name: "date", Type: types.Timestamp(3)},
	{Name: "delay", Type: types.BigInt()},
	{Name: "distance", Type: types.BigInt()},
	{Name: "origin", Type: types.String()},
	{Name: "destination", Type: types.String()},
}

// flights returns lines like those of the flight records of vega-datasets.
func flights(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	airports := []string{"MCI", "MDW", "SFO", "JFK", "ATL", "ORD", "LAX", "DFW"}
	var out []byte
	ms := int64(978307200000)
	for range n {
		ms += rng.Int64N(60) * 1000
		out = fmt.Appendf(out, `{"date":"%s","delay":%d,"distance":%d,"origin":"%s","destination":"%s"}`+"\n",
			sqltime.AppendTimestamp(nil, ms, sqltime.SQL), rng.IntN(300)-30, rng.IntN(2500)+80,
			airports[rng.IntN(len(airports))], airports[rng.IntN(len(airports))])
	}
	return out
}

const benchRows = 4096

func BenchmarkDecode(b *testing.B) {
	data := flights(benchRows)
	c := batch.NewColumns(flightSchema.Layout())
	d := Format{}.Decoder(flightSchema)
	report(b, len(data), func() {
		for rest := data; len(rest) > 0; {
			if c.N >= batch.TargetRows || c.N == 0 {
				c.Reset()
				d.Into(c)
			}
			end := bytes.IndexByte(rest, '\n')
			if _, err := d.Decode(rest[:end]); err != nil {
				b.Fatal(err)
			}
			rest = rest[end+1:]
		}
	})
}

// BenchmarkDecodeLoop is the limit: it knows the fields and their order and checks next to nothing.
func BenchmarkDecodeLoop(b *testing.B) {
	data := flights(benchRows)
	var dates, delays, distances []int64
	var origins, destinations batch.Bytes
	text := func(line []byte, p, skip int) ([]byte, int) {
		p += skip
		end := p + bytes.IndexByte(line[p:], '"')
		return line[p:end], end + 1
	}
	number := func(line []byte, p, skip int) (int64, int) {
		p += skip
		end := p + bytes.IndexByte(line[p:], ',')
		v, err := strconv.ParseInt(string(line[p:end]), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return v, end
	}
	report(b, len(data), func() {
		for rest := data; len(rest) > 0; {
			if len(dates) >= batch.TargetRows {
				dates, delays, distances = dates[:0], delays[:0], distances[:0]
				origins.Reset()
				destinations.Reset()
			}
			end := bytes.IndexByte(rest, '\n')
			line := rest[:end]
			date, p := text(line, 0, len(`{"date":"`))
			ms, _ := sqltime.ParseTimestamp(date, sqltime.SQL)
			delay, p := number(line, p, len(`,"delay":`))
			distance, p := number(line, p, len(`,"distance":`))
			origin, p := text(line, p, len(`,"origin":"`))
			destination, _ := text(line, p, len(`,"destination":"`))
			dates, delays, distances = append(dates, ms), append(delays, delay), append(distances, distance)
			origins.Append(origin)
			destinations.Append(destination)
			rest = rest[end+1:]
		}
	})
}

// BenchmarkDecodeStandardLibrary is encoding/json into a struct.
func BenchmarkDecodeStandardLibrary(b *testing.B) {
	data := flights(benchRows)
	report(b, len(data), func() {
		var row struct {
			Date, Origin, Destination string
			Delay, Distance           int64
		}
		for rest := data; len(rest) > 0; {
			end := bytes.IndexByte(rest, '\n')
			if err := json.Unmarshal(rest[:end], &row); err != nil {
				b.Fatal(err)
			}
			rest = rest[end+1:]
		}
	})
}

func benchColumns(b *testing.B) (*batch.Columns, int) {
	data := flights(benchRows)
	c := batch.NewColumns(flightSchema.Layout())
	d := Format{}.Decoder(flightSchema)
	d.Into(c)
	for _, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		if _, err := d.Decode(line); err != nil {
			b.Fatal(err)
		}
	}
	return c, len(data)
}

func BenchmarkEncode(b *testing.B) {
	c, size := benchColumns(b)
	e := Format{}.Encoder(flightSchema)
	var out []byte
	report(b, size, func() { out, _ = e.Append(out[:0], c) })
}

// BenchmarkEncodeLoop is the limit: strings need no escapes.
func BenchmarkEncodeLoop(b *testing.B) {
	c, size := benchColumns(b)
	dates, delays, distances := c.Cols[0].(*batch.Fixed[int64]).V, c.Cols[1].(*batch.Fixed[int64]).V, c.Cols[2].(*batch.Fixed[int64]).V
	origins, destinations := c.Cols[3].(*batch.Strings), c.Cols[4].(*batch.Strings)
	var out []byte
	report(b, size, func() {
		out = out[:0]
		for i := range c.N {
			out = append(out, `{"date":"`...)
			out = sqltime.AppendTimestamp(out, dates[i], sqltime.SQL)
			out = append(out, `","delay":`...)
			out = strconv.AppendInt(out, delays[i], 10)
			out = append(out, `,"distance":`...)
			out = strconv.AppendInt(out, distances[i], 10)
			out = append(out, `,"origin":"`...)
			out = append(out, origins.At(i)...)
			out = append(out, `","destination":"`...)
			out = append(out, destinations.At(i)...)
			out = append(out, "\"}\n"...)
		}
	})
}

func report(b *testing.B, bytes int, f func()) {
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		f()
		n++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*benchRows), "ns/record")
}
