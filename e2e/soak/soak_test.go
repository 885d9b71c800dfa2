package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/harness"
)

// weir is the path of the binary under test.
var weir string

func TestMain(m *testing.M) { harness.Main(m, &weir, "2") }

// duration is how long episodes begin: SOAK, or so long that make e2e shows that all of it still works.
func duration(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("SOAK")
	if text == "" {
		return 20 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("SOAK: %v", err)
	}
	return d
}

// TestNothingThatPeopleDoLosesRepeatsOrChangesARow plays episodes until the time is over: two at once, each from a seed of its own.
func TestNothingThatPeopleDoLosesRepeatsOrChangesARow(t *testing.T) {
	if text := os.Getenv("WEIR_SOAK_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("WEIR_SOAK_SEED: %v", err)
		}
		play(t, seed)
		return
	}
	over := time.Now().Add(duration(t))
	for player := range 2 {
		t.Run(fmt.Sprintf("player %d", player+1), func(t *testing.T) {
			t.Parallel()
			for n := 0; n == 0 || time.Now().Before(over); n++ {
				seed := uint64(time.Now().UnixNano())
				t.Run(fmt.Sprintf("episode %d", seed), func(t *testing.T) { play(t, seed) })
			}
		})
	}
}

// play is one episode: some thirty actions in a random order, a file now and then between them, and the end.
func play(t *testing.T, seed uint64) {
	t.Logf("repeat with WEIR_SOAK_SEED=%d", seed)
	e := newEpisode(t, rand.New(rand.NewPCG(seed, 1)))
	e.feed()
	var deck []action
	for _, a := range actions {
		for range a.weight {
			if e.local() || !a.local {
				deck = append(deck, a)
			}
		}
	}
	for range 15 + e.random.IntN(20) {
		for range e.random.IntN(3) {
			e.feed()
		}
		a := deck[e.random.IntN(len(deck))]
		e.note("%s", a.name)
		a.do(e)
		e.check()
	}
	e.finish()
	t.Logf("%d rows in %d files, %d steps, in a bucket: %v", len(e.rows), e.files, len(e.log), !e.local())
}
