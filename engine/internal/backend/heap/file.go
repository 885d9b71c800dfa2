package heap

import (
	"context"
	"errors"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
)

// frozenFile is the data file of a frozen version; it is created with its first block.
type frozenFile struct {
	ctx   context.Context
	files backend.Files
	scope backend.Scope
	file  *snapshot.GroupFileWriter // nil: not created
}

func (o *frozenFile) block(group int, state string, watermark int64, content []byte) error {
	if o.file == nil {
		file, err := o.files.Create(o.ctx, o.scope.UID, o.scope.Subtask)
		if err != nil {
			return err
		}
		o.file = file
	}
	if err := o.file.BeginBlock(group, state, watermark); err != nil {
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

func (o *frozenFile) finish() (snapshot.SubtaskState, error) {
	if o.file == nil {
		return snapshot.SubtaskState{}, nil
	}
	file, err := o.file.Finish()
	if err != nil {
		return snapshot.SubtaskState{}, err
	}
	return snapshot.SubtaskState{Files: []snapshot.GroupFile{file}}, nil
}
