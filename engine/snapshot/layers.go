package snapshot

// Layer is a block, and of which key groups it is part of the state.
type Layer struct {
	File  GroupFile
	Block Block

	at    int         // of its file among the files of the subtask
	whole map[int]int // by key group: the last of them that holds it whole
}

// Layers returns what holds the state of the key groups from first to before end, whatever the parallelism that wrote it: what one
// subtask restores. The layers of a group, of all its states together, are in the order in which they are applied.
func Layers(subtasks []SubtaskState, first, end int) []Layer {
	var layers []Layer
	for _, s := range subtasks {
		whole := map[int]int{}
		for at, f := range s.Files {
			for _, b := range f.Blocks {
				if b.End == 0 {
					whole[b.Group] = at
				}
			}
		}
		for at, f := range s.Files {
			for _, b := range f.Blocks {
				l := Layer{File: f, Block: b, at: at, whole: whole}
				if l.anyOf(first, end) {
					layers = append(layers, l)
				}
			}
		}
	}
	return layers
}

// Of tells whether the layer is part of the state of a key group: no later file holds that whole.
func (l Layer) Of(group int) bool {
	return group >= l.Block.Group && group < l.Block.Through() && l.at >= l.whole[group]
}

func (l Layer) anyOf(first, end int) bool {
	for g := max(first, l.Block.Group); g < min(end, l.Block.Through()); g++ {
		if l.Of(g) {
			return true
		}
	}
	return false
}

// Through returns the key group after the last of which the block holds something.
func (b Block) Through() int { return max(b.End, b.Group+1) }

// Carry returns the files of a subtask with the blocks of theirs that are still part of its state once the groups that whole
// tells are written whole to a later file. What has none any more is left out. files is not changed.
func Carry(files []GroupFile, whole func(group int) bool) []GroupFile {
	carried := make([]GroupFile, len(files))
	for _, l := range Layers([]SubtaskState{{Files: files}}, 0, MaxGroups) {
		for g := l.Block.Group; g < l.Block.Through(); g++ {
			if l.Of(g) && !whole(g) {
				f := &carried[l.at]
				if f.Blocks == nil {
					*f = l.File
					f.Blocks = nil
				}
				f.Blocks = append(f.Blocks, l.Block)
				break
			}
		}
	}
	kept := carried[:0]
	for _, f := range carried {
		if len(f.Blocks) > 0 {
			kept = append(kept, f)
		}
	}
	return kept
}

// MaxGroups is above the number of all key groups.
const MaxGroups = 1<<31 - 1
