package core

import (
	"context"
	"log/slog"
	"time"
)

// Event tells [Config.Observe] what became of one attempt. It never holds a secret, a MAC or the body. What is not
// known is zero. When the signature did not hold, MessageID and Timestamp are what the sender claims.
type Event struct {
	// Reason is the verdict or outcome; Err explains it and is nil for [Handled].
	Reason Reason
	Err    error
	// Method and Path are the request's.
	Method, Path string
	// Scheme, Source and KeyID say which scheme, whose keys and which of them. KeyID shows when a rotation is finished.
	Scheme, Source, KeyID string
	// MessageID, Timestamp and Generation identify message and attempt.
	MessageID  string
	Timestamp  time.Time
	Generation uint32
	// Status is what the sender is answered; zero if the handler has not answered by a status (a panic, a hijack).
	Status int
	// BodyBytes is the size of the body as far as it was read.
	BodyBytes int
	// ReportOnly says that the handler ran whatever the verdict, see [Config.DangerouslyReportOnly].
	ReportOnly bool
	// Keys, Body, Check, Store and Handler are how long each part took: looking up keys, waiting for the body, checking
	// the signature, all visits to the store, and the handler.
	Keys, Body, Check, Store, Handler time.Duration
}

// SlogObserver logs every event to l: handled messages at level debug, redeliveries and attempts in flight at info,
// refusals at warn, and what needs somebody at error (misconfiguration, an outage, a lost claim or commit).
func SlogObserver(l *slog.Logger) func(context.Context, Event) {
	return func(ctx context.Context, e Event) {
		level := e.Reason.level()
		if !l.Enabled(ctx, level) {
			return
		}
		attrs := make([]slog.Attr, 0, 16)
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
		if e.ReportOnly {
			attrs = append(attrs, slog.Bool("report_only", true))
		}
		for _, d := range []struct {
			name string
			took time.Duration
		}{{"keys", e.Keys}, {"body", e.Body}, {"check", e.Check}, {"store", e.Store}, {"handler", e.Handler}} {
			if d.took > 0 {
				attrs = append(attrs, slog.Duration(d.name, d.took))
			}
		}
		if e.Err != nil {
			attrs = append(attrs, slog.String("error", e.Err.Error()))
		}
		l.LogAttrs(ctx, level, "webhook "+string(e.Reason), attrs...)
	}
}

func (r Reason) level() slog.Level {
	switch r {
	case Handled:
		return slog.LevelDebug
	case ErrRedelivery, ErrInFlight, ErrColdStart:
		return slog.LevelInfo
	case ErrMisconfigured, ErrBodyConsumed, ErrKeysUnavailable, ErrStoreUnavailable, ErrStoreFull, ErrClaimLost, ErrCommitFailed:
		return slog.LevelError
	default:
		return slog.LevelWarn
	}
}
