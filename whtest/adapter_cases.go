package whtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// adapterCases is the table that every adapter runs.
func adapterCases() []adapterCase {
	return slices.Concat(
		deliveryCases(), identityCases(), refusalCases(), bodyCases(), outcomeCases(), earlyCases(), outsideCases(), configCases(), crowdCases(),
	)
}

// deliveryCases test what reaches the handler.
func deliveryCases() []adapterCase {
	return []adapterCase{
		{
			name: "a genuine message reaches the handler whole", why: "the message is authentic, fresh and new: the handler must run, and must get " +
				"every field of the message",
			run: func(t *adapterRun) {
				var got, fromCtx core.Message
				var ok bool
				var without []string // contexts
				e := t.serve(nil, func(c *AdapterCall) error {
					got = c.Message
					fromCtx, ok = core.FromContext(c.Context)
					for _, name := range slices.Sorted(maps.Keys(c.Contexts)) {
						if m, found := core.FromContext(c.Contexts[name]); !found || m.Generation != got.Generation {
							without = append(without, name)
						}
					}
					c.Status(http.StatusNoContent)
					return nil
				})
				a := e.sign("msg_1", 0, `{"a":1}`)
				e.want("genuine", e.send(a), http.StatusNoContent)
				e.wantRuns(1)
				stamp := strconv.FormatInt(got.Timestamp.Unix(), 10)
				if got.ID != "msg_1" || !got.IDSigned || string(got.Body) != `{"a":1}` || !got.BodySigned || got.Scheme != "standard" ||
					got.Source != "" || got.KeyID != "key-1" || got.Generation == 0 || stamp != a.header.Get("Webhook-Timestamp") {
					t.Errorf("the handler got the message %+v, which is not the one that was sent", got)
				}
				if !ok || fromCtx.ID != got.ID || fromCtx.Generation != got.Generation {
					t.Errorf("FromContext returned %+v, %v: put Delivery.Context into the request", fromCtx, ok)
				}
				if len(without) > 0 {
					t.Errorf("FromContext finds nothing in %s, but handlers pass on that context", strings.Join(without, ", "))
				}
			},
		},
		{
			name: "a message that was handled is acknowledged with its first status", why: "anything but 2xx makes the sender retry for days and then disable the endpoint",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusAccepted))
				first := e.send(e.sign("msg_1", 0, "{}"))
				e.want("first", first, http.StatusAccepted)
				if first.header.Get(core.RedeliveryHeader) != "" {
					t.Errorf("the first attempt is marked as a redelivery")
				}
				e.wantAcknowledged("redelivery", e.send(e.sign("msg_1", 1, "{}")), http.StatusAccepted)
				e.wantAcknowledged("an attempt overtaken on the way", e.send(e.sign("msg_1", -1, "{}")), http.StatusAccepted)
				e.wantRuns(1)
			},
		},
		{
			name: "an exact replay is refused", why: "a captured request that is sent again does not come from the sender",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusOK))
				a := e.sign("msg_1", 0, "{}")
				e.want("first", e.send(a), http.StatusOK)
				e.wantProblem("replay", e.send(a), http.StatusConflict, "replay")
				e.wantRuns(1)
			},
		},
		{
			name: "an attempt in flight holds off the next", why: "if the second attempt were acknowledged and the first one failed, the message would " +
				"be lost. So the sender must retry later",
			run: func(t *adapterRun) {
				entered, leave := make(chan struct{}, 8), make(chan struct{})
				e := t.serve(nil, func(c *AdapterCall) error {
					entered <- struct{}{}
					<-leave
					c.Status(http.StatusOK)
					return nil
				})
				first := make(chan answered, 1)
				a, later := e.sign("msg_1", 0, "{}"), e.sign("msg_1", 1, "{}")
				go func() { first <- e.send(a) }()
				if !t.within(entered) {
					close(leave)
					t.Fatalf("the handler did not run")
				}
				e.wantProblem("newer attempt", e.send(later), http.StatusServiceUnavailable, "in-flight")
				e.wantProblem("same attempt", e.send(a), http.StatusServiceUnavailable, "in-flight")
				close(leave)
				e.want("first", <-first, http.StatusOK)
				e.wantAcknowledged("afterwards", e.send(later), http.StatusOK)
				e.wantRuns(1)
			},
		},
		{
			name: "svix headers work", why: "many senders use the svix-* names",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusOK))
				a := e.sign("msg_1", 0, "{}")
				for _, part := range []string{"Id", "Timestamp", "Signature"} {
					a.header["Svix-"+part] = a.header["Webhook-"+part]
				}
				e.want("both sets, equal", e.send(a), http.StatusOK)
				b := e.sign("msg_2", 0, "{}")
				for _, part := range []string{"Id", "Timestamp", "Signature"} {
					b.header["Svix-"+part] = b.header["Webhook-"+part]
					b.header.Del("Webhook-" + part)
				}
				e.want("svix alone", e.send(b), http.StatusOK)
				a.header.Set("Svix-Id", "msg_3")
				e.wantProblem("both sets, different", e.send(a), http.StatusBadRequest, "malformed")
			},
		},
		{
			name: "all lines of a repeated signature header count", why: "proxies split lists into lines. An adapter that passes on only the first or the last line breaks key rotations",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusOK))
				const other = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
				for i, lines := range [][]string{{"", other}, {other, ""}} {
					a := e.sign("msg_"+strconv.Itoa(i), 0, "{}")
					genuine := a.header.Get("Webhook-Signature")
					for n, line := range lines {
						if line == "" {
							lines[n] = genuine
						}
					}
					a.header["Webhook-Signature"] = lines
					e.want(fmt.Sprintf("genuine at line %d", 2-i), e.send(a), http.StatusOK)
				}
			},
		},
		{
			name: "header lines are found by name, in any case", why: "schemes and key sources look headers up this way. A hidden line merges two " +
				"messages into one, or lets a second id through",
			run: func(t *adapterRun) {
				var byName, inAll [3][]string
				e := t.serve(&core.Config{Scheme: looking{at: func(h core.Header) {
					all := h.Clone()
					for i, name := range []string{"x-LINES", "X-Empty", "X-Absent"} {
						byName[i], inAll[i] = h.Values(name), all.Values(name)
					}
				}}}, answerWith(http.StatusOK))
				a := e.sign("msg_1", 0, "{}")
				a.header["X-Lines"], a.header["X-Empty"] = []string{"a", "b"}, []string{""}
				e.want("genuine", e.send(a), http.StatusOK)
				const want = `[["a" "b"] [""] []]`
				if got := fmt.Sprintf("%q", byName); got != want {
					t.Errorf("Header.Values returned %s, want %s", got, want)
				}
				if got := fmt.Sprintf("%q", inAll); got != want {
					t.Errorf("Header.Clone has %s, want %s", got, want)
				}
			},
		},
		{
			name: "each key of a rotation works and is named", why: "during a rotation both secrets are accepted, and KeyID shows when the old one is no longer used",
			run: func(t *adapterRun) {
				next, old := core.GenerateSecret(), core.GenerateSecret()
				private, public := core.GenerateKeyPair()
				var key string
				e := t.serveKeys(core.Secrets(next, old, public), next, nil, func(c *AdapterCall) error {
					key = c.Message.KeyID
					c.Status(http.StatusOK)
					return nil
				})
				for i, secret := range []string{next, old, private} {
					e.signer = t.newSigner(secret)
					e.want("key "+strconv.Itoa(i+1), e.send(e.sign("msg_"+strconv.Itoa(i), 0, "{}")), http.StatusOK)
					if want := "key-" + strconv.Itoa(i+1); key != want {
						t.Errorf("the message has the key id %q, want %q", key, want)
					}
				}
			},
		},
		{
			name: "what a handler keeps does not change", why: "frameworks reuse their buffers, so strings or bodies that point into a buffer change " +
				"during a later request",
			run: func(t *adapterRun) {
				var kept []core.Message
				e := t.serve(nil, func(c *AdapterCall) error {
					m, _ := core.FromContext(c.Context)
					kept = append(kept, c.Message, m)
					c.Status(http.StatusOK)
					return nil
				})
				var want []string
				for i := range 8 {
					id, body := fmt.Sprintf("msg_%c", 'A'+i), strings.Repeat(string(rune('a'+i)), 64)
					e.want("attempt", e.send(e.sign(id, 0, body)), http.StatusOK)
					want = append(want, id+" "+body, id+" "+body)
				}
				if len(kept) != len(want) {
					t.Fatalf("%d messages kept, want %d", len(kept), len(want))
				}
				for i, m := range kept {
					if got := m.ID + " " + string(m.Body); got != want[i] {
						t.Errorf("kept message %d became %q, was %q", i, got, want[i])
					}
				}
				for i := range 8 { // and the store has a record for each id
					body := strings.Repeat(string(rune('a'+i)), 64)
					e.wantAcknowledged("redelivery", e.send(e.sign(fmt.Sprintf("msg_%c", 'A'+i), 1, body)), http.StatusOK)
				}
			},
		},
	}
}

// refusalCases test what does not reach the handler.
func refusalCases() []adapterCase {
	return []adapterCase{
		{
			name: "malformed headers are refused", why: "each of these was a vulnerability in other software. The response must be core's, byte for byte",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusOK))
				for what, spoil := range map[string]func(http.Header){
					"no id":                   func(h http.Header) { h.Del("Webhook-Id") },
					"no timestamp":            func(h http.Header) { h.Del("Webhook-Timestamp") },
					"no signature":            func(h http.Header) { h.Del("Webhook-Signature") },
					"an id with a dot":        func(h http.Header) { h.Set("Webhook-Id", "msg_1.2") },
					"two ids":                 func(h http.Header) { h.Add("Webhook-Id", "msg_2") },
					"the id twice":            func(h http.Header) { h.Add("Webhook-Id", h.Get("Webhook-Id")) },
					"two timestamps":          func(h http.Header) { h.Add("Webhook-Timestamp", h.Get("Webhook-Timestamp")) },
					"a timestamp with a sign": func(h http.Header) { h.Set("Webhook-Timestamp", "+"+h.Get("Webhook-Timestamp")) },
				} {
					a := e.sign("msg_1", 0, "{}")
					spoil(a.header)
					e.wantProblem(what, e.send(a), http.StatusBadRequest, "malformed")
				}
				e.wantRuns(0)
				e.wantUntouched()
			},
		},
		{
			name: "all inauthentic requests get the same response", why: "a difference would tell attackers how far they got",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusOK))
				stranger := &endpoint{t: t, signer: t.newSigner(core.GenerateSecret())}
				tampered := e.sign("msg_1", 0, `{"amount":1}`)
				tampered.body = []byte(`{"amount":9}`)
				var first answered
				for what, a := range map[string]*attempt{
					"tampered body": tampered, "stranger's key": stranger.sign("msg_1", 0, "{}"),
					"stale": e.sign("msg_1", -400, "{}"), "from the future": e.sign("msg_1", 400, "{}"),
				} {
					got := e.send(a)
					e.wantProblem(what, got, http.StatusUnauthorized, "unauthenticated")
					got.header.Del("Date")
					got.header.Del("Connection") // the value is close if the body was left unread
					if first.header != nil && !maps.EqualFunc(first.header, got.header, slices.Equal) {
						t.Errorf("%s: the refusal has the headers %v, but other refusals have %v", what, got.header, first.header)
					}
					first = got
				}
				e.wantRuns(0)
				e.wantUntouched()
			},
		},
		{
			name: "the headers of a refusal have a fixed order", why: "a changing order has no meaning, but breaks caches, logs and comparisons of refusals",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusOK))
				e.store.fail(errors.New("connection refused")) // this refusal has the most headers
				a := e.sign("msg_1", 0, "{}")
				request := a.head("Connection: close\r\nContent-Length: 2\r\n") + "{}"
				first := e.names(request)
				for range 16 { // of five headers: a random order passes one time in 120 to the power of 16
					if got := e.names(request); !slices.Equal(got, first) {
						t.Errorf("the headers are in the order %v, then %v: sort the names of the response's headers, which are a map", first, got)
						break
					}
				}
				if !slices.Contains(first, "Retry-After") {
					t.Errorf("the refusal has the headers %v, want Retry-After among them", first)
				}
			},
		},
		{
			name: "a tenant's key verifies nothing of another tenant", why: "an unknown tenant must look the same as a wrong signature",
			run: func(t *adapterRun) {
				a, b := core.GenerateSecret(), core.GenerateSecret()
				keys := map[string]*core.Keys{"/a": core.Secrets(a), "/b": core.Secrets(b)}
				var source string
				e := t.serveKeys(core.KeySourceFunc(func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
					if k := keys[r.Path()]; k != nil {
						return "tenant " + r.Path()[1:], k, nil
					}
					return "", nil, core.ErrUnknownSource
				}), a, nil, func(c *AdapterCall) error {
					source = c.Message.Source
					c.Status(http.StatusOK)
					return nil
				})
				e.want("own key", e.send(e.sign("msg_1", 0, "{}").to("/a")), http.StatusOK)
				if source != "tenant a" {
					t.Errorf("the message has the source %q, want \"tenant a\"", source)
				}
				other := e.send(e.sign("msg_1", 0, "{}").to("/b"))
				e.wantProblem("another tenant's key", other, http.StatusUnauthorized, "unauthenticated")
				unknown := e.send(e.sign("msg_1", 0, "{}").to("/nobody"))
				e.wantProblem("unknown tenant", unknown, http.StatusUnauthorized, "unauthenticated")
				e.signer = t.newSigner(b)
				e.want("the same id at another tenant", e.send(e.sign("msg_1", 0, "{}").to("/b")), http.StatusOK)
				e.wantRuns(2)
			},
		},
		{
			name: "an outage is 503 and nothing is let through", why: "an outage must fail closed, with Retry-After, so that the sender retries",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusOK))
				for _, err := range []error{errors.New("connection refused"), fmt.Errorf("at capacity: %w", core.ErrStoreFull)} {
					e.store.fail(err)
					e.wantProblem(err.Error(), e.send(e.sign("msg_1", 0, "{}")), http.StatusServiceUnavailable, "unavailable")
				}
				e.wantRuns(0)
				e.store.fail(nil)
				e.want("back again", e.send(e.sign("msg_1", 1, "{}")), http.StatusOK)

				down := t.serveKeys(core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
					return "", nil, errors.New("no route to the vault")
				}), core.GenerateSecret(), nil, answerWith(http.StatusOK))
				down.wantProblem("key source down", down.send(down.sign("msg_1", 0, "{}")), http.StatusServiceUnavailable, "unavailable")
				down.wantRuns(0)
			},
		},
		{
			name: "a misconfiguration is 500", why: "a 401 would make people look for a wrong secret",
			run: func(t *adapterRun) {
				secret := core.GenerateSecret()
				e := t.serveKeys(core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
					return "", core.Secrets(secret), nil
				}), secret, nil, answerWith(http.StatusOK))
				e.wantProblem("source without a name", e.send(e.sign("msg_1", 0, "{}")), http.StatusInternalServerError, "misconfigured")
				e.wantRuns(0)
			},
		},
		{
			name: "Deny responds to refusals and nothing else", why: "a custom response to an acknowledgement would make the sender retry for days",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusCreated), func(m *AdapterMount) { m.Deny = true })
				a := e.sign("msg_1", 0, "{}")
				e.want("genuine", e.send(a), http.StatusCreated)
				e.wantAcknowledged("redelivery", e.send(e.sign("msg_1", 1, "{}")), http.StatusCreated)
				bad := e.sign("msg_2", 0, "{}")
				bad.body = []byte("[]")
				got := e.send(bad)
				e.want("tampered", got, http.StatusTeapot)
				if strings.TrimSpace(got.body) != "denied: "+string(core.ErrNoMatch) {
					t.Errorf("tampered: the body is %q: pass core's error to Deny", got.body)
				}
				e.wantRuns(1)
			},
		},
		{
			name: "a challenge gets the scheme's response", why: "senders check an endpoint before they use it. Such a check is not a refusal, so Deny " +
				"does not get it",
			run: func(t *adapterRun) {
				e := t.serve(&core.Config{Scheme: challenging{}}, answerWith(http.StatusOK), func(m *AdapterMount) { m.Deny = true })
				got := e.send(e.sign("msg_1", 0, "challenge"))
				e.want("challenge", got, http.StatusOK)
				if got.body != "response" || got.header.Get("Content-Type") != "text/x-challenge" {
					t.Errorf("the response has the body %q and Content-Type %q, not those of the challenge", got.body, got.header.Get("Content-Type"))
				}
				e.wantRuns(0)
				e.wantUntouched()
			},
		},
	}
}

// looking passes the headers of a request to a function.
type looking struct {
	core.StandardWebhooks

	at func(core.Header)
}

// ReadHeader implements core.Scheme.
func (l looking) ReadHeader(r *core.Request, a *core.Attempt) error {
	l.at(r.Header)
	return l.StandardWebhooks.ReadHeader(r, a)
}

// challenging is a scheme with a challenge.
type challenging struct{ core.StandardWebhooks }

// Facts implements core.Describer.
func (challenging) Facts() core.Facts { return core.Facts{Challenge: answerChallenge} }

func answerChallenge(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
	if string(r.Body) != "challenge" {
		return nil
	}
	return &core.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/x-challenge"}}, Body: []byte("response")}
}

// bodyCases test how the body is read and restored.
func bodyCases() []adapterCase {
	return []adapterCase{
		{
			name: "every way of reading gives the signed bytes", why: "the body was read to verify it. The handler must find it as if it were unread",
			run: func(t *adapterRun) {
				var packed bytes.Buffer
				z := gzip.NewWriter(&packed)
				_, _ = z.Write([]byte(`{"packed":true}`))
				_ = z.Close()
				ways, way := []string{}, ""
				var got []byte
				var readErr error
				e := t.serve(nil, func(c *AdapterCall) error {
					if way == "" {
						ways = slices.Sorted(maps.Keys(c.Bodies))
					} else if got, readErr = c.Bodies[way](); !bytes.Equal(got, c.Message.Body) { //nolint:forbidigo // no MACs here
						t.Errorf("%s returned %d bytes, which differ from the %d bytes of Message.Body", way, len(got), len(c.Message.Body))
					}
					got = bytes.Clone(got) // it may be the server's
					c.Status(http.StatusOK)
					return nil
				})
				e.want("which ways there are", e.send(e.sign("msg_0", 0, "{}")), http.StatusOK)
				bodies := map[string]string{
					"small": `{"b": [1, 2]}`, "empty": "", "900 kB": strings.Repeat("0123456789abcdef", 900<<6),
					"not text": "\x00\xff\r\n\x80", "gzip": packed.String(), "not the gzip it says": "plain",
				}
				n := 0
				for _, way = range ways {
					for what, body := range bodies {
						for _, chunked := range []bool{false, true} {
							n++
							a := e.sign("msg_"+strconv.Itoa(n), 0, body)
							a.chunked = chunked
							if strings.Contains(what, "gzip") {
								a.header.Set("Content-Encoding", "gzip")
							}
							got = nil
							e.want(fmt.Sprintf("%s body by %s, chunked %v", what, way, chunked), e.send(a), http.StatusOK)
							if string(got) != body || readErr != nil {
								t.Errorf("%s body by %s, chunked %v: got %d bytes (%v), not the %d that were sent", what, way, chunked, len(got), readErr, len(body))
							}
						}
					}
				}
			},
		},
		{
			name: "the size limit is exact", why: "MaxBody must be exact: a body of that size is accepted, and one byte more is refused",
			run: func(t *adapterRun) {
				const limit = 70_000
				e := t.serve(&core.Config{MaxBody: limit}, answerWith(http.StatusOK))
				for _, chunked := range []bool{false, true} {
					what := fmt.Sprintf("chunked %v", chunked)
					fits := e.sign("msg_"+what[8:], 0, strings.Repeat("a", limit))
					fits.chunked = chunked
					e.want(what+", limit", e.send(fits), http.StatusOK)
					over := e.sign("over", 0, strings.Repeat("a", limit+1))
					over.chunked = chunked
					e.wantProblem(what+", one more", e.send(over), http.StatusRequestEntityTooLarge, "too-large")
				}
				e.wantRuns(2)
				if n := e.store.visits(); n != 4 { // claim and commit of two
					t.Errorf("the store was called %d times, want 4: a body that is too large must not reach the store", n)
				}
			},
		},
		{
			name: "an announced body that is too large is refused unread", why: "if the adapter waited for the body, anybody could tie up connections " +
				"and memory", streams: true,
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusOK))
				for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
					got, took := e.raw(e.sign("msg_1", 0, "{}").head("Content-Length: 1073741824\r\n"+expect), false)
					e.wantProblem("1 GiB announced "+expect, got, http.StatusRequestEntityTooLarge, "too-large")
					wantSoon(t, took)
				}
				e.wantUntouched()
			},
		},
		{
			name: "a refusal does not wait for the rest of the body", why: "net/http reads the rest before it responds, without a deadline. A sender " +
				"that never finishes would keep the connection indefinitely", streams: true,
			run: func(t *adapterRun) {
				for _, deny := range []bool{false, true} {
					e := t.serve(nil, answerWith(http.StatusOK), func(m *AdapterMount) { m.Deny = deny })
					a := e.sign("msg_1", 0, "{}")
					a.header.Del("Webhook-Signature")
					for _, framing := range []string{"Content-Length: 50\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 50\r\nExpect: 100-continue\r\n"} {
						got, took := e.raw(a.head(framing), false)
						if deny {
							e.want(framing, got, http.StatusTeapot)
						} else {
							e.wantProblem(framing, got, http.StatusBadRequest, "malformed")
						}
						if !got.closed {
							t.Errorf("%q, Deny %v: the response lacks Connection: close, although the body was left unread", framing, deny)
						}
						wantSoon(t, took)
					}
				}
			},
		},
		{
			name: "the sender of a body that is too large reads the refusal",
			why:  "closing a connection with unread bytes resets it, and the reset overtakes the 413. The sender then assumes an outage and retries for days",
			run: func(t *adapterRun) {
				large := strings.Repeat("a", 4<<20+1) // also over the limit of a server that reads bodies itself
				for _, closing := range []string{"", "close"} {
					e := t.serve(nil, answerWith(http.StatusOK))
					denies := t.serve(nil, answerWith(http.StatusOK), func(m *AdapterMount) { m.Deny = true })
					a, b := e.sign("msg_1", 0, large), denies.sign("msg_1", 0, large)
					for _, a := range []*attempt{a, b} {
						a.header["Connection"] = strings.Fields(closing)
					}
					what := fmt.Sprintf("Connection %q, ", closing)
					e.wantRead(what+"reads when it has written", func() answered { return e.writeFirst(a) })
					denies.wantRead(what+"reads when it has written, under Deny", func() answered { return denies.writeFirst(b) })
					e.wantRead(what+"reads while it writes", func() answered { return e.send(a) })
					chunked := *a
					chunked.chunked = true
					e.wantRead(what+"reads while it writes, chunked", func() answered { return e.send(&chunked) })
					e.wantUntouched()
				}
			},
		},
		{
			name: "a slow body is refused", why: "without a read deadline, a few connections that send nothing would cause an outage", streams: true,
			run: func(t *adapterRun) {
				e := t.serve(&core.Config{BodyTimeout: 100 * time.Millisecond}, answerWith(http.StatusOK))
				for _, text := range []string{
					e.sign("msg_1", 0, "{}").head("Content-Length: 2\r\n"), e.sign("msg_1", 0, "{}").head("Content-Length: 2\r\n") + "{",
					e.sign("msg_1", 0, "{}").head("Transfer-Encoding: chunked\r\n") + "1\r\n{\r\n",
				} {
					got, took := e.raw(text, false)
					e.wantProblem("slow", got, http.StatusRequestTimeout, "too-slow")
					wantSoon(t, took)
				}
				e.wantRuns(0)
				e.wantUntouched()
			},
		},
		{
			name: "a body that breaks off is malformed", why: "the signature is not wrong, and the body must not be verified as if it were complete", streams: true,
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusOK))
				a := e.sign("msg_1", 0, "{}") // the signature fits what does arrive
				for _, text := range []string{
					a.head("Content-Length: 3\r\n") + "{}", a.head("Transfer-Encoding: chunked\r\n") + "2\r\n{}\r\n",
					a.head("Transfer-Encoding: chunked\r\n") + "2\r\n{}\r\nnonsense\r\n",
				} {
					got, _ := e.raw(text, true)
					e.wantProblem("broken off", got, http.StatusBadRequest, "malformed")
				}
				e.wantRuns(0)
				e.wantUntouched()
			},
		},
		{
			name: "healthy connections are kept", why: "a leftover deadline or body breaks the next request on the connection",
			run: func(t *adapterRun) {
				t.patiently(time.Second, func(t *adapterRun, timeout time.Duration) {
					e := t.serve(&core.Config{BodyTimeout: timeout}, answerWith(http.StatusOK))
					tampered := e.sign("msg_2", 0, "{}")
					tampered.body = []byte("[]")
					var text strings.Builder
					for _, a := range []*attempt{e.sign("msg_1", 0, "{}"), tampered, e.sign("msg_1", 1, "{}"), e.sign("msg_3", 0, "")} {
						text.WriteString(a.head(fmt.Sprintf("Content-Length: %d\r\n", len(a.body))))
						text.Write(a.body)
					}
					e.pipeline(text.String(), timeout+100*time.Millisecond, e.sign("msg_4", 0, "{}"),
						http.StatusOK, http.StatusUnauthorized, http.StatusOK, http.StatusOK, http.StatusOK)
					e.wantRuns(3)
				})
			},
		},
	}
}

// outcomeCases test what commits and what releases a message.
func outcomeCases() []adapterCase {
	cases := []adapterCase{
		{
			name: "an error of the handler releases", why: "the framework renders the error after the adapter returns: the handler failed, although " +
				"nothing has been written yet",
			errors: true, run: func(t *adapterRun) { t.releases(func(*AdapterCall) error { return errSuite }) },
		},
		{
			name:   "an error after a written 200 releases",
			why:    "the handler wrote too early and then failed. If the message were recorded as handled, it would be lost even if its sender retries",
			errors: true, run: func(t *adapterRun) {
				t.settlesAs(core.Released, func(c *AdapterCall) error {
					c.Write([]byte("done"))
					return errSuite
				})
			},
		},
		{
			name: "an error that is rendered as 200 releases",
			why:  "the adapter cannot know how an error handler outside it renders an error, so the error itself counts as a failure", errors: true,
			run: func(t *adapterRun) {
				got := t.settlesAs(core.Released, func(*AdapterCall) error { return errSuite }, func(m *AdapterMount) { m.ErrorsAsSuccess = true })
				if got.status != http.StatusOK {
					t.Errorf("the failed handler got status %d: Serve must mount what AdapterMount.ErrorsAsSuccess asks for", got.status)
				}
			},
		},
		{
			name: "a hijack releases", why: "on the hijacked connection, nobody sees the handler's response", hijacks: true,
			run: func(t *adapterRun) {
				fail := true
				e := t.serve(nil, func(c *AdapterCall) error {
					if !fail {
						c.Status(http.StatusOK)
						return nil
					}
					return c.Hijack()
				})
				e.want("hijacked", e.send(e.sign("msg_1", 0, "{}")), http.StatusOK)
				e.settled(core.Released)
				fail = false
				e.want("next attempt", e.send(e.sign("msg_1", 1, "{}")), http.StatusOK)
				e.wantRuns(2)
			},
		},
		{
			name: "the response to a handler that ran out of time agrees with its record",
			why: "the handler ended because its context ended. A 2xx that nobody wrote loses the message. If middleware inside turns an empty response " +
				"into 200, that must not decide",
			run: func(t *adapterRun) {
				t.patiently(400*time.Millisecond, func(t *adapterRun, lease time.Duration) {
					t.runsOut(&core.Config{Lease: lease}, t.waits(nil))
				})
			},
		},
		{
			name: "the sender's disconnect does not end the handler", why: "otherwise a sender that gives up after 15 seconds would never succeed with " +
				"a handler that needs 20",
			run: func(t *adapterRun) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				entered, result := make(chan struct{}, 8), make(chan error, 8)
				e := t.serve(nil, func(c *AdapterCall) error {
					entered <- struct{}{}
					select {
					case <-c.Context.Done():
					case <-time.After(200 * time.Millisecond): // the server notices a disconnect at once
					}
					result <- c.Context.Err()
					c.Status(http.StatusOK)
					return nil
				})
				a := e.sign("msg_1", 0, "{}")
				go e.sendWith(ctx, a)
				if !t.within(entered) {
					t.Fatalf("the handler did not run")
				}
				cancel()
				if err := <-result; err != nil {
					t.Errorf("the handler's context ended with the connection: %v", err)
				}
				e.settled(core.Done)
				e.wantAcknowledged("next attempt", e.send(e.sign("msg_1", 1, "{}")), http.StatusOK)
				e.wantRuns(1)
			},
		},
		{
			name: "the handler's context ends before the claim", why: "otherwise a handler that overruns its lease could run at the same time as the " +
				"handler of the next attempt",
			run: func(t *adapterRun) {
				left := make(map[string]time.Duration)
				e := t.serve(nil, func(c *AdapterCall) error {
					d, _ := c.Context.Deadline()
					left["the request"] = time.Until(d)
					for name, ctx := range c.Contexts {
						d, _ := ctx.Deadline()
						left[name] = time.Until(d)
					}
					c.Status(http.StatusOK)
					return nil
				})
				e.want("genuine", e.send(e.sign("msg_1", 0, "{}")), http.StatusOK)
				for name, l := range left {
					if l < 50*time.Second || l > 55*time.Second {
						t.Errorf("the context of %s ends in %v, want 55s (lease − 5 s): use Delivery.Context", name, l)
					}
				}
			},
		},
	}
	for name, h := range map[string]handle{
		"a handler that writes nothing": func(*AdapterCall) error { return nil },
		"200":                           answerWith(http.StatusOK), "204": answerWith(http.StatusNoContent),
		"a body without a status": func(c *AdapterCall) error {
			c.Write([]byte("thanks"))
			return nil
		},
		"a flushed body": func(c *AdapterCall) error {
			c.Write([]byte("tha"))
			c.Flush()
			c.Write([]byte("nks"))
			return nil
		},
		"a large body": func(c *AdapterCall) error {
			c.Write(make([]byte, 64<<10))
			return nil
		},
	} {
		cases = append(cases, adapterCase{name: name + " commits", why: "a 2xx is a success: the handler must not run again for the message", run: func(t *adapterRun) {
			e := t.serve(nil, h)
			first := e.send(e.sign("msg_1", 0, "{}"))
			if !isSuccess(first.status) {
				t.Errorf("the first attempt got status %d (%v), want 2xx", first.status, first.err)
			}
			e.settled(core.Done)
			e.wantAcknowledged("redelivery", e.send(e.sign("msg_1", 1, "{}")), first.status)
			e.wantRuns(1)
		}})
	}
	for _, status := range []int{http.StatusInternalServerError, http.StatusNotFound, http.StatusFound, http.StatusConflict} {
		cases = append(cases, adapterCase{
			name: strconv.Itoa(status) + " releases", why: "the handler failed: it must run again with the sender's next attempt, or the message is lost",
			run: func(t *adapterRun) { t.releases(answerWith(status)) },
		})
	}
	abort := func(*AdapterCall) error { panic(http.ErrAbortHandler) }
	crash := func(*AdapterCall) error { panic(errSuite) }
	late := func(c *AdapterCall) error {
		c.Status(http.StatusOK)
		panic(errSuite)
	}
	inside, outside := func(m *AdapterMount) { m.RecoverInside = true }, func(m *AdapterMount) { m.RecoverOutside = true }
	const why = "a handler that crashed has handled nothing: it must run again with the sender's next attempt"
	return append(cases,
		adapterCase{name: "a panic releases", why: why, barePanic: true, run: func(t *adapterRun) { t.releases(crash) }},
		adapterCase{name: "http.ErrAbortHandler releases", why: why, barePanic: true, run: func(t *adapterRun) { t.releases(abort) }},
		adapterCase{name: "a panic after a 200 releases", why: why, barePanic: true, run: func(t *adapterRun) { t.releases(late) }},
		adapterCase{name: "a panic recovered inside releases", why: why, run: func(t *adapterRun) { t.releases(crash, inside) }},
		adapterCase{name: "a panic recovered outside releases", why: why, run: func(t *adapterRun) { t.releases(crash, outside) }},
		adapterCase{name: "a panic after a 200, recovered outside, releases", why: why, run: func(t *adapterRun) {
			e := t.serve(nil, late, outside)
			e.send(e.sign("msg_1", 0, "{}")) // what the sender sees depends on what was written
			e.settled(core.Released)
		}},
		adapterCase{
			name: "panics propagate", why: "an adapter that recovers from panics hides crashes from the recover middleware that reports them",
			run: func(t *adapterRun) {
				e := t.serve(nil, crash, outside)
				e.want("recovered outside", e.send(e.sign("msg_1", 0, "{}")), http.StatusInternalServerError)
				if t.adapter.PanicEndsProcess {
					return
				}
				bare := t.serve(nil, crash)
				if got := bare.send(bare.sign("msg_1", 0, "{}")); got.status != 0 && got.status != http.StatusInternalServerError {
					t.Errorf("the handler's panic was not recovered: status %d", got.status)
				}
			},
		},
	)
}

// configCases test modes that change what an adapter must do.
func configCases() []adapterCase {
	return []adapterCase{{
		name: "report-only lets everything through", why: "report-only is for roll-outs on live traffic: requests are verified, claimed and observed, " +
			"but never refused or cut off",
		run: func(t *adapterRun) {
			var found bool
			var got []byte
			e := t.serve(&core.Config{DangerouslyReportOnly: true, MaxBody: 40_000}, func(c *AdapterCall) error {
				_, found = core.FromContext(c.Context)
				if found != (c.Message.ID != "") {
					t.Errorf("FromContext returned %v, but Message returned %+v", found, c.Message)
				}
				got = nil
				for _, name := range slices.Sorted(maps.Keys(c.Bodies)) {
					if body, _ := c.Bodies[name](); len(body) > 0 {
						got = bytes.Clone(body) // it may be the server's
						break
					}
				}
				c.Status(http.StatusOK)
				return nil
			})
			genuine, unsigned, tampered := e.sign("msg_1", 0, "{}"), e.sign("msg_2", 0, "{}"), e.sign("msg_3", 0, "{}")
			unsigned.header.Del("Webhook-Signature")
			tampered.body = []byte("[]")
			large, chunked := e.sign("msg_4", 0, strings.Repeat("a", 90_000)), e.sign("msg_5", 0, strings.Repeat("b", 90_000))
			chunked.chunked = true
			for what, a := range map[string]*attempt{"unsigned": unsigned, "tampered": tampered, "too large": large, "too large, chunked": chunked} {
				e.want(what, e.send(a), http.StatusOK)
				if found {
					t.Errorf("%s: FromContext returned a message that was not verified", what)
				}
				if string(got) != string(a.body) {
					t.Errorf("%s: the handler read %d bytes, not the %d that were sent", what, len(got), len(a.body))
				}
			}
			e.want("genuine", e.send(genuine), http.StatusOK)
			if !found || string(got) != "{}" {
				t.Errorf("genuine: FromContext returned %v, and the handler read %q", found, got)
			}
			e.want("replay", e.send(genuine), http.StatusOK)
			e.wantRuns(6)
		},
	}, {
		name: "a refused request can be shown with its body", why: "explain needs the bytes to name a mistake. The response must stay the same, and the " +
			"connection must stay usable for the next request",
		run: func(t *adapterRun) { t.patiently(time.Second, refusedAreShown) },
	}}
}

func refusedAreShown(t *adapterRun, timeout time.Duration) {
	t.Helper()
	var shown []core.Refused
	var e *endpoint
	e = t.serve(&core.Config{BodyTimeout: timeout, DangerouslyShowRefused: func(_ context.Context, r core.Refused) {
		e.fence()
		defer e.fence()
		shown = append(shown, r)
	}}, answerWith(http.StatusOK))
	unsigned, tampered, stale := e.sign("msg_1", 0, `{"a":1}`), e.sign("msg_2", 0, "{}"), e.sign("msg_3", -400, strings.Repeat("a", 90_000))
	unsigned.header.Del("Webhook-Signature")
	tampered.body = []byte("[]")
	var text strings.Builder
	refused := []*attempt{unsigned, tampered, stale}
	for _, a := range refused {
		text.WriteString(a.head(fmt.Sprintf("Content-Length: %d\r\n", len(a.body))))
		text.Write(a.body)
	}
	e.pipeline(text.String(), timeout+100*time.Millisecond, e.sign("msg_4", 0, "{}"), http.StatusBadRequest, http.StatusUnauthorized, http.StatusUnauthorized,
		http.StatusOK)
	e.fence()
	if len(shown) != len(refused) {
		t.Fatalf("%d refusals were shown, want %d", len(shown), len(refused))
	}
	for i, a := range refused {
		r := shown[i].Request
		if r.Method != http.MethodPost || r.Path() != "/hook" || !slices.Equal(r.Header.Values("Webhook-Id"), a.header["Webhook-Id"]) || string(r.Body) != string(a.body) {
			t.Errorf("%s %s with %d bytes was shown for %s, which has %d: call Admit with the request as it arrived, and read the body when Admit asks for it",
				r.Method, r.URL, len(r.Body), a.header.Get("Webhook-Id"), len(a.body))
		}
	}
	e.wantRuns(1)
}

// crowdCases test many attempts at once.
func crowdCases() []adapterCase {
	return []adapterCase{
		{
			name: "twenty attempts at once run once", why: "senders and proxies sometimes send the same attempt twice within a millisecond",
			run: func(t *adapterRun) {
				entered, leave := make(chan struct{}, 20), make(chan struct{})
				e := t.serve(nil, func(c *AdapterCall) error {
					entered <- struct{}{}
					<-leave
					c.Status(http.StatusOK)
					return nil
				})
				results := make(chan answered, 20)
				for i := range 20 {
					a := e.sign("msg_1", i, "{}")
					go func() { results <- e.send(a) }()
				}
				later := 0
				for range 19 {
					select {
					case got := <-results:
						e.wantProblem("beside the first", got, http.StatusServiceUnavailable, "in-flight")
						later++
					case <-time.After(t.patience):
						t.Errorf("only %d of 19 concurrent attempts got 503", later)
					}
				}
				close(leave)
				e.want("the one", <-results, http.StatusOK)
				e.wantRuns(1)
			},
		},
		{
			name: "of 10 000 concurrent attempts at 100 messages each is handled exactly once", why: "this is the purpose of the module. Handlers that fail or crash must lose no message",
			run: runCrowd,
		},
	}
}

func runCrowd(t *adapterRun) {
	const ids, workers = 100, 32
	attempts := 10_000
	if testing.Short() {
		attempts = 1_000
	}
	var mu sync.Mutex
	runs, handled := map[string]int{}, map[string]int{}
	e := t.serve(nil, func(c *AdapterCall) error {
		id := c.Message.ID
		mu.Lock()
		runs[id]++
		first, n := runs[id] == 1, len(id)+int(id[len(id)-1]) // some fail at first
		if !first || n%3 == 2 {
			handled[id]++
		}
		mu.Unlock()
		switch {
		case !first || n%3 == 2:
			c.Status(http.StatusOK)
		case n%3 == 1:
			panic(errSuite)
		default:
			c.Status(http.StatusInternalServerError)
		}
		return nil
	}, func(m *AdapterMount) { m.RecoverOutside = true })

	work := make(chan *attempt, workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for a := range work {
				switch got := e.send(a); got.status {
				case http.StatusOK, http.StatusConflict, http.StatusServiceUnavailable, http.StatusInternalServerError:
				default:
					t.Errorf("an attempt got status %d (%v), want 200, 409, 500 or 503", got.status, got.err)
				}
			}
		})
	}
	for n := range attempts {
		work <- e.sign("msg_"+strconv.Itoa(n%ids), n/ids%60, "{}")
	}
	close(work)
	wg.Wait()
	for i := range ids { // a sender goes on until it is acknowledged
		e.want("last attempt", e.send(e.sign("msg_"+strconv.Itoa(i), 90, "{}")), http.StatusOK)
	}
	mu.Lock()
	defer mu.Unlock()
	for i := range ids {
		if id := "msg_" + strconv.Itoa(i); handled[id] != 1 {
			t.Errorf("%s was handled %d times, want 1", id, handled[id])
		}
	}
}

// releases checks that a handler that ends like fail releases the message for
// the next attempt, newer or not. The handler must then run for that attempt.
func (t *adapterRun) releases(fail handle, mount ...func(*AdapterMount)) {
	t.Helper()
	failing := true
	e := t.serve(nil, func(c *AdapterCall) error {
		if failing {
			return fail(c)
		}
		c.Status(http.StatusOK)
		return nil
	}, mount...)
	a := e.sign("msg_1", 0, "{}")
	if got := e.send(a); isSuccess(got.status) {
		t.Errorf("a failed handler got status %d", got.status)
	}
	e.settled(core.Released)
	if got := e.send(a); isSuccess(got.status) { // a retry within the same second
		t.Errorf("a handler that failed again got status %d", got.status)
	}
	e.wantRuns(2)
	failing = false
	e.want("next attempt", e.send(e.sign("msg_1", 1, "{}")), http.StatusOK)
	e.wantAcknowledged("redelivery", e.send(e.sign("msg_1", 2, "{}")), http.StatusOK)
	e.wantRuns(3)
}

// within waits for c, up to a bound.
func (t *adapterRun) within(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-time.After(t.patience):
		return false
	}
}

func wantSoon(t *adapterRun, took time.Duration) {
	t.Helper()
	if took > t.patience {
		t.Errorf("the response took %v, want at once", took)
	}
}
