package core

import (
	"context"
	"errors"
	"net/http"
)

// Commit records the message of the running handler as handled in s, which is
// the verifier's store bound to the handler's own database transaction. The
// message's effect and its record then become durable together or not at all.
// This gives exactly once, no matter when the process dies.
//
//	tx, err := db.BeginTx(ctx, nil)
//	... // the effect
//	if err := core.Commit(ctx, store.Tx(tx)); err != nil {
//		return err // roll back, and respond 5xx: the sender retries
//	}
//	return tx.Commit()
//
// In SQLite the transaction blocks all other writers, including the renewals of
// the claim. If it writes for more than 5 seconds, the handler's context is
// cancelled.
//
// ctx is the request's context in every framework, or one made from it. Commit
// holds the record of the message locked until the transaction ends, so call it
// last. It is bounded by ctx and [Config.StoreTimeout], and is not retried.
// After any error, roll the transaction back. The errors are an [*Error] that
// wraps [ErrClaimLost] (the handler overran [Config.Lease], or its lease could
// not be renewed, and another attempt has the message), [ErrStoreUnavailable]
// or [ErrStoreFull], or [ErrMisconfigured] (no middleware of this module
// admitted the request that ctx belongs to).
//
// Once the transaction is committed the message is handled, whatever the
// handler's status: a redelivery is acknowledged with 200. If it was rolled
// back, the handler's status decides as always. Commit must not be called by
// more than one goroutine of a handler at once. In report-only mode it does
// nothing for an attempt that was not admitted.
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
			"context: r.Context(), c.Request.Context(), c.Request().Context() or c.UserContext()", nil)
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
		return &Error{Reason: ErrClaimLost, Detail: "the handler overran Config.Lease, or its lease could not be renewed. Roll back the transaction, or its effect may happen twice", Err: err}
	default:
		return err
	}
}
