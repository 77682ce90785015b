package explain

import (
	"context"
	"log/slog"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/inspect"
	"github.com/hookonce/hookonce/internal/redact"
)

// Inspector is a web page that shows the delivery attempts that a running
// application receives, as they arrive. An attempt that was refused without a
// valid signature is shown with its headers, its body and an explanation.
// Secrets and signatures are masked. For a verified attempt, the page shows
// only the event, because the verifier passes only unverified requests to the
// hook. To see verified attempts in full, run "hookonce listen --inspect
// --forward-to URL" with the application's URL. The page keeps the last 200
// attempts, and at most 64 MiB. Create an Inspector with
// [DangerouslyNewInspector]. It is safe for concurrent use.
type Inspector struct {
	page   *inspect.Page
	others map[string]*core.Keys
	// hide contains the secrets of the parameter others. They are hidden in
	// every delivery.
	hide redact.List
}

// DangerouslyNewInspector returns an Inspector that listens on addr, a loopback
// address such as "127.0.0.1:0". It refuses any other address. others is as in
// [Request] and may be nil.
//
//	inspector, err := explain.DangerouslyNewInspector("127.0.0.1:0", nil)
//	…
//	config.DangerouslyShowRefused = inspector.Hook(logger)
//	config.Observe = inspector.Observe
//	go inspector.Serve(ctx)
//	logger.Info("inspector", "url", inspector.URL())
//
// It is dangerous because the page shows requests to anybody who knows its URL
// and can reach loopback. Bodies may contain personal data and credentials. The
// warnings of [Hook] also apply. Do not use it in production. The page shows no
// configured secret and no signature, but a request that you copy or save there
// contains the sender's signatures.
func DangerouslyNewInspector(addr string, others map[string]*core.Keys) (*Inspector, error) {
	ln, err := inspect.Listen(context.Background(), addr)
	if err != nil {
		return nil, err
	}
	i := &Inspector{others: others}
	var texts []string
	for _, keys := range others {
		texts = append(texts, reveal(keys)...)
	}
	// A delivery may contain the secret of another tenant, so all known secrets are hidden in every
	// delivery.
	i.hide = redact.Texts(texts...)
	i.page = inspect.New(ln, inspect.Config{
		Title: "a running application",
		Explain: func(ctx context.Context, r core.Refused) *inspect.Found {
			e := Request(ctx, r, others)
			return found(&e)
		},
	})
	return i, nil
}

// URL returns the address of the page. Part of it is random, so other users of
// the machine cannot guess it.
func (i *Inspector) URL() string { return i.page.URL() }

// Serve serves the page until ctx ends.
func (i *Inspector) Serve(ctx context.Context) error { return i.page.Serve(ctx) }

// Hook is like the function [Hook], but also shows each refused request on the
// page.
func (i *Inspector) Hook(l *slog.Logger) func(context.Context, core.Refused) {
	return hook(l, i.others, i.show)
}

// show adds a refused request to the page. e is nil if it was not explained.
func (i *Inspector) show(ctx context.Context, r core.Refused, e *Explanation) {
	seen := r.Verifier.Inspect(ctx, r.Request)
	d := &inspect.Delivery{
		At: seen.Config.Clock(), Request: r.Request, Config: seen.Config, Hide: redact.Texts(append(reveal(seen.Keys), i.hide...)...),
		// The verifier reports the same event to its observer, if there is one. Observe then finds
		// this delivery by the event and does not show it twice.
		Event: core.Event{
			Reason: r.Err.Reason, Err: r.Err, Status: r.Err.Answer().Status, Method: r.Request.Method, Path: r.Request.Path(),
			Scheme: seen.Config.Scheme.Name(), Source: seen.Source, BodyBytes: len(r.Request.Body),
		},
	}
	if e != nil {
		d.Found = found(e)
	}
	i.page.Add(d)
}

// Observe is for [core.Config.Observe]: it shows the outcome of each attempt.
// To use other observers too, call Observe from your own function.
func (i *Inspector) Observe(_ context.Context, e core.Event) {
	// A handled message was not added before: no hook showed its request.
	if !i.page.Settle(e) {
		i.page.Add(&inspect.Delivery{Event: e, At: time.Now(), Hide: i.hide}) //nolint:forbidigo // an event has no time of arrival
	}
}

// reveal returns the texts of all secrets, for redaction.
func reveal(k *core.Keys) []string {
	var texts []string
	for _, secret := range k.List() {
		texts = append(texts, secret.Reveal())
	}
	return texts
}

// found converts an explanation for the page, including the request as its
// sender signed it.
func found(e *Explanation) *inspect.Found {
	f := &inspect.Found{Findings: e.Findings}
	if len(e.Findings) > 0 {
		f.Mistake = string(e.Findings[0].Mistake)
	}
	f.Signed, f.Attempt = e.DangerouslyAsSigned()
	return f
}
