package core

import (
	"context"
	"errors"
	"net/http"
)

// Commit records in s that the message of the running handler was handled. s is
// the verifier's store, bound to the handler's database transaction. The
// message's effect and its record then become durable together or not at all.
// Even if the process dies, the effect then happens exactly once, provided that
// the sender retries until it gets a 2xx response.
//
//	tx, err := db.BeginTx(ctx, nil)
//	... // the effect
//	if err := core.Commit(ctx, store.Tx(tx)); err != nil {
//		return err // roll back, and respond 5xx: the sender retries
//	}
//	return tx.Commit()
//
// In SQLite the transaction blocks all other writers, including the renewals of
// the claim. If it stays open for writing for more than 5 seconds, the
// handler's context may be cancelled.
//
// In every framework, ctx is the request's context or one derived from it.
// Commit locks the message's record until the transaction ends, so call it
// last. It takes at most [Config.StoreTimeout], ends when ctx ends, and is not
// retried.
//
// After any error, roll the transaction back. The error is an [*Error]. It
// wraps [ErrClaimLost] if another attempt took over the message: the handler
// overran [Config.Lease], its lease could not be renewed, or the store lost the
// claim. It wraps [ErrStoreUnavailable] or [ErrStoreFull] if the store failed.
// It wraps [ErrMisconfigured] if s is nil, if ctx does not belong to an
// admitted request, or if the scheme does not identify messages.
//
// Once the transaction commits, the message counts as handled, whatever status
// the handler returns. Redeliveries are then acknowledged with 200, not with
// the handler's status. If the transaction is rolled back, the handler's status
// decides the outcome as usual. Commit must not be called by more than one
// goroutine of a handler at once. In report-only mode Commit returns nil for an
// attempt that was not admitted, and records nothing.
func Commit(ctx context.Context, s SeenStore) error {
	d := deliveryOf(ctx)
	switch {
	case isNil(s):
		return refuse(ErrMisconfigured, "core.Commit got no store: pass the verifier's store, bound to the transaction, as in store.Tx(tx)", nil)
	case d != nil && d.message.Replayable:
		return refuse(ErrMisconfigured, "core.Commit: the scheme "+d.message.Scheme+" does not identify messages, so there is nothing to record as "+
			"handled", nil)
	case d != nil && d.admitted:
		return d.v.claims.commitIn(ctx, s, &d.claim)
	case d != nil && d.v.cfg.DangerouslyReportOnly:
		return nil
	default:
		return refuse(ErrMisconfigured, "core.Commit: ctx does not belong to a request that this module's middleware admitted. Pass the request's "+
			"context: r.Context() (net/http), c.Request.Context() (gin), c.Request().Context() (echo), c.UserContext() (fiber v2) or c.Context() (fiber v3)", nil)
	}
}

// commitIn records the success of a handler in the handler's own transaction.
// It does not retry: after an error, a transaction may accept no further
// statements.
func (c *claims) commitIn(ctx context.Context, s SeenStore, cl *claim) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	now := c.clock.now().milli()
	next := c.protocol.commit(cl.rec, http.StatusOK, now)
	err := c.settleOnce(ctx, s, cl, &next, now)
	switch {
	case errors.Is(err, errCommitted):
		return nil
	case errors.Is(err, errLost):
		return &Error{Reason: ErrClaimLost, Detail: "another attempt took over the message: the handler overran Config.Lease, its lease could not be renewed, or the " +
			"store lost the claim. Roll back the transaction, or its effect may happen twice"}
	default:
		return err
	}
}
