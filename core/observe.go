package core

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net/http"
	"time"
)

// Event is the outcome of one attempt, for [Config.Observe]. This package puts
// no secret, MAC or body in it. Err may wrap an error of your key source or
// store. Unknown fields are zero.
type Event struct {
	// Reason is the value to use in logs and metrics. It is Outcome if that is
	// not empty, [Handled] for a handshake, or else the reason why the attempt
	// was not admitted. Err explains Reason and is nil for [Handled].
	Reason Reason
	Err    error
	// Verified reports whether the signature is valid. If it is false, anyone
	// may have sent the request, and MessageID and Timestamp are unverified
	// claims.
	Verified bool
	// Outcome is how the handling of an admitted message ended: [Handled],
	// [ErrHandlerFailed], [ErrClaimLost] or [ErrCommitFailed]. It is empty for
	// an attempt that was refused or acknowledged, and for a handshake.
	Outcome Reason
	// Method and Path are the request's method and decoded path, each cut off
	// after 256 bytes.
	Method, Path string
	// Scheme, Source and KeyID name the scheme, the source of the keys and the
	// key that matched. KeyID shows when a rotation is finished.
	Scheme, Source, KeyID string
	// MessageID, Timestamp and Generation are as in [Message], as far as they
	// are known.
	MessageID  string
	Timestamp  time.Time
	Generation uint32
	// Key names the record of a verified message whose id is not signed, for
	// [Verifier.ForgetKey]. With [ErrRepeated] it may name the count of the
	// content instead. It is zero for other messages, and if the store was not
	// called.
	Key Key
	// Repeats is how many messages with the same signed content were admitted
	// before. See [Message.Repeats].
	Repeats uint32
	// Status is the status of the handler, or of this package's response if the
	// handler does not run. It does not show what a Deny function or an
	// upstream middleware responds. It is zero if the handler panicked,
	// returned an error or hijacked the connection before it wrote a status,
	// and in report-only mode for an attempt that was not admitted.
	Status int
	// BodyBytes is the size of the part of the body that was read.
	BodyBytes int
	// Handshake reports whether the request was a handshake or challenge. The
	// endpoint responded with Status, except in report-only mode, where the
	// handler runs instead. Reason is [Handled] and Outcome is empty, although
	// no message was admitted.
	Handshake bool
	// ReportOnly says that the handler runs even if the attempt is not
	// admitted. See [Config.DangerouslyReportOnly].
	ReportOnly bool
	// Keys, Body, Check, Store and Handler hold the duration of each step: the
	// key lookup, the wait for the body, the signature check, the store and the
	// handler. Store is the time to claim the message and to record its
	// outcome. It includes [Facts].Challenge, unless Challenge returns a
	// response. [Commit] is part of Handler.
	Keys, Body, Check, Store, Handler time.Duration
	// Claim is the part of Store before the handler ran. The rest is the time
	// to record the outcome.
	Claim time.Duration
}

// watch collects an Event for the observer.
type watch struct {
	ctx   context.Context //nolint:containedctx // the request's context without its cancellation
	event Event
	took  [parts]time.Duration
	since time.Time // the end of the last lap
}

// part is one of the durations in an Event.
type part uint8

const (
	waiting part = iota // includes all time that is not reported
	lookingUp
	reading
	checking
	claiming
	handling
	settling
	parts
)

// lap adds the real time since the last lap to part p. Without an observer it
// does nothing.
func (w *watch) lap(p part) {
	if w != nil {
		now := time.Now() //nolint:forbidigo // the configured clock may be set back
		w.took[p] += now.Sub(w.since)
		w.since = now
	}
}

// tell calls the observer.
func (d *Delivery) tell() {
	e, took := &d.watch.event, &d.watch.took
	e.Keys, e.Body, e.Check, e.Claim, e.Handler = took[lookingUp], took[reading], took[checking], took[claiming], took[handling]
	e.Store = e.Claim + took[settling]
	d.v.cfg.Observe(d.watch.ctx, *e)
}

// observeAdmission reports an attempt that was not admitted. An admitted
// attempt is reported when it is settled.
func (d *Delivery) observeAdmission(r *Request, a *Attempt) {
	if d.watch == nil {
		return
	}
	e := &d.watch.event
	e.Method, e.Path = clip(r.Method), clip(r.Path())
	e.Scheme, e.Source, e.KeyID = d.v.name, d.message.Source, d.message.KeyID
	e.BodyBytes, e.Verified = len(r.Body), d.verified()
	// An unverified id must not make a log line long, or invalid as JSON.
	if checkID("", a.ID) == nil {
		e.MessageID = a.ID
	}
	if !a.IDSigned {
		e.Key = d.claim.key
	}
	e.Repeats = d.message.Repeats
	if a.Timestamp.Year() <= 9999 {
		e.Timestamp = a.Timestamp
	}
	e.Generation = d.message.Generation
	e.ReportOnly = d.v.cfg.DangerouslyReportOnly
	switch {
	case d.err != nil:
		e.Reason, e.Err = d.err.Reason, d.err
		if !e.ReportOnly {
			e.Status = d.answer.Status
		}
	case d.answer != nil: // response to a challenge or handshake
		e.Reason, e.Handshake = Handled, true
		if !e.ReportOnly {
			e.Status = d.answer.Status
		}
	default:
		return
	}
	d.tell()
}

// clip bounds the length of request parts that are copied into an event.
func clip(s string) string {
	const most = 256
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// SlogObserver returns an observer that logs every event to l. Handled messages
// are logged at level debug. Redeliveries ([ErrRedelivery]), attempts in
// flight, successful handshakes and cold starts are logged at level info.
// Conditions that need an operator are logged at level error: misconfiguration,
// a body read by other code, outages, full stores, lost claims, failed commits,
// reused ids and repeated content. All other events are logged at level warn:
// failed handlers, refused handshakes, acknowledged older attempts
// ([ErrReplay]) and the remaining refusals. An event with Repeats above zero is
// logged at level warn or higher.
func SlogObserver(l *slog.Logger) func(context.Context, Event) {
	return func(ctx context.Context, e Event) {
		level := e.Reason.level()
		if e.Repeats > 0 {
			level = max(level, slog.LevelWarn)
		}
		switch {
		case e.Handshake && e.Status >= http.StatusBadRequest:
			level = max(level, slog.LevelWarn)
		case e.Handshake:
			level = max(level, slog.LevelInfo)
		}
		if !l.Enabled(ctx, level) {
			return
		}
		attrs := make([]slog.Attr, 0, 20)
		attrs = append(attrs, slog.String("reason", string(e.Reason)), slog.String("method", e.Method), slog.String("path", e.Path),
			slog.String("scheme", e.Scheme), slog.Int("status", e.Status), slog.Int("body_bytes", e.BodyBytes))
		for _, a := range []slog.Attr{
			slog.String("source", e.Source), slog.String("key_id", e.KeyID), slog.String("message_id", e.MessageID),
		} {
			if a.Value.String() != "" {
				attrs = append(attrs, a)
			}
		}
		if !e.Timestamp.IsZero() {
			attrs = append(attrs, slog.Time("timestamp", e.Timestamp))
		}
		if e.Key != (Key{}) {
			attrs = append(attrs, slog.String("key", hex.EncodeToString(e.Key[:])))
		}
		if e.Repeats > 0 {
			attrs = append(attrs, slog.Uint64("repeats", uint64(e.Repeats)), slog.String("note", "the handler ran before for the same signed content: "+
				"the sender repeats itself, or somebody captured a request. Config.Repeats limits the number of runs"))
		}
		if e.Handshake {
			attrs = append(attrs, slog.Bool("handshake", true))
		}
		if e.ReportOnly {
			attrs = append(attrs, slog.Bool("report_only", true))
		}
		for _, d := range []struct {
			name string
			took time.Duration
		}{{"keys", e.Keys}, {"body", e.Body}, {"check", e.Check}, {"store", e.Store}, {"claim", e.Claim}, {"handler", e.Handler}} {
			if d.took > 0 {
				attrs = append(attrs, slog.Duration(d.name, d.took))
			}
		}
		if e.Err != nil {
			attrs = append(attrs, slog.String("error", e.Err.Error()))
		}
		text := "webhook " + string(e.Reason)
		if e.Handshake {
			text = "webhook handshake"
		}
		l.LogAttrs(ctx, level, text, attrs...)
	}
}

func (r Reason) level() slog.Level {
	switch r {
	case Handled:
		return slog.LevelDebug
	case ErrRedelivery, ErrInFlight, ErrColdStart:
		return slog.LevelInfo
	case ErrMisconfigured, ErrBodyConsumed, ErrKeysUnavailable, ErrStoreUnavailable, ErrStoreFull, ErrClaimLost, ErrCommitFailed,
		ErrRepeated, ErrIDReused:
		return slog.LevelError
	default:
		return slog.LevelWarn
	}
}
