package resources

import "github.com/weirstream/weir/api/v1alpha1"

// StopFirst tells that an upgrade has no room for a second pod: spec.upgrade.surge is false.
func StopFirst(spec *v1alpha1.StreamJobSpec) bool {
	surge := spec.Upgrade.Surge
	return surge != nil && !*surge
}

// value is what a pointer points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
