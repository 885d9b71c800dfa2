package v1alpha1

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	jsonutil "k8s.io/apimachinery/pkg/util/json"
)

// An object is read from the API server whatever an earlier schema, or none, let into it. A client that lists a kind gets
// all objects or none, so that one that cannot be decoded would hide all others. Therefore decoding fails for no
// value of spec or status: what cannot be read of spec is left out, and UnreadSpec then has spec as it is stored; what cannot
// be read of status is as if it had not been written.

// UnmarshalJSON reads a StreamJob, whatever is in its spec and status. That there was a recovery point is not forgotten if
// it cannot be read: a job that never had one may start empty (P5).
func (j *StreamJob) UnmarshalJSON(text []byte) error {
	*j = StreamJob{}
	unread, lost, err := readObject(text, &j.TypeMeta, &j.ObjectMeta, &j.Spec, &j.Status)
	j.UnreadSpec = unread
	if lost["recoveryPoint"] != nil {
		j.Status.RecoveryPoint = &RecoveryPoint{}
	}
	return err
}

// MarshalJSON writes a StreamJob. A spec that could not be read is written as it was.
func (j StreamJob) MarshalJSON() ([]byte, error) {
	type plain StreamJob
	return writeObject(plain(j), j.UnreadSpec)
}

// SpecProblem says which field of spec cannot be read, and why; nil: all can.
func (j *StreamJob) SpecProblem() error { return problemOf[StreamJobSpec](j.UnreadSpec) }

// UnmarshalJSON reads a Savepoint, whatever is in its spec and status.
func (s *Savepoint) UnmarshalJSON(text []byte) error {
	*s = Savepoint{}
	unread, _, err := readObject(text, &s.TypeMeta, &s.ObjectMeta, &s.Spec, &s.Status)
	s.UnreadSpec = unread
	return err
}

// MarshalJSON writes a Savepoint. A spec that could not be read is written as it was.
func (s Savepoint) MarshalJSON() ([]byte, error) {
	type plain Savepoint
	return writeObject(plain(s), s.UnreadSpec)
}

// SpecProblem says which field of spec cannot be read, and why; nil: all can.
func (s *Savepoint) SpecProblem() error { return problemOf[SavepointSpec](s.UnreadSpec) }

// readObject reads the parts of an object. unread is spec as it is stored, if not all of it could be read; lost says why
// fields of status could not. An error is about what the API server checks of every object, by no schema of ours.
func readObject[Spec, Status any](text []byte, kind *metav1.TypeMeta, meta *metav1.ObjectMeta, spec *Spec, status *Status) (
	unread json.RawMessage, lost unreadFields, err error) {
	var stored struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              json.RawMessage `json:"spec"`
		Status            json.RawMessage `json:"status"`
	}
	if err := jsonutil.Unmarshal(text, &stored); err != nil {
		return nil, nil, err
	}
	*kind, *meta = stored.TypeMeta, stored.ObjectMeta
	if len(readFields(stored.Spec, spec)) > 0 {
		unread = stored.Spec
	}
	return unread, readFields(stored.Status, status), nil
}

// writeObject writes an object, whose spec is unread if there is such a one.
func writeObject(object any, unread json.RawMessage) ([]byte, error) {
	text, err := json.Marshal(object)
	if err != nil || unread == nil {
		return text, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	fields["spec"] = unread
	return json.Marshal(fields)
}

// unreadFields are why fields could not be read, by their names; "" is the object that they should be of.
type unreadFields map[string]error

// readFields reads the fields of an object one by one, if they cannot be read together: one that cannot be read takes no
// other with it.
func readFields[T any](text []byte, into *T) unreadFields {
	if len(text) == 0 {
		return nil
	}
	err := jsonutil.Unmarshal(text, into)
	if err == nil {
		return nil
	}
	*into = *new(T) // it holds what was read before the error, up to half a value
	var fields map[string]json.RawMessage
	if wrong := jsonutil.Unmarshal(text, &fields); wrong != nil {
		return unreadFields{"": wrong}
	}
	unread := unreadFields{}
	for name, value := range fields {
		alone, err := json.Marshal(map[string]json.RawMessage{name: value})
		if err == nil {
			err = jsonutil.Unmarshal(alone, new(T))
		}
		if err == nil {
			err = jsonutil.Unmarshal(alone, into)
		}
		if err != nil {
			unread[name] = err
		}
	}
	if len(unread) == 0 {
		unread[""] = err
	}
	return unread
}

// problemOf says which field of a spec could not be read.
func problemOf[T any](unread json.RawMessage) error {
	fields := readFields(unread, new(T))
	if len(fields) == 0 {
		return nil
	}
	name := slices.Sorted(maps.Keys(fields))[0] // they are mended one by one
	if name == "" {
		return fmt.Errorf("spec cannot be read: %w", fields[name])
	}
	return fmt.Errorf("spec.%s cannot be read: %w", name, fields[name])
}
