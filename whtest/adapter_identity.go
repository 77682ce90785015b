package whtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// plain is the scheme of a sender that signs no id. Its header Plain-Signature
// is an HMAC in hexadecimal. If timed, Plain-Time is the signed time in Unix
// seconds. Plain-Delivery and Plain-Topic are outside the signature.
type plain struct {
	timed bool // each attempt has its own time; then only the delivery id counts
	reply bool // the sender uses the content of the response
}

// Name implements core.Scheme.
func (plain) Name() string { return "plain" }

// Stamping implements core.Scheme.
func (s plain) Stamping() core.Stamping {
	if s.timed {
		return core.StampedEachAttempt
	}
	return core.NotStamped
}

// Facts implements core.Describer.
func (s plain) Facts() core.Facts {
	names := []string{"Plain-Signature", "Plain-Delivery", "Plain-Topic"}
	if s.timed {
		names = append(names, "Plain-Time")
	}
	return core.Facts{Headers: [][]string{names}, Unsigned: true}
}

// ParseKey implements core.Scheme.
func (plain) ParseKey(secret string) (core.VerifyKey, error) {
	return core.HMACKey("", sha256.New, []byte(secret), core.Hex)
}

// ReadHeader implements core.Scheme.
func (s plain) ReadHeader(r *core.Request, a *core.Attempt) error {
	signature, err := oneValue(r.Header, "Plain-Signature")
	if err != nil {
		return err
	}
	delivery, err := oneValue(r.Header, "Plain-Delivery")
	if err != nil {
		return err
	}
	topic, err := oneValue(r.Header, "Plain-Topic")
	if err != nil {
		return err
	}
	a.Signatures = append(a.Signatures, core.Signature{Text: signature})
	a.ID, a.BodySigned, a.Reply = delivery, true, s.reply
	if !s.timed {
		a.Unsigned = append(a.Unsigned, delivery, topic)
		return nil
	}
	a.Unsigned = append(a.Unsigned, delivery)
	stamp, err := oneValue(r.Header, "Plain-Time")
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != stamp {
		return fmt.Errorf("%w: Plain-Time is not a Unix time in seconds", core.ErrMalformed)
	}
	a.Timestamp = time.Unix(n, 0)
	a.Content.WriteTime(stamp)
	a.Content.WriteString(".")
	return nil
}

// ReadBody implements core.Scheme.
func (plain) ReadBody(r *core.Request, a *core.Attempt) error {
	a.Content.WriteBody(r.Body)
	return nil
}

// oneValue returns the value of a header, or "" if the header is absent. A
// header with an empty value is malformed.
func oneValue(h core.Header, name string) (string, error) {
	switch values := h.Values(name); {
	case len(values) == 0:
		return "", nil
	case len(values) > 1 || values[0] == "":
		return "", fmt.Errorf("%w: %s is empty or repeated", core.ErrMalformed, name)
	default:
		return values[0], nil
	}
}

// replying is Standard Webhooks for a sender that uses the content of the
// response.
type replying struct{ core.StandardWebhooks }

// ReadHeader implements core.Scheme.
func (s replying) ReadHeader(r *core.Request, a *core.Attempt) error {
	a.Reply = true
	return s.StandardWebhooks.ReadHeader(r, a)
}

// plain returns an attempt of the sender that signs only the body. An empty
// delivery or topic is omitted.
func (e *endpoint) plain(delivery, topic, body string) *attempt {
	return e.plainSigned(nil, delivery, topic, body)
}

// plainTimed returns an attempt of the sender that also signs the time. Larger
// seconds are newer.
func (e *endpoint) plainTimed(seconds int, delivery, body string) *attempt {
	at := time.Now().Add(time.Duration(seconds) * time.Second) //nolint:forbidigo // the servers under test run on real time
	return e.plainSigned(&at, delivery, "", body)
}

func (e *endpoint) plainSigned(at *time.Time, delivery, topic, body string) *attempt {
	a := &attempt{path: "/hook", header: plainHeader(e.secret, at, delivery, topic, []byte(body)), body: []byte(body)}
	a.header.Set("Content-Type", "application/json")
	return a
}

// plainHeader returns the headers of the scheme plain. A nil time is not
// signed.
func plainHeader(secret string, at *time.Time, delivery, topic string, body []byte) http.Header {
	h := make(http.Header)
	mac := hmac.New(sha256.New, []byte(secret))
	if at != nil {
		stamp := strconv.FormatInt(at.Unix(), 10)
		h.Set("Plain-Time", stamp)
		mac.Write([]byte(stamp + "."))
	}
	mac.Write(body)
	h.Set("Plain-Signature", hex.EncodeToString(mac.Sum(nil)))
	for name, value := range map[string]string{"Plain-Delivery": delivery, "Plain-Topic": topic} {
		if value != "" {
			h.Set(name, value)
		}
	}
	return h
}

// with returns the attempt as an attacker who captured it would change it: with
// other values of a header, or none.
func (a *attempt) with(name string, values ...string) *attempt {
	c := *a
	c.header = a.header.Clone()
	c.header[name] = values
	if len(values) == 0 {
		delete(c.header, name)
	}
	return &c
}

// to returns the attempt at another address: a path, or a host and a path.
func (a *attempt) to(address string) *attempt {
	c := *a
	host, path, _ := strings.Cut(address, "/")
	c.host, c.path = host, "/"+path
	return &c
}

// identityCases test which requests are one message. Headers and the address
// distinguish messages, signed or not. An adapter that drops some of them loses
// events.
func identityCases() []adapterCase {
	return []adapterCase{
		{
			name: "equal bytes under other delivery ids or topics are other messages",
			why: "a sender that signs only the body identifies the event in unsigned headers. An event that is acknowledged unseen is lost. Pass on " +
				"every header",
			run: func(t *adapterRun) {
				e := t.serve(&core.Config{Scheme: plain{}}, answerWith(http.StatusAccepted))
				for _, ids := range [][2]string{{"d-1", "order.created"}, {"d-1", "order.updated"}, {"d-2", "order.created"}} {
					e.want(strings.Join(ids[:], " "), e.send(e.plain(ids[0], ids[1], "{}")), http.StatusAccepted)
				}
				e.wantRuns(3)
				for _, ids := range [][2]string{{"d-2", "order.created"}, {"d-1", "order.created"}} {
					e.wantAcknowledged(strings.Join(ids[:], " ")+" again", e.send(e.plain(ids[0], ids[1], "{}")), http.StatusAccepted)
				}
				e.wantRuns(3)
			},
		},
		{
			name: "rewriting unsigned ids gives a bounded number of runs",
			why: "Config.Repeats limits how many times the handler runs for a captured request. Further attempts are refused and never acknowledged, " +
				"because they may be an event that nobody has seen",
			run: runCaptor,
		},
		{
			name: "with no repeats allowed, equal bytes run once", why: "Config.Repeats: -1 is for senders whose bodies are never the same twice",
			run: func(t *adapterRun) {
				e := t.serve(&core.Config{Scheme: plain{}, Repeats: -1}, answerWith(http.StatusOK))
				a := e.plain("d-1", "order.created", "{}")
				e.want("genuine", e.send(a), http.StatusOK)
				for what, other := range map[string]*attempt{
					"another delivery id": a.with("Plain-Delivery", "d-2"), "another topic": a.with("Plain-Topic", "order.updated"),
					"no delivery id": a.with("Plain-Delivery"), "neither": a.with("Plain-Delivery").with("Plain-Topic"),
				} {
					e.wantProblem(what, e.send(other), http.StatusServiceUnavailable, "unavailable")
				}
				e.wantAcknowledged("the sender's retry", e.send(a), http.StatusOK)
				e.wantRuns(1)
			},
		},
		{
			name: "a failed handler's message runs again under its delivery id", why: "a retry is not a repeat. If it counted as one, it would be lost",
			run: func(t *adapterRun) {
				statuses := []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusOK}
				e := t.serve(&core.Config{Scheme: plain{}, Repeats: -1}, func(c *AdapterCall) error {
					c.Status(statuses[0])
					statuses = statuses[1:]
					return nil
				})
				a := e.plain("d-1", "order.created", "{}")
				e.want("failing", e.send(a), http.StatusInternalServerError)
				e.wantProblem("another delivery id meanwhile", e.send(a.with("Plain-Delivery", "d-2")), http.StatusServiceUnavailable, "unavailable")
				e.want("failing again", e.send(a), http.StatusServiceUnavailable)
				e.want("the next attempt", e.send(a), http.StatusOK)
				e.wantAcknowledged("afterwards", e.send(a), http.StatusOK)
				e.wantRuns(3)
			},
		},
		{
			name: "a retry with a new time is recognized by its delivery id",
			why:  "without the id, the handler would run again for each retry of a handled message, because the retry's signed bytes are new",
			run: func(t *adapterRun) {
				e := t.serve(&core.Config{Scheme: plain{timed: true}}, answerWith(http.StatusAccepted))
				e.want("first", e.send(e.plainTimed(0, "d-1", "{}")), http.StatusAccepted)
				e.wantAcknowledged("retry", e.send(e.plainTimed(1, "d-1", "{}")), http.StatusAccepted)
				e.wantRuns(1)
				e.want("another event with equal content", e.send(e.plainTimed(2, "d-2", "{}")), http.StatusAccepted)
				e.want("another event under that id", e.send(e.plainTimed(2, "d-2", "[]")), http.StatusAccepted)
				e.wantRuns(3)
			},
		},
		{
			name: "a captured attempt does not run under another delivery id", why: "if each attempt has its own time, an attempt belongs to only one message",
			run: func(t *adapterRun) {
				e := t.serve(&core.Config{Scheme: plain{timed: true}}, answerWith(http.StatusOK))
				a := e.plainTimed(0, "d-1", "{}")
				e.want("genuine", e.send(a), http.StatusOK)
				for what, other := range map[string]*attempt{"another id": a.with("Plain-Delivery", "d-2"), "no id": a.with("Plain-Delivery")} {
					for range 3 {
						e.wantProblem(what, e.send(other), http.StatusServiceUnavailable, "unavailable")
					}
				}
				e.wantProblem("as it was", e.send(a), http.StatusConflict, "replay")
				e.wantRuns(1)
				e.want("an event under the id that was tried", e.send(e.plainTimed(1, "d-2", "{}")), http.StatusOK)
				e.wantRuns(2)
			},
		},
		{
			name: "a signed id with another content is not acknowledged",
			why:  "test buttons send every event under the same id. If the second event were acknowledged, it would be lost",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusOK))
				e.want("first", e.send(e.sign("evt_0", 0, `{"type":"a"}`)), http.StatusOK)
				for i, body := range []string{`{"type":"b"}`, `{"type":"c"}`, ""} {
					e.wantProblem("one id with "+body, e.send(e.sign("evt_0", i+1, body)), http.StatusServiceUnavailable, "unavailable")
				}
				e.wantRuns(1)
				e.wantAcknowledged("the first one's retry", e.send(e.sign("evt_0", 4, `{"type":"a"}`)), http.StatusOK)
			},
		},
		{
			name: "a message that is delivered to two endpoints is not acknowledged at the second",
			why: "a sender may use one id for its deliveries to all endpoints. With one verifier for two endpoints, the second delivery would be lost. " +
				"Pass on Host, path and query",
			run: func(t *adapterRun) {
				for what, c := range map[string]struct {
					scheme  core.Scheme
					attempt func(e *endpoint, n int) *attempt
				}{
					"a signed id":           {nil, func(e *endpoint, n int) *attempt { return e.sign("msg_1", n, "{}") }},
					"an unsigned id":        {plain{}, func(e *endpoint, _ int) *attempt { return e.plain("d-1", "paid", "{}") }},
					"an unsigned id, timed": {plain{timed: true}, func(e *endpoint, n int) *attempt { return e.plainTimed(n, "d-1", "{}") }},
				} {
					e := t.serve(&core.Config{Scheme: c.scheme}, answerWith(http.StatusOK))
					e.want(what+", first endpoint", e.send(c.attempt(e, 0).to("one.example/billing?app=1&v=2")), http.StatusOK)
					for n, second := range []string{"one.example/mail?app=1&v=2", "one.example/billing?app=2&v=2", "two.example/billing?app=1&v=2"} {
						e.wantProblem(what+", second endpoint "+second, e.send(c.attempt(e, n+1).to(second)), http.StatusInternalServerError, "misconfigured")
					}
					e.wantRuns(1)
					e.wantAcknowledged(what+", first endpoint again", e.send(c.attempt(e, 4).to("one.example:80/billing?v=2&app=1")), http.StatusOK)
				}
			},
		},
		{
			name: "mounted twice it passes through, or reports that at the first request",
			why: "a group and one of its routes may both have the middleware. A message that waits for its own claim gets 503 until the sender gives " +
				"up. Put Delivery.Context into the request",
			run: func(t *adapterRun) { runTwice(t, func(m *AdapterMount) { m.Twice = true }) },
		},
		{
			name: "a response that the sender needs is never an empty acknowledgement",
			why:  "an empty response breaks a chat command or a call, although its status reports success",
			run: func(t *adapterRun) {
				content := func(c *AdapterCall) error {
					c.Write([]byte("content"))
					return nil
				}
				for what, scheme := range map[string]core.Scheme{
					"a signed id": replying{}, "unsigned ids": plain{reply: true}, "unsigned ids, timed": plain{timed: true, reply: true},
				} {
					e := t.serve(&core.Config{Scheme: scheme, Repeats: 1}, content)
					for n := range 4 {
						var a *attempt
						switch scheme {
						case replying{}:
							a = e.sign("msg_1", n, "{}")
						case plain{reply: true}:
							a = e.plain("d-1", "", "{}")
						default:
							a = e.plainTimed(n, "d-1", "{}")
						}
						got := e.send(a)
						if n == 0 {
							e.want(what, got, http.StatusOK)
						}
						if isSuccess(got.status) && got.body != "content" || got.header.Get(core.RedeliveryHeader) != "" || got.status == 0 {
							t.Errorf("%s, attempt %d: status %d with %q (%v)", what, n+1, got.status, got.body, got.err)
						}
					}
				}
			},
		},
		{
			name: "invalid unsigned ids are malformed", why: "these ids are read before anything is authenticated, so none of them may reach the store",
			run: func(t *adapterRun) {
				for _, scheme := range []plain{{}, {timed: true}} {
					e := t.serve(&core.Config{Scheme: scheme}, answerWith(http.StatusOK))
					a := e.plain("d-1", "order.created", "{}")
					if scheme.timed {
						a = e.plainTimed(0, "d-1", "{}")
					}
					names := []string{"Plain-Delivery"}
					if !scheme.timed {
						names = append(names, "Plain-Topic")
					}
					for _, name := range names {
						for what, values := range map[string][]string{
							"empty": {""}, "of 257 bytes": {strings.Repeat("a", 257)}, "of 3 KiB": {strings.Repeat("a", 3<<10)}, "not ASCII": {"zürich"},
							"bytes over 0x7F": {"d-\xff\xfe"}, "two words": {"d 1"}, "with a tab": {"d\t1"}, "there twice": {"d-1", "d-1"}, "two": {"d-1", "d-2"},
							"two, one of them empty": {"d-1", ""},
						} {
							e.wantProblem(name+" "+what, e.send(a.with(name, values...)), http.StatusBadRequest, "malformed")
						}
						huge := e.send(a.with(name, strings.Repeat("a", 8<<10)))
						// The server's own limit applies first. It may close the connection while
						// the client still writes.
						if huge.status != http.StatusRequestHeaderFieldsTooLarge && huge.status != 0 {
							e.wantProblem(name+" of 8 KiB", huge, http.StatusBadRequest, "malformed")
						}
					}
					e.wantRuns(0)
					e.wantUntouched()
					e.want("the genuine one", e.send(a), http.StatusOK)
				}
			},
		},
	}
}

// runCaptor presents one captured request under other unsigned ids, first one
// after another, then many at once.
func runCaptor(t *adapterRun) {
	const repeats, tries = 2, 12
	for _, atOnce := range []bool{false, true} {
		e := t.serve(&core.Config{Scheme: plain{}, Repeats: repeats}, answerWith(http.StatusOK))
		genuine := e.plain("d-1", "order.created", "{}")
		e.want("genuine", e.send(genuine), http.StatusOK)
		answers := make(chan answered, tries)
		for n := range tries {
			a := genuine.with([]string{"Plain-Delivery", "Plain-Topic"}[n%2], "other-"+strconv.Itoa(n))
			if atOnce {
				go func() { answers <- e.send(a) }()
			} else {
				answers <- e.send(a)
			}
		}
		ran := 0
		for range tries {
			got := <-answers
			if got.status == http.StatusOK && got.header.Get(core.RedeliveryHeader) == "" {
				ran++
				continue
			}
			e.wantProblem("rewritten", got, http.StatusServiceUnavailable, "unavailable")
		}
		if ran != repeats {
			t.Errorf("concurrent %v: the handler ran %d more times for a captured request, want %d", atOnce, ran, repeats)
		}
		e.wantRuns(1 + repeats)
		e.wantAcknowledged("the sender's retry", e.send(genuine), http.StatusOK)
		e.want("another event", e.send(e.plain("d-1", "order.created", "[]")), http.StatusOK)
		e.wantRuns(2 + repeats)
	}
}

// runTwice sends requests that pass the adapter twice.
func runTwice(t *adapterRun, mount func(*AdapterMount)) {
	for what, c := range map[string]struct {
		scheme  core.Scheme
		attempt func(e *endpoint, n int) *attempt
	}{
		"a signed id":           {nil, func(e *endpoint, n int) *attempt { return e.sign("msg_1", n, "{}") }},
		"an unsigned id":        {plain{}, func(e *endpoint, _ int) *attempt { return e.plain("d-1", "paid", "{}") }},
		"an unsigned id, timed": {plain{timed: true}, func(e *endpoint, n int) *attempt { return e.plainTimed(n, "d-1", "{}") }},
	} {
		var observed []core.Event
		var e *endpoint
		e = t.serve(&core.Config{Scheme: c.scheme, Observe: func(_ context.Context, ev core.Event) {
			e.fence()
			defer e.fence()
			observed = append(observed, ev)
		}}, answerWith(http.StatusOK), mount)
		for n := range 2 {
			got := e.send(c.attempt(e, n))
			if isSuccess(got.status) {
				e.wantRuns(1)
				continue
			}
			e.wantProblem(what+", attempt "+strconv.Itoa(n+1), got, http.StatusInternalServerError, "misconfigured")
			e.wantRuns(0)
			e.fence()
			if len(observed) == 0 || observed[0].Reason != core.ErrMisconfigured || !strings.Contains(observed[0].Err.Error(), "mounted twice") {
				t.Errorf("%s: the observer got %+v, want misconfigured first", what, observed)
			}
		}
	}
}
