package rest

import "net/http"

// Code is the class of an Error.
type Code string

// The codes, each with its HTTP status.
const (
	BadRequest       Code = "BadRequest"       // 400
	Unauthorized     Code = "Unauthorized"     // 401: no token, or a wrong one
	Forbidden        Code = "Forbidden"        // 403: not by this name of the server
	NotFound         Code = "NotFound"         // 404
	MethodNotAllowed Code = "MethodNotAllowed" // 405
	Conflict         Code = "Conflict"         // 409: the id was used for another request, or the job is in no state for it
	TooLarge         Code = "TooLarge"         // 413
	UnsupportedMedia Code = "UnsupportedMedia" // 415
	Internal         Code = "Internal"         // 500
	Unavailable      Code = "Unavailable"      // 503: not yet, or not any more
)

var statuses = map[Code]int{
	BadRequest:       http.StatusBadRequest,
	Unauthorized:     http.StatusUnauthorized,
	Forbidden:        http.StatusForbidden,
	NotFound:         http.StatusNotFound,
	MethodNotAllowed: http.StatusMethodNotAllowed,
	Conflict:         http.StatusConflict,
	TooLarge:         http.StatusRequestEntityTooLarge,
	UnsupportedMedia: http.StatusUnsupportedMediaType,
	Internal:         http.StatusInternalServerError,
	Unavailable:      http.StatusServiceUnavailable,
}

// HTTPStatus returns the status that an answer with this code has.
func (c Code) HTTPStatus() int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// codeOf is the code of an answer that has none: it came from something between client and coordinator.
func codeOf(status int) Code {
	for c, s := range statuses {
		if s == status {
			return c
		}
	}
	return Internal
}

// Error is why a request failed, as the coordinator says it.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// Remedy says what the user can do; empty: nothing to add.
	Remedy string `json:"remedy,omitempty"`
}

// Error reads "message; remedy".
func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Message
	}
	return e.Message + "; " + e.Remedy
}

// ErrorBody is the body of an answer that failed.
type ErrorBody struct {
	Error *Error `json:"error"`
}
