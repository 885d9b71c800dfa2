package storage_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/backoff"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storagetest"
)

// overwriting is a store that ignores the condition of a create.
type overwriting struct{ storage.Bucket }

func (b overwriting) Create(ctx context.Context, key string, body []byte) error {
	w, err := b.Writer(ctx, key)
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return err
	}
	return w.Close()
}

func TestTheProbeRefusesAStoreWithoutPutIfAbsent(t *testing.T) {
	b := overwriting{openAt(t, "mem://"+uniqueName())}
	err := storage.Probe(t.Context(), b)
	if !errors.Is(err, storage.ErrUnsupported) || !strings.Contains(err.Error(), "conditional write") {
		t.Errorf("got %v, want a refusal with its reason", err)
	}
	if list, err := b.List(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("the probe left %v, %v", list, err)
	}
}

func TestWrongCredentialsArePermanentAndNamed(t *testing.T) {
	server := storagetest.StartS3(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	err := storage.Probe(t.Context(), openAt(t, server.URL))
	if !errors.Is(err, storage.ErrPermission) || !strings.Contains(err.Error(), "s3://weir:") {
		t.Errorf("got %v, want ErrPermission that names the bucket", err)
	}
	if strings.Contains(err.Error(), "wrong") {
		t.Errorf("error %v shows the secret", err)
	}
}

func TestNoCredentialsArePermanent(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_CONFIG_FILE": "/nowhere",
		"AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	_, err := openAt(t, "s3://bucket?region=us-east-1&endpoint=http://127.0.0.1:1").Read(t.Context(), "x")
	if !errors.Is(err, storage.ErrPermission) || !strings.Contains(err.Error(), "check the credentials") {
		t.Errorf("got %v, want ErrPermission with the remedy", err)
	}
}

func TestAMissingBucketIsNotAnEmptyOne(t *testing.T) {
	server := storagetest.StartS3(t)
	_, err := openAt(t, server.BucketURL("nowhere")).List(t.Context(), "")
	if !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("listing a bucket that does not exist: %v, want ErrNotFound", err)
	}
}

func TestALostPermissionIsNotAnEmptyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		// The superuser may read every folder: a folder that is no folder stands for one that cannot be read.
		dir := t.TempDir()
		if err := os.Symlink(dir+"/loop", dir+"/loop"); err != nil {
			t.Fatal(err)
		}
		if list, err := openAt(t, dir+"/loop").List(t.Context(), ""); err == nil {
			t.Errorf("an unreadable folder lists as %v", list)
		}
		return
	}
	dir := t.TempDir()
	b := openAt(t, dir)
	if err := b.Create(t.Context(), "a/b", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{dir + "/a", dir} {
		if err := os.Chmod(folder, 0); err != nil {
			t.Fatal(err)
		}
		list, err := b.List(t.Context(), "")
		if !errors.Is(err, storage.ErrPermission) {
			t.Errorf("with %s unreadable: listed %v, %v, want ErrPermission", folder, list, err)
		}
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAProbeThatFailsSaysSoInOneShortLine is what a user sees of a place that is wrong: what was done, where and why, once.
func TestAProbeThatFailsSaysSoInOneShortLine(t *testing.T) {
	server := storagetest.StartS3(t)
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	once := storage.Retry{Total: time.Millisecond, Pauses: backoff.Backoff{First: time.Millisecond, Most: time.Millisecond, Jitter: backoff.UpperHalf}}
	for _, test := range []struct {
		name, place, key string
		want             string
	}{
		{"another key", server.URL, "nobody", "probe s3://weir/job: permission denied: "},
		{"an unknown bucket", server.BucketURL("nowhere"), "", "probe s3://nowhere/job: not found: NoSuchBucket: "},
		{"nobody listens", "s3://weir?region=us-east-1&use_path_style=true&endpoint=http://127.0.0.1:1", "",
			"probe s3://weir/job: temporary failure: dial tcp 127.0.0.1:1: connect: connection refused"},
		{"a file is in the way", file, "", "probe file://" + file + "/job: not a directory: stat "},
		{"a URL of a file", "file://" + file, "", "probe file://" + file + "/job: not a directory: stat "},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.key != "" {
				t.Setenv("AWS_ACCESS_KEY_ID", test.key)
			}
			raw, err := storage.OpenWithoutRetry(t.Context(), test.place)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			said := storage.Probe(t.Context(), storage.WithRetry(raw, once).Sub("job")).Error()
			if !strings.HasPrefix(said, test.want) || len(said) > 300 || strings.ContainsAny(said, "\n?") {
				t.Errorf("got %q, want a short line that begins with %q", said, test.want)
			}
			for _, part := range []string{"://", "/job", "probe", "permission denied", "NoSuchBucket", "127.0.0.1:1"} {
				if strings.Count(said, part) > 1 {
					t.Errorf("%q says %q more than once", said, part)
				}
			}
		})
	}
}
