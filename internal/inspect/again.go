package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/redact"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// maxPosted bounds a posted secret with its scheme.
const maxPosted = 80 << 10

// again verifies a delivery with posted secrets, which it does not keep.
func (p *Page) again(w http.ResponseWriter, r *http.Request, e *entry) {
	if !atHand(w, e) {
		return
	}
	var posted struct {
		Scheme string `json:"scheme"`
		Secret string `json:"secret"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPosted)).Decode(&posted); err != nil {
		failed(w, http.StatusBadRequest, "the secret cannot be read: is this the right file? The limit is 64 KiB") // not err, which may quote it
		return
	}
	secrets := strings.Fields(posted.Secret)
	switch {
	case !slices.Contains(schemes.Names(), posted.Scheme):
		failed(w, http.StatusBadRequest, "unknown scheme")
	case len(secrets) == 0:
		failed(w, http.StatusBadRequest, "the secret is missing: paste it, or choose a file that contains it")
	default:
		verified, err := p.verifyAgain(r.Context(), e.delivery, posted.Scheme, secrets)
		if err != nil {
			failed(w, http.StatusConflict, redact.Texts(secrets...).Replace(err.Error()))
			return
		}
		p.show(w, e, verified)
	}
}

var errFetches = errors.New("this scheme fetches its keys over the network, which the inspector does not do")

// verifyAgain returns a copy of d with the verdict under another scheme and
// other secrets, as of d's arrival.
func (p *Page) verifyAgain(ctx context.Context, d *Delivery, name string, secrets []string) (*Delivery, error) {
	scheme, err := p.scheme(d, name)
	if err != nil {
		return nil, err
	}
	if core.FactsOf(scheme).Fetches {
		return nil, errFetches
	}
	keys := core.Secrets(secrets...)
	// A key source is called only for a request, so even an invalid secret can be explained.
	source := core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) { return "again", keys, nil })
	v, err := core.New(source, memstore.New(), &core.Config{
		Scheme: scheme, MaxBody: d.Config.MaxBody, Clock: func() time.Time { return d.At }, DangerouslyReplayableAfterRestart: true,
		DangerouslyAcceptPlaceholders: true,
	})
	if err != nil {
		return nil, err
	}
	again := *d
	again.Hide = redact.Texts(slices.Concat(secrets, d.Hide)...)
	again.Config, again.Found, again.Notes = v.Inspect(ctx, d.Request).Config, nil, nil
	again.Event = core.Event{
		Verified: true, Method: d.Event.Method, Path: d.Event.Path, Scheme: name, MessageID: d.Event.MessageID, BodyBytes: d.Event.BodyBytes,
	}
	request := *d.Request
	m, err := v.Verify(ctx, &request)
	again.Event.KeyID = m.KeyID
	if refusal := (*core.Error)(nil); errors.As(err, &refusal) {
		again.Event.Reason, again.Event.Err, again.Event.Verified = refusal.Reason, refusal, false
		if p.cfg.Explain != nil {
			again.Found = p.cfg.Explain(ctx, core.Refused{Request: &request, Err: refusal, Verifier: v})
		}
	}
	return &again, nil
}

// scheme returns the scheme of the delivery, with its settings, if name is its
// name.
func (p *Page) scheme(d *Delivery, name string) (core.Scheme, error) {
	if name == p.cfg.Scheme || name == d.Config.Scheme.Name() {
		return d.Config.Scheme, nil
	}
	address := d.Request.URL
	if !strings.Contains(address, "://") {
		address = "https://" + d.Request.Host + address
	}
	return schemes.New(name, schemes.Settings{URL: address, DangerouslyReplayable: true})
}
