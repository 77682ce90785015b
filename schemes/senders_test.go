package schemes_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

func hexSHA512(secret, content string) string {
	return hex.EncodeToString(mac(sha512.New, secret, content))
}

func base64SHA1(secret, content string) string {
	return base64.StdEncoding.EncodeToString(mac(sha1.New, secret, content))
}

func urlMAC(secret, content string) string {
	return base64.RawURLEncoding.EncodeToString(mac(sha256.New, secret, content))
}

func hexKeySHA256(secret, content string) string { return hexMAC(unhex(secret), content) }

func hexKeySHA512(secret, content string) string { return hexSHA512(unhex(secret), content) }

// entries signs "time.body", the id at path if there is one, in one header.
func entries(header, format string, stamp func(time.Time) string, sum func(secret, content string) string, path ...string) sender {
	return func(secret, id string, at time.Time, content []byte) *core.Request {
		body := string(content)
		if len(path) > 0 {
			body = around(id, content, path...)
		}
		return request(body, header, fmt.Sprintf(format, stamp(at), sum(secret, stamp(at)+"."+body)))
	}
}

// templates returns senders that a template describes, written from their
// documentation or libraries.
func templates() map[string]subject {
	return map[string]subject{
		"ably":      {schemes.Ably(), secret, stranger, bodyIn("X-Ably-Signature", "", base64MAC)},
		"acuity":    {schemes.Acuity(), secret, stranger, bodyIn("X-Acuity-Signature", "", base64MAC)},
		"affirm":    {schemes.Affirm(), secret, stranger, entries("X-Affirm-Signature", "t=%s,v0=%s", seconds, hexSHA512)},
		"aftership": {schemes.AfterShip(), secret, stranger, bodyIn("Aftership-Hmac-Sha256", "", base64MAC)},
		"airship": {schemes.Airship(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			return request(string(content), "X-Ua-Timestamp", seconds(at), "X-Ua-Signature", hexMAC(secret, seconds(at)+":"+string(content)))
		}},
		"alchemy": {schemes.Alchemy(), secret, stranger, idIn("X-Alchemy-Signature", "", hexMAC, "id")},
		"authorizenet": {schemes.AuthorizeNet(), hexKey, hexOther, idIn("X-ANET-Signature", "sha512=", func(secret, content string) string {
			return strings.ToUpper(hexSHA512(secret, content))
		}, "notificationId")},
		"braintree": {schemes.Braintree(schemes.AnswerHandshakes), secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
			key, payload := sha1.Sum([]byte(secret)), inBase64("<notification>"+string(content)+"</notification>")+"\n"
			return request(url.Values{"bt_payload": {payload}, "bt_signature": {"other|00&public|" + hexSHA1(string(key[:]), payload)}}.Encode(),
				"Content-Type", "application/x-www-form-urlencoded")
		}},
		"btcpay": {schemes.BTCPay(), secret, stranger, idIn("BTCPay-Sig", "sha256=", hexMAC, "originalDeliveryId")},
		"linkedin": {schemes.LinkedIn(schemes.AnswerHandshakes), secret, stranger, idIn("X-LI-Signature", "", func(secret, content string) string {
			return hexMAC(secret, "hmacsha256="+content)
		}, "notificationId")},
		"teams": {schemes.Teams(), inBase64(secret), inBase64(stranger), idIn("Authorization", "HMAC ", func(secret, content string) string {
			return base64MAC(fromBase64(secret), content)
		}, "id")},
		"autodesk":  {schemes.Autodesk(), secret, stranger, bodyIn("X-Adsk-Signature", "sha1hash=", hexSHA1)},
		"bolt":      {schemes.Bolt(), secret, stranger, bodyIn("X-Bolt-Hmac-Sha256", "", base64MAC)},
		"buildkite": {schemes.Buildkite(), secret, stranger, entries("X-Buildkite-Signature", "timestamp=%s,signature=%s", seconds, hexMAC)},
		"calcom":    {schemes.CalCom(), secret, stranger, bodyIn("X-Cal-Signature-256", "", hexMAC)},
		"chargily":  {schemes.Chargily(), secret, stranger, idIn("Signature", "", hexMAC, "id")},
		"chargify":  {schemes.Chargify(), secret, stranger, bodyIn("X-Chargify-Webhook-Signature-Hmac-Sha-256", "", hexMAC)},
		"checkout":  {schemes.Checkout(), secret, stranger, idIn("Cko-Signature", "", hexMAC, "id")},
		"circleci":  {schemes.CircleCI(), secret, stranger, idIn("Circleci-Signature", "v1=", hexMAC, "id")},
		"clickup":   {schemes.ClickUp(), secret, stranger, bodyIn("X-Signature", "", hexMAC)},
		"close": {schemes.Close(), hexKey, hexOther, func(secret, id string, at time.Time, content []byte) *core.Request {
			body := around(id, content, "event", "id")
			return request(body, "Close-Sig-Timestamp", seconds(at), "Close-Sig-Hash", hexKeySHA256(secret, seconds(at)+body))
		}},
		"cloudflare-stream": {schemes.CloudflareStream(), secret, stranger, entries("Webhook-Signature", "time=%s,sig1=%s", seconds, hexMAC)},
		"creem":             {schemes.Creem(), secret, stranger, bodyIn("Creem-Signature", "", hexMAC)},
		"customerio": {schemes.CustomerIO(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			return request(string(content), "X-Cio-Timestamp", seconds(at), "X-Cio-Signature", hexMAC(secret, "v0:"+seconds(at)+":"+string(content)))
		}},
		"dub":      {schemes.Dub(), secret, stranger, bodyIn("Dub-Signature", "", hexMAC)},
		"dwolla":   {schemes.Dwolla(), secret, stranger, idIn("X-Request-Signature-Sha-256", "", hexMAC, "id")},
		"easypost": {schemes.EasyPost(), secret, stranger, idIn("X-Hmac-Signature", "hmac-sha256-hex=", hexMAC, "id")},
		"finch": {schemes.Finch(), inBase64(secret), inBase64(stranger), func(secret, id string, at time.Time, content []byte) *core.Request {
			return request(string(content), "Finch-Event-Id", id, "Finch-Timestamp", seconds(at), "Finch-Signature",
				"v1,"+base64MAC(fromBase64(secret), id+"."+seconds(at)+"."+string(content)))
		}},
		"flutterwave": {schemes.Flutterwave(), secret, stranger, bodyIn("Flutterwave-Signature", "", base64MAC)},
		"formstack":   {schemes.Formstack(), secret, stranger, bodyIn("X-Fs-Signature", "sha256=", hexMAC)},
		"fourthwall":  {schemes.Fourthwall(), secret, stranger, bodyIn("X-Fourthwall-Hmac-Sha256", "", base64MAC)},
		"front": {schemes.Front(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			return request(string(content), "X-Front-Request-Timestamp", millis(at), "X-Front-Signature", base64MAC(secret, millis(at)+":"+string(content)))
		}},
		"gitea":      {schemes.Gitea(), secret, stranger, bodyIn("X-Gitea-Signature", "", hexMAC)},
		"gocardless": {schemes.GoCardless(), secret, stranger, bodyIn("Webhook-Signature", "", hexMAC)},
		"gogs":       {schemes.Gogs(), secret, stranger, bodyIn("X-Gogs-Signature", "", hexMAC)},
		"gr4vy": {schemes.Gr4vy(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			body := around(id, content, "id")
			return request(body, "X-Gr4vy-Timestamp", seconds(at), "X-Gr4vy-Signature", hexMAC(secret, seconds(at)+"."+body))
		}},
		"helpscout":    {schemes.HelpScout(), secret, stranger, bodyIn("X-Helpscout-Signature", "", base64SHA1)},
		"heroku":       {schemes.Heroku(), secret, stranger, bodyIn("Heroku-Webhook-Hmac-Sha256", "", base64MAC)},
		"hookdeck":     {schemes.Hookdeck(), secret, stranger, bodyIn("X-Hookdeck-Signature", "", base64MAC)},
		"kontent":      {schemes.Kontent(), secret, stranger, bodyIn("X-Kc-Signature", "", base64MAC)},
		"launchdarkly": {schemes.LaunchDarkly(), secret, stranger, bodyIn("X-Ld-Signature", "", hexMAC)},
		"lettermint":   {schemes.Lettermint(), secret, stranger, entries("X-Lettermint-Signature", "t=%s,v1=%s", seconds, hexMAC)},
		"line":         {schemes.LINE(), secret, stranger, idIn("X-Line-Signature", "", base64MAC, "events", "0", "webhookEventId")},
		"mailerlite":   {schemes.MailerLite(), secret, stranger, bodyIn("Signature", "", hexMAC)},
		"mautic":       {schemes.Mautic(), secret, stranger, bodyIn("Webhook-Signature", "", base64MAC)},
		"mercury": {schemes.Mercury(), inBase64(secret), inBase64(stranger), entries("Mercury-Signature", "t=%s,v1=%s", seconds, func(secret, content string) string {
			return hexMAC(fromBase64(secret), content)
		}, "id")},
		"moderntreasury": {schemes.ModernTreasury(), secret, stranger, bodyIn("X-Signature", "", hexMAC)},
		"mollie":         {schemes.Mollie(), secret, stranger, idIn("X-Mollie-Signature", "sha256=", hexMAC, "id")},
		"mongodb-atlas":  {schemes.MongoDBAtlas(), secret, stranger, bodyIn("X-Mms-Signature", "", base64SHA1)},
		"mux":            {schemes.Mux(), secret, stranger, entries("Mux-Signature", "t=%s,v1=%s", seconds, hexMAC, "id")},
		"npm":            {schemes.NPM(), secret, stranger, bodyIn("X-Npm-Signature", "sha256=", hexMAC)},
		"onfido":         {schemes.Onfido(), secret, stranger, bodyIn("X-SHA2-Signature", "", hexMAC)},
		"onfleet":        {schemes.Onfleet(), hexKey, hexOther, bodyIn("X-Onfleet-Signature", "", hexKeySHA512)},
		"orb": {schemes.Orb(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			stamp := at.UTC().Format("2006-01-02T15:04:05.999999")
			body := around(id, content, "id")
			return request(body, "X-Orb-Timestamp", stamp, "X-Orb-Signature", "v1="+hexMAC(secret, "v1:"+stamp+":"+body))
		}},
		"payos": {schemes.PayOS(), secret, stranger, func(secret, id string, _ time.Time, content []byte) *core.Request {
			text := strings.ToValidUTF8(string(content), "?")
			mac := hexMAC(secret, "amount=3000&description="+text+"&name=&paid=true&reference="+id)
			return request(`{"code":"00","data":{"reference":` + strconv.Quote(id) + `,"amount":3000,"name":null,"paid":true,"description":` + jsonOf(text) + `},"signature":"` + mac + `"}`)
		}},
		"paystack": {schemes.Paystack(), secret, stranger, bodyIn("X-Paystack-Signature", "", hexSHA512)},
		"persona":  {schemes.Persona(), secret, stranger, entries("Persona-Signature", "t=%s,v1=%s", seconds, hexMAC)},
		"polar": {schemes.Polar(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			return request(string(content), "Webhook-Id", id, "Webhook-Timestamp", seconds(at), "Webhook-Signature",
				"v1,"+base64MAC(secret, id+"."+seconds(at)+"."+string(content)))
		}},
		"primer":     {schemes.Primer(), secret, stranger, bodyIn("X-Signature-Primary", "", base64MAC)},
		"pusher":     {schemes.Pusher(), secret, stranger, bodyIn("X-Pusher-Signature", "", hexMAC)},
		"quickbooks": {schemes.QuickBooks(), secret, stranger, bodyIn("Intuit-Signature", "", base64MAC)},
		"razorpay":   {schemes.Razorpay(), secret, stranger, bodyIn("X-Razorpay-Signature", "", hexMAC)},
		"retell": {schemes.Retell(), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			return request(string(content), "X-Retell-Signature", "v="+millis(at)+",d="+hexMAC(secret, string(content)+millis(at)))
		}},
		"sanity": {schemes.Sanity(), secret, stranger, entries("Sanity-Webhook-Signature", "t=%s,v1=%s", millis, urlMAC)},
		"shippo": {schemes.Shippo(), secret, stranger, entries("Shippo-Auth-Signature", "t=%s,v1=%s", seconds, hexMAC)},
		"sinch": {schemes.Sinch(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			nonce := "01FJA8B4A7BM43YGWSG9GBV067-" + seconds(at)
			return request(string(content), "X-Sinch-Webhook-Signature-Timestamp", seconds(at), "X-Sinch-Webhook-Signature-Nonce", nonce,
				"X-Sinch-Webhook-Signature-Algorithm", "HmacSHA256", "X-Sinch-Webhook-Signature", base64MAC(secret, string(content)+"."+nonce+"."+seconds(at)))
		}},
		"squarespace":  {schemes.Squarespace(), hexKey, hexOther, idIn("Squarespace-Signature", "", hexKeySHA256, "id")},
		"surveymonkey": {schemes.SurveyMonkey(), secret, stranger, bodyIn("Sm-Signature", "", base64SHA1)},
		"taiga":        {schemes.Taiga(), secret, stranger, bodyIn("X-Taiga-Webhook-Signature", "", hexSHA1)},
		"terraform":    {schemes.Terraform(), secret, stranger, bodyIn("X-Tfe-Notification-Signature", "", hexSHA512)},
		"tiktok":       {schemes.TikTok(), secret, stranger, entries("Tiktok-Signature", "t=%s,s=%s", seconds, hexMAC)},
		"attio":        {schemes.Attio(), secret, stranger, bodyIn("Attio-Signature", "", hexMAC)},
		"bland":        {schemes.Bland(), secret, stranger, bodyIn("X-Webhook-Signature", "", hexMAC)},
		"chatwoot": {schemes.Chatwoot(), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			return request(string(content), "X-Chatwoot-Timestamp", seconds(at), "X-Chatwoot-Signature", "sha256="+hexMAC(secret, seconds(at)+"."+string(content)))
		}},
		"commercelayer": {schemes.CommerceLayer(), secret, stranger, bodyIn("X-CommerceLayer-Signature", "", base64MAC)},
		"crisp": {schemes.Crisp(), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			return request(string(content), "X-Crisp-Request-Timestamp", seconds(at), "X-Crisp-Signature", hexMAC(secret, "["+seconds(at)+";"+string(content)+"]"))
		}},
		"crisp in milliseconds": {schemes.Crisp(), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			return request(string(content), "X-Crisp-Request-Timestamp", millis(at), "X-Crisp-Signature", hexMAC(secret, "["+millis(at)+";"+string(content)+"]"))
		}},
		"fastspring": {schemes.FastSpring(), secret, stranger, idIn("X-FS-Signature", "", base64MAC, "events", "0", "id")},
		"klarna":     {schemes.Klarna(), secret, stranger, idIn("Klarna-Signature", "", hexMAC, "metadata", "event_id")},
		"pandadoc": {schemes.PandaDoc(), secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
			r := request(string(content))
			r.URL = "/hook?signature=" + hexMAC(secret, string(content))
			return r
		}},
		"ramp":       {schemes.Ramp(), secret, stranger, idIn("X-Ramp-Webhook-Signature", "", hexMAC, "id")},
		"recurly":    {schemes.Recurly(), secret, stranger, entries("Recurly-Signature", "%s,%s", millis, hexMAC)},
		"revenuecat": {schemes.RevenueCat(), secret, stranger, entries("X-RevenueCat-Webhook-Signature", "t=%s,v1=%s", seconds, hexMAC, "event", "id")},
		"savvycal": {schemes.SavvyCal(), secret, stranger, idIn("X-Savvycal-Signature", "sha256=", func(secret, content string) string {
			return strings.ToUpper(hexMAC(secret, content))
		}, "id")},
		"segment": {schemes.Segment(), secret, stranger, bodyIn("X-Signature", "", hexSHA1)},
		"snyk":    {schemes.Snyk(), secret, stranger, bodyIn("X-Hub-Signature", "sha256=", hexMAC)},
		"tally":   {schemes.Tally(), secret, stranger, idIn("Tally-Signature", "", base64MAC, "eventId")},
		"whereby": {schemes.Whereby(), secret, stranger, entries("Whereby-Signature", "t=%s,v1=%s", seconds, hexMAC, "id")},
		"webex":   {schemes.Webex(), secret, stranger, bodyIn("X-Spark-Signature", "", hexSHA1)},
		"whop": {schemes.Whop(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			return request(string(content), "Webhook-Id", id, "Webhook-Timestamp", seconds(at), "Webhook-Signature",
				"v1,"+base64MAC(secret, id+"."+seconds(at)+"."+string(content)))
		}},
		"xero": {schemes.Xero(), secret, stranger, bodyIn("X-Xero-Signature", "", base64MAC)},
		"zendesk": {schemes.Zendesk(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			stamp := at.UTC().Format(time.RFC3339)
			return request(string(content), "X-Zendesk-Webhook-Signature-Timestamp", stamp, "X-Zendesk-Webhook-Signature", base64MAC(secret, stamp+string(content)))
		}},
	}
}

// TestWhatIsJudgedHasAName reads the list from integration/sdks: the libraries
// that confirm each sender.
func TestWhatIsJudgedHasAName(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/judged.json")
	if err != nil {
		t.Fatal(err)
	}
	var judged map[string][]string
	if err := json.Unmarshal(text, &judged); err != nil {
		t.Fatal(err)
	}
	names := schemes.Names()
	for name, libraries := range judged {
		if !slices.Contains(names, name) || len(libraries) == 0 {
			t.Errorf("testdata/judged.json has %s, judged by %q: no such name, or no library", name, libraries)
		}
	}
	t.Logf("%d names, of which %d are judged by a library of the sender", len(names), len(judged))
	if len(judged) < 40 {
		t.Errorf("only %d names are judged", len(judged))
	}
}
