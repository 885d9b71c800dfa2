package controllertest

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Recording is every version of some objects that the API server told about, in order: for what must hold at all times,
// not only at the end.
type Recording struct {
	mu       sync.Mutex
	versions map[string][]client.Object // by name; guarded by mu
}

// Record keeps all versions of the objects of a kind in this world, from now until the test ends; list says of which kind.
func (w *World) Record(list client.ObjectList) *Recording {
	w.t.Helper()
	r := &Recording{versions: map[string][]client.Object{}}
	watcher, err := w.Client.Watch(w.ctx, list, client.InNamespace(w.Namespace))
	if err != nil {
		w.t.Fatalf("record: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range watcher.ResultChan() {
			if o, ok := event.Object.(client.Object); ok && event.Type != watch.Bookmark {
				r.mu.Lock()
				r.versions[o.GetName()] = append(r.versions[o.GetName()], o)
				r.mu.Unlock()
			}
		}
	}()
	w.t.Cleanup(func() {
		watcher.Stop()
		<-done
	})
	return r
}

// Versions are those of one object, oldest first; the last one may be what it was when it was deleted.
func (r *Recording) Versions(name string) []client.Object {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.versions[name])
}
