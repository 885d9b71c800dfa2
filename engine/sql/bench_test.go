package sql

import (
	"fmt"
	"math"
	"testing"

	"github.com/weirstream/weir/engine/batch"
)

const clicks = `
CREATE TABLE clicks (k BIGINT, v INT, page STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'test');
CREATE TABLE o (k BIGINT, n BIGINT, total INT, mean INT) WITH ('connector' = 'test');
INSERT INTO o SELECT k, COUNT(*), SUM(v * 2), AVG(v) FROM TABLE(%s)
WHERE v > 10 AND page LIKE '/p%%' GROUP BY k, window_start, window_end;`

// clickBatches are batches of 256 rows over a number of keys, whose event time goes on by step ms for each row.
func clickBatches(h *harness, batches, keys int, step int64) []*batch.Batch {
	schema := h.g.Nodes[h.source("clicks").index].Source.Payload().(*batch.Columns).Schema
	out := make([]*batch.Batch, batches)
	at := int64(978_307_200_000)
	seed := uint64(1)
	for i := range out {
		c := batch.NewColumns(schema)
		for range batch.TargetRows {
			seed = seed*6364136223846793005 + 1442695040888963407
			c.Cols[0].(*batch.Fixed[int64]).Append(int64(seed>>33) % int64(keys))
			c.Cols[1].(*batch.Fixed[int32]).Append(int32(seed >> 40 % 100))
			c.Cols[2].(*batch.Strings).AppendString("/page")
			c.Cols[3].(*batch.Fixed[int64]).Append(at)
			at += step
			c.N++
		}
		out[i] = batch.Of(c)
	}
	return out
}

func benchHarness(t testing.TB, script string) *harness {
	h := newHarness(t, compile(t, script))
	h.heap, h.encoded = true, false
	h.open(nil)
	for _, n := range h.nodes {
		if n.sink != nil {
			n.sink.silent = true
		}
	}
	return h
}

const (
	tumble = "TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' HOUR)"
	hop    = "HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '15' MINUTE, INTERVAL '1' HOUR)"
)

func TestRowsCostNoAllocationFromSourceToWindow(t *testing.T) {
	for _, tvf := range []string{tumble, hop} {
		h := benchHarness(t, fmt.Sprintf(clicks, tvf))
		n := h.source("clicks")
		batches := clickBatches(h, 8, 1000, 1)
		round := func() {
			for _, b := range batches {
				if err := h.push(n, b); err != nil {
					t.Fatal(err)
				}
			}
		}
		round()
		if allocations := testing.AllocsPerRun(10, round); allocations > 0 {
			t.Errorf("%s: %v allocations for %d rows", tvf, allocations, 8*batch.TargetRows)
		}
	}
}

func TestAWindowThatFiresAllocatesNothingForItsRows(t *testing.T) {
	fire := func(keys int) float64 {
		h := benchHarness(t, fmt.Sprintf(clicks, tumble))
		n := h.source("clicks")
		var all [][]*batch.Batch
		for range 12 {
			all = append(all, clickBatches(h, keys/64, keys, 0))
		}
		hour := int64(3_600_000)
		i := 0
		return testing.AllocsPerRun(10, func() {
			for _, b := range all[i] {
				times := b.Data.(*batch.Columns).Cols[3].(*batch.Fixed[int64])
				for k := range times.V {
					times.V[k] += int64(i) * hour
				}
				if err := h.push(n, b); err != nil {
					t.Fatal(err)
				}
			}
			i++
			if err := h.advance(n, 978_307_200_000+int64(i)*hour); err != nil {
				t.Fatal(err)
			}
		})
	}
	few, many := fire(256), fire(8192)
	// Tables of the backend are made and dropped with their windows, and may be larger: what counts is that rows do not count.
	if many > few+2048 {
		t.Errorf("firing allocates %v times for 256 keys, %v for 8192", few, many)
	}
}

func benchmarkScript(b *testing.B, script string, keys int) {
	h := benchHarness(b, script)
	n := h.source("clicks")
	batches := clickBatches(h, max(64, keys/64), keys, 10)
	for _, batch := range batches {
		if err := h.push(n, batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	rows := 0
	for i := 0; b.Loop(); i++ {
		n.maxTime = math.MinInt64 // the same rows again, and not late
		if err := h.push(n, batches[i%len(batches)]); err != nil {
			b.Fatal(err)
		}
		rows += batch.TargetRows
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
}

func BenchmarkTumbleChain(b *testing.B) { benchmarkScript(b, fmt.Sprintf(clicks, tumble), 1000) }

func BenchmarkHopChain(b *testing.B) { benchmarkScript(b, fmt.Sprintf(clicks, hop), 1000) }

// BenchmarkCountChain is the smallest keyed job: source, event time, window, key, count.
func BenchmarkCountChain(b *testing.B) {
	for _, keys := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			benchmarkScript(b, `
CREATE TABLE clicks (k BIGINT, v INT, page STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'test');
CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'test');
INSERT INTO o SELECT k, COUNT(*) FROM TABLE(`+tumble+`) GROUP BY k, window_start, window_end;`, keys)
		})
	}
}

// BenchmarkChanges are queries whose results change with their rows, beside the same count in windows ([BenchmarkCountChain]).
func BenchmarkChanges(b *testing.B) {
	const tables = `CREATE TABLE clicks (k BIGINT, v INT, page STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'test');
CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'test');
`
	for _, c := range []struct{ name, query string }{
		{"count", "INSERT INTO o SELECT k, COUNT(*) FROM clicks GROUP BY k"},
		{"distinct", "INSERT INTO o SELECT k, COUNT(DISTINCT v) FROM clicks GROUP BY k"},
		{"count of counts", "INSERT INTO o SELECT n, COUNT(*) FROM (SELECT k, COUNT(*) AS n FROM clicks GROUP BY k) GROUP BY n"},
		{"first", "INSERT INTO o SELECT k, 1 FROM (SELECT k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS rn FROM clicks) WHERE rn = 1"},
		{"last", "INSERT INTO o SELECT k, 1 FROM (SELECT k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS rn FROM clicks) WHERE rn = 1"},
		{"top 10", "INSERT INTO o SELECT k, 1 FROM (SELECT k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM clicks) WHERE rn <= 10"},
		{"join", "INSERT INTO o SELECT a.k, 1 FROM (SELECT k, ts FROM clicks WHERE v > 1000) AS a JOIN (SELECT DISTINCT k FROM clicks) AS b ON a.k = b.k"},
	} {
		for _, keys := range []int{1000, 100_000} {
			b.Run(fmt.Sprintf("%s/keys=%d", c.name, keys), func(b *testing.B) { benchmarkScript(b, tables+c.query, keys) })
		}
	}
}
