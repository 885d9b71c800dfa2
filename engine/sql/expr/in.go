package expr

import (
	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/types"
)

// buildIn makes the test of a value against constants of its type: a set, where IN of expressions is a chain of comparisons.
func buildIn(c *Call, args []Eval) Eval {
	if c.Args[0].Type().Is(types.KindVarChar) {
		set := map[string]bool{}
		for _, a := range c.Args[1:] {
			set[a.(*Literal).Text] = true
		}
		var out batch.Fixed[bool]
		return func(r *Run, sel []int32) batch.Vector {
			v := args[0](r, sel).(*batch.Strings)
			prepare(&out, r.In.N)
			for _, i := range sel {
				out.V[i] = set[string(v.At(int(i)))]
			}
			inherit(&out, v.Nulls, sel)
			return &out
		}
	}
	set := map[int64]bool{}
	for _, a := range c.Args[1:] {
		set[a.(*Literal).Int] = true
	}
	return rowFixed(args[:1], func(_ *Run, a *row) (bool, bool) { return set[a.int(0)], true })
}
