package inprocess

import (
	"errors"

	"github.com/weirstream/weir/engine/sql"
	"github.com/weirstream/weir/manifest"
)

// WrongText makes what is wrong with the SQL what is wrong with the manifest.
func WrongText(err error) error {
	var e *sql.Error
	if !errors.As(err, &e) {
		return err
	}
	return &manifest.Error{Place: manifest.Place{Source: e.File, Line: e.Line, Column: e.Column}, Msg: e.Msg, Remedy: e.Remedy}
}
