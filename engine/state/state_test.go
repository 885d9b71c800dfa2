package state_test

import (
	"testing"

	"github.com/weirstream/weir/engine/state"
)

func TestEveryKeyGroupBelongsToExactlyTheSubtaskThatOwnsIt(t *testing.T) {
	for _, groups := range []int{1, 2, 7, 128, 1024} {
		for parallelism := 1; parallelism <= min(groups, 130); parallelism++ {
			next := 0
			for subtask := range parallelism {
				first, end := state.GroupRange(subtask, parallelism, groups)
				if first != next {
					t.Fatalf("%d groups, subtask %d of %d begins at %d, want %d", groups, subtask, parallelism, first, next)
				}
				for g := first; g < end; g++ {
					if owner := state.Owner(g, parallelism, groups); owner != subtask {
						t.Fatalf("%d groups, parallelism %d: group %d is in the range of %d but owned by %d", groups, parallelism, g, subtask, owner)
					}
				}
				next = end
			}
			if next != groups {
				t.Fatalf("%d groups, parallelism %d: ranges end at %d", groups, parallelism, next)
			}
		}
	}
}

func TestTheKeyGroupComesFromTheTopBits(t *testing.T) {
	for _, c := range []struct {
		hash uint64
		want int
	}{{0, 0}, {1<<64 - 1, 1023}, {0xffffffff, 0}, {1 << 63, 512}} {
		if got := state.KeyGroup(c.hash, 1024); got != c.want {
			t.Errorf("KeyGroup(%#x) = %d, want %d", c.hash, got, c.want)
		}
	}
}
