//go:build !race

package schemes_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/testmode"
	"github.com/hookonce/hookonce/schemes"
)

// Under the race detector pools forget at random, so this file is not built then.

// sentBody is a body of about 1 KiB as this sender lays it out, with the id where its own samples
// have it. Those of whom no sample is held get the id in front, as most samples do.
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
}

// hmacFamilies are those of the registry whose signature is an HMAC in a header: core's own scheme
// first.
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
		all = append(all, hmacFamily{name, verify})
	}
	if len(all) < 100 {
		t.Fatalf("only %d families", len(all))
	}
	return all
}

// TestWhatAFamilyCosts prints how long each family takes beside core's own scheme. Each time is the
// least of many, taken in turn, because a busy machine makes some longer and none shorter.
func TestWhatAFamilyCosts(t *testing.T) {
	if testmode.Brief() {
		t.Skip("it measures time: run `make long`")
	}
	all := hmacFamilies(t)
	least := make([]time.Duration, len(all))
	for round := range 100 {
		for i, f := range all {
			began := time.Now() //nolint:forbidigo // what it takes
			for range 20 {
				_ = f.verify()
			}
			if d := time.Since(began); round == 0 || d < least[i] {
				least[i] = d
			}
		}
	}
	base := map[bool]time.Duration{false: least[0]}
	for i, f := range all {
		if f.name == "paystack" { // SHA-512 of the body and nothing else
			base[true] = least[i]
		}
	}
	over := 0
	for i, f := range all {
		slower := slices.Contains([]string{"affirm", "authorizenet", "onfleet", "paystack", "terraform"}, f.name) // which have SHA-512
		ratio := float64(least[i]) / float64(base[slower])
		t.Logf("%5.2f %s: %v", ratio, f.name, least[i]/20)
		if ratio > 1.3 {
			over++
		}
		if ratio > 2.5 && !slices.Contains(signMore(), f.name) {
			t.Errorf("%s takes %.2f times as long as core's own scheme", f.name, ratio)
		}
	}
	t.Logf("%d families of %d take more than 1.3 times as long; SHA-512 alone takes %.2f", over, len(all), float64(base[true])/float64(base[false]))
}

// signMore are those that sign parameters, lists of headers or what is put together of several
// values.
func signMore() []string {
	return []string{"contentful", "lark", "mandrill", "mercadopago", "plivo", "twilio"}
}

func TestAFamilyAllocatesNothingButTheID(t *testing.T) {
	for _, f := range hmacFamilies(t) {
		if n := testing.AllocsPerRun(100, func() { _ = f.verify() }); n > 1 && !slices.Contains(signMore(), f.name) {
			t.Errorf("%s: %v allocations", f.name, n)
		}
	}
}
