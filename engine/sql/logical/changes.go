package logical

import "strings"

// Changes is a set of what the rows of a relation may be: rows that come, and perhaps changes of rows that came before.
// What an op makes of changes, and which it can take, is a matter of what it means; how they are carried out is not.
type Changes uint8

// The kinds of changes.
const (
	// Inserts are rows that come.
	Inserts Changes = 1 << iota
	// Updates put a row in the place of one that came before.
	Updates
	// Deletes take away a row that came before.
	Deletes

	allChanges = Inserts | Updates | Deletes
)

// String lists the kinds: "updates and deletes".
func (c Changes) String() string {
	var names []string
	for i, name := range [...]string{"inserts", "updates", "deletes"} {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

// Takes is nothing: a table is read from outside.
func (*Scan) Takes() Changes { return 0 }

// Gives are inserts: no connector and no format reads changes.
func (*Scan) Gives(Changes) Changes { return Inserts }

// Takes are all changes.
func (*Calc) Takes() Changes { return allChanges }

// Gives are the changes of the input. Of an update a filter may pass the old row and not the new one, or the other way round, which is
// then a delete or an insert.
func (c *Calc) Gives(in Changes) Changes {
	if len(c.Filter) > 0 && in&Updates != 0 {
		return allChanges
	}
	return in
}

// Takes are inserts: a row that was counted as late when it came cannot be taken back.
func (*Window) Takes() Changes { return Inserts }

// Gives are the changes of the input.
func (*Window) Gives(in Changes) Changes { return in }

// Takes are inserts if there are windows, of which each is given once; else all changes.
func (a *Aggregate) Takes() Changes {
	if a.Windowing != nil {
		return Inserts
	}
	return allChanges
}

// Gives are inserts if there are windows: each is given once, when it is over. Else the results of a group come with its first row,
// change with others, and go with its last.
func (a *Aggregate) Gives(in Changes) Changes {
	if a.Windowing != nil {
		return Inserts
	}
	gives := Inserts
	if len(a.Calls) > 0 {
		gives |= Updates
	}
	if in != Inserts {
		gives |= Deletes
	}
	return gives
}

// Takes are all changes.
func (*Join) Takes() Changes { return allChanges }

// Gives are inserts, and deletes if an input takes rows back, or a row that matches nothing may find a match later. A pair is never
// updated: it goes, and another comes.
func (j *Join) Gives(in Changes) Changes {
	if in == Inserts && (j.Kind == InnerJoin || j.Kind == SemiJoin) {
		return Inserts
	}
	return Inserts | Deletes
}

// Takes are all changes.
func (*TopN) Takes() Changes { return allChanges }

// Gives are inserts, and what goes when something better comes: of one row, or one with a number, an update; else a delete.
func (t *TopN) Gives(in Changes) Changes {
	gives := Inserts | Deletes
	if t.Limit == 1 || t.Numbered {
		gives = Inserts | Updates
		if in != Inserts {
			gives |= Deletes
		}
	}
	return gives
}

// Takes are all changes.
func (*Union) Takes() Changes { return allChanges }

// Gives are the changes of all inputs.
func (*Union) Gives(in Changes) Changes { return in }

// Reads are none.
func (*Scan) Reads() []*Relation { return nil }

// Reads is what is filtered and projected.
func (c *Calc) Reads() []*Relation { return []*Relation{c.Input} }

// Reads is what is assigned to windows.
func (w *Window) Reads() []*Relation { return []*Relation{w.Input} }

// Reads is what is grouped.
func (a *Aggregate) Reads() []*Relation { return []*Relation{a.Input} }

// Reads are the left and the right side.
func (j *Join) Reads() []*Relation { return []*Relation{j.Left.Input, j.Right.Input} }

// Reads is what is numbered.
func (t *TopN) Reads() []*Relation { return []*Relation{t.Input} }

// Reads are the branches.
func (u *Union) Reads() []*Relation { return u.Inputs }

// Flow knows the changes that ops give, each inferred once: views upon views can double the ways to one each time.
type Flow map[Op]Changes

// Of infers which changes the rows of a relation may be, from its tables up. An op that cannot take what an input gives is a
// *Conflict.
func (f Flow) Of(r *Relation) (Changes, error) {
	if c, known := f[r.Op]; known {
		return c, nil
	}
	var in Changes
	for _, input := range r.Op.Reads() {
		c, err := f.Of(input)
		if err != nil {
			return 0, err
		}
		in |= c
	}
	if extra := in &^ r.Op.Takes(); extra != 0 {
		return 0, &Conflict{r.Op, extra}
	}
	f[r.Op] = r.Op.Gives(in)
	return f[r.Op], nil
}

// Conflict says that an op gets changes that it cannot take.
type Conflict struct {
	At      Op
	Changes Changes
}

// Error names the changes.
func (c *Conflict) Error() string { return "it cannot take " + c.Changes.String() }
