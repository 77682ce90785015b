package core

import (
	"net/http"
	"strconv"
)

// Answer is a response that is sent instead of the handler's. Adapters write it
// as it is, except that they omit "Connection: close" on HTTP/2. The Answer
// that [Delivery.Answer] returns is read-only.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Header holds the headers to set, under canonical keys.
	Header http.Header
	// Body may be empty.
	Body []byte
}

// RedeliveryHeader is the response header that marks the acknowledgement of a
// redelivery. Its value is "acknowledged".
const RedeliveryHeader = "Webhook-Redelivery"

// retryAfter is in seconds. It is short, because most handlers finish within
// that time.
const retryAfter = "5"

// kind returns the class of a reason, which the sender sees, and the status.
// All reasons that depend on a secret share one class. Only the observer gets
// the exact reason.
func (r Reason) kind() (string, int) {
	switch r {
	case ErrMalformed, ErrMissingHeader:
		return "malformed", http.StatusBadRequest
	case ErrOutsideWindow, ErrUnknownSource, ErrNoMatch:
		return "unauthenticated", http.StatusUnauthorized
	case ErrBodyTooLarge:
		return "too-large", http.StatusRequestEntityTooLarge
	case ErrBodyTooSlow:
		return "too-slow", http.StatusRequestTimeout
	case ErrReplay:
		return "replay", http.StatusConflict
	case ErrInFlight:
		return "in-flight", http.StatusServiceUnavailable
	case ErrKeysUnavailable, ErrStoreUnavailable, ErrStoreFull, ErrColdStart, ErrRepeated, ErrIDReused:
		return "unavailable", http.StatusServiceUnavailable
	default: // also ErrBodyConsumed, ErrMisconfigured
		return "misconfigured", http.StatusInternalServerError
	}
}

// Answer returns the response for the sender. It is either the acknowledgement
// of a message that was handled before, or RFC 9457 problem details. The
// details name only a broad class, such as "unauthenticated", not the exact
// reason. The caller owns the Answer.
func (e *Error) Answer() *Answer {
	if e.status != 0 {
		return &Answer{Status: e.status, Header: http.Header{RedeliveryHeader: {"acknowledged"}}}
	}
	kind, status := e.Reason.kind()
	a := &Answer{Status: status, Header: http.Header{
		"Content-Type":           {"application/problem+json"},
		"X-Content-Type-Options": {"nosniff"},
		"Cache-Control":          {"no-store"},
	}}
	switch status {
	case http.StatusServiceUnavailable:
		a.Header["Retry-After"] = []string{retryAfter}
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		a.Header["Connection"] = []string{"close"}
	}
	a.Body = append(make([]byte, 0, 96), `{"type":"urn:hookonce:`...)
	a.Body = append(a.Body, kind...)
	a.Body = append(a.Body, `","title":"`...)
	a.Body = append(a.Body, http.StatusText(status)...)
	a.Body = append(a.Body, `","status":`...)
	a.Body = strconv.AppendInt(a.Body, int64(status), 10)
	a.Body = append(a.Body, '}', '\n')
	return a
}

// Acknowledges reports whether the response repeats the success of an earlier
// attempt. Such a response is not a refusal, and a custom response must not
// turn it into one.
func (e *Error) Acknowledges() bool { return e.status != 0 }
