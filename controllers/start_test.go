package controllers

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

const keyBytes = "0123456789abcdef0123456789abcdef"

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keySecret(key string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "weir-system", Name: KeySecret},
		Data:       map[string][]byte{"key": []byte(key)},
	}
}

func TestTheFirstOperatorMakesTheKeyAndAllOthersReadIt(t *testing.T) {
	c := fake.NewClientBuilder().WithScheme(scheme(t)).Build()
	first, err := operatorKey(t.Context(), c, "weir-system", strings.NewReader(keyBytes))
	if err != nil || string(first) != keyBytes {
		t.Fatalf("%q, %v", first, err)
	}
	second, err := operatorKey(t.Context(), c, "weir-system", strings.NewReader(strings.Repeat("x", 32)))
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("the second operator has %q, %v", second, err)
	}
}

func TestTwoOperatorsThatStartTogetherHaveOneKey(t *testing.T) {
	other := keySecret(strings.Repeat("o", 32))
	c := fake.NewClientBuilder().WithScheme(scheme(t)).WithInterceptorFuncs(interceptor.Funcs{
		// The other one creates it between our look and our write.
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if err := c.Create(ctx, other.DeepCopy()); err != nil {
				return err
			}
			return c.Create(ctx, obj, opts...)
		},
	}).Build()
	got, err := operatorKey(t.Context(), c, "weir-system", strings.NewReader(keyBytes))
	if err != nil || !bytes.Equal(got, other.Data["key"]) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAKeyThatIsNoneIsRefusedAndNotReplaced(t *testing.T) {
	c := fake.NewClientBuilder().WithScheme(scheme(t)).WithObjects(keySecret("short")).Build()
	if _, err := operatorKey(t.Context(), c, "weir-system", strings.NewReader(keyBytes)); err == nil || !strings.Contains(err.Error(), "has 5 bytes and needs 32") {
		t.Errorf("%v", err)
	}
}

func TestWithoutRandomnessThereIsNoKey(t *testing.T) {
	c := fake.NewClientBuilder().WithScheme(scheme(t)).Build()
	if _, err := operatorKey(t.Context(), c, "weir-system", strings.NewReader("short")); err == nil {
		t.Error("a key was made")
	}
	var list corev1.SecretList
	if err := c.List(t.Context(), &list); err != nil || len(list.Items) > 0 {
		t.Errorf("%v, %v", list.Items, err)
	}
}

// served is a cluster that serves some resources of our group, and after a number of questions all of them.
type served struct {
	names []string
	err   error
	after int // 0: never
	asked int
}

func (s *served) ServerResourcesForGroupVersion(string) (*metav1.APIResourceList, error) {
	s.asked++
	names := s.names
	if s.after > 0 && s.asked > s.after {
		names, s.err = needed, nil
	}
	list := &metav1.APIResourceList{}
	for _, n := range names {
		list.APIResources = append(list.APIResources, metav1.APIResource{Name: n})
	}
	return list, s.err
}

func TestAnOperatorWaitsForItsCRDsAndThenSaysWhatIsMissing(t *testing.T) {
	notFound := apierrors.NewNotFound(schema.GroupResource{}, "v1alpha1")
	for _, c := range []struct {
		name    string
		cluster served
		want    []string // none: it works
	}{
		{"all are there", served{names: needed}, nil},
		{"they come", served{err: notFound, after: 3}, nil},
		{"none is there", served{err: notFound}, []string{"does not serve streamjobs, ", "helm", "CRDs"}},
		{"those of an older release", served{names: needed[:2]}, []string{"does not serve streamjobs/scale, savepoints, savepoints/status of weir.stream/v1alpha1"}},
		{"the cluster does not answer", served{err: errors.New("no route")}, []string{"no route"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := awaitCRDs(t.Context(), &c.cluster)
				if len(c.want) == 0 && err != nil || len(c.want) > 0 && err == nil {
					t.Fatal(err)
				}
				for _, w := range c.want {
					if !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(w)) {
						t.Errorf("%v, want %q", err, w)
					}
				}
			})
		})
	}
}

func TestTheClusterIsTheNamespaceThatEveryClusterHas(t *testing.T) {
	system := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: "c1"}}
	id, err := clusterID(t.Context(), fake.NewClientBuilder().WithScheme(scheme(t)).WithObjects(system).Build())
	if d := cmp.Diff("c1", id); d != "" || err != nil {
		t.Error(d, err)
	}
	if _, err := clusterID(t.Context(), fake.NewClientBuilder().WithScheme(scheme(t)).Build()); err == nil {
		t.Error("a cluster without it has an id")
	}
}
