package filedriver

import (
	"context"
	"net/http"
	"testing"

	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/drivertest"
)

type harness struct{ root string }

func (h harness) HTTPClient() *http.Client { return nil }
func (h harness) MakeDriver(context.Context) (driver.Bucket, error) {
	return New(h.root)
}
func (h harness) MakeDriverForNonexistentBucket(context.Context) (driver.Bucket, error) {
	return nil, nil // a folder that does not exist is an empty bucket
}
func (h harness) SupportsCopy() bool               { return true }
func (h harness) SupportsNonSlashDelimiters() bool { return true }
func (h harness) Close()                           {}

func TestTheDriverPassesTheConformanceSuiteOfTheGoCDK(t *testing.T) {
	drivertest.RunConformanceTests(t, func(_ context.Context, t *testing.T) (drivertest.Harness, error) {
		return harness{root: t.TempDir()}, nil
	}, nil)
}
