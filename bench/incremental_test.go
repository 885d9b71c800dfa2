package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/weirstream/weir/engine/storage/storagetest"
)

// BenchmarkIncrementalAtS3 measures what is written at an S3 server, where that is what is paid for: the bytes that its bucket has after
// each checkpoint more than before, when one key in a hundred of a million has changed, in runs and whole.
func BenchmarkIncrementalAtS3(b *testing.B) {
	dir := b.TempDir()
	server, err := storagetest.LaunchS3(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Stop(); err != nil {
			b.Error(err)
		}
	})
	for name, value := range storagetest.S3Environment() {
		b.Setenv(name, value)
	}
	for b.Loop() {
		runs++
		bucket := fmt.Sprint("weir-", runs)
		url, err := server.MakeBucket(bucket)
		if err != nil {
			b.Fatal(err)
		}
		var written [2][]int64
		for i, whole := range []bool{false, true} {
			result, err := changeAndCheckpoint(b.Context(), url, filepath.Join(dir, bucket), fmt.Sprint("whole-", whole), whole)
			if err != nil {
				b.Fatal(err)
			}
			written[i] = result.written
		}
		var ratios []float64
		for i := range written[0] {
			ratios = append(ratios, float64(written[0][i])/float64(written[1][i]))
		}
		b.ReportMetric(median(ratios), "written/whole")
	}
}
