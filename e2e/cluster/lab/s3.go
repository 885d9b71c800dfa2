package lab

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// s3Inside is where pods reach the S3 server; its Service has a fixed address.
const s3Inside = "10.96.70.70:7070"

// s3 is the server as this run knows it.
type s3 struct {
	outside        string // where this machine reaches it: host:port
	access, secret string
}

// startS3 starts the server with empty buckets and new credentials, and puts these into the environment of this process,
// so that package storage opens buckets.
func (l *Lab) startS3(ctx context.Context) (stop func(), err error) {
	l.s3.access, l.s3.secret = "weir", "planted-"+rand.Text()
	manifest, err := os.ReadFile(filepath.Join(l.root, "e2e/cluster/manifests/s3.yaml"))
	if err != nil {
		return nil, err
	}
	namespace, _, _ := strings.Cut(string(manifest), "\n---\n")
	secret := fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: root, namespace: weir-s3}\n"+
		"stringData: {ROOT_ACCESS_KEY: %q, ROOT_SECRET_KEY: %q}\n", l.s3.access, l.s3.secret)
	for _, m := range []string{namespace, secret, string(manifest)} {
		if err := l.apply(ctx, m); err != nil {
			return nil, err
		}
	}
	// A server of an earlier run has that one's data and credentials.
	if _, err := l.Kubectl(ctx, "-n", "weir-s3", "rollout", "restart", "deployment/s3"); err != nil {
		return nil, err
	}
	if err := l.rollout(ctx, "weir-s3", "s3"); err != nil {
		return nil, err
	}
	if l.s3.outside, stop, err = l.forward(ctx, "weir-s3", "deployment/s3", "7070"); err != nil {
		return nil, err
	}
	for name, value := range l.Credentials() {
		if err := os.Setenv(name, value); err != nil {
			stop()
			return nil, err
		}
	}
	return stop, nil
}

// Credentials is the environment of a user of the S3 server.
func (l *Lab) Credentials() map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": l.s3.access, "AWS_SECRET_ACCESS_KEY": l.s3.secret, "AWS_REGION": "us-east-1"}
}

// Password is the secret part of the credentials: what must be seen nowhere.
func (l *Lab) Password() string { return l.s3.secret }

// Inside is the URL of a folder of the bucket, for pods.
func (l *Lab) Inside(folder string) string {
	return "s3://weir/" + folder + "?endpoint=http://" + s3Inside + "&use_path_style=true&region=us-east-1"
}

// Outside turns a URL for pods into one for this machine.
func (l *Lab) Outside(place string) string {
	place = strings.ReplaceAll(place, s3Inside, l.s3.outside)
	return strings.ReplaceAll(place, url.QueryEscape(s3Inside), url.QueryEscape(l.s3.outside)) // as the status writes it
}

// snapshotLimit is how long a look into a snapshot may take.
const snapshotLimit = time.Minute

// Snapshot runs `weir snapshot`, with the URL of a snapshot as pods know it as the last argument.
func (l *Lab) Snapshot(ctx context.Context, verb, place string) (string, error) {
	return l.command(ctx, snapshotLimit, l.weir, "snapshot", verb, "-o", "json", l.Outside(place))
}
