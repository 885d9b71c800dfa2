package config

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestNamesAreAListThatCanBeCompared(t *testing.T) {
	for _, c := range []struct {
		names []string
		text  string // of a Restore
	}{
		{nil, `{}`},
		{[]string{"w/aggregate.1#SUM(v INT)"}, `{"initEmpty":["w/aggregate.1#SUM(v INT)"]}`},
		{[]string{"a", "", "ä, \"b\""}, `{"initEmpty":["a","","ä, \"b\""]}`},
	} {
		r := Restore{InitEmpty: NamesOf(c.names...)}
		if got := r.InitEmpty.All(); !slices.Equal(got, c.names) {
			t.Errorf("%q became %q", c.names, got)
		}
		text, err := json.Marshal(r)
		if err != nil || string(text) != c.text {
			t.Errorf("%q: %s, %v; want %s", c.names, text, err, c.text)
		}
		var back Restore
		if err := json.Unmarshal(text, &back); err != nil || back != r {
			t.Errorf("%s: %+v, %v", text, back, err)
		}
		for _, n := range c.names {
			if !r.InitEmpty.Has(n) {
				t.Errorf("%q does not have %q", c.names, n)
			}
		}
		if r.InitEmpty.Has("b") || r == (Restore{InitEmpty: NamesOf("x")}) {
			t.Errorf("%q has what it has not", c.names)
		}
	}
	var n Names
	if err := json.Unmarshal([]byte(`["a",1]`), &n); err == nil {
		t.Error("a number is a name")
	}
}
