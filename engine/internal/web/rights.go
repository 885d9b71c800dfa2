package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/weirstream/weir/engine/rest"
)

// bearer is who a request comes from.
type bearer int

const (
	nobody bearer = iota
	user
	operator
)

// tokens are the hashes of what requests may bear.
type tokens struct {
	user, operator [sha256.Size]byte
	hasOperator    bool
}

func newTokens(o Options) tokens {
	t := tokens{user: sha256.Sum256([]byte(o.Token)), hasOperator: o.OperatorTokenHash != nil}
	copy(t.operator[:], o.OperatorTokenHash)
	return t
}

// bearer compares hashes, and all of them, so that the time tells nothing of a token, not even its length.
func (t tokens) bearer(r *http.Request) bearer {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(token))
	isUser := subtle.ConstantTimeCompare(sum[:], t.user[:]) == 1
	isOperator := subtle.ConstantTimeCompare(sum[:], t.operator[:]) == 1 && t.hasOperator
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return nobody
	case isOperator:
		return operator
	case isUser:
		return user
	}
	return nobody
}

// What users may not ask for where there is an operator: it would undo what it did not decide.
var (
	reservedStop = &rest.Error{Code: rest.Conflict, Message: "this job is stopped through the operator",
		Remedy: "create a Savepoint with mode: Stop (or Drain), or set spec.desiredState: Suspended in the StreamJob"}
	reservedCancel = &rest.Error{Code: rest.Conflict, Message: "this job is ended through the operator",
		Remedy: "delete the StreamJob, or set spec.desiredState: Suspended in it to keep it for later"}
	reservedActivate = &rest.Error{Code: rest.Conflict, Message: "this job is activated by the operator",
		Remedy: "set spec.desiredState: Running in the StreamJob; its conditions say what the operator waits for"}
)

// permit is the serve of a route for those who may ask for it. It decides before the body is read.
func (s *Server) permit(r route) serve {
	if r.reserved == nil || !s.tokens.hasOperator {
		return r.serve
	}
	return func(w http.ResponseWriter, q *http.Request) (int, any, error) {
		if s.tokens.bearer(q) != operator {
			return 0, nil, r.reserved
		}
		return r.serve(w, q)
	}
}

// activate begins an attempt. A job without an operator began its own when it was started.
func (s *Server) activate() serve {
	if !s.tokens.hasOperator {
		return func(http.ResponseWriter, *http.Request) (int, any, error) {
			return 0, nil, &rest.Error{Code: rest.Conflict, Message: "this job was activated by its own start",
				Remedy: "to run it again, start it again"}
		}
	}
	return begin[rest.ActivateRequest](s.controller, decodeFromLater)
}
