package storage_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storagetest"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// openAt opens a place and closes it with the test.
func openAt(t *testing.T, name string) storage.Bucket {
	t.Helper()
	b, err := storage.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestFilesKeepThePromisesOfABucket(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Bucket { return openAt(t, t.TempDir()+"/not/there/yet") })
}

func TestMemoryKeepsThePromisesOfABucket(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Bucket { return openAt(t, "mem://"+uniqueName()+"/prefix") })
}

func TestS3KeepsThePromisesOfABucket(t *testing.T) {
	server := storagetest.StartS3(t)
	storagetest.Run(t, func(t *testing.T) storage.Bucket {
		place, err := storageurl.Join(server.URL, "prefix/"+uniqueName())
		if err != nil {
			t.Fatal(err)
		}
		return openAt(t, place)
	})
}

// uniqueName keeps tests apart that share a process or a server.
func uniqueName() string { return strings.ToLower(rand.Text()) }
