package core

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// BodyReader reads the body of one request for [Verifier.Admit]: an adapter's part of the pipeline. It returns all of it or
// an error that wraps [ErrBodyTooLarge] (more than limit bytes), [ErrBodyTooSlow] (timeout; zero: none) or [ErrBodyConsumed] (something
// in front read or changed it). Any other error counts as malformed: a body that broke off. It is called at most once.
type BodyReader interface {
	ReadBody(limit int64, timeout time.Duration) ([]byte, error)
}

// Delivery is one attempt on its way through the pipeline: adapters get it from [Verifier.Admit]. It belongs to one
// request and is not safe for concurrent use.
type Delivery struct {
	v        *Verifier
	outer    context.Context //nolint:containedctx // the request's: its values, not its end, are for all that happens for it
	ctx      handlerContext
	visits   [2]lazyContext // to the store: for the claim, and for its outcome
	message  Message
	claim    claim
	bodyRead bool
	admitted bool // the claim is ours and wants to be settled
	settled  bool
	err      *Error
	answer   *Answer
	watch    *watch // nil if there is no observer
}

// Admit takes an attempt through the pipeline: headers, window, keys, body, signature, claim, in this order. r.Body is
// set to what body returned; neither r nor body is kept, but a scheme's answer may hold parts of r. ctx is the request's; the sender's disconnect does not cancel what Admit began.
//
// If [Delivery.Answer] is nil the adapter runs the handler with [Delivery.Context] and the restored body and calls
// [Delivery.Settle], whatever happens, also while panicking. Else it writes the answer and does not run the handler.
func (v *Verifier) Admit(ctx context.Context, r *Request, body BodyReader) *Delivery {
	d := &Delivery{v: v, outer: ctx}
	a := newAttempt()
	defer a.release()
	if v.cfg.Observe != nil {
		d.watch = &watch{ctx: context.WithoutCancel(ctx)}
	}

	err := d.admit(r, a, body)
	if err != nil {
		d.err = refuse(ErrMisconfigured, "", err)
		d.answer = d.err.Answer()
		d.showRefused(r, body)
	}
	d.observeAdmission(r, a)
	if v.cfg.DangerouslyReportOnly {
		d.answer = nil
	}
	if d.answer == nil {
		d.startHandler()
	}
	return d
}

// startHandler makes the handler's context. The handler of a claimed message has been on the clock since the claim, as its lease has.
func (d *Delivery) startHandler() {
	d.ctx.delivery = d
	deadline := d.ctx.deadline // of the claim
	if deadline.IsZero() {
		deadline = d.v.claims.clock.now().real.Add(d.v.cfg.handlerTime())
	}
	if end, ok := d.outer.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	d.ctx.init(d.outer, deadline)
	d.lap(waiting)
}

// admit is the pipeline. An answer without an error is that of a challenge or handshake.
func (d *Delivery) admit(r *Request, a *Attempt, body BodyReader) error {
	v := d.v
	if v.handshaker != nil {
		if d.answer = v.handshaker.Handshake(r); d.answer != nil {
			return nil
		}
	}
	// 1. Headers and 2. window: no byte of the body is read for what they refuse.
	arrived := v.cfg.Clock()
	if err := v.readHeader(r, a, arrived); err != nil {
		return err
	}
	// 3. Keys.
	d.lap(waiting)
	k, err := v.lookUp(d.outer, r)
	d.lap(lookingUp)
	d.message.Source = k.source
	if err != nil {
		return err
	}
	// 4. Body.
	err = d.readBody(r, body)
	d.lap(reading)
	if err != nil {
		return refuse(ErrMalformed, "the body broke off", err)
	}
	if int64(len(r.Body)) > v.cfg.MaxBody {
		return refuse(ErrBodyTooLarge, "the body exceeds Config.MaxBody", nil)
	}
	// 5. What only the body holds, and 6. signature.
	key, err := v.checkSigned(d.outer, r, a, &k, arrived, &d.message)
	d.lap(checking)
	if err != nil {
		return err
	}
	// 2. again, because body and keys may have taken their time: an attempt that is claimed long after its window was checked could outlive
	// its record.
	now := v.claims.clock.now()
	if err := v.checkWindow(a, now.at); err != nil {
		return err
	}
	if v.challenger != nil {
		if d.answer = v.challenger.Challenge(context.WithoutCancel(d.outer), r, &d.message, key); d.answer != nil {
			return nil
		}
		now = v.claims.clock.now()
		if err := v.checkWindow(a, now.at); err != nil {
			return err
		}
	}
	// 7. Claim: only what is authentic touches the store.
	err = d.claimMessage(a, now)
	d.lap(storing)
	return err
}

func (d *Delivery) readBody(r *Request, body BodyReader) (err error) {
	timeout := d.v.cfg.BodyTimeout
	if d.v.cfg.DangerouslyReportOnly {
		timeout = 0
	}
	d.bodyRead = true
	r.Body, err = body.ReadBody(d.v.cfg.MaxBody, timeout)
	return err
}

// showRefused hands a request that was not verified to the configured hook, and reads its body first if the refusal did not wait for it.
func (d *Delivery) showRefused(r *Request, body BodyReader) {
	show, verified := d.v.cfg.DangerouslyShowRefused, d.message.Scheme != ""
	if show == nil || verified {
		return
	}
	if !d.bodyRead {
		_ = d.readBody(r, body) // the verdict stands; what came of the body is shown
	}
	shown := *r
	shown.Header = r.Header.Clone()
	cfg := d.v.cfg
	show(context.WithoutCancel(d.outer), Refused{Request: &shown, Err: d.err, Config: &cfg})
}

func (d *Delivery) claimMessage(a *Attempt, now moment) error {
	if d.message.Replayable {
		d.admitted = true
		return nil
	}
	var stamp int64
	if !d.message.Timestamp.IsZero() {
		stamp = d.message.Timestamp.UnixMilli()
	}
	d.claim.key = d.v.replayKey(&d.message, &a.Content)
	verdict, err := d.v.claims.claim(d.outer, &d.visits[0], &d.claim, stamp, now)
	if err != nil {
		return err
	}
	switch rec := &d.claim.rec; verdict {
	case run:
		d.admitted = true
		d.message.Generation = rec.generation
		d.ctx.deadline = now.real.Add(d.v.cfg.handlerTime())
		return nil
	case inFlight:
		return refuse(ErrInFlight, "another attempt of this message is being handled, or its outcome is not known yet", nil)
	case redelivery:
		return &Error{Reason: ErrRedelivery, Detail: "the message was handled before; acknowledged again", status: int(rec.status)}
	case replayOlder:
		return &Error{Reason: ErrReplay, Detail: "the message was handled, and an attempt newer than this one was answered; acknowledged", status: int(rec.status)}
	default:
		return refuse(ErrReplay, "the message was handled by this very attempt: the sender stamps each of its own anew", nil)
	}
}

// Answer is what to write instead of running the handler; nil if the handler is to run.
func (d *Delivery) Answer() *Answer { return d.answer }

// Err says why the attempt was not admitted: nil if it was. In report-only mode the handler runs all the same.
func (d *Delivery) Err() *Error { return d.err }

// Refusal is what an application's own answer may take the place of: Err, but nil where the handler runs, for a challenge, and for a
// redelivery, whose acknowledgement must stay a success or the sender goes on for ever.
func (d *Delivery) Refusal() *Error {
	if d.answer == nil || d.err == nil || d.err.Acknowledges() {
		return nil
	}
	return d.err
}

// Message returns the verified message. ok is false if the attempt was not admitted.
func (d *Delivery) Message() (m Message, ok bool) {
	if !d.admitted {
		return Message{}, false
	}
	return d.message, true
}

// Context is the handler's: it has the values of the request's context and its deadline, the sender's disconnect does
// not cancel it, it ends before the claim does, and [FromContext] finds the message in it.
func (d *Delivery) Context() context.Context { return &d.ctx }

// Failed is the status to settle with when the handler did not end by answering: a panic, a hijack, an error that
// somebody else will turn into an answer.
const Failed = -1

// Settle ends the attempt, after the handler has. status is what the handler answered, zero if it returned without
// writing anything, or [Failed]. 2xx commits the message; all else releases it, so that the sender's next attempt
// runs. It returns the status that counts: for a handler that wrote nothing it is 200, or 503 if its context had ended,
// and the adapter writes it explicitly, because servers, timeouts and proxies outside may otherwise answer something else.
//
// It is synchronous and bounded by [Config.StoreTimeout]. Calls after the first do nothing.
func (d *Delivery) Settle(status int) int {
	if d.answer != nil || d.settled {
		return status
	}
	v := d.v
	d.settled = true
	d.lap(handling)
	now := v.claims.clock.now()
	if status == 0 {
		status = http.StatusOK
		if d.ctx.over(now.real) {
			status = http.StatusServiceUnavailable // servers make a 200 of nothing, and the message would be lost
		}
	}
	d.ctx.finish()
	if !d.admitted {
		return status
	}
	reason, err := v.settle(d.outer, &d.visits[1], &d.claim, status, now)
	d.lap(storing)
	if d.watch != nil {
		d.watch.event.Reason, d.watch.event.Err, d.watch.event.Status = reason, err, max(status, 0)
		d.tell()
	}
	return status
}

// settle commits or releases, and says how that went.
func (v *Verifier) settle(ctx context.Context, sctx *lazyContext, cl *claim, status int, now moment) (Reason, error) {
	success := 200 <= status && status <= 299
	var err error
	switch {
	case cl.rec.state == 0: // never claimed
	case success:
		err = v.claims.commit(ctx, sctx, cl, status, now)
	default:
		err = v.claims.release(ctx, sctx, cl, now)
	}
	switch {
	case errors.Is(err, errCommitted), success && err == nil:
		return Handled, nil
	case errors.Is(err, errLost):
		return ErrClaimLost, &Error{Reason: ErrClaimLost, Detail: "the handler overran Config.Lease; its effect may have happened twice", Err: err}
	case success:
		return ErrCommitFailed, &Error{Reason: ErrCommitFailed, Detail: "the message was handled; that is written until the lease is over, and if it cannot be, a retry runs again", Err: err}
	case err != nil:
		return ErrHandlerFailed, &Error{Reason: ErrHandlerFailed, Detail: "and not released: a later attempt runs when its lease is over", Err: err}
	default:
		return ErrHandlerFailed, &Error{Reason: ErrHandlerFailed, Detail: "released for the sender's next attempt"}
	}
}
