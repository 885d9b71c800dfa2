package bind

import (
	"strconv"
	"testing"

	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

func TestNamesAreFoundInTheirPartOfAScope(t *testing.T) {
	r := &logical.Relation{}
	for _, name := range []string{"id", "name", "id", "price"} {
		r.Columns = append(r.Columns, logical.Column{Name: name, Type: types.Int()})
	}
	s := scope{r, []part{{"person", 0, 2}, {"auction", 2, 4}}}
	for text, want := range map[string]string{
		"name":          "1",
		"price":         "3",
		"person.id":     "0",
		"auction.id":    "2",
		"id":            "1:30: the column id is ambiguous; rename one with AS",
		"person.price":  "1:30: there is no column person.price; the columns are id, name",
		"auction.prize": "1:30: there is no column auction.prize; did you mean price?",
		"bid.id":        "1:30: there is no table bid in this query",
	} {
		script, err := parser.Parse("INSERT INTO o SELECT        (" + text + ") FROM t")
		if err != nil {
			t.Fatal(err)
		}
		e, err := expr.Bind(script[0].(*parser.Insert).Query.(*parser.Select).Items[0].Expr, s.resolve, false)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = strconv.Itoa(e.(*expr.Column).Index)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	for table, want := range map[string]int{"": 4, "auction": 2} {
		i := parser.Item{Star: true}
		if table != "" {
			i.Table = &parser.Name{Text: table}
		}
		if items, err := s.star(i); err != nil || len(items) != want {
			t.Errorf("%s.* gives %d columns and %v, want %d", table, len(items), err, want)
		}
	}
}
