// Package fault classifies errors by what a job should do about them (P13): a permanent error stops it at once and
// tells the user what to do; a transient one restarts it with backoff.
//
// An error that nobody classified is transient, and becomes permanent after three equal failures at the same position.
package fault

import (
	"errors"
	"fmt"
)

// Class is what a job should do about an error.
type Class uint8

const (
	// Unknown errors are transient until they repeat.
	Unknown Class = iota
	// Transient errors (storage, network) may pass: restart with backoff.
	Transient
	// Permanent errors (data, SQL, schema, option, permission) will not pass: stop and say what to do.
	Permanent
)

// Error is a classified error.
type Error struct {
	Class Class
	// Place says where: an object and offset, a line and column, an option. Empty: not known.
	Place string
	// Remedy says what the user can do. Empty: nothing to add.
	Remedy string
	Err    error
}

// Error reads "place: what happened; remedy".
func (e *Error) Error() string {
	s := e.Err.Error()
	if e.Place != "" {
		s = e.Place + ": " + s
	}
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Unwrap returns the classified error.
func (e *Error) Unwrap() error { return e.Err }

// Permanentf returns a permanent error at a place, with the remedy.
func Permanentf(place, remedy, format string, args ...any) error {
	return &Error{Class: Permanent, Place: place, Remedy: remedy, Err: fmt.Errorf(format, args...)}
}

// AsTransient classifies err as transient.
func AsTransient(err error) error { return &Error{Class: Transient, Err: err} }

// ClassOf returns the class of the outermost classified error in err's chain.
func ClassOf(err error) Class {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return Unknown
}
