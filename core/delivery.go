package core

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
)

// BodyReader reads the body of one request for [Verifier.Admit] or
// [Verifier.ReadAndVerify]. An adapter implements it. Adapters built on
// net/http use package adapter, which reads the body for them.
//
// ReadBody returns the whole body as it was on the wire, in memory that is not
// reused, or an error. The error wraps [ErrBodyTooLarge] (more than limit
// bytes), [ErrBodyTooSlow] (not complete within timeout) or [ErrBodyConsumed]
// (other code already read or changed the body). An [*Error] is reported as it
// is. Any other error means that the body was incomplete. With an error,
// ReadBody may return the bytes that it read, or none.
//
// In report-only mode the timeout is zero: reading has no time limit, and the
// handler runs whatever ReadBody returns. The handler must still be able to
// read every byte that ReadBody took off the connection, even beyond limit.
//
// ReadBody is called at most once, and usually not at all if the headers are
// refused. A refusal may therefore leave part of the body unread on the
// connection. The adapter must not delay the response until those bytes arrive.
// On HTTP/1 it must close the connection after the response, or the server
// might take them for the next request.
type BodyReader interface {
	ReadBody(limit int64, timeout time.Duration) ([]byte, error)
}

// Delivery is one attempt in the pipeline. Adapters get it from
// [Verifier.Admit]. It belongs to one request and is not safe for concurrent
// use.
type Delivery struct {
	v        *Verifier
	ctx      lazyContext    // the handler's context, with the values of the request's context
	visits   [2]lazyContext // contexts of store calls: for the claim, and for its outcome
	message  Message
	claim    claim
	admitted bool       // this delivery holds a claim that must be settled
	settled  int16      // the status that Settle returned, 0 before that
	lease    leaseState // lease and stopped are guarded by the keeper of its lease, like the last fields
	stopped  bool
	handled  uint16 // see history.done
	err      *Error
	answer   *Answer
	watch    *watch // nil if there is no observer

	previous, next *Delivery // list links; these and leaseEnd are guarded by the keeper of its lease
	leaseEnd       int64
}

// outer returns the request's context. Use its values, but ignore its
// cancellation.
func (d *Delivery) outer() context.Context { return d.ctx.values }

// Admit runs an attempt through the steps of the pipeline, in this order: the
// headers, tolerance, keys, body, signature and claim. It sets r.Body to the
// result of body.ReadBody. It keeps neither r nor body, and does not use
// r.Header afterwards. ctx is the request's context. A client disconnect
// cancels neither the key lookup nor the claim, but it may cancel a key's fetch
// (see [Facts.Fetches]).
//
// If [Delivery.Answer] returns nil, the adapter runs the handler with
// [Delivery.Context] and the restored body. It must then call [Delivery.Settle]
// whatever happens, even during a panic. If [Delivery.Answer] returns a
// response, the adapter writes that response and does not run the handler.
func (v *Verifier) Admit(ctx context.Context, r *Request, body BodyReader) *Delivery {
	d := &Delivery{v: v}
	d.ctx.values = ctx //nolint:fatcontext // not nested: a part of d
	a := newAttempt()
	defer a.release()
	if v.cfg.Observe != nil {
		d.watch = &watch{ctx: context.WithoutCancel(ctx)}
	}
	in := inputOf(r, body)
	in.watch, in.timeout = d.watch, v.cfg.BodyTimeout
	if v.cfg.DangerouslyReportOnly {
		in.timeout = 0
	}

	err := d.admit(&in, a)
	if err != nil {
		d.err = refuse(ErrMisconfigured, "", err)
		d.answer = d.err.Answer()
		d.showRefused(&in)
	}
	d.observeAdmission(in.r, a)
	if v.cfg.DangerouslyReportOnly {
		d.answer = nil
	}
	if d.answer == nil {
		d.startHandler()
	}
	return d
}

// startHandler creates the handler's context. For a claimed message the
// context's time starts with the claim, as the lease does.
func (d *Delivery) startHandler() {
	deadline := d.ctx.deadline // of the claim
	if deadline.IsZero() {
		deadline = d.v.claims.clock.now().real.Add(d.v.cfg.handlerTime())
	}
	if end, ok := d.outer().Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	d.ctx.deadline = deadline
	d.watch.lap(waiting)
}

// admit runs the pipeline. An answer without an error is the response to a
// challenge or handshake.
func (d *Delivery) admit(in *input, a *Attempt) error {
	v := d.v
	if v.facts.Handshake != nil {
		if d.answer = v.facts.Handshake(in.r); d.answer != nil {
			return nil
		}
	}
	// 1. Headers and 2. tolerance: a refusal here costs no read of the body.
	arrived := v.cfg.Clock()
	if err := v.readHeader(in.r, a, arrived); err != nil {
		if v.facts.AwaitsHandshake == nil || !errors.Is(err, ErrMissingHeader) || !v.facts.AwaitsHandshake(in.r) {
			return err
		}
		answer, outage := d.handshake(in, arrived)
		switch d.answer = answer; {
		case outage != nil:
			return outage
		case answer != nil:
			return nil
		}
		return err
	}
	// 3. Keys, 4. body, 5. parts in the body, and 6. signature.
	key, now, err := v.check(d.outer(), in, a, arrived, &d.message)
	if err != nil {
		return err
	}
	if v.facts.Challenge != nil {
		if d.answer = v.facts.Challenge(context.WithoutCancel(d.outer()), in.r, &d.message, key); d.answer != nil {
			return nil
		}
		now = v.claims.clock.now()
		if err := v.checkWindow(a, now.at); err != nil {
			return err
		}
	}
	// 7. Claim: only authentic messages touch the store.
	err = d.claimMessage(in.r, a, now)
	d.watch.lap(claiming)
	return err
}

// maxHandshake bounds the body of an unsigned request.
const maxHandshake = 16 << 10

// handshake returns the scheme's response to an unsigned request, or nil if the
// request is not a handshake. An unknown source must look the same to the
// sender, so its body is read too. The error is an outage of the key source.
func (d *Delivery) handshake(in *input, arrived time.Time) (*Answer, error) {
	in.watch.lap(waiting)
	k, err := d.v.lookUp(d.outer(), in.r)
	in.watch.lap(lookingUp)
	if err != nil {
		return nil, err
	}
	d.message.Source = k.source
	limit := min(maxHandshake, d.v.cfg.MaxBody)
	err = in.readBody(limit)
	in.watch.lap(reading)
	if err != nil || int64(len(in.r.Body)) > limit || k.err != nil {
		return nil, nil //nolint:nilerr,nilnil // the refusal of the headers stands
	}
	key := k.ring.first(arrived)
	if key == nil {
		return nil, nil //nolint:nilnil // the same
	}
	return d.v.facts.AnswerHandshake(in.r, key), nil
}

// verified reports whether the signature is valid.
func (d *Delivery) verified() bool { return d.message.Scheme != "" }

// showRefused passes an unverified request to the configured hook. If the body
// has not been read yet, showRefused reads it first.
func (d *Delivery) showRefused(in *input) {
	show := d.v.cfg.DangerouslyShowRefused
	if show == nil || d.verified() {
		return
	}
	if !in.bodyRead {
		_ = in.readBody(d.v.cfg.MaxBody) // the verdict stays; the hook gets the part of the body that arrived
	}
	shown := *in.r
	shown.Header = in.r.Header.Clone()
	show(context.WithoutCancel(d.outer()), Refused{Request: &shown, Err: d.err, Verifier: d.v})
}

func (d *Delivery) claimMessage(r *Request, a *Attempt, now moment) error {
	if d.message.Replayable {
		d.admitted = true
		return nil
	}
	if a.Unidentified != nil {
		return refuse(ErrMalformed, "the signature verifies, but nothing identifies the message", a.Unidentified)
	}
	var stamp int64
	if !d.message.Timestamp.IsZero() {
		stamp = d.message.Timestamp.UnixMilli()
	}
	var id identity
	d.v.identify(r, a, &d.message, &id)
	verdict, err := d.v.claims.claim(d.outer(), &d.visits[0], &id, &d.claim, stamp, now)
	if err != nil {
		return err
	}
	if verdict == run {
		d.admitted, d.handled = true, id.past.done
		d.message.Generation, d.message.Repeats = d.claim.rec.generation, uint32(id.past.repeats)
		d.ctx.deadline = now.real.Add(d.v.cfg.handlerTime())
		d.v.claims.keep(d)
		return nil
	}
	if verdict == inFlight && d.insideItself() {
		return refuse(ErrMisconfigured, "the middleware is mounted twice for this request, such as on a group and on one of its routes, or a handler "+
			"dispatched the request again. The request already holds the message's lease: mount the middleware once", nil)
	}
	return d.v.explain(verdict, &d.claim.rec, &id)
}

// insideItself reports whether another middleware is already handling this
// request as the same message.
func (d *Delivery) insideItself() bool {
	outer := deliveryOf(d.outer())
	return outer != nil && outer.v == d.v && outer.claim.key == d.claim.key
}

// explain returns why the handler does not run for a verified attempt. Each
// text names the case and, if a setting decides it, that setting.
func (v *Verifier) explain(verdict verdict, rec *record, id *identity) *Error {
	switch verdict {
	case inFlight:
		return refuse(ErrInFlight, "another attempt of this message is being handled, or its outcome is not known yet", nil)
	case redelivery:
		return &Error{Reason: ErrRedelivery, Detail: id.again() + ". This attempt is acknowledged", status: int(rec.status)}
	case replayOlder:
		return &Error{Reason: ErrReplay, Detail: "the message was handled, and a newer attempt than this one got a response. This attempt is acknowledged", status: int(rec.status)}
	case answered:
		return refuse(ErrReplay, "the message was handled before. Its sender needs the content of the response, which was not kept, so this attempt is "+
			"not acknowledged", nil)
	case reused:
		return refuse(ErrIDReused, "a message with this id was handled, but its signed content was different. Is this a test event with a "+
			"constant id, or does the sender reuse ids? If the sender renders the body again for each attempt, set Config.RendersAnew, or Stable in the scheme", nil)
	case elsewhere:
		return refuse(ErrMisconfigured, "this message was handled at another address (host, path or query) of the same verifier. If the sender "+
			"delivers the message to two endpoints, give each endpoint its own verifier, keys and store namespace, or its own source (Keys.From, KeySource). If a proxy "+
			"changes the address from one request to the next, have the proxy keep the sender's Host. Otherwise, somebody may have sent a captured request to the other address", nil)
	case unsure:
		return refuse(ErrRepeated, "the same signed content was handled before, and nothing in this request shows whether the event is the same. Either "+
			"the sender sends no delivery id, or a proxy removed the id's header. Pass the header on, or use a scheme whose ID names the header", nil)
	case repeated:
		if id.spends(&v.claims.protocol) || id.content == (Key{}) {
			return refuse(ErrRepeated, "the same signed bytes, including the timestamp, arrived before under another delivery id. This is a captured attempt, "+
				"or two events have the same timestamp. The next attempt of the second event will be handled", nil)
		}
		return refuse(ErrRepeated, "the handler already ran "+strconv.Itoa(v.cfg.Repeats+1)+" times for the same signed content (Config.Repeats is "+
			strconv.Itoa(v.cfg.Repeats)+"). Either an attacker sends copies, or the sender repeats its content and needs a higher Config.Repeats", nil)
	default:
		if !id.signed {
			return refuse(ErrReplay, "the same signed bytes, including the timestamp, were handled before. This is a replay, or a second event with the same "+
				"content and timestamp. If this sender's retries repeat the bytes, set Config.SignsOnce", nil)
		}
		return refuse(ErrReplay, "the message was handled, and this same attempt already got a response: a genuine retry would have a new timestamp. If "+
			"this sender's retries repeat the bytes, set Config.SignsOnce", nil)
	}
}

// Answer returns the response to write instead of running the handler. It is
// nil if the handler should run.
func (d *Delivery) Answer() *Answer { return d.answer }

// Err returns why the attempt was not admitted. It is nil for an admitted
// attempt and for a handshake or challenge. In report-only mode the handler
// runs anyway.
func (d *Delivery) Err() *Error { return d.err }

// Refusal returns the error of a refused attempt, whose response the
// application may replace. It is nil if the handler runs, if the attempt is
// acknowledged, or if the request is a handshake or challenge. Otherwise it is
// Err. An acknowledgement must stay a success, or the sender keeps retrying.
func (d *Delivery) Refusal() *Error {
	if d.answer == nil || d.err == nil || d.err.Acknowledges() {
		return nil
	}
	return d.err
}

// Message returns the message of an admitted attempt. ok is false if the
// attempt was not admitted.
func (d *Delivery) Message() (m Message, ok bool) {
	if !d.admitted {
		return Message{}, false
	}
	return d.message, true
}

// Context returns the handler's context, in which [FromContext] finds the
// message. It has the values of the request's context, but is not cancelled
// with it. Its deadline is that of the request's context or the end of the
// handler's time (see [Config.Lease]), whichever is earlier. Unless the process
// is suspended, it ends before the claim does. [Delivery.Settle] also ends it.
func (d *Delivery) Context() context.Context { return (*handlerContext)(d) }

// Failed tells [Delivery.Settle] that the handler failed, whatever it wrote: it
// panicked, hijacked the connection, or returned an error for upstream
// middleware to render.
const Failed = -1

// Settle ends the attempt after the handler has ended. status is the handler's
// status, zero if the handler wrote nothing, or [Failed]. 2xx commits the
// message. Any other status releases the message, and the handler runs for the
// sender's next attempt, unless [Commit] recorded the message as handled.
// Settle returns the status that decided the outcome. If the handler wrote
// nothing, that is 200, or 503 if its context had ended. The adapter then
// writes that status explicitly, because servers, timeouts and upstream proxies
// may otherwise send another one.
//
// Settle is synchronous. It takes at most [Config.StoreTimeout] to record the
// outcome of an admitted attempt, and then calls [Config.Observe]. Calls after
// the first do nothing.
func (d *Delivery) Settle(status int) int {
	if d.answer != nil {
		return status
	}
	if d.settled != 0 {
		return int(d.settled)
	}
	v := d.v
	d.watch.lap(handling)
	now := v.claims.clock.now()
	if status == 0 {
		status = http.StatusOK
		if d.ctx.over(now.real) {
			status = http.StatusServiceUnavailable // servers send 200 if nothing was written, and the message would be lost
		}
	}
	d.settled = int16(max(Failed, min(status, math.MaxInt16)))
	d.ctx.finish()
	if !d.admitted {
		return status
	}
	reason, err := v.settle(d.outer(), &d.visits[1], &d.claim, history{uint16(d.message.Repeats), d.handled}, status, now, d) //nolint:gosec // it came out of one
	d.watch.lap(settling)
	if d.watch != nil {
		e := &d.watch.event
		e.Reason, e.Outcome, e.Err, e.Status = reason, reason, err, max(status, 0)
		d.tell()
	}
	return status
}

// settle commits or releases the claim, and returns the outcome. d is the
// delivery whose lease is renewed until the outcome is written. It is nil if
// there is no such delivery.
func (v *Verifier) settle(ctx context.Context, sctx *lazyContext, cl *claim, past history, status int, now moment, d *Delivery) (Reason, error) {
	success := 200 <= status && status <= 299
	var err error
	switch {
	case cl.rec.state == 0: // no claim was made
	case success:
		err = v.claims.commit(ctx, sctx, cl, status, now, d)
	default:
		err = v.claims.release(ctx, sctx, cl, past, now, d)
	}
	switch {
	case errors.Is(err, errCommitted), success && err == nil:
		return Handled, nil
	case errors.Is(err, errLost):
		return ErrClaimLost, &Error{Reason: ErrClaimLost, Detail: "another attempt took over the message: the handler overran Config.Lease, the store failed and the lease " +
			"could not be renewed, or the store lost the claim. The handler's effect may have happened twice"}
	case success:
		return ErrCommitFailed, &Error{Reason: ErrCommitFailed, Detail: "the message was handled, but not yet recorded: the verifier keeps trying until " +
			"Config.Lease ends. If that fails, a retry runs the handler again", Err: err}
	case err != nil:
		return ErrHandlerFailed, &Error{Reason: ErrHandlerFailed, Detail: "the handler failed, and the claim is not released yet: the verifier keeps trying until Config.Lease ends. " +
			"Until then, attempts may be refused as in flight", Err: err}
	case v.claims.wasStopped(d):
		return ErrHandlerFailed, &Error{Reason: ErrHandlerFailed, Detail: "the handler's context was cancelled, because the message's lease could not be renewed. " +
			"The seen-id store failed, was full or too slow, or this process was suspended. The message is released for the sender's next attempt"}
	default:
		return ErrHandlerFailed, &Error{Reason: ErrHandlerFailed, Detail: "the message is released for the sender's next attempt"}
	}
}
