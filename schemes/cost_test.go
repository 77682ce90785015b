//go:build !race

package schemes_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/testmode"
	"github.com/hookonce/hookonce/schemes"
)

// Under the race detector pools forget at random, so this file is not built then.

// sentBody returns a body of about 1 KiB in the layout of this sender, with the
// id where its samples have it. Without a sample the id comes first, as in most
// samples.
func sentBody(name string) string {
	const size, text = 1024, "TEXT"
	const object = `{"id":"ch_3MmlLrLkdIwHu7ix0snN0B15","object":"charge","amount":1099,"amount_captured":1099,"amount_refunded":0,"application":null,` +
		`"balance_transaction":"txn_3MmlLrLkdIwHu7ix0uke3Ezy","billing_details":{"address":{"city":"Berlin","country":"DE","line1":"Hauptweg 1","postal_code":"10115"},` +
		`"email":"jane@example.com","name":"Jane Doe","phone":null},"captured":true,"currency":"usd","customer":"cus_9s6XKzkNRiz8i3","description":"` + text + `"}`
	form := map[string]string{
		"stripe":            `{"id":"evt_1","object":"event","api_version":"2025-01-01","created":1700000000,"data":{"object":` + object + `},"livemode":false,"type":"a.b"}`,
		"paddle":            `{"event_id":"evt_1","event_type":"transaction.paid","occurred_at":"2025-01-01T00:00:00Z","notification_id":"ntf_1","data":` + object + `}`,
		"pagerduty":         `{"event":{"id":"evt_1","event_type":"incident.triggered","resource_type":"incident","data":` + object + `}}`,
		"square":            `{"merchant_id":"M1","location_id":"L1","type":"payment.created","event_id":"evt_1","created_at":"2025-01-01T00:00:00Z","data":` + object + `}`,
		"btcpay":            `{"deliveryId":"d","webhookId":"w","originalDeliveryId":"evt_1","isRedelivery":false,"type":"InvoiceSettled","timestamp":1700000000,"metadata":` + object + `}`,
		"coinbase-commerce": `{"attempt_number":1,"event":{"api_version":"2018-03-22","created_at":"2025-01-01T00:00:00Z","data":` + object + `,"id":"evt_1","type":"charge:created"},"id":"x","scheduled_for":"2025-01-01T00:00:00Z"}`,
		"intercom":          `{"type":"notification_event","app_id":"a","data":{"type":"notification_event_data","item":` + object + `},"links":{},"id":"evt_1","topic":"a.b","delivery_status":"pending","created_at":1700000000}`,
		"line":              `{"destination":"U1","events":[{"type":"message","message":{"type":"text","id":"1","text":"` + text + `"},"webhookEventId":"evt_1","deliveryContext":{"isRedelivery":false},"timestamp":1700000000000,"mode":"active"}]}`,
		"mux":               `{"type":"video.asset.ready","object":{"type":"asset","id":"o"},"id":"evt_1","environment":{"name":"p","id":"e"},"data":` + object + `,"created_at":"2025-01-01T00:00:00Z"}`,
		"workos":            `{"event":"user.created","id":"evt_1","data":` + object + `,"created_at":"2025-01-01T00:00:00Z"}`,
		"typeform":          `{"event_id":"evt_1","event_type":"form_response","form_response":` + object + `}`,
		"box":               `{"type":"webhook_event","id":"evt_1","created_at":"2025-01-01T00:00:00Z","trigger":"FILE.UPLOADED","source":` + object + `}`,
		"linear":            `{"action":"create","data":` + object + `,"type":"Issue","webhookTimestamp":0,"webhookId":"w"}`,
		"authorizenet":      `{"notificationId":"evt_1","eventType":"net.authorize.payment","eventDate":"2025-01-01T00:00:00Z","webhookId":"w","payload":` + object + `}`,
		"linkedin":          `{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS","notifications":[{"notificationId":1,"x":` + object + `}],"notificationId":"evt_1"}`,
		"orb":               `{"id":"evt_1","created_at":"2025-01-01T00:00:00Z","type":"a.b","details":{},"invoice":` + object + `}`,
		"gr4vy":             `{"type":"event","id":"evt_1","name":"a.b","created_at":"2025-01-01T00:00:00Z","target":` + object + `}`,
		"mollie":            `{"resource":"event","id":"evt_1","type":"a.b","entityId":"pl_1","createdAt":"2025-01-01T00:00:00Z","_embedded":{"entity":` + object + `}}`,
		"dwolla":            `{"id":"evt_1","resourceId":"r","topic":"a_b","timestamp":"2025-01-01T00:00:00Z","_links":` + object + `}`,
		"close":             `{"event":{"date_created":"2025-01-01T00:00:00.395000","meta":{"request_method":"PUT","request_path":"/api/v1/"},"id":"evt_1","action":"updated","data":` + object + `},"subscription_id":"w"}`,
		"fastspring":        `{"events":[{"id":"evt_1","type":"order.completed","data":` + object + `}]}`,
		"klarna":            `{"metadata":{"event_type":"payment.request.state-change.completed","event_id":"evt_1","event_version":"v2","occurred_at":"2025-02-28T12:00:00Z"},"payload":` + object + `}`,
		"revenuecat":        `{"api_version":"1.0","event":{"id":"evt_1","type":"INITIAL_PURCHASE","data":` + object + `}}`,
		"tally":             `{"eventId":"evt_1","eventType":"FORM_RESPONSE","data":` + object + `}`,
		"slack": `{"token":"x","team_id":"T1","context_team_id":"T1","api_app_id":"A1","event":{"type":"message","user":"U1","ts":"1.2","text":"` + text +
			`","channel":"C1"},"type":"event_callback","event_id":"evt_1","event_time":1700000000,"authorizations":[` +
			`{"enterprise_id":null,"team_id":"T1","user_id":"U2","is_bot":true}],"event_context":"4-eyJldCI6Im1lc3NhZ2UiLCJ0aWQiOiJUMSJ9"}`,
	}[name]
	if form == "" {
		form = `{"id":"evt_1","type":"a.b","created":1700000000,"data":` + object + `}`
	}
	filler := strings.Repeat("lorem ipsum dolor ", size/18+1)
	return strings.Replace(form, text, filler[:max(0, size-len(form)+len(text))], 1)
}

// hmacFamily is a scheme with an HMAC, and a request as its sender lays it out.
type hmacFamily struct {
	name   string
	verify func() error
	body   []byte
	inBody bool // the id, which is a copy then
}

// hmacFamilies returns the schemes of the registry with an HMAC in a header,
// core's own scheme first.
func hmacFamilies(t testing.TB) []hmacFamily {
	t.Helper()
	now := time.Unix(1_760_000_000, 0)
	var all []hmacFamily
	seen := map[string]bool{}
	for _, name := range append([]string{"standard"}, schemes.Names()...) {
		scheme := named(t, name)
		facts := core.FactsOf(scheme)
		_, token := jwtSenders()[name]
		if seen[scheme.Name()] || slices.Contains(unsigned(), name) || len(facts.Headers) == 0 || token || name == "hygraph" { // which signs the body as a JSON string
			continue
		}
		seen[scheme.Name()] = true
		secret := hexKey
		if name == "standard" {
			secret = core.GenerateSecret()
		}
		r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(sentBody(name))}
		if err := schemes.Sign(scheme, r, "", now, secret); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v := ready(t, scheme, secret, now)
		verify := func() error {
			_, err := v.Verify(t.Context(), r)
			return err
		}
		if err := verify(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, hmacFamily{name, verify, r.Body, strings.HasPrefix(facts.IdentifiedBy, "/")})
	}
	if len(all) < 100 {
		t.Fatalf("only %d families", len(all))
	}
	return all
}

// work is what a scheme must do in addition to core's own scheme.
type work struct {
	why        string
	more, less func(f hmacFamily)
}

// moreWork lists the families that may take more than 1.3 times as long as
// core's own scheme, with the work that they cannot avoid. docs/design.md has
// the same list.
func moreWork() map[string]work {
	bare := func(h hash.Hash) func(hmacFamily) {
		sum := make([]byte, 0, h.Size())
		return func(f hmacFamily) {
			h.Reset()
			_, _ = h.Write(f.body)
			h.Sum(sum)
		}
	}
	key := []byte(hexKey)
	sha256MAC, sha512MAC := bare(hmac.New(sha256.New, key)), bare(hmac.New(sha512.New, key))
	whole := work{"it signs an id, and what else all attempts have in common ends where the body does, so all of it is read", func(f hmacFamily) {
		if _, ok := schemes.FindJSON(f.body, "none of its members"); ok {
			panic("it is there")
		}
	}, nil}
	behind := whole
	behind.why = "what it must find in the body stands behind all else"
	longer := work{"SHA-512", sha512MAC, sha256MAC}
	decoded := work{"what is signed is the decoded form", func(f hmacFamily) {
		if _, err := url.QueryUnescape(string(f.body)); err != nil {
			panic(err)
		}
	}, nil}
	names := http.Header{"X-One": {"1"}, "X-Two": {"2"}}
	listed := work{"headers are signed, which the message lists by name", func(f hmacFamily) {
		for _, name := range []string{"x-one", "x-two"} {
			if len(names.Values(name)) != 1 {
				panic(name)
			}
		}
		sha256MAC(hmacFamily{body: f.body[:192]})
	}, nil}
	hashes := work{"it signs a hash of the body, and nothing signed says under which of two algorithms", func(f hmacFamily) {
		sha256MAC(hmacFamily{body: f.body[:64]})
	}, nil}
	date := work{"its time is an HTTP date, which is read and printed again", func(hmacFamily) {
		text := "Sun, 06 Nov 1994 08:49:37 GMT"
		if at, err := time.Parse(http.TimeFormat, text); err != nil || at.Format(http.TimeFormat) != text {
			panic(err)
		}
	}, nil}
	iso := work{"its time is text, which is parsed and printed again", func(hmacFamily) {
		text := "2025-01-01T00:00:00Z"
		if at, err := time.Parse(time.RFC3339Nano, text); err != nil || at.Format(time.RFC3339) != text {
			panic(err)
		}
	}, nil}
	searched := work{"the body is searched for a member that its events have in common", func(f hmacFamily) {
		if strings.Contains(string(f.body), `"changed_fields"`) {
			panic("it is there")
		}
	}, nil}
	all := map[string]work{"meta": searched, "orb": iso, "contentful": listed, "coinbase-cdp": listed, "mandrill": decoded, "plivo": decoded, "twilio": hashes, "metronome": date, "linear": behind, "linkedin": behind}
	for _, name := range []string{"box", "btcpay", "checkout", "coinbase-commerce", "intercom", "line", "mux", "notion", "paddle", "pagerduty", "slack", "stripe", "workos"} {
		all[name] = whole
	}
	for _, name := range []string{"affirm", "authorizenet", "onfleet", "paystack", "terraform"} {
		all[name] = longer
	}
	return all
}

// TestWhatAFamilyCosts compares the time of each family with that of core's own
// scheme, with and without the additional work. Each time is the minimum of
// many interleaved runs, because a busy machine makes runs longer, never
// shorter. The limits leave room all the same.
func TestWhatAFamilyCosts(t *testing.T) {
	if testmode.Brief() {
		t.Skip("it measures time: run `make long`")
	}
	const most, room = 1.3, 1.25
	all, reasons := hmacFamilies(t), moreWork()
	var run []func()
	for _, f := range all {
		run = append(run, func() { _ = f.verify() })
	}
	extra := make(map[string][2]int) // the places of more and less
	for _, f := range all {
		reason := reasons[f.name]
		places := [2]int{-1, -1}
		for i, do := range []func(hmacFamily){reason.more, reason.less} {
			if do != nil {
				places[i] = len(run)
				run = append(run, func() { do(f) })
			}
		}
		extra[f.name] = places
	}
	least := make([]time.Duration, len(run))
	for round := range 1000 {
		for i, do := range run {
			began := time.Now() //nolint:forbidigo // what it takes
			for range 5 {
				do()
			}
			if d := time.Since(began); round == 0 || d < least[i] {
				least[i] = d
			}
		}
	}
	over := 0
	// The promise of Scheme.ReadBody, measured against hashing 1 KiB in core's own scheme.
	if scan, hash := least[extra["stripe"][0]], least[extra["paystack"][1]]; float64(scan) > room*float64(hash) {
		t.Errorf("a body is read in %v and hashed in %v", scan/5, hash/5)
	} else {
		t.Logf("a body is read in %v and hashed in %v", scan/5, hash/5)
	}
	for i, f := range all {
		needs := least[0]
		if at := extra[f.name][0]; at >= 0 {
			needs += least[at]
		}
		if at := extra[f.name][1]; at >= 0 {
			needs -= least[at]
		}
		reason, has := reasons[f.name]
		delete(reasons, f.name)
		ratio, beside := float64(least[i])/float64(least[0]), float64(least[i])/float64(needs)
		if ratio > most {
			over++
		}
		switch {
		case has:
			t.Logf("%5.2f, beside what it needs %5.2f: %s: %v: %s", ratio, beside, f.name, least[i]/5, reason.why)
		case ratio > 1:
			t.Logf("%5.2f %s: %v", ratio, f.name, least[i]/5)
		}
		if beside > most*room {
			t.Errorf("%s takes %.2f times as long as core's own scheme, and %.2f times as long as that with what it needs more (%s)", f.name, ratio, beside, cmp.Or(reason.why, "nothing"))
		}
	}
	for name := range reasons {
		t.Errorf("%s is no family that is measured", name)
	}
	t.Logf("%d families of %d take more than %v times as long", over, len(all), most)
}

func TestAFamilyAllocatesNothingButTheID(t *testing.T) {
	for _, f := range hmacFamilies(t) {
		most := 0.0
		if f.inBody {
			most = 1
		}
		if n := testing.AllocsPerRun(100, func() { _ = f.verify() }); n > most {
			t.Errorf("%s: %v allocations; if its id is not at the top of the body, add a body of the sender to sentBody", f.name, n)
		}
	}
}
