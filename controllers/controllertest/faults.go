package controllertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// Fault is what happens at an operator's n-th write.
type Fault string

// The faults.
const (
	KillBefore Fault = "the operator is killed before"
	KillAfter  Fault = "the operator is killed after"
	Conflict   Fault = "a conflict at"
	Stale      Fault = "a stale cache after"
)

// AllFaults are what EveryStep tries.
var AllFaults = []Fault{KillBefore, KillAfter, Conflict, Stale}

// errKilled is what a killed operator gets for whatever it still tries.
var errKilled = errors.New("this operator was killed")

// Faults sits between the operators of a world and the API server: it counts, and breaks one write. Writes are those by the
// manager's client, status included; Events and leases are none. Safe for concurrent use.
type Faults struct {
	mu struct {
		sync.Mutex
		writes int
		names  []string // what was written, for people
		fault  Fault
		at     int // of the write that the fault is for; 0: none is left
		stale  map[objectKey]client.Object
		calls  map[string]int // requests to the API server by verb and resource
	}
}

// objectKey is an object of any kind.
type objectKey struct {
	kind schema.GroupKind
	name client.ObjectKey
}

func newFaults() *Faults {
	f := &Faults{}
	f.mu.stale = map[objectKey]client.Object{}
	f.mu.calls = map[string]int{}
	return f
}

// Arm lets a fault happen at the n-th write from now on, counted from 1.
func (f *Faults) Arm(fault Fault, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.fault, f.mu.at, f.mu.writes, f.mu.names = fault, n, 0, nil
}

// Writes returns what was written since Arm, or since the world began, in words.
func (f *Faults) Writes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.mu.names...)
}

// Happened tells whether the fault that was armed has come.
func (f *Faults) Happened() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.fault != "" && f.mu.at == 0
}

// Calls returns how many requests the operators made to the API server, by verb and resource, such as "GET pods". A watch
// counts once.
func (f *Faults) Calls() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.mu.calls)
}

// wrap lets an operator's client pass through here.
func (f *Faults) wrap(life context.Context, kill context.CancelFunc, config *rest.Config, options client.Options) (client.Client, error) {
	c, err := client.NewWithWatch(config, options)
	if err != nil {
		return nil, err
	}
	live, err := client.New(config, client.Options{Scheme: options.Scheme, Mapper: options.Mapper, HTTPClient: options.HTTPClient})
	if err != nil {
		return nil, err
	}
	w := &faultyClient{faults: f, live: live, life: life, kill: kill}
	return interceptor.NewClient(c, w.funcs()), nil
}

// count lets a rest.Config tell its requests.
func (f *Faults) count(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			f.mu.Lock()
			f.mu.calls[callName(r)]++
			f.mu.Unlock()
			return next.RoundTrip(r)
		})
	})
	return config
}

type roundTripper func(*http.Request) (*http.Response, error)

func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// callName is a request's verb and resource: /api/v1/namespaces/x/pods/y and /apis/g/v/namespaces/x/pods/y/status are pods.
func callName(r *http.Request) string {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	skip := 2
	if parts[0] == "apis" {
		skip = 3
	}
	parts = parts[min(skip, len(parts)):]
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	verb := r.Method
	if r.URL.Query().Get("watch") == "true" {
		verb = "WATCH"
	}
	if len(parts) == 0 {
		return verb + " discovery"
	}
	return verb + " " + parts[0]
}

// faultyClient is one operator's client.
type faultyClient struct {
	faults *Faults
	live   client.Client   // past the cache
	life   context.Context // of the operator: once it is over, nothing is written any more
	kill   context.CancelFunc
}

func (w *faultyClient) funcs() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if err := c.Get(ctx, key, o, opts...); err != nil && !apierrors.IsNotFound(err) {
				return err
			} else if served, stale := w.serveStale(key, o); served {
				return stale
			} else {
				return err
			}
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if err := c.List(ctx, list, opts...); err != nil {
				return err
			}
			return w.staleList(list)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return w.write(ctx, "create", o, func() error { return c.Create(ctx, o, opts...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return w.write(ctx, "update", o, func() error { return c.Update(ctx, o, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			return w.write(ctx, "patch", o, func() error { return c.Patch(ctx, o, p, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return w.write(ctx, "delete", o, func() error { return c.Delete(ctx, o, opts...) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return w.write(ctx, "apply", o, func() error { return c.Apply(ctx, o, opts...) })
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			return w.write(ctx, "update "+sub+" of", o, func() error { return c.SubResource(sub).Update(ctx, o, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			return w.write(ctx, "patch "+sub+" of", o, func() error { return c.SubResource(sub).Patch(ctx, o, p, opts...) })
		},
		SubResourceApply: func(ctx context.Context, c client.Client, sub string, o runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
			return w.write(ctx, "apply "+sub+" of", o, func() error { return c.SubResource(sub).Apply(ctx, o, opts...) })
		},
	}
}

// write does one write, with the fault that is meant for it.
func (w *faultyClient) write(ctx context.Context, verb string, o any, do func() error) error {
	if w.life.Err() != nil {
		return errKilled
	}
	key, err := w.keyOf(o)
	if err != nil {
		return err
	}
	f := w.faults
	f.mu.Lock()
	f.mu.writes++
	f.mu.names = append(f.mu.names, fmt.Sprintf("%s %s %s", verb, key.kind.Kind, key.name.Name))
	fault := Fault("")
	if f.mu.at == f.mu.writes {
		fault, f.mu.at = f.mu.fault, 0
	}
	f.mu.Unlock()
	switch fault {
	case KillBefore:
		w.kill()
		return errKilled
	case KillAfter:
		err := do()
		w.kill()
		return errors.Join(errKilled, err)
	case Conflict:
		return apierrors.NewConflict(schema.GroupResource{Group: key.kind.Group, Resource: key.kind.Kind}, key.name.Name,
			errors.New("somebody else was quicker"))
	case Stale:
		before, err := w.current(ctx, key)
		if err != nil {
			return err
		}
		if err := do(); err != nil {
			return err
		}
		f.mu.Lock()
		f.mu.stale[key] = before
		f.mu.Unlock()
		return nil
	}
	return do()
}

// current reads an object past the cache; nil: there is none.
func (w *faultyClient) current(ctx context.Context, key objectKey) (client.Object, error) {
	mapping, err := w.live.RESTMapper().RESTMapping(key.kind)
	if err != nil {
		return nil, err
	}
	made, err := w.live.Scheme().New(mapping.GroupVersionKind)
	if err != nil {
		return nil, err
	}
	o, ok := made.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%T is no object", made)
	}
	if err := w.live.Get(ctx, key.name, o); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return o, nil
}

// keyOf finds out what is written: a client.Object, or an apply configuration, which says it in its JSON.
func (w *faultyClient) keyOf(o any) (objectKey, error) {
	if object, ok := o.(client.Object); ok {
		gvk, err := w.live.GroupVersionKindFor(object)
		return objectKey{kind: gvk.GroupKind(), name: client.ObjectKeyFromObject(object)}, err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return objectKey{}, err
	}
	var said struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return objectKey{}, err
	}
	return objectKey{kind: schema.FromAPIVersionAndKind(said.APIVersion, said.Kind).GroupKind(),
		name: client.ObjectKey{Namespace: said.Metadata.Namespace, Name: said.Metadata.Name}}, nil
}

// take returns the old state of an object if it is to be served; it is served once.
func (f *Faults) take(key objectKey) (old client.Object, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, ok = f.mu.stale[key]
	delete(f.mu.stale, key)
	return old, ok
}

// isNew tells that an object is to be served as it was before it was made.
func (f *Faults) isNew(key objectKey) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, ok := f.mu.stale[key]
	return ok && old == nil
}

// serveStale puts the state before the write into o, if the cache is to lag behind for it. A new object is only missing in
// lists: nobody is told of an object that the cache does not have, so nobody looks for it by its name.
func (w *faultyClient) serveStale(name client.ObjectKey, o client.Object) (served bool, err error) {
	gvk, err := w.live.GroupVersionKindFor(o)
	if err != nil {
		return true, err
	}
	key := objectKey{kind: gvk.GroupKind(), name: name}
	if w.faults.isNew(key) {
		return false, nil
	}
	old, ok := w.faults.take(key)
	if !ok {
		return false, nil
	}
	reflect.ValueOf(o).Elem().Set(reflect.ValueOf(old).Elem())
	return true, nil
}

// staleList is serveStale for a list: the old state in the place of the new one, or nothing.
func (w *faultyClient) staleList(list client.ObjectList) error {
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	var served []runtime.Object
	changed := false
	for _, item := range items {
		o, ok := item.(client.Object)
		if !ok {
			return fmt.Errorf("%T in a list is no object", item)
		}
		gvk, err := w.live.GroupVersionKindFor(o)
		if err != nil {
			return err
		}
		old, stale := w.faults.take(objectKey{kind: gvk.GroupKind(), name: client.ObjectKeyFromObject(o)})
		changed = changed || stale
		switch {
		case !stale:
			served = append(served, o)
		case old != nil:
			served = append(served, old)
		}
	}
	if !changed {
		return nil
	}
	return meta.SetList(list, served)
}
