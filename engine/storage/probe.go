package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// ProbePrefix begins the names of the objects that Probe makes and removes. A killed Probe leaves one.
const ProbePrefix = ".probe-"

// Probe tells whether a place can hold snapshots: it can be written, listed and deleted from, and Create refuses what
// exists. The second of two Creates of one random key must fail; a store that ignores the condition lets it win, and
// would let two attempts of a job win too (P1).
func Probe(ctx context.Context, b Bucket) (err error) {
	key := ProbePrefix + rand.Text()
	if err := b.Create(ctx, key, []byte("first "+rand.Text())); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	defer func() {
		if deleteErr := b.Delete(ctx, key); deleteErr != nil {
			err = errors.Join(err, fmt.Errorf("probe: %w", deleteErr))
		}
	}()
	err = b.Create(ctx, key, []byte("second "+rand.Text()))
	switch {
	case err == nil:
		return fmt.Errorf("probe %s: %w: it lets a conditional write (If-None-Match) replace an object, "+
			"so two attempts of a job could both believe to be the one: use a store with conditional writes", b, ErrUnsupported)
	case !errors.Is(err, ErrExists):
		return fmt.Errorf("probe: %w", err)
	}
	list, err := b.List(ctx, key)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if len(list) != 1 {
		return fmt.Errorf("probe %s: %w: an object that was just written is not in the listing", b, ErrUnsupported)
	}
	return nil
}
