// Signs one message with each provider's own library and prints the requests as JSON. Called with the time in seconds.
import { sign as signGitHub } from "@octokit/webhooks-methods";
import { Webhook as Standard } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as Svix } from "svix";
import twilio from "twilio";

const now = Number(process.argv[2]);
const at = new Date(now * 1000);
const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const body = JSON.stringify({ id: "evt_1", text: "ünï\u2028 <b>&amp;</b> / \"quoted\"" });
const stripe = new Stripe("sk_test_x");
const form = { MessageSid: "SM1", Body: "héllo & goodbye", To: "+18005551212", Digits: ["1234", "5678", "1234"] };
const url = "https://example.com/hook?a=1&b=2";
const query = new URLSearchParams(Object.entries(form).flatMap(([k, v]) => [v].flat().map((v) => [k, v]))).toString();
const signedJSON = twilio.getExpectedBodyHash ? `https://example.com/hook?bodySHA256=${twilio.getExpectedBodyHash(body)}` : null;

const requests = [
  { name: "standard", secret: key, body, headers: {
    "webhook-id": "msg_1", "webhook-timestamp": String(now), "webhook-signature": new Standard(key).sign("msg_1", at, body) } },
  { name: "svix", secret: key, body, headers: {
    "svix-id": "msg_1", "svix-timestamp": String(now), "svix-signature": new Svix(key).sign("msg_1", at, body) } },
  { name: "stripe", secret: key, body, headers: {
    "stripe-signature": stripe.webhooks.generateTestHeaderString({ payload: body, secret: key, timestamp: now }) } },
  { name: "github", secret: "It's a Secret to Everybody", body, headers: {
    "x-hub-signature-256": await signGitHub("It's a Secret to Everybody", body) } },
  { name: "twilio", secret: "12345", url, body: query, headers: {
    "content-type": "application/x-www-form-urlencoded", "x-twilio-signature": twilio.getExpectedTwilioSignature("12345", url, form) } },
  { name: "twilio", secret: "12345", url, body: query, headers: { // with the port that the configured address lacks
    "content-type": "application/x-www-form-urlencoded",
    "x-twilio-signature": twilio.getExpectedTwilioSignature("12345", url.replace("example.com", "example.com:443"), form) } },
  { name: "twilio", secret: "a shared key", url, body: query, headers: {
    "content-type": "application/x-www-form-urlencoded", "x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256",
    "x-twilio-signature": twilio.getExpectedTwilioSignature("a shared key", url, form, "HMAC_SHA256") } },
];
if (signedJSON) {
  requests.push({ name: "twilio", secret: "12345", url: signedJSON, body, headers: {
    "content-type": "application/json", "x-twilio-signature": twilio.getExpectedTwilioSignature("12345", signedJSON, {}) } });
}
console.log(JSON.stringify(requests));
