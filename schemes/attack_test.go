package schemes_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

// wantRefused checks that genuine verifies, and that changed, made from it
// without the secret, does not.
func wantRefused(t *testing.T, v *core.Verifier, genuine, changed *core.Request) {
	t.Helper()
	if _, err := v.Verify(t.Context(), genuine); err != nil {
		t.Fatalf("the genuine message is refused: %v", err)
	}
	if m, err := v.Verify(t.Context(), changed); err == nil {
		t.Errorf("accepted with id %q (signed: %t), BodySigned %t and body %.200q", m.ID, m.IDSigned, m.BodySigned, m.Body)
	}
}

// adyenItem returns a genuine notification with further members in its item.
func adyenItem(item, signed string) *core.Request {
	return request(`{"live":"false","notificationItems":[{"NotificationRequestItem":{` + item + `"additionalData":{"hmacSignature":"` +
		base64MAC(unhex(hexKey), signed) + `"}}}]}`)
}

func TestWhatAdyenSignsHasOneReading(t *testing.T) {
	t.Parallel()
	const (
		signed = "PSP1::Merchant:Order-7:1130:EUR:AUTHORISATION:true"
		amount = `"amount":{"value":1130,"currency":"EUR"},`
		rest   = `"eventCode":"AUTHORISATION","success":"true","pspReference":"PSP1","merchantAccountCode":"Merchant","merchantReference":"Order-7",`
	)
	for name, item := range map[string]string{
		"an amount in front of the signed one":          `"amount":{"value":1,"currency":"EUR"},` + amount + rest,
		"another amount behind it, in another spelling": strings.Replace(amount, `"value":1130`, `"value":1,"VALUE":1130`, 1) + rest,
		"a value twice":                            strings.Replace(amount, `"value":1130`, `"value":1,"value":1130`, 1) + rest,
		"a reference in another spelling":          `"PSPReference":"PSP1",` + amount + strings.Replace(rest, "PSP1", "PSP2", 1) + `"Pspreference":"PSP1",`,
		"the same, escaped":                        amount + strings.Replace(rest, `"pspReference":"PSP1"`, `"pspReference":"PSP2","psp\u0052eference":"PSP1"`, 1),
		"a text that encoding/json takes for none": amount + strings.Replace(rest, `"success":"true"`, `"success":"false","success":"true"`, 1),
		"another spelling alone":                   amount + strings.Replace(rest, `"success"`, `"Success"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefused(t, verifier(t, schemes.Adyen(), time.Now(), hexKey), adyenItem(amount+rest, signed), adyenItem(item, signed))
		})
	}
	t.Run("twice in the lists around the item", func(t *testing.T) {
		t.Parallel()
		changed := adyenItem(amount+rest, signed)
		forged := `"notificationItems":[{"NotificationRequestItem":{"success":"true"}}],`
		changed.Body = []byte(strings.Replace(string(changed.Body), `"notificationItems"`, forged+`"notificationItems"`, 1))
		wantRefused(t, verifier(t, schemes.Adyen(), time.Now(), hexKey), adyenItem(amount+rest, signed), changed)
	})
}

func TestAdyensFieldsCannotBeCutElsewhere(t *testing.T) {
	t.Parallel()
	item := func(original, account, reference, value string) string {
		return `"pspReference":"PSP1","originalReference":"` + original + `","merchantAccountCode":"` + account + `","merchantReference":"` + reference +
			`","amount":{"value":` + value + `,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true",`
	}
	// The shopper chose the reference of the order.
	const signed = "PSP1::Merchant:a:b:c:1130:EUR:AUTHORISATION:true"
	genuine := adyenItem(item("", "Merchant", "a:b:c", "1130"), signed)
	v := verifier(t, schemes.Adyen(), time.Now(), hexKey)
	wantRefused(t, v, genuine, adyenItem(item("", "Merchant:a", "b:c", "1130"), signed))
	wantRefused(t, v, genuine, adyenItem(item(":Merchant", "a", "b:c", "1130"), signed))
}

func TestATwilioParameterIsNoDigestOfAnotherBody(t *testing.T) {
	t.Parallel()
	// Whoever sends an SMS chooses its text.
	const forged = `{"forged":true}`
	sum := sha256.Sum256([]byte(forged))
	text := "&bodySHA256=" + hex.EncodeToString(sum[:]) + "&x="
	const target = "/hook?tenant=1"
	form := url.Values{"AccountSid": {"AC1"}, "Body": {text}, "From": {"+1"}}
	signed := "https://example.com" + target + "AccountSidAC1Body" + text + "From+1"
	signature := base64.StdEncoding.EncodeToString(mac(sha1.New, secret, signed))
	genuine := request(form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "X-Twilio-Signature", signature)
	genuine.URL = target
	changed := request(forged, "Content-Type", "application/json", "X-Twilio-Signature", signature)
	changed.URL = strings.TrimPrefix(signed, "https://example.com")
	for _, address := range []string{"https://example.com", "https://example.com/hook"} {
		wantRefused(t, verifier(t, schemes.Twilio(address), time.Now(), secret), genuine, changed)
	}
}

func TestTwiliosDigestMayFollowAConfiguredQuery(t *testing.T) {
	t.Parallel()
	sign := func(body string) *core.Request {
		sum := sha256.Sum256([]byte(body))
		r := request(body, "Content-Type", "application/json")
		r.URL = "/hook?tenant=1&bodySHA256=" + hex.EncodeToString(sum[:])
		asMap(r.Header).Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac(sha1.New, secret, "https://example.com"+r.URL)))
		return r
	}
	v := verifier(t, schemes.Twilio("https://example.com/hook?tenant=1"), time.Now(), secret)
	if m, err := v.Verify(t.Context(), sign("{}")); err != nil || !m.BodySigned {
		t.Errorf("BodySigned is %t: %v", m.BodySigned, err)
	}
	r := sign("{}")
	r.URL = strings.Replace(r.URL, "tenant=1", "tenant=2", 1)
	asMap(r.Header).Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac(sha1.New, secret, "https://example.com"+r.URL)))
	if _, err := v.Verify(t.Context(), r); err == nil {
		t.Error("another query than the configured one is accepted")
	}
}

func TestHook0sWeakSignatureIsNoStrongOne(t *testing.T) {
	t.Parallel()
	now := time.Now()
	// v0 signs only timestamp and body. This body has the name of the required header, and enough
	// dots in a text that a stranger chose.
	const names, values, rest = `{"text":"see x-event-id !`, "a.b.c", `{}"}`
	body, stamp := names+"."+values+"."+rest, seconds(now)
	v0 := hexMAC(secret, stamp+"."+body)
	genuine := request(body, "X-Event-Id", "evt_1", "X-Hook0-Signature", "t="+stamp+",v0="+v0+",h=x-event-id,v1="+
		hexMAC(secret, stamp+".x-event-id.evt_1."+body))
	changed := request(rest, "X-Event-Id", "b", "X-Hook0-Signature", "t="+stamp+",h="+names+",v1="+v0)
	asMap(changed.Header)[`{"text":"see`], asMap(changed.Header)["!"] = []string{"a"}, []string{"c"}
	wantRefused(t, verifier(t, schemes.Hook0("X-Event-Id"), now, secret), genuine, changed)
}

// A header that could be split differently, or could begin a JSON body, is
// rejected even with a valid signature.
func TestHook0SignsNoHeaderThatCouldBeReadInTwoWays(t *testing.T) {
	t.Parallel()
	now := time.Now()
	v := verifier(t, schemes.Hook0("X-Event-Id"), now, secret)
	for what, c := range map[string]struct {
		name, value string
		fits        bool
	}{
		"an ordinary header":               {"x-kind", "a.b", true},
		"a name in capital letters":        {"X-KIND", "a.b", true},
		"a name with a point":              {"x.kind", "a", false},
		"a value that begins an object":    {"x-kind", `{"a":1}`, false},
		"a value that begins a list":       {"x-kind", "[1]", false},
		"a name that no server would take": {"x-(kind)", "a", false},
	} {
		const body = `{"a":1}`
		r := request(body, "X-Event-Id", "evt_1", "X-Hook0-Signature", "t="+seconds(now)+",h=x-event-id "+c.name+",v1="+
			hexMAC(secret, seconds(now)+".x-event-id "+c.name+".evt_1."+c.value+"."+body))
		asMap(r.Header)[http.CanonicalHeaderKey(c.name)] = []string{c.value}
		_, err := v.Verify(t.Context(), r)
		if c.fits && err != nil || !c.fits && !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestATemplateCannotBeCutElsewhere(t *testing.T) {
	t.Parallel()
	signed := func(content, method, target, id, body string) *core.Request {
		r := request(body, "X-Signature", hexMAC(secret, content), "X-Id", id)
		r.Method, r.URL = method, target
		return r
	}
	id, inBody := schemes.Header("X-Id"), schemes.JSON("id")
	tests := []struct {
		name             string
		template         schemes.Template
		content          string
		genuine, changed [4]string // method, target, id, body
	}{
		{
			"an id behind the body, which may hold what stands between",
			schemes.Template{Content: "{body}.{id}", ID: id},
			`{"v":"x.y"}.evt_1`,
			[4]string{"POST", "/hook", "evt_1", `{"v":"x.y"}`},
			[4]string{"POST", "/hook", `y"}.evt_1`, `{"v":"x`},
		},
		{
			"an id that ends with a part of what ends it",
			schemes.Template{Content: "{id}::{body}", ID: id},
			`evt_1:::{}`,
			[4]string{"POST", "/hook", "evt_1", `:{}`},
			[4]string{"POST", "/hook", "evt_1:", `{}`},
		},
		{
			"an id that begins with a part of what begins it",
			schemes.Template{Content: "{body}::{id}", ID: id},
			`{}:::evt_1`,
			[4]string{"POST", "/hook", "evt_1", `{}:`},
			[4]string{"POST", "/hook", ":evt_1", `{}`},
		},
		{
			"an open address in front of the body",
			schemes.Template{Content: "{url}.{body}", URL: "https://example.com/hook", ID: inBody},
			`https://example.com/hook.{"id":"1","v":"x?y.z"}`,
			[4]string{"POST", "/hook", "", `{"id":"1","v":"x?y.z"}`},
			[4]string{"POST", `/hook.{"id":"1","v":"x?y`, "", `z"}`},
		},
		{
			"an open query in front of the body",
			schemes.Template{Content: "{url}.{body}", URL: "https://example.com/hook", ID: inBody},
			`https://example.com/hook?a=1.{"id":"1","v":"x.z"}`,
			[4]string{"POST", "/hook?a=1", "", `{"id":"1","v":"x.z"}`},
			[4]string{"POST", `/hook?a=1.{"id":"1","v":"x`, "", `z"}`},
		},
		{
			"an open address behind the body",
			schemes.Template{Content: "{body}\n{url}", URL: "https://example.com", ID: inBody},
			"{\"id\":\"1\",\"v\":\"\nhttps://example.com/x\"}\nhttps://example.com/hook",
			[4]string{"POST", "/hook", "", "{\"id\":\"1\",\"v\":\"\nhttps://example.com/x\"}"},
			[4]string{"POST", "/x\"}\nhttps://example.com/hook", "", `{"id":"1","v":"`},
		},
		{
			"a method that takes the id",
			schemes.Template{Content: "{method}.{id}.{body}", ID: id},
			`POST.evt_1.{"v":"x.y"}`,
			[4]string{"POST", "/hook", "evt_1", `{"v":"x.y"}`},
			[4]string{"POST.evt_1", "/hook", `{"v":"x`, `y"}`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			make4 := func(p [4]string) *core.Request { return signed(tt.content, p[0], p[1], p[2], p[3]) }
			tt.template.Name, tt.template.Signature = "acme", schemes.Header("X-Signature")
			s, err := tt.template.Scheme()
			if err != nil {
				t.Fatal(err)
			}
			v := verifier(t, s, time.Now(), secret)
			// At most one of the two may be accepted, because the signature fits both.
			_, first := v.Verify(t.Context(), make4(tt.genuine))
			_, second := v.Verify(t.Context(), make4(tt.changed))
			if first == nil && second == nil {
				t.Errorf("one signature fits two messages; both run: %t", runs(v, make4(tt.genuine)) && runs(v, make4(tt.changed)))
			}
		})
	}
	for _, content := range []string{"{method}{body}", "{body}{method}", "{method}A{body}", "{body}A{method}"} {
		if _, err := (schemes.Template{Name: "acme", Signature: schemes.Header("X-Signature"), Content: content}).Scheme(); err == nil {
			t.Errorf("%s is accepted, where letters of the body can be the method's", content)
		}
	}
}

func TestAWindowOfAnyIsTheWidestAlsoOfTheUsualOnes(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	of := func(header string, past time.Duration) core.Scheme {
		s, err := schemes.Template{
			Name: strings.ToLower(header), Signature: schemes.Header(header), Timestamp: schemes.JSON("webhookTimestamp"), Unit: schemes.Milliseconds,
			Stamping: core.StampedEachAttempt, Content: "{body}", Past: past,
		}.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	mine := of("X-Signature", 0)
	both, err := schemes.Any("acme", of("Other-Signature", time.Minute), mine)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"webhookTimestamp":` + millis(now.Add(-4*time.Minute)) + `,"x":1}`
	r := request(body, "X-Signature", hexMAC(secret, body))
	for _, s := range []core.Scheme{mine, both} {
		if _, err := verifier(t, s, now, secret).Verify(t.Context(), r); err != nil {
			t.Errorf("%s: %v", s.Name(), err)
		}
	}
}

func TestAnAnyAnswersOnlyTheSenderThatAsked(t *testing.T) {
	t.Parallel()
	both, err := schemes.Any("both", schemes.GitHub(), schemes.Asana(nil))
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, both, time.Now(), secret)
	const heartbeat = `{"events":[]}` // of Asana
	if runs(v, request(heartbeat, "X-Hook-Signature", hexMAC(secret, heartbeat))) {
		t.Error("a heartbeat of Asana is handled")
	}
	if !runs(v, request(heartbeat, "X-Hub-Signature-256", "sha256="+hexMAC(secret, heartbeat))) {
		t.Error("a message of GitHub is taken for a heartbeat of Asana")
	}
}

// TestWhatIsWrittenInAnotherWayIsRefused signs requests in spellings that their
// sender would never use.
func TestWhatIsWrittenInAnotherWayIsRefused(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0).UTC()
	const body = "{}"
	stripe := func(stamp, format string) *core.Request {
		const body = `{"id":"evt_1"}`
		return request(body, "Stripe-Signature", strings.NewReplacer("T", stamp, "S", hexMAC(secret, stamp+"."+body)).Replace(format))
	}
	stripeTwice := stripe("1700000000", "t=T,v1=S")
	asMap(stripeTwice.Header).Add("Stripe-Signature", "t=1700000000")
	twitch := func(stamp string) *core.Request {
		id := strings.Repeat("a", 36)
		return request(body, "Twitch-Eventsub-Message-Id", id, "Twitch-Eventsub-Message-Timestamp", stamp,
			"Twitch-Eventsub-Message-Signature", "sha256="+hexMAC(secret, id+stamp+body))
	}
	discord := func(change func(string) string) *core.Request {
		r := signDiscord(request(""), body, now)
		asMap(r.Header).Set("X-Signature-Ed25519", change(asMap(r.Header).Get("X-Signature-Ed25519")))
		return r
	}
	for name, r := range map[string]struct {
		scheme  string
		request *core.Request
		reason  error // nil: accepted
	}{
		"as it should be":                 {"stripe", stripe("1700000000", "t=T,v1=S"), nil},
		"a plus before the time":          {"stripe", stripe("+1700000000", "t=T,v1=S"), core.ErrMalformed},
		"a zero before the time":          {"stripe", stripe("01700000000", "t=T,v1=S"), core.ErrMalformed},
		"an exponent in the time":         {"stripe", stripe("17e8", "t=T,v1=S"), core.ErrMalformed},
		"a time below zero":               {"stripe", stripe("-1", "t=T,v1=S"), core.ErrMalformed},
		"a time of 20 digits":             {"stripe", stripe("18446744073709551616", "t=T,v1=S"), core.ErrMalformed},
		"milliseconds for seconds":        {"stripe", stripe("1700000000000", "t=T,v1=S"), core.ErrOutsideWindow},
		"no time":                         {"stripe", stripe("", "t=T,v1=S"), core.ErrMalformed},
		"the time twice":                  {"stripe", stripe("1700000000", "t=T,t=T,v1=S"), core.ErrMalformed},
		"the time again in a second line": {"stripe", stripeTwice, core.ErrMalformed},
		"a signature of no text":          {"stripe", stripe("1700000000", "t=T,v1="), core.ErrMissingHeader},
		"seventeen signatures":            {"stripe", stripe("1700000000", "t=T"+strings.Repeat(",v1=S", 17)), core.ErrMalformed},
		"another case of the label":       {"stripe", stripe("1700000000", "t=T,V1=S"), core.ErrMissingHeader},
		"RFC 3339":                        {"twitch", twitch("2023-11-14T22:13:20.5Z"), nil},
		"a small t":                       {"twitch", twitch("2023-11-14t22:13:20Z"), core.ErrMalformed},
		"a small z":                       {"twitch", twitch("2023-11-14T22:13:20z"), core.ErrMalformed},
		"a leap second":                   {"twitch", twitch("2023-11-14T22:13:60Z"), core.ErrMalformed},
		"an offset of a day":              {"twitch", twitch("2023-11-15T22:13:20+24:00"), core.ErrMalformed},
		"an offset without a colon":       {"twitch", twitch("2023-11-14T22:13:20+0000"), core.ErrMalformed},
		"an hour of one digit":            {"twitch", twitch("2023-11-14T2:13:20-20:00"), core.ErrMalformed},
		"a comma before the fraction":     {"twitch", twitch("2023-11-14T22:13:20,5Z"), core.ErrMalformed},
		"a year of five digits":           {"twitch", twitch("12023-11-14T22:13:20Z"), core.ErrMalformed},
		"64 bytes":                        {"discord", discord(strings.Clone), nil},
		"63 bytes":                        {"discord", discord(func(s string) string { return s[2:] }), core.ErrNoMatch},
		"65 bytes":                        {"discord", discord(func(s string) string { return s + "00" }), core.ErrNoMatch},
		"capital letters":                 {"discord", discord(strings.ToUpper), core.ErrNoMatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := subjects()[r.scheme]
			_, err := verifier(t, s.scheme, now, s.secret).Verify(t.Context(), r.request)
			if !errors.Is(err, r.reason) {
				t.Errorf("refused with %v, want %v", err, r.reason)
			}
		})
	}
}
