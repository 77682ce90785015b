package core

import (
	"errors"
	"strings"
)

// Reason names an outcome. The set of reasons is closed, and errors, logs,
// metrics and documentation share it.
//
// Every Reason is also a sentinel error: errors.Is(err, core.ErrReplay) is true
// for every error of this module with that reason. A store reports
// [ErrStoreFull], and a key source [ErrUnknownSource], by returning an error
// that wraps it.
type Reason string

// These reasons say why an attempt was not admitted.
const (
	// ErrMalformed: a header or the body does not have the form that the scheme
	// prescribes.
	ErrMalformed Reason = "malformed"
	// ErrMissingHeader: a header that the scheme needs is absent.
	ErrMissingHeader Reason = "missing-header"
	// ErrOutsideWindow: the timestamp is further from now than [Config.Past] or
	// [Config.Future] allows, or the signature has expired.
	ErrOutsideWindow Reason = "outside-window"
	// ErrUnknownSource: the key source has no tenant or endpoint for the
	// request. A [KeySource] returns it.
	ErrUnknownSource Reason = "unknown-source"
	// ErrNoMatch: no signature in the request is valid for its content under
	// any configured key.
	ErrNoMatch Reason = "no-match"
	// ErrBodyTooLarge: the body exceeds [Config.MaxBody], or a smaller limit
	// upstream of the middleware.
	ErrBodyTooLarge Reason = "body-too-large"
	// ErrBodyTooSlow: the body did not arrive within [Config.BodyTimeout], or a
	// shorter timeout of the server.
	ErrBodyTooSlow Reason = "body-too-slow"
	// ErrBodyConsumed: an upstream middleware read or changed the body, so the
	// body cannot be verified.
	ErrBodyConsumed Reason = "body-consumed"
	// ErrMisconfigured: the program is misconfigured, or the message was
	// handled at another address of the same [Verifier]. The error says what to
	// change.
	ErrMisconfigured Reason = "misconfigured"
	// ErrKeysUnavailable: the key source failed or exceeded
	// [Config.KeyTimeout], or a key could not check the signature.
	ErrKeysUnavailable Reason = "keys-unavailable"
	// ErrStoreUnavailable: the seen-id store failed or exceeded
	// [Config.StoreTimeout].
	ErrStoreUnavailable Reason = "store-unavailable"
	// ErrStoreFull: the seen-id store has no capacity for another id. A
	// [SeenStore] returns it.
	ErrStoreFull Reason = "store-full"
	// ErrColdStart: the attempt's timestamp is earlier than the time from which
	// the store has all records.
	ErrColdStart Reason = "cold-start"
	// ErrReplay: the message was handled, and this attempt is not newer than an
	// earlier one. A copy of the newest attempt is refused; an older attempt is
	// acknowledged. If attempts have no timestamp of their own, see
	// [ErrRedelivery]. If the sender uses the content of the response and
	// [Config.Repeats] does not apply, redeliveries are also refused with
	// ErrReplay, because the earlier response was not kept.
	ErrReplay Reason = "replay"
	// ErrRedelivery: the message was handled, and this is a later attempt. If
	// attempts have no timestamp of their own, it may also be a replay. The
	// attempt is acknowledged.
	ErrRedelivery Reason = "redelivery"
	// ErrRepeated: the same signed content arrived more times than
	// [Config.Repeats] allows, usually under other unsigned ids. If each
	// attempt has its own timestamp, no second id is allowed. ErrRepeated is
	// also returned if the content was handled before and nothing in the
	// request shows whether it is the same event.
	ErrRepeated Reason = "repeated"
	// ErrIDReused: a message with this signed id was handled, but its signed
	// content was different.
	ErrIDReused Reason = "id-reused"
	// ErrInFlight: the handler is running for another attempt of the message,
	// or the outcome of that attempt is unknown. Or the handler failed and
	// [Config.Reruns] is used up. Then only an attempt with a newer timestamp
	// is handled.
	ErrInFlight Reason = "in-flight"
)

// These reasons say how an admitted attempt ended.
const (
	// Handled: the message was handled, and that was recorded if the scheme
	// identifies messages. Handshakes and challenges also have this reason.
	// [Event].Err is nil only for Handled.
	Handled Reason = "handled"
	// ErrHandlerFailed: the handler failed, so it may run again for the
	// sender's next attempt. The claim is released or, if the store fails, ends
	// with its lease.
	ErrHandlerFailed Reason = "handler-failed"
	// ErrClaimLost: another attempt took over the message. The handler overran
	// [Config.Lease], its lease could not be renewed, or the store lost the
	// claim.
	ErrClaimLost Reason = "claim-lost"
	// ErrCommitFailed: the handler succeeded but the store could not record it
	// within [Config.StoreTimeout]. The verifier keeps trying until
	// [Config.Lease] ends. If that fails, the handler runs again for a later
	// attempt.
	ErrCommitFailed Reason = "commit-failed"
)

// Error implements error, so a Reason can be the target of errors.Is.
func (r Reason) Error() string { return string(r) }

// Error is the type of every refusal in this package. This package puts no
// secret, computed MAC or body in it. Errors from your key source or store are
// wrapped as they are.
type Error struct {
	// Reason names what happened.
	Reason Reason
	// Detail says where it happened and what to do, for the person who reads
	// the log. [Error.Answer] does not contain it.
	Detail string
	// Err is the cause, or nil if there is none.
	Err error

	status int // status of the acknowledgement, or zero if there is none
}

// Error returns the reason, the detail and the cause. The error of [New] has
// one line for each mistake.
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
// unchanged: the innermost Error is the most specific.
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
