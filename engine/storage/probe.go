package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// ProbePrefix begins the names of the objects that Probe makes and removes. A killed Probe leaves one.
const ProbePrefix = ".probe-"

// Probe tells whether a place can hold snapshots: it can be written, listed and deleted from, and Create refuses what
// exists. The second of two Creates of one random key must fail; a store that ignores the condition lets it win, and
// would let two attempts of a job win too (P1).
func Probe(ctx context.Context, b Bucket) error {
	key := ProbePrefix + rand.Text()
	if err := b.Create(ctx, key, []byte("first "+rand.Text())); err != nil {
		return probing(b, err)
	}
	err := probeAgain(ctx, b, key)
	return errors.Join(err, probing(b, b.Delete(ctx, key)))
}

// probeAgain looks at what a place does with an object that is there already.
func probeAgain(ctx context.Context, b Bucket, key string) error {
	err := b.Create(ctx, key, []byte("second "+rand.Text()))
	switch {
	case err == nil:
		return unfit(b, "it lets a conditional write (If-None-Match) replace an object, "+
			"so two attempts of a job could both believe to be the one: use a store with conditional writes")
	case !errors.Is(err, ErrExists):
		return probing(b, err)
	}
	list, err := b.List(ctx, key)
	if err != nil {
		return probing(b, err)
	}
	if len(list) != 1 {
		return unfit(b, "an object that was just written is not in the listing")
	}
	return nil
}

// placeOf is the URL of a bucket as errors show it.
func placeOf(b Bucket) string {
	place, _, _ := strings.Cut(b.String(), "?")
	return place
}

// unfit is the error of a place that does not do what the engine needs.
func unfit(b Bucket, why string) error {
	return &Error{Op: "probe", Object: placeOf(b), Class: ErrUnsupported, Cause: errors.New(why)}
}

// probing is the error of a probe: it names the place, because the object is of no interest to anybody.
func probing(b Bucket, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	probe := *e
	probe.Op, probe.Object = "probe", placeOf(b)
	if e.Error() == err.Error() {
		return &probe
	}
	return fmt.Errorf("%s %s: %w", probe.Op, probe.Object, err) // the context has ended meanwhile
}
