package catalog

import (
	"strconv"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/sql/parser"
)

// declare declares the tables of a script.
func declare(text string) (*Catalog, error) {
	script, err := parser.Parse(text)
	if err != nil {
		return nil, err
	}
	c := &Catalog{}
	for _, s := range script {
		if err := c.CreateTable(s.(*parser.CreateTable)); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func TestASecretInTheTextIsRefusedAndNeverShown(t *testing.T) {
	for _, c := range []struct{ name, options, want string }{
		{"as a value", "'connector' = 'y', 'password' = 'hunter2'",
			"1:62: the option 'password' of table x holds a secret in the text; leave it out: credentials are taken from the environment, in pods from spec.checkpoint.credentialsSecret"},
		{"in capitals", "'connector' = 'y', 'Client.SECRET' = 'hunter2'",
			"1:67: the option 'Client.SECRET' of table x holds a secret in the text; leave it out: credentials are taken from the environment, in pods from spec.checkpoint.credentialsSecret"},
		{"without an equals sign", "'api-token' 'hunter2'", "1:42: expected =, found something else"},
		{"without quotes", "'password' = hunter2", "1:43: expected the value of the option in '...', found something else"},
		{"in two pieces", "'password' = '' 'hunter2'", "1:46: expected a comma or ), found something else"},
		{"after a comma too many", "'password' = '', hunter2", "1:47: expected an option in '...', found something else"},
		{"that is not closed", "'password' = 'hunter2", "1:43: the string is not closed; add '"},
		{"of a column that is none", "'connector' = 'y', 'fields.token.kind' = 'hunter2'",
			"1:71: the option 'fields.token.kind' of table x holds a secret in the text; leave it out: credentials are taken from the environment, in pods from spec.checkpoint.credentialsSecret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := declare("CREATE TABLE x (a INT) WITH (" + c.options + ")")
			if err == nil || err.Error() != c.want || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	if _, err := declare("CREATE TABLE x (token INT) WITH ('connector' = 'y', 'fields.token.kind' = 'sequence')"); err != nil {
		t.Errorf("a column may be called token: %v", err)
	}
}

func TestATableKnowsItsColumnsAndItsTime(t *testing.T) {
	c, err := declare("CREATE TABLE t (k INT NOT NULL, at STRING, s STRING, ts AS TO_TIMESTAMP(at), PRIMARY KEY (k, s) NOT ENFORCED, WATERMARK FOR ts AS ts - INTERVAL '2' SECOND) WITH ('connector' = 'x', 'path' = 'p')")
	if err != nil {
		t.Fatal(err)
	}
	table := c.Table(parser.Name{Text: "t"})
	if got := strings.Join(table.PhysicalNames(), " "); got != "k at s" {
		t.Errorf("the physical columns are %s", got)
	}
	if table.RowTime != 3 || table.DelayMS != 2000 {
		t.Errorf("the time attribute is column %d, %d ms behind", table.RowTime, table.DelayMS)
	}
	for i, want := range []string{"1:17", "", "1:94"} {
		at, declared := table.NotNull(i)
		got := ""
		if declared {
			got = strconv.Itoa(at.Line) + ":" + strconv.Itoa(at.Column)
		}
		if got != want {
			t.Errorf("column %d is declared NOT NULL at %q, want %q", i, got, want)
		}
	}
	if path, ok := table.Option("path"); path != "p" || !ok {
		t.Errorf("the option path is %q, %v", path, ok)
	}
}

func TestMetadataColumnsAreKnownAndVirtualOnesAreNotWritten(t *testing.T) {
	c, err := declare("CREATE TABLE t (k INT, at TIMESTAMP(3) NOT NULL METADATA FROM 'timestamp', `offset` BIGINT METADATA VIRTUAL) WITH ('connector' = 'x')")
	if err != nil {
		t.Fatal(err)
	}
	table := c.Table(parser.Name{Text: "t"})
	var got []string
	for i := range table.Physical {
		if m := table.Metadata(i); m != nil {
			got = append(got, table.Physical[i].Name+" from "+m.Key)
		}
	}
	if want := "at from timestamp, offset from offset"; strings.Join(got, ", ") != want {
		t.Errorf("the metadata is %q, want %s", got, want)
	}
	if got := table.Written(); len(got) != 2 || got[0] != 0 || got[1] != 1 {
		t.Errorf("the columns %d are written, want 0 and 1", got)
	}
}

func TestNamesAreTakenOnceAndNearOnesAreOffered(t *testing.T) {
	c, err := declare("CREATE TABLE flights (k INT) WITH ('connector' = 'x')")
	if err != nil {
		t.Fatal(err)
	}
	name := func(text string) parser.Name { return parser.Name{Pos: parser.Pos{Line: 7, Column: 1}, Text: text} }
	if err := c.CreateView(name("late")); err != nil {
		t.Fatal(err)
	}
	for got, want := range map[error]string{
		c.CreateView(name("late")):                "7:1: the name late is declared twice; give one of them another name",
		c.CreateView(name("flights")):             "7:1: the name flights is declared twice; give one of them another name",
		c.Unknown(name("flihgts"), "table"):       "7:1: there is no table flihgts; did you mean flights?",
		c.Unknown(name("zebra"), "table or view"): "7:1: there is no table or view zebra; declare it before it is used",
	} {
		if got == nil || got.Error() != want {
			t.Errorf("got  %v\nwant %s", got, want)
		}
	}
	if !c.IsView(name("late")) || c.IsView(name("flights")) || c.Table(name("late")) != nil {
		t.Error("a view and a table are taken for each other")
	}
}
