package core

import (
	"errors"
	"strings"
)

// Reason is one word of the closed set that responses, logs, metrics and
// documents share.
//
// Every Reason is also a sentinel error: errors.Is(err, core.ErrReplay) is true
// for every error of this module with that reason. A store or key source
// reports a reason by wrapping it.
type Reason string

// Why an attempt was refused.
const (
	// ErrMalformed: a header or the body does not have the form that the scheme
	// prescribes.
	ErrMalformed Reason = "malformed"
	// ErrMissingHeader: a header that the scheme needs is absent.
	ErrMissingHeader Reason = "missing-header"
	// ErrOutsideWindow: the timestamp is further from now than [Config.Past] or
	// [Config.Future] allow.
	ErrOutsideWindow Reason = "outside-window"
	// ErrUnknownSource: the key source knows no tenant or endpoint for the
	// request. A [KeySource] returns it.
	ErrUnknownSource Reason = "unknown-source"
	// ErrNoMatch: no presented signature verifies these bytes under a
	// configured key.
	ErrNoMatch Reason = "no-match"
	// ErrBodyTooLarge: the body exceeds [Config.MaxBody] or a smaller limit
	// upstream of us.
	ErrBodyTooLarge Reason = "body-too-large"
	// ErrBodyTooSlow: the body did not arrive within [Config.BodyTimeout].
	ErrBodyTooSlow Reason = "body-too-slow"
	// ErrBodyConsumed: a middleware upstream of us read or changed the body, so
	// it cannot be verified.
	ErrBodyConsumed Reason = "body-consumed"
	// ErrMisconfigured: the program is set up wrongly; the error says what to
	// change.
	ErrMisconfigured Reason = "misconfigured"
	// ErrKeysUnavailable: the key source failed or exceeded
	// [Config.KeyTimeout].
	ErrKeysUnavailable Reason = "keys-unavailable"
	// ErrStoreUnavailable: the seen-id store failed or exceeded
	// [Config.StoreTimeout].
	ErrStoreUnavailable Reason = "store-unavailable"
	// ErrStoreFull: the seen-id store has no room for another id. A [SeenStore]
	// returns it.
	ErrStoreFull Reason = "store-full"
	// ErrColdStart: the attempt was signed before the store began its records.
	ErrColdStart Reason = "cold-start"
	// ErrReplay: the message was handled, and this attempt is not newer than an
	// earlier one.
	ErrReplay Reason = "replay"
	// ErrRedelivery: the message was handled, and this is a later attempt of
	// the sender. It is acknowledged.
	ErrRedelivery Reason = "redelivery"
	// ErrRepeated: the signed content was handled before under another unsigned
	// id, more often than [Config.Repeats] allows. Or it had no such id, and
	// this may be another event.
	ErrRepeated Reason = "repeated"
	// ErrIDReused: a message with this signed id was handled, but its signed
	// content was different.
	ErrIDReused Reason = "id-reused"
	// ErrInFlight: another attempt of the message is being handled, or its
	// outcome is unknown.
	ErrInFlight Reason = "in-flight"
)

// How an admitted attempt ended.
const (
	// Handled: the handler succeeded and the store recorded it. It is the only
	// Reason without an error.
	Handled Reason = "handled"
	// ErrHandlerFailed: the handler failed; the claim was released, so the
	// sender's retry runs it again.
	ErrHandlerFailed Reason = "handler-failed"
	// ErrClaimLost: the handler overran its lease and another attempt took the
	// message over.
	ErrClaimLost Reason = "claim-lost"
	// ErrCommitFailed: the handler succeeded but the store could not record it
	// within [Config.StoreTimeout]. The verifier keeps trying until the lease
	// ends. If that fails, a retry runs the message again.
	ErrCommitFailed Reason = "commit-failed"
)

// Error implements error, so that a Reason is a target of errors.Is.
func (r Reason) Error() string { return string(r) }

// Error is the type of every refusal in this package. It never contains a
// secret, a computed MAC or the body.
type Error struct {
	// Reason is the word for what happened.
	Reason Reason
	// Detail says where it happened and what to do, for the person who reads
	// the log. The sender never gets it.
	Detail string
	// Err is the cause, nil if there is none.
	Err error

	status int // status of the acknowledgement, zero if there is none
}

// Error returns reason, detail and cause on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("hookonce: ")
	b.WriteString(string(e.Reason))
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Is reports whether target is the Reason of e.
func (e *Error) Is(target error) bool {
	r, ok := target.(Reason)
	return ok && r == e.Reason
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// refuse returns an Error. A cause that is already an Error is returned
// unchanged: the innermost one is the most specific.
func refuse(reason Reason, detail string, cause error) *Error {
	if cause == nil {
		return &Error{Reason: reason, Detail: detail}
	}
	return because(reason, detail, cause)
}

// because is a separate function, so most refusals need little stack. A growing
// stack is the largest cost of an attacker's connection.
func because(reason Reason, detail string, cause error) *Error {
	if e, ok := asError(cause); ok {
		return e
	}
	for _, r := range [...]Reason{ErrMissingHeader, ErrNoMatch, ErrStoreFull, ErrBodyTooLarge, ErrBodyTooSlow, ErrBodyConsumed, ErrMisconfigured} {
		if errors.Is(cause, r) {
			reason = r
		}
	}
	return &Error{Reason: reason, Detail: detail, Err: cause}
}

func asError(err error) (*Error, bool) {
	if err == nil {
		return nil, false // the common case, without errors.As, which allocates its target
	}
	if e, ok := err.(*Error); ok { //nolint:errorlint // the next most common: spares the search, and its stack
		return e, true
	}
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}
