package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/internal/inspect"
	"github.com/hookonce/hookonce/internal/redact"
)

// startInspecting serves the page of the inspector until stop is called. to is
// the address to which deliveries are resent. f is nil without --forward-to.
func (l *listening) startInspecting(ctx context.Context, p *printer, to string, f *forwarder) (stop func(), err error) {
	ln, err := inspect.Listen(ctx, cmp.Or(l.inspectAddr, "127.0.0.1:0"))
	if err != nil {
		return nil, usageError("--inspect-addr: " + err.Error())
	}
	// To this program, without a proxy. The verifier compares the host.
	itself := &forwarder{
		to: &url.URL{Scheme: "http", Host: to}, through: &http.Transport{DisableCompression: true, DisableKeepAlives: true}, hidden: p.hidden, clock: p.clock, keepHost: true,
	}
	actions := []inspect.Action{{Name: "Resend", Do: itself.again("sent again")}}
	if f != nil {
		actions = append(actions, inspect.Action{Name: "Forward", Verified: true, Do: f.again("forwarded")})
	}
	p.page = inspect.New(ln, inspect.Config{
		Title: fmt.Sprintf("http://%s/ (%s, %s)", to, l.framework, l.scheme), Scheme: l.scheme, Actions: actions,
		Explain: func(ctx context.Context, r core.Refused) *inspect.Found {
			e := explain.Request(ctx, r, p.others)
			return found(&e)
		},
	})
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := p.page.Serve(ctx); err != nil {
			p.note("hookonce: --inspect: %s", err)
		}
	}()
	return func() { cancel(); <-ended }, nil
}

// inspect adds a delivery to the page.
func (p *printer) inspect(ctx context.Context, x *exchange, e *core.Event, r *received) {
	request := &core.Request{Method: x.method, URL: x.target, Host: x.host, Header: x.header, Body: x.bytes()}
	d := &inspect.Delivery{
		Event: *e, At: r.Time, Request: request, Config: p.verifier.Inspect(ctx, request).Config, Type: x.eventType(), Hide: redact.List(p.hidden),
	}
	if r.Explanation != nil {
		d.Found = found(r.Explanation)
	}
	if r.Forwarded != nil {
		d.Notes = append(d.Notes, "forwarded: "+r.Forwarded.String())
	}
	if r.Saved != "" {
		d.Notes = append(d.Notes, "saved as "+r.Saved)
	}
	p.page.Add(d)
}

// found converts an explanation for the page.
func found(e *explain.Explanation) *inspect.Found {
	f := &inspect.Found{Findings: e.Findings}
	if len(e.Findings) > 0 {
		f.Mistake = string(e.Findings[0].Mistake)
	}
	f.Signed, f.Attempt = e.DangerouslyAsSigned()
	return f
}

const againTime = time.Minute

// again sends a delivery as it arrived, and returns the result as a sentence.
func (f *forwarder) again(done string) func(context.Context, *inspect.Delivery) (string, error) {
	return func(ctx context.Context, d *inspect.Delivery) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, againTime)
		defer cancel()
		r := d.Request
		header, _ := r.Header.(http.Header)
		began := f.clock()
		_, result := f.send(ctx, &exchange{method: r.Method, target: r.URL, host: r.Host, header: header}, r.Body)
		result.Millis = f.clock().Sub(began).Milliseconds()
		if result.Status == 0 {
			return "", errors.New("the request got no response: " + result.String())
		}
		return done + ": " + result.String(), nil
	}
}
