// Package storagetest holds what tests of storage share: Run, the suite that every scheme passes; StartS3 and LaunchS3, a
// real S3 server on this machine; and Faulty, a bucket whose faults a test commands.
package storagetest
