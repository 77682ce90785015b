package schemes_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

// counting counts the calls to a store.
type counting struct {
	core.SeenStore

	visits int
}

func (c *counting) Swap(ctx context.Context, key core.Key, old, next core.Value, life time.Duration) (core.Value, error) {
	c.visits++
	return c.SeenStore.Swap(ctx, key, old, next, life)
}

// bodySigner is a template of a sender that signs the body alone.
func bodySigner(change func(*schemes.Template)) schemes.Template {
	template := schemes.Template{Name: "acme", Signature: schemes.Header("Acme-Signature"), Content: "{body}"}
	change(&template)
	return template
}

func signedBody(body string, headers ...string) *core.Request {
	return request(body, append([]string{"Acme-Signature", hexMAC(secret, body)}, headers...)...)
}

// templateCase is one message under a template: what its identity is, or why it is refused.
type templateCase struct {
	name    string
	change  func(*schemes.Template)
	request *core.Request
	reason  error    // nil: it runs
	says    []string // of the refusal
	id      string   // of the message that runs
	signed  bool
}

func TestWhatIdentifiesAMessageOfATemplate(t *testing.T) {
	t.Parallel()
	idAt := func(path ...string) func(*schemes.Template) {
		return func(s *schemes.Template) { s.ID = schemes.JSON(path...) }
	}
	optional := func(path ...string) func(*schemes.Template) {
		return func(s *schemes.Template) { s.ID, s.IDOptional = schemes.JSON(path...), true }
	}
	byContent := func(path ...string) func(*schemes.Template) {
		return func(s *schemes.Template) { s.ID, s.Batch = schemes.JSON(path...), schemes.BatchByContent }
	}
	delivery := func(s *schemes.Template) { s.ID = schemes.Header("Acme-Delivery") }
	optionalDelivery := func(s *schemes.Template) { s.ID, s.IDOptional = schemes.Header("Acme-Delivery"), true }
	topic := func(s *schemes.Template) { s.Topic = schemes.Header("Acme-Topic") }
	twice := func(name string, r *core.Request) *core.Request {
		asMap(r.Header).Add(name, "b")
		return r
	}
	const two, long = `{"events":[{"id":"a"},{"id":"b"}]}`, 257
	for _, tt := range []templateCase{
		{"an id in the body", idAt("event", "id"), signedBody(`{"event":{"id":"a"}}`), nil, nil, "a", true},
		{"no id in the body", idAt("event", "id"), signedBody(`{"event":{}}`), core.ErrMalformed, []string{"event.id", "IDOptional"}, "", false},
		{"an optional id that is not there", optional("event", "id"), signedBody(`{"event":{}}`), nil, nil, "", false},
		{"an optional id that is there", optional("event", "id"), signedBody(`{"event":{"id":"a"}}`), nil, nil, "a", true},
		{"a path that is misspelt", idAt("event", "ID"), signedBody(`{"event":{"id":"a"}}`), core.ErrMalformed, []string{"event.ID", "path"}, "", false},
		{"an id that is null", idAt("id"), signedBody(`{"id":null}`), core.ErrMalformed, []string{"no id"}, "", false},
		{"an empty id", idAt("id"), signedBody(`{"id":""}`), core.ErrMalformed, []string{"printable ASCII"}, "", false},
		{"an empty id that is optional", optional("id"), signedBody(`{"id":""}`), core.ErrMalformed, []string{"printable ASCII"}, "", false},
		{"an id that is too long", idAt("id"), signedBody(`{"id":"` + strings.Repeat("x", long) + `"}`), core.ErrMalformed, []string{"256"}, "", false},
		{"an id that is not ASCII", idAt("id"), signedBody(`{"id":"é"}`), core.ErrMalformed, []string{"ASCII"}, "", false},
		{"a number as id", idAt("id"), signedBody(`{"id":17}`), nil, nil, "17", true},

		{"the first of an array", idAt("events", "0", "id"), signedBody(`{"events":[{"id":"a"}]}`), nil, nil, "a", true},
		{"an array at the top", idAt("0", "id"), signedBody(`[{"id":"a"}]`), nil, nil, "a", true},
		{"an empty array", idAt("events", "0", "id"), signedBody(`{"events":[]}`), core.ErrMalformed, []string{"no id", "events.0.id"}, "", false},
		{"an index that is not there", idAt("events", "1", "id"), signedBody(`{"events":[{"id":"a"}]}`), core.ErrMalformed, []string{"no id"}, "", false},
		{"an index that is not canonical", idAt("events", "00", "id"), signedBody(`{"events":[{"id":"a"}]}`), core.ErrMalformed, []string{"no id"}, "", false},
		{"an object with a member of digits", idAt("events", "0", "id"), signedBody(`{"events":{"0":{"id":"a"},"1":{"id":"b"}}}`), nil, nil, "a", true},
		{"several events", idAt("events", "0", "id"), signedBody(two), core.ErrMalformed, []string{"events.0.id", "Batch"}, "", false},
		{"several events, optional", optional("events", "0", "id"), signedBody(two), core.ErrMalformed, []string{"Batch"}, "", false},
		{"a later one of several", idAt("events", "1", "id"), signedBody(two), core.ErrMalformed, []string{"Batch"}, "", false},
		{"several events by content", byContent("events", "0", "id"), signedBody(two), nil, nil, "", false},
		{"one event by content", byContent("events", "0", "id"), signedBody(`{"events":[{"id":"a"}]}`), nil, nil, "a", true},
		{"an array in an array", byContent("a", "0", "0"), signedBody(`{"a":[["x","y"]]}`), nil, nil, "", false},

		{"a delivery id", delivery, signedBody("{}", "Acme-Delivery", "d"), nil, nil, "d", false},
		{"no delivery id", delivery, signedBody("{}"), core.ErrMissingHeader, []string{"Acme-Delivery"}, "", false},
		{"an optional delivery id that is not there", optionalDelivery, signedBody("{}"), nil, nil, "", false},
		{"an empty delivery id", optionalDelivery, signedBody("{}", "Acme-Delivery", ""), core.ErrMalformed, []string{"Acme-Delivery", "empty"}, "", false},
		{"a delivery id twice", optionalDelivery, twice("Acme-Delivery", signedBody("{}", "Acme-Delivery", "a")), core.ErrMalformed, []string{"Acme-Delivery", "2 times"}, "", false},
		{"a delivery id that is too long", optionalDelivery, signedBody("{}", "Acme-Delivery", strings.Repeat("x", long)), core.ErrMalformed, []string{"Acme-Delivery", "256"}, "", false},
		{"a delivery id that is not ASCII", optionalDelivery, signedBody("{}", "Acme-Delivery", "é"), core.ErrMalformed, []string{"Acme-Delivery", "ASCII"}, "", false},
		{"a delivery id with a space", optionalDelivery, signedBody("{}", "Acme-Delivery", "a b"), core.ErrMalformed, []string{"Acme-Delivery"}, "", false},
		{"an empty topic", topic, signedBody("{}", "Acme-Topic", ""), core.ErrMalformed, []string{"Acme-Topic", "empty"}, "", false},
		{"a topic twice", topic, twice("Acme-Topic", signedBody("{}", "Acme-Topic", "a")), core.ErrMalformed, []string{"Acme-Topic", "2 times"}, "", false},
		{"a topic that is too long", topic, signedBody("{}", "Acme-Topic", strings.Repeat("x", long)), core.ErrMalformed, []string{"Acme-Topic", "256"}, "", false},
		{"no topic", topic, signedBody("{}"), nil, nil, "", false},
		{"an entry as delivery id that is not there", func(s *schemes.Template) {
			s.ID, s.IDOptional, s.List = schemes.Entry("Acme-Delivery", "id"), true, ";"
		}, signedBody("{}", "Acme-Delivery", "n=1"), nil, nil, "", false},
		{"an entry as delivery id that is required", func(s *schemes.Template) {
			s.ID, s.List = schemes.Entry("Acme-Delivery", "id"), ";"
		}, signedBody("{}", "Acme-Delivery", "n=1"), core.ErrMissingHeader, []string{"id= in Acme-Delivery"}, "", false},
		{"an entry as delivery id", func(s *schemes.Template) {
			s.ID, s.List = schemes.Entry("Acme-Delivery", "id"), ";"
		}, signedBody("{}", "Acme-Delivery", "n=1; id=d"), nil, nil, "d", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			scheme, err := bodySigner(tt.change).Scheme()
			if err != nil {
				t.Fatal(err)
			}
			store := &counting{SeenStore: memstore.New()}
			v, err := core.New(core.Secrets(secret), store, &core.Config{Scheme: scheme, DangerouslyReplayableAfterRestart: true})
			if err != nil {
				t.Fatal(err)
			}
			d := v.Admit(t.Context(), tt.request, atHand(tt.request.Body))
			m, ran := d.Message()
			if ran != (tt.reason == nil) || tt.reason != nil && !errors.Is(d.Err(), tt.reason) || m.ID != tt.id || m.IDSigned != tt.signed {
				t.Fatalf("ran %t with id %q (signed: %t), error %v", ran, m.ID, m.IDSigned, d.Err())
			}
			if tt.reason == nil {
				return
			}
			for _, text := range tt.says {
				if !strings.Contains(d.Err().Error(), text) {
					t.Errorf("the error %q says nothing of %q", d.Err(), text)
				}
			}
			if store.visits > 0 {
				t.Errorf("%d visits to the store for a message that is refused", store.visits)
			}
		})
	}
}

// TestVerifyAcceptsWhatNothingIdentifies, because it claims nothing.
func TestVerifyAcceptsWhatNothingIdentifies(t *testing.T) {
	t.Parallel()
	scheme, err := bodySigner(func(s *schemes.Template) { s.ID = schemes.JSON("id") }).Scheme()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier(t, scheme, remoteNow, secret).Verify(t.Context(), signedBody("{}")); err != nil {
		t.Error(err)
	}
}

func TestATemplatesIdentityIsCheckedWhenItIsMade(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*schemes.Template)
		want   string // empty: it is accepted
	}{
		{"an entry without a key", func(s *schemes.Template) { s.ID, s.List = schemes.Entry("Acme-Delivery", ""), "," }, "Item"},
		{"an item right before the first", func(s *schemes.Template) { s.ID, s.List = schemes.Item("Acme-Delivery", -1), "," }, "index -1"},
		{"an item before the first", func(s *schemes.Template) { s.ID, s.List = schemes.Item("Acme-Delivery", -2), "," }, "index -2"},
		{"an item of no list", func(s *schemes.Template) { s.ID = schemes.Item("Acme-Delivery", 0) }, "List"},
		{"an optional id that is none", func(s *schemes.Template) { s.IDOptional = true }, "IDOptional"},
		{"an optional id in the signed text", func(s *schemes.Template) {
			s.ID, s.IDOptional, s.Content = schemes.Header("Acme-Id"), true, "{id}.{body}"
		}, "IDOptional"},
		{"a batch without an array", func(s *schemes.Template) { s.ID, s.Batch = schemes.JSON("id"), schemes.BatchByContent }, "index"},
		{"a batch beside a signed id", func(s *schemes.Template) {
			s.ID, s.Batch, s.Content = schemes.JSON("0", "id"), schemes.BatchByContent, "{id}.{body}"
		}, "{id}"},
		{"a batch of another kind", func(s *schemes.Template) { s.ID, s.Batch = schemes.JSON("0", "id"), 9 }, "Batch has an unknown value"},
		{"a topic in the body", func(s *schemes.Template) { s.Topic = schemes.JSON("type") }, "Topic must be a Header"},
		{"a topic as an entry", func(s *schemes.Template) { s.Topic, s.List = schemes.Entry("Acme-Topic", "t"), "," }, "Topic must be a Header"},
		{"a topic that is no name", func(s *schemes.Template) { s.Topic = schemes.Header("Acme Topic") }, "not a valid header name"},
		{"a topic beside a signed id", func(s *schemes.Template) { s.ID, s.Topic = schemes.JSON("id"), schemes.Header("Acme-Topic") }, "has no effect"},
		{"a topic alone beside the time of each attempt", func(s *schemes.Template) {
			s.Topic, s.Timestamp, s.Stamping = schemes.Header("Acme-Topic"), schemes.JSON("at"), core.StampedEachAttempt
		}, "distinguish a retry"},
		{"a topic and a delivery id beside the time of each attempt", func(s *schemes.Template) {
			s.Topic, s.Timestamp, s.Stamping = schemes.Header("Acme-Topic"), schemes.JSON("at"), core.StampedEachAttempt
			s.ID = schemes.Header("Acme-Delivery")
		}, ""},
		{"stable members without an id", func(s *schemes.Template) { s.Stable = []schemes.Field{schemes.JSON("type")} }, "Stable"},
		{"stable members beside a delivery id", func(s *schemes.Template) {
			s.ID, s.Stable = schemes.Header("Acme-Delivery"), []schemes.Field{schemes.JSON("type")}
		}, "Stable"},
		{"a stable member in a header", func(s *schemes.Template) {
			s.ID, s.Stable = schemes.JSON("id"), []schemes.Field{schemes.JSON("type"), schemes.Header("Acme-Type")}
		}, "Stable"},
		{"stable members beside an id in the body", func(s *schemes.Template) {
			s.ID, s.Stable = schemes.JSON("id"), []schemes.Field{schemes.JSON("type"), schemes.JSON("data")}
		}, ""},
		{"indistinct beside a signed id", func(s *schemes.Template) { s.ID, s.Indistinct = schemes.JSON("id"), true }, "Indistinct"},
		{"indistinct beside an optional id", func(s *schemes.Template) { s.ID, s.IDOptional, s.Indistinct = schemes.JSON("id"), true, true }, ""},
		{"indistinct beside the time of each attempt", func(s *schemes.Template) {
			s.Indistinct, s.Timestamp, s.Stamping = true, schemes.JSON("at"), core.StampedEachAttempt
		}, "Indistinct"},
	} {
		_, err := bodySigner(tt.change).Scheme()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestUnsignedHeadersOfATemplateCountTogetherWithTheBody(t *testing.T) {
	t.Parallel()
	scheme, err := bodySigner(func(s *schemes.Template) {
		s.ID, s.IDOptional, s.Topic = schemes.Header("Acme-Delivery"), true, schemes.Header("Acme-Topic")
	}).Scheme()
	if err != nil {
		t.Fatal(err)
	}
	v := receive(t, scheme, 3, secret)
	send := func(name, body, delivery, topic string, reason error) {
		t.Helper()
		r := signedBody(body)
		if delivery != "" {
			asMap(r.Header).Set("Acme-Delivery", delivery)
		}
		if topic != "" {
			asMap(r.Header).Set("Acme-Topic", topic)
		}
		v.handles(t, name, r, done, reason)
	}
	send("the first", "{}", "d1", "made", nil)
	send("the same", "{}", "d1", "made", core.ErrRedelivery)
	send("another topic", "{}", "d1", "changed", nil)
	send("another delivery", "{}", "d2", "made", nil)
	send("a topic in the place of the delivery id", "{}", "made", "", nil)
	send("one more than the bound", "{}", "d3", "made", core.ErrRepeated)
	send("a message without the optional id", "{1}", "", "made", nil)
	send("the same again", "{1}", "", "made", core.ErrRedelivery)
	send("a message without any unsigned value", "{2}", "", "", nil)
	send("it again", "{2}", "", "", core.ErrRedelivery)
	send("the delivery id of another body", "[]", "d1", "made", nil)
}

func TestAnIndistinctMessageIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	scheme, err := bodySigner(func(s *schemes.Template) {
		s.ID, s.IDOptional, s.Indistinct = schemes.Header("Acme-Delivery"), true, true
	}).Scheme()
	if err != nil {
		t.Fatal(err)
	}
	v := receive(t, scheme, 3, secret)
	v.handles(t, "the first", signedBody("{}"), done, nil)
	v.handles(t, "the same", signedBody("{}"), done, core.ErrRepeated)
	r := signedBody("[]")
	asMap(r.Header).Set("Acme-Delivery", "d1")
	v.handles(t, "one with a delivery id", r, done, nil)
	v.handles(t, "its retry", r, done, core.ErrRedelivery)
}

func TestTheStableMembersOfATemplateAreReadWhereverItsIDIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		id      schemes.Field
		content string
	}{
		{"in the body", schemes.JSON("id"), "{timestamp}.{body}"},
		{"in a header", schemes.Header("Acme-Id"), "{id}.{timestamp}.{body}"},
	} {
		scheme, err := schemes.Template{
			Name: "acme", Signature: schemes.Header("Acme-Signature"), Content: tt.content, ID: tt.id, Stable: []schemes.Field{schemes.JSON("type"), schemes.JSON("data"), schemes.JSON("list")},
			Timestamp: schemes.Header("Acme-Time"), Stamping: core.StampedEachAttempt,
		}.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		v := receive(t, scheme, 0, secret)
		for _, message := range []struct {
			body   string
			reason error
		}{
			{`{"id":"a","type":"paid","data":{"n":"}"},"list":[1],"sent":1}`, nil},
			{`{"id":"a", "sent":2, "list":[1], "data":{"n":"}"}, "type":"paid"}`, core.ErrRedelivery},
			{`{"id":"a","type":"void","data":{"n":"}"},"list":[1],"sent":1}`, core.ErrIDReused},
			{`{"id":"a","type":"paid","data":{"n":2},"list":[1],"sent":1}`, core.ErrIDReused},
			{`{"id":"a","type":"paid","data":{"n":"}"},"list":[1,2],"sent":1}`, core.ErrIDReused},
			{`{"id":"a","type":"paid","data":{"n":"}"},"sent":1}`, core.ErrIDReused},
			{`{"id":"b","sent":1}`, nil},
			{`{"id":"b","sent":2}`, core.ErrIDReused},
		} {
			v.now = v.now.Add(time.Minute)
			r := request(message.body)
			if err := schemes.Sign(scheme, r, message.body[7:8], v.now, secret); err != nil {
				t.Fatal(err)
			}
			v.handles(t, "an id "+tt.name+": "+message.body, r, done, message.reason)
		}
	}
}

// TestAListWithoutKeysPassesTheSuite signs as Recurly does: time, then the signatures.
func TestAListWithoutKeysPassesTheSuite(t *testing.T) {
	t.Parallel()
	template := schemes.Template{
		Name: "recurly", Signature: schemes.Header("Recurly-Signature"), List: ",", Content: "{timestamp}.{body}",
		Timestamp: schemes.Item("Recurly-Signature", 0), Unit: schemes.Milliseconds, Stamping: core.StampedEachAttempt,
	}
	scheme, err := template.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	sign := func(at time.Time, body string, keys ...string) *core.Request {
		list := []string{millis(at)}
		for _, key := range keys {
			list = append(list, hexMAC(key, millis(at)+"."+body))
		}
		return request(body, "Recurly-Signature", strings.Join(list, ","))
	}
	whtest.TestScheme(t, whtest.Subject{Scheme: scheme, Secret: secret, Stranger: stranger, Sign: func(_ string, at time.Time, content []byte) *core.Request {
		return sign(at, string(content), "another", secret)
	}})

	r := request("{}")
	if err := schemes.Sign(scheme, r, "", remoteNow, stranger, secret); err != nil {
		t.Fatal(err)
	}
	if got, want := asMap(r.Header).Get("Recurly-Signature"), asMap(sign(remoteNow, "{}", stranger, secret).Header).Get("Recurly-Signature"); got != want {
		t.Errorf("signed %s, the sender %s", got, want)
	}
	stamp := millis(remoteNow)
	for _, tt := range []struct {
		name, list string
		reason     error
	}{
		{"no signature", stamp, core.ErrMissingHeader},
		{"the time twice", stamp + "," + stamp + "," + hexMAC(secret, stamp+".{}"), nil}, // the second one is no signature that fits
		{"the signature in front", hexMAC(secret, stamp+".{}") + "," + stamp, core.ErrMalformed},
		{"empty", "", core.ErrMissingHeader},
		{"an empty time", "," + hexMAC(secret, ".{}"), core.ErrMalformed},
	} {
		receive(t, scheme, 0, secret).handles(t, tt.name, request("{}", "Recurly-Signature", tt.list), done, tt.reason)
	}

	// A timestamp before the signatures in one header does not shift the entries of another.
	template.Timestamp, template.More = schemes.Header("Recurly-Time"), []schemes.Field{schemes.Header("Recurly-Signature-2")}
	template.ID, template.IDOptional = schemes.Item("Recurly-Signature", 1), true
	if scheme, err = template.Scheme(); err != nil {
		t.Fatal(err)
	}
	v := receive(t, scheme, 0, secret)
	r = request("{}", "Recurly-Time", stamp, "Recurly-Signature", "junk,d1", "Recurly-Signature-2", "junk,"+hexMAC(secret, stamp+".{}"))
	if m := v.handles(t, "a signature in the place of the id, in another header", r, done, nil); m.ID != "d1" {
		t.Errorf("id %q", m.ID)
	}
	r = request("{}", "Recurly-Time", stamp, "Recurly-Signature", "junk,"+hexMAC(secret, stamp+".{}"))
	v.handles(t, "a signature in the place of the id", r, done, core.ErrNoMatch)
}

func TestAnItemBehindTheSignaturesIsSignedInItsPlace(t *testing.T) {
	t.Parallel()
	scheme, err := schemes.Template{
		Name: "acme", Signature: schemes.Header("Acme-Signature"), List: " ", Content: "{id}.{timestamp}.{body}",
		ID: schemes.Item("Acme-Signature", 2), Timestamp: schemes.Item("Acme-Signature", 0), Stamping: core.StampedEachAttempt,
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte("{}")}
	if err := schemes.Sign(scheme, r, "id-1", remoteNow, secret); err != nil {
		t.Fatal(err)
	}
	want := seconds(remoteNow) + " " + hexMAC(secret, "id-1."+seconds(remoteNow)+".{}") + " id-1"
	if got := asMap(r.Header).Get("Acme-Signature"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if m := receive(t, scheme, 0, secret).handles(t, "signed", r, done, nil); m.ID != "id-1" || !m.IDSigned {
		t.Errorf("%+v", m)
	}
}

// A sender that moves to another scheme signs a retry with the new one. The
// text around the body is not part of the message.
func TestARetryUnderAnotherSchemeOfAnyIsRecognized(t *testing.T) {
	t.Parallel()
	member := func(name, header, content string) core.Scheme {
		scheme, err := schemes.Template{
			Name: name, Signature: schemes.Header(header), Timestamp: schemes.Header(header + "-Time"),
			Stamping: core.StampedEachAttempt, ID: schemes.JSON("id"), Content: content,
		}.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		return scheme
	}
	before, after := member("old", "Old-Sig", "{timestamp}.{body}"), member("new", "New-Sig", "v1:{timestamp}:{body}")
	scheme, err := schemes.Any("acme", before, after)
	if err != nil {
		t.Fatal(err)
	}
	v := receive(t, scheme, 0, secret)
	send := func(member core.Scheme, body string) *core.Request {
		v.now = v.now.Add(time.Minute)
		r := request(body)
		if err := schemes.Sign(member, r, "", v.now, secret); err != nil {
			t.Fatal(err)
		}
		return r
	}
	v.handles(t, "the first", send(before, `{"id":"evt_1"}`), done, nil)
	v.handles(t, "its retry", send(after, `{"id":"evt_1"}`), done, core.ErrRedelivery)
	v.handles(t, "another content under its id", send(after, `{"id":"evt_1","n":1}`), done, core.ErrIDReused)
}
