package coordinators

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weirstream/weir/engine/rest"
)

var key = bytes.Repeat([]byte("k"), minKey)

func podAt(ip string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "flights-0"}, Status: corev1.PodStatus{PodIP: ip}}
}

func newDirectory(t *testing.T) *Directory {
	t.Helper()
	d, err := NewDirectory(key)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAShortKeyIsRefused(t *testing.T) {
	if _, err := NewDirectory(key[1:]); err == nil {
		t.Error("a key of 31 bytes was taken")
	}
}

func TestAPodWithoutAddressCannotBeAsked(t *testing.T) {
	if _, err := newDirectory(t).client(podAt(""), "a"); !errors.Is(err, ErrNoAddress) {
		t.Errorf("error: %v", err)
	}
}

func TestAClientIsKeptForOneJobAtOneAddress(t *testing.T) {
	d := newDirectory(t)
	client := func(ip string, uid types.UID) *rest.Client {
		c, err := d.client(podAt(ip), uid)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := client("127.0.0.2", "a")
	if client("127.0.0.2", "a") != first {
		t.Error("the same pod got another client")
	}
	if client("127.0.0.2", "b") == first {
		t.Error("another job that got the address gets the client, and with it the token, of the first")
	}
	if client("127.0.0.3", "a") == first {
		t.Error("another pod of the job got the client of the first")
	}
	if got, want := client("fd00::1", "a").Base(), "https://[fd00::1]:8443"; got != want {
		t.Errorf("base is %s, want %s", got, want)
	}
}

func TestTheNumberOfClientsIsBounded(t *testing.T) {
	d := newDirectory(t)
	for i := range capacity + 10 {
		if _, err := d.client(podAt("127.0.0.2"), types.UID(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.mu.recent.Len(); n != capacity || n != len(d.mu.entries) {
		t.Errorf("%d clients are kept, %d can be found", n, len(d.mu.entries))
	}
	if _, kept := d.mu.entries[entryKey{jobUID: "0", address: "127.0.0.2:8443"}]; kept {
		t.Error("the client that was used first was kept")
	}
}
