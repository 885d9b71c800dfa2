package heap

import (
	"context"
	"errors"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
)

// frozenFile is the data file of a frozen version; it is created with its first block.
type frozenFile struct {
	ctx    context.Context
	create func(ctx context.Context, operatorUID string, subtask int) (*snapshot.GroupFileWriter, error)
	scope  backend.Scope
	file   *snapshot.GroupFileWriter // nil: not created
}

func (o *frozenFile) block(group int, state string, watermark int64, content []byte) error {
	return o.write(content, func() error { return o.file.BeginBlock(group, state, watermark) })
}

// changes writes what has changed in the groups from first to before end.
func (o *frozenFile) changes(first, end int, state string, watermark int64, content []byte) error {
	return o.write(content, func() error { return o.file.BeginChanges(first, end, state, watermark) })
}

func (o *frozenFile) write(content []byte, begin func() error) error {
	if o.file == nil {
		file, err := o.create(o.ctx, o.scope.UID, o.scope.Subtask)
		if err != nil {
			return err
		}
		o.file = file
	}
	if err := begin(); err != nil {
		return err
	}
	_, err := o.file.Write(content)
	return err
}

// abort leaves no file behind and returns why.
func (o *frozenFile) abort(err error) error {
	if o.file == nil {
		return err
	}
	return errors.Join(err, o.file.Abort())
}

// finish returns the file, if there is one.
func (o *frozenFile) finish() ([]snapshot.GroupFile, error) {
	if o.file == nil {
		return nil, nil
	}
	file, err := o.file.Finish()
	if err != nil {
		return nil, err
	}
	return []snapshot.GroupFile{file}, nil
}
