// Package v1alpha1 holds the types of the API group weir.stream: what a user declares in a manifest, on Kubernetes or for
// `weir run`. They have no behaviour and no defaults of their own; package manifest reads, checks and completes them. Only
// decoding is theirs: no object that is stored, whatever an earlier schema let in, keeps a client from seeing the others.
//
// A field is here only if it does something: it enters the types together with its behaviour. The CRD defaults only
// parallelism; all other defaults are resolved when a revision is made and are stored in it, so that global defaults can
// differ and a new release changes no running job (P8). Therefore optional scalars are pointers: nil is "not said".
//
// +kubebuilder:object:generate=true
// +groupName=weir.stream
package v1alpha1
