package soak

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// query is one INSERT of the script, and the same as Go.
type query struct {
	table, label string
	source       string        // the folder and table that it reads
	size, slide  time.Duration // of its windows; 0: it has none
	where        string
	keeps        func(row) bool
}

// windows returns the starts of the windows that hold a moment, as they are written.
func (q query) windows(at time.Time) []string {
	if q.size == 0 {
		return []string{""}
	}
	var starts []string
	slide := q.slide
	if slide == 0 {
		slide = q.size
	}
	for start := at.Truncate(slide); start.After(at.Add(-q.size)); start = start.Add(-slide) {
		starts = append(starts, start.Format(layout))
	}
	return starts
}

// text is the query in SQL, with a hint unless uid is empty.
func (q query) text(uid string) string {
	hint := ""
	if uid != "" {
		hint = fmt.Sprintf(" /*+ UID('%s') */", uid)
	}
	if q.size == 0 {
		return fmt.Sprintf("SELECT '%s', '', CAST(n AS STRING), CAST(1 AS BIGINT), CAST(v AS BIGINT) FROM %s WHERE %s", q.label, q.source, q.where)
	}
	window := fmt.Sprintf("TUMBLE(TABLE %s, DESCRIPTOR(`at`), INTERVAL '%d' SECOND)", q.source, int(q.size.Seconds()))
	if q.slide != 0 {
		window = fmt.Sprintf("HOP(TABLE %s, DESCRIPTOR(`at`), INTERVAL '%d' SECOND, INTERVAL '%d' SECOND)", q.source, int(q.slide.Seconds()), int(q.size.Seconds()))
	}
	return fmt.Sprintf("SELECT%s '%s', DATE_FORMAT(window_start, 'yyyy-MM-dd HH:mm:ss'), city, COUNT(*), SUM(CAST(v AS BIGINT)) FROM TABLE(%s) WHERE %s GROUP BY window_start, window_end, city",
		hint, q.label, window, q.where)
}

// script is the job's text and what may be done to it without another meaning.
type script struct {
	queries  []query
	order    []int // of the queries in the text
	union    bool  // the queries of table w are branches of one UNION ALL, not INSERTs of their own
	set      bool  // in a statement set
	comment  string
	uids     bool // every windowed query has a hint
	extra    bool // one more INSERT, into nothing
	rate     int
	sourceIn []string
}

// newScript makes the queries of an episode: rows as they are, windows, and two or three windowed queries that write one table,
// of which state must not be exchanged.
func newScript(random *rand.Rand) *script {
	above := func(limit int) func(row) bool { return func(r row) bool { return r.V >= limit } }
	below := func(limit int) func(row) bool { return func(r row) bool { return r.V < limit } }
	every := func(row) bool { return true }
	s := &script{sourceIn: []string{"a", "b"}, rate: 400 + random.IntN(1200)}
	s.queries = append(s.queries,
		query{table: "plain", label: "a", source: "a", where: "v >= 0", keeps: every},
		query{table: "plain", label: "b", source: "b", where: "v >= 0", keeps: every},
		query{table: "w", label: "lo", source: "a", size: 10 * time.Second, where: "v < 50", keeps: below(50)},
		query{table: "w", label: "hi", source: "b", size: 10 * time.Second, where: "v >= 50", keeps: above(50)},
	)
	if random.IntN(2) == 0 {
		s.queries = append(s.queries, query{table: "w", label: "some", source: "a", size: 10 * time.Second, where: "v >= 20", keeps: above(20)})
	}
	if random.IntN(2) == 0 {
		s.queries = append(s.queries, query{table: "h", label: "hop", source: "b", size: 20 * time.Second, slide: 10 * time.Second, where: "v >= 0", keeps: every})
	}
	for i := range s.queries {
		s.order = append(s.order, i)
	}
	s.union = random.IntN(3) == 0
	s.uids = random.IntN(2) == 0
	s.set = random.IntN(2) == 0
	return s
}

// tables are the tables that the script writes.
func (s *script) tables() []string {
	var names []string
	for _, q := range s.queries {
		if !slices.Contains(names, q.table) {
			names = append(names, q.table)
		}
	}
	return names
}

// text is the whole script. places maps a table to its path.
func (s *script) text(place func(table string) string) string {
	var b strings.Builder
	for _, name := range s.sourceIn {
		fmt.Fprintf(&b, "CREATE TABLE %s (`at` TIMESTAMP(3), city STRING, v INT, n INT,\n  WATERMARK FOR `at` AS `at` - INTERVAL '60' SECOND)\nWITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json', 'source.split-order' = 'path'",
			name, place(name))
		fmt.Fprintf(&b, ", 'source.monitor-interval' = '100 ms', 'source.rows-per-second' = '%d');\n", s.rate)
	}
	if s.comment != "" {
		fmt.Fprintf(&b, "-- %s\n/* and\n   more of it */\n", s.comment)
	}
	for _, table := range s.tables() {
		fmt.Fprintf(&b, "CREATE TABLE %s (label STRING, w STRING, city STRING, c BIGINT, s BIGINT) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json');\n",
			table, place(table))
	}
	if s.extra {
		b.WriteString("CREATE TABLE nothing (city STRING) WITH ('connector' = 'blackhole');\n")
	}
	if s.set {
		b.WriteString("EXECUTE STATEMENT SET BEGIN\n")
	}
	for _, insert := range s.inserts() {
		b.WriteString(insert + ";\n")
	}
	if s.set {
		b.WriteString("END;\n")
	}
	return b.String()
}

// inserts are the INSERTs in their order; those into w are one if they are a union.
func (s *script) inserts() []string {
	var all, branches []string
	for _, i := range s.order {
		q := s.queries[i]
		uid := ""
		if s.uids && q.size != 0 {
			uid = "the-" + q.label
		}
		text := q.text(uid)
		if s.union && q.table == "w" {
			branches = append(branches, text)
			continue
		}
		all = append(all, fmt.Sprintf("INSERT INTO %s %s", q.table, text))
	}
	if len(branches) > 0 {
		all = append(all, "INSERT INTO w "+strings.Join(branches, "\nUNION ALL "))
	}
	if s.extra {
		all = append(all, "INSERT INTO nothing SELECT city FROM a")
	}
	return all
}

// verdict is what a job that has state must do about an edit.
type verdict int

const (
	accept verdict = iota // nobody may refuse it
	either                // it may be refused; accepted, it must be understood
	refuse                // it asks for what the state cannot give
)

// edit changes the text.
type edit struct {
	name    string
	verdict verdict
	apply   func(s *script, random *rand.Rand)
}

var edits = []edit{
	{"another comment", accept, func(s *script, random *rand.Rand) { s.comment = fmt.Sprintf("edited %d; 'quoted", random.IntN(1000)) }},
	{"a statement set or not", accept, func(s *script, _ *rand.Rand) { s.set = !s.set }},
	{"another rate", accept, func(s *script, random *rand.Rand) { s.rate = 300 + random.IntN(2000) }},
	{"exchanged INSERTs", either, func(s *script, random *rand.Rand) {
		random.Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
	}},
	{"a hint more or less", either, func(s *script, _ *rand.Rand) { s.uids = !s.uids }},
	{"INSERTs become a UNION, or a UNION INSERTs", either, func(s *script, _ *rand.Rand) { s.union = !s.union }},
	{"one more sink, or one less", either, func(s *script, _ *rand.Rand) { s.extra = !s.extra }},
	{"WHERE written otherwise", either, func(s *script, random *rand.Rand) {
		q := &s.queries[random.IntN(len(s.queries))]
		if strings.HasSuffix(q.where, " AND n >= 0") {
			q.where = strings.TrimSuffix(q.where, " AND n >= 0")
		} else {
			q.where += " AND n >= 0"
		}
	}},
	{"another window", refuse, func(s *script, random *rand.Rand) {
		for i := range s.queries {
			if q := &s.queries[i]; q.table == "w" {
				q.size += 10 * time.Second * time.Duration(1+random.IntN(3))
			}
		}
	}},
}

// clone returns a copy that an edit can change.
func (s *script) clone() *script {
	c := *s
	c.queries, c.order = slices.Clone(s.queries), slices.Clone(s.order)
	return &c
}
