// Asks the senders' own libraries. Reads questions from stdin, one JSON text a line, and writes an answer for each:
//   {"op": "list"}: {"npm": {sender: {"package", "version", "signs"}}}
//   {"op": "verify", "sender", "secret", "url", "headers", "body"}: {"accepts", "why"}; body is base64, headers are in canonical form
//   {"op": "sign", ...}: the same with {"headers"}, and "url" where the library changes it
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { createPublicKey, createSecretKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { messages } from "./rfc9421.mjs";

const require = createRequire(import.meta.url);
console.log = console.info = console.debug = console.warn; // stdout is for answers

/** What a question holds, as libraries want it. */
class Request {
  constructor({ secret, url, headers, body }) {
    this.secret = secret;
    this.url = url;
    this.bytes = Buffer.from(body, "base64");
    this.text = this.bytes.toString("utf8");
    this.headers = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toLowerCase(), v]));
  }
  /** A header, or undefined. */
  get(name) { return this.headers[name.toLowerCase()]; }
  get json() { return JSON.parse(this.text); }
  get fetchHeaders() { return new Headers(this.headers); }
}

// What returns false or throws refuses; undefined is what those libraries return that throw.
const client = async (name, make) => make(await import(name));
const standard = (name, make) => async (r) => (await client(name, make)).webhooks.unwrap(r.text, { headers: r.headers, key: r.secret });
/** Until it listens for an event, verifyHook refuses everything. */
let listening;
const crisp = () => listening ??= (async () => {
  const it = new (require("crisp-api").Crisp)();
  it.setRtmMode("webhooks");
  await it.on("message:send", () => {});
  return it;
})();
const pem = (der) => `-----BEGIN PUBLIC KEY-----\n${der}\n-----END PUBLIC KEY-----\n`;

const senders = {
  standard: {
    package: "standardwebhooks",
    verify: async (r) => { new (await import("standardwebhooks")).Webhook(r.secret).verify(r.text, r.headers); },
    sign: async (r, now) => {
      const sign = new (await import("standardwebhooks")).Webhook(r.secret).sign("msg_1", now, r.text);
      return { "Webhook-Id": "msg_1", "Webhook-Timestamp": seconds(now), "Webhook-Signature": sign };
    },
  },
  svix: {
    package: "svix",
    verify: async (r) => { new (await import("svix")).Webhook(r.secret).verify(r.text, r.headers); },
    sign: async (r, now) => {
      const sign = new (await import("svix")).Webhook(r.secret).sign("msg_1", now, r.text);
      return { "Svix-Id": "msg_1", "Svix-Timestamp": seconds(now), "Svix-Signature": sign };
    },
  },
  clerk: {
    package: "@clerk/backend",
    verify: async (r) => {
      const { verifyWebhook } = await import("@clerk/backend/webhooks");
      const headers = new Headers(Object.entries(r.headers).map(([k, v]) => [k.replace(/^webhook-/, "svix-"), v])); // the names that Clerk sends
      await verifyWebhook(new globalThis.Request(r.url, { method: "POST", headers, body: r.bytes }), { signingSecret: r.secret });
    },
  },
  anthropic: {
    package: "@anthropic-ai/sdk",
    verify: async (r) => {
      const anthropic = await client("@anthropic-ai/sdk", (m) => new m.default({ apiKey: "x" }));
      await anthropic.beta.webhooks.unwrap(r.text, { headers: r.headers, key: r.secret });
    },
  },
  dodo: { package: "dodopayments", verify: standard("dodopayments", (m) => new m.default({ bearerToken: "x" })) },
  liveblocks: {
    package: "@liveblocks/node",
    verify: async (r) => {
      const { WebhookHandler } = await import("@liveblocks/node");
      try {
        new WebhookHandler(r.secret).verifyRequest({ headers: r.headers, rawBody: r.text });
      } catch (e) {
        if (!/^Unknown event type/.test(e.message)) throw e; // else the event is none of Liveblocks', which comes after the signature
      }
    },
  },
  lithic: {
    package: "lithic",
    verify: async (r) => { (await client("lithic", (m) => new m.default({ apiKey: "x" }))).webhooks.verifySignature(r.text, r.headers, r.secret); },
  },
  openai: {
    package: "openai",
    verify: async (r) => {
      await (await client("openai", (m) => new m.default({ apiKey: "x" }))).webhooks.verifySignature(r.text, r.fetchHeaders, r.secret);
    },
  },
  polar: {
    package: "@polar-sh/sdk",
    verify: async (r) => {
      const { webhooks } = await import("@polar-sh/sdk/2026-10");
      try {
        await webhooks.validateEvent(r.text, r.headers, r.secret);
      } catch (e) {
        if (e instanceof webhooks.PolarWebhookVerificationError || !(e instanceof webhooks.PolarWebhookError)) throw e; // else the event is of no known type
      }
    },
  },
  portone: {
    package: "@portone/server-sdk",
    verify: async (r) => { await (await import("@portone/server-sdk/webhook")).verify(r.secret, r.text, r.headers); },
  },
  replicate: {
    package: "replicate",
    verify: async (r) => {
      const { validateWebhook } = require("replicate");
      return validateWebhook({
        id: r.get("webhook-id"), timestamp: r.get("webhook-timestamp"), signature: r.get("webhook-signature"), body: r.text, secret: r.secret,
      });
    },
  },
  resend: {
    package: "resend",
    verify: async (r) => {
      const { Resend } = await import("resend");
      new Resend("re_x").webhooks.verify({
        payload: r.text, webhookSecret: r.secret,
        headers: { id: r.get("webhook-id"), timestamp: r.get("webhook-timestamp"), signature: r.get("webhook-signature") },
      });
    },
  },
  whop: {
    package: "@whop/sdk",
    verify: async (r) => {
      const whop = await client("@whop/sdk", (m) => new m.default({ apiKey: "x" }));
      whop.webhooks.unwrap(r.text, { headers: r.headers, key: Buffer.from(r.secret).toString("base64") }); // as its README says
    },
  },
  finch: {
    package: "@tryfinch/finch-api",
    verify: async (r) => {
      (await client("@tryfinch/finch-api", (m) => new m.default({ accessToken: "x" }))).webhooks.verifySignature(r.text, r.headers, r.secret);
    },
  },
  stripe: {
    package: "stripe",
    verify: async (r) => { (await stripe()).webhooks.constructEvent(r.bytes, r.get("stripe-signature"), r.secret); },
    sign: async (r, now) => ({
      "Stripe-Signature": (await stripe()).webhooks.generateTestHeaderString({ payload: r.text, secret: r.secret, timestamp: Number(seconds(now)) }),
    }),
  },
  github: {
    package: "@octokit/webhooks-methods",
    verify: async (r) => (await import("@octokit/webhooks-methods")).verify(r.secret, r.text, r.get("x-hub-signature-256")),
    sign: async (r) => ({ "X-Hub-Signature-256": await (await import("@octokit/webhooks-methods")).sign(r.secret, r.text) }),
  },
  twilio: {
    package: "twilio",
    verify: async (r) => {
      const twilio = require("twilio");
      const algorithm = r.get("x-twilio-webhooks-signature-settings") ? "HMAC_SHA256" : undefined; // under a shared key
      if (r.get("content-type") === "application/x-www-form-urlencoded") {
        return twilio.validateRequest(r.secret, r.get("x-twilio-signature"), r.url, form(r.text), algorithm);
      }
      return twilio.validateRequestWithBody(r.secret, r.get("x-twilio-signature"), r.url, r.text, algorithm);
    },
    sign: async (r) => {
      const twilio = require("twilio");
      const algorithm = r.get("x-twilio-webhooks-signature-settings") ? "HMAC_SHA256" : undefined;
      if (r.get("content-type") === "application/x-www-form-urlencoded") {
        return { "X-Twilio-Signature": twilio.getExpectedTwilioSignature(r.secret, r.url, form(r.text), algorithm) };
      }
      r.url += (r.url.includes("?") ? "&" : "?") + "bodySHA256=" + twilio.getExpectedBodyHash(r.text);
      return { "X-Twilio-Signature": twilio.getExpectedTwilioSignature(r.secret, r.url, {}, algorithm) };
    },
  },
  slack: {
    package: "@slack/bolt",
    verify: async (r) => {
      require("@slack/bolt").verifySlackRequest({
        signingSecret: r.secret, body: r.text,
        headers: { "x-slack-signature": r.get("x-slack-signature"), "x-slack-request-timestamp": Number(r.get("x-slack-request-timestamp")) },
      });
    },
  },
  sendgrid: {
    package: "@sendgrid/eventwebhook",
    verify: async (r) => {
      const { EventWebhook } = require("@sendgrid/eventwebhook");
      const hook = new EventWebhook();
      return hook.verifySignature(hook.convertPublicKeyToECDSA(r.secret), r.bytes,
        r.get("x-twilio-email-event-webhook-signature"), r.get("x-twilio-email-event-webhook-timestamp"));
    },
  },
  mux: {
    package: "@mux/mux-node",
    verify: async (r) => {
      const mux = await client("@mux/mux-node", (m) => new m.default({ tokenId: "x", tokenSecret: "x" }));
      await mux.webhooks.verifySignature(r.text, r.headers, r.secret);
    },
  },
  paddle: {
    package: "@paddle/paddle-node-sdk",
    verify: async (r) => {
      const paddle = await client("@paddle/paddle-node-sdk", (m) => new m.Paddle("x"));
      return paddle.webhooks.isSignatureValid(r.text, r.secret, r.get("paddle-signature") ?? "");
    },
  },
  workos: {
    package: "@workos-inc/node",
    verify: async (r) => {
      const workos = await client("@workos-inc/node", (m) => new m.WorkOS("x"));
      return workos.webhooks.verifyHeader({ payload: r.text, sigHeader: r.get("workos-signature"), secret: r.secret });
    },
    sign: async (r, now) => {
      const workos = await client("@workos-inc/node", (m) => new m.WorkOS("x"));
      const t = String(now.getTime());
      return { "Workos-Signature": `t=${t}, v1=${await workos.webhooks.computeSignature(t, r.text, r.secret)}` };
    },
  },
  razorpay: {
    package: "razorpay",
    verify: async (r) => require("razorpay").validateWebhookSignature(r.text, r.get("x-razorpay-signature"), r.secret),
  },
  square: {
    package: "square",
    verify: async (r) => require("square").WebhooksHelper.verifySignature({
      requestBody: r.text, signatureHeader: r.get("x-square-hmacsha256-signature"), signatureKey: r.secret, notificationUrl: r.url,
    }),
  },
  discord: {
    package: "discord-interactions",
    verify: async (r) => require("discord-interactions").verifyKey(r.bytes, r.get("x-signature-ed25519"), r.get("x-signature-timestamp"), r.secret),
  },
  linear: {
    package: "@linear/sdk",
    verify: async (r) => {
      const { LinearWebhookClient } = await import("@linear/sdk/webhooks");
      return new LinearWebhookClient(r.secret).verify(r.bytes, r.get("linear-signature"), r.json.webhookTimestamp);
    },
  },
  hubspot: {
    package: "@hubspot/api-client",
    verify: async (r) => require("@hubspot/api-client").Signature.isValid({
      signatureVersion: "v3", signature: r.get("x-hubspot-signature-v3"), method: "POST", clientSecret: r.secret, requestBody: r.text, url: r.url,
      timestamp: Number(r.get("x-hubspot-request-timestamp")),
    }),
  },
  line: {
    package: "@line/bot-sdk",
    verify: async (r) => (await import("@line/bot-sdk")).validateSignature(r.bytes, r.secret, r.get("x-line-signature")),
  },
  qstash: {
    package: "@upstash/qstash",
    verify: async (r) => {
      const { Receiver } = require("@upstash/qstash");
      return new Receiver({ currentSigningKey: r.secret, nextSigningKey: "another" }).verify({ signature: r.get("upstash-signature"), body: r.text });
    },
  },
  livekit: {
    package: "livekit-server-sdk",
    verify: async (r) => {
      const { WebhookReceiver } = require("livekit-server-sdk");
      // The issuer of the token says whose secret it is: the receiver knows it, and hookonce does not ask.
      const issuer = JSON.parse(Buffer.from(r.get("authorization").split(".")[1], "base64url")).iss ?? "";
      const receiver = new WebhookReceiver(issuer || "key", r.secret);
      try {
        await receiver.receive(r.text, r.get("authorization"));
      } catch (e) {
        if (!/^cannot decode|^Unexpected|is not valid JSON/.test(e.message)) throw e; // else the event is none of LiveKit's, which comes after the signature
      }
    },
    sign: async (r) => {
      const { AccessToken } = require("livekit-server-sdk");
      const token = new AccessToken("key", r.secret);
      token.sha256 = Buffer.from(await crypto.subtle.digest("SHA-256", r.bytes)).toString("base64");
      return { Authorization: await token.toJwt() };
    },
  },
  vonage: {
    package: "@vonage/jwt",
    verify: async (r) => require("@vonage/jwt").verifySignature(r.get("authorization").replace(/^Bearer /, ""), r.secret),
  },
  telnyx: { package: "telnyx", verify: standard("telnyx", (m) => new m.default({ apiKey: "x" })) },
  lark: {
    package: "@larksuiteoapi/node-sdk",
    verify: async (r) => {
      const { EventDispatcher, LoggerLevel } = require("@larksuiteoapi/node-sdk");
      const event = Object.assign(Object.create({ headers: r.headers }), r.json); // as its adapters make it
      return (await new EventDispatcher({ encryptKey: r.secret, loggerLevel: LoggerLevel.fatal }).invoke(event)) !== undefined;
    },
  },
  mercadopago: {
    package: "mercadopago",
    verify: async (r) => {
      require("mercadopago").WebhookSignatureValidator.validate({
        xSignature: r.get("x-signature"), xRequestId: r.get("x-request-id"), dataId: new URL(r.url).searchParams.get("data.id"), secret: r.secret,
      });
    },
  },
  adyen: {
    package: "@adyen/api-library",
    verify: async (r) => {
      const { hmacValidator } = require("@adyen/api-library");
      return r.json.notificationItems.every((i) => new hmacValidator().validateHMAC(i.NotificationRequestItem, r.secret));
    },
    sign: async (r) => {
      const { hmacValidator } = require("@adyen/api-library");
      const event = r.json;
      const item = event.notificationItems[0].NotificationRequestItem;
      item.additionalData.hmacSignature = new hmacValidator().calculateHmac(item, r.secret);
      r.text = JSON.stringify(event);
      return {};
    },
  },
  "adyen-platform": {
    package: "@adyen/api-library",
    verify: async (r) => {
      const { hmacValidator } = require("@adyen/api-library");
      return new hmacValidator().validateHMACSignature(r.secret, r.get("hmacsignature"), r.text);
    },
    sign: async (r) => {
      const { hmacValidator } = require("@adyen/api-library");
      return { Hmacsignature: new hmacValidator().calculateHmac(r.text, r.secret) };
    },
  },
  shopify: {
    package: "@shopify/shopify-api",
    verify: async (r) => {
      require("@shopify/shopify-api/adapters/node");
      const { shopifyApi, ApiVersion } = require("@shopify/shopify-api");
      const api = shopifyApi({
        apiKey: "x", apiSecretKey: r.secret, hostName: "example.com", isEmbeddedApp: false, apiVersion: Object.values(ApiVersion).at(-1), logger: { level: 0 },
      });
      const headers = {
        ...r.headers, "x-shopify-topic": "orders/create", "x-shopify-shop-domain": "a.myshopify.com", "x-shopify-api-version": "2026-01",
        "x-shopify-webhook-id": "1",
      };
      const result = await api.webhooks.validate({ rawBody: r.text, rawRequest: { method: "POST", url: "/hook", headers }, rawResponse: {} });
      return result.valid;
    },
  },
  gocardless: {
    package: "gocardless-nodejs",
    verify: async (r) => {
      const webhooks = require("gocardless-nodejs/webhooks");
      try {
        webhooks.parse(r.text, r.secret, r.get("webhook-signature"));
      } catch (e) {
        if (e instanceof webhooks.InvalidSignatureError || !(e instanceof SyntaxError)) throw e; // else no JSON, which comes after the signature
      }
    },
  },
  "coinbase-commerce": {
    package: "coinbase-commerce-node",
    verify: async (r) => { require("coinbase-commerce-node").Webhook.verifySigHeader(r.text, r.get("x-cc-webhook-signature"), r.secret); },
  },
  hook0: { package: "hook0-client", verify: hook0 },
  orb: {
    package: "orb-billing",
    verify: async (r) => { (await client("orb-billing", (m) => new m.default({ apiKey: "x" }))).webhooks.verifySignature(r.text, r.headers, r.secret); },
  },
  metronome: {
    package: "@metronome/sdk",
    verify: async (r) => {
      (await client("@metronome/sdk", (m) => new m.default({ bearerToken: "x" }))).webhooks.verifySignature(r.text, r.headers, r.secret);
    },
  },
  retell: {
    package: "retell-sdk",
    verify: async (r) => require("retell-sdk").verify(r.text, r.secret, r.get("x-retell-signature")),
    sign: async (r) => ({ "X-Retell-Signature": await require("retell-sdk").sign(r.text, r.secret) }),
  },
  crisp: {
    package: "crisp-api",
    verify: async (r) => (await crisp()).verifyHook(r.secret, r.json, r.get("x-crisp-request-timestamp"), r.get("x-crisp-signature")),
  },
  sanity: {
    package: "@sanity/webhook",
    verify: async (r) => (await import("@sanity/webhook")).isValidSignature(r.text, r.get("sanity-webhook-signature"), r.secret),
    sign: async (r, now) => ({
      "Sanity-Webhook-Signature": await (await import("@sanity/webhook")).encodeSignatureHeader(r.text, now.getTime(), r.secret),
    }),
  },
  stream: {
    package: "stream-chat",
    verify: async (r) => new (require("stream-chat").StreamChat)("key", r.secret).verifyWebhook(r.bytes, r.get("x-signature")),
  },
  gr4vy: {
    package: "@gr4vy/sdk",
    verify: async (r) => { require("@gr4vy/sdk").verifyWebhook(r.text, r.secret, r.get("x-gr4vy-signature"), r.get("x-gr4vy-timestamp"), 300); },
  },
  lettermint: {
    package: "lettermint",
    verify: async (r) => { new (require("lettermint").Webhook)(r.secret).verifyHeaders(r.headers, r.bytes); },
  },
  creem: {
    package: "creem",
    verify: async (r) => { await (await import("creem/webhooks")).verifyWebhookSignature(r.text, r.headers, { secret: r.secret }); },
  },
  messagebird: {
    package: "messagebird",
    verify: async (r) => {
      await require("messagebird/lib/webhook-signature-jwt").verify(
        r.url, r.bytes, r.get("messagebird-signature-jwt"), createSecretKey(Buffer.from(r.secret)));
    },
  },
  hookdeck: {
    package: "@hookdeck/sdk",
    verify: async (r) => {
      const { verifyWebhookSignature } = require("@hookdeck/sdk/webhooks/helpers");
      return (await verifyWebhookSignature({ headers: r.headers, rawBody: r.text, signingSecret: r.secret })).isValidSignature;
    },
  },
  moderntreasury: {
    package: "modern-treasury",
    verify: async (r) => {
      const mt = await client("modern-treasury", (m) => new m.default({ apiKey: "x", organizationID: "x" }));
      return mt.webhooks.validateSignature(r.text, r.headers, { key: r.secret });
    },
    sign: async (r) => {
      const mt = await client("modern-treasury", (m) => new m.default({ apiKey: "x", organizationID: "x" }));
      return { "X-Signature": mt.webhooks.getSignature(r.text, { key: r.secret }) };
    },
  },
  hygraph: {
    package: "@hygraph/utils",
    verify: async (r) => require("@hygraph/utils").verifyWebhookSignature({ rawPayload: r.text, signature: r.get("gcms-signature"), secret: r.secret }),
    sign: async (r) => ({ "Gcms-Signature": require("@hygraph/utils").generateWebhookSignature({ rawPayload: r.text, secret: r.secret }) }),
  },
  kontent: {
    package: "@kontent-ai/webhook-helper",
    verify: async (r) => require("@kontent-ai/webhook-helper").signatureHelper.isValidSignatureFromString(r.text, r.secret, r.get("x-kc-signature")),
    sign: async (r) => ({ "X-Kc-Signature": require("@kontent-ai/webhook-helper").signatureHelper.getHashFromString(r.text, r.secret) }),
  },
  pusher: {
    package: "pusher",
    verify: async (r) => {
      const Pusher = require("pusher");
      return new Pusher({ appId: "1", key: "key", secret: r.secret, cluster: "mt1" }).webhook({ headers: r.headers, rawBody: r.text }).isValid();
    },
  },
  webflow: {
    package: "webflow-api",
    verify: async (r) => {
      const { WebflowClient } = require("webflow-api");
      return new WebflowClient({ accessToken: "x" }).webhooks.verifySignature({ headers: r.headers, body: r.text, secret: r.secret });
    },
  },
  box: {
    package: "box-node-sdk",
    verify: async (r) => {
      const { WebhooksManager } = await import("box-node-sdk/managers/webhooks");
      return WebhooksManager.validateMessage(r.text, r.headers, r.secret, { secondaryKey: r.secret });
    },
  },
  contentful: {
    package: "@contentful/node-apps-toolkit",
    verify: async (r) => require("@contentful/node-apps-toolkit").verifyRequest(r.secret, contentful(r, r.headers), 30),
    sign: async (r, now) => {
      const headers = require("@contentful/node-apps-toolkit").signRequest(r.secret, contentful(r, {}), now.getTime());
      return Object.fromEntries(Object.entries(headers).map(([k, v]) => [canonical(k), v]));
    },
  },
  notion: {
    package: "@notionhq/client",
    verify: async (r) => require("@notionhq/client").verifyWebhookSignature({
      body: r.text, signature: r.get("x-notion-signature"), verificationToken: r.secret,
    }),
    sign: async (r) => ({ "X-Notion-Signature": await require("@notionhq/client").signWebhookPayload({ body: r.text, verificationToken: r.secret }) }),
  },
  mollie: {
    package: "mollie-api-typescript",
    verify: async (r) => (await mollie()).validate(r.text, r.secret, r.get("x-mollie-signature")),
    sign: async (r) => ({ "X-Mollie-Signature": "sha256=" + (await (await mollie()).createSignature(r.text, r.secret)) }),
  },
  sinch: {
    package: "@sinch/sdk-core",
    verify: async (r) => new (require("@sinch/sdk-core").ConversationCallbackWebhooks)(r.secret).validateAuthenticationHeader(r.headers, r.text, "", ""),
  },
  payos: {
    package: "@payos/node",
    verify: async (r) => { await payos(r).webhooks.verify(r.json); },
    sign: async (r) => {
      const event = r.json;
      event.signature = await payos(r).crypto.createSignatureFromObj(event.data, r.secret);
      r.text = JSON.stringify(event);
      return {};
    },
  },
  easypost: {
    package: "@easypost/api",
    verify: async (r) => { new (require("@easypost/api"))("x").Utils.validateWebhook(r.bytes, r.headers, r.secret); },
  },
  braintree: {
    package: "braintree",
    verify: async (r) => {
      const { bt_signature, bt_payload } = form(r.text);
      try {
        await braintree(r).webhookNotification.parse(bt_signature, bt_payload);
      } catch (e) {
        if (e.type === "invalidSignatureError") throw e; // else no XML, which comes after the signature
      }
    },
    sign: async (r) => { // an event of its own, around the text
      const { bt_signature, bt_payload } = braintree(r).webhookTesting.sampleNotification("subscription_canceled", r.json.text.slice(0, 100));
      r.text = new URLSearchParams({ bt_signature, bt_payload }).toString();
      return { "Content-Type": "application/x-www-form-urlencoded" };
    },
  },
  plivo: {
    package: "plivo",
    verify: async (r) => require("plivo").validateV3Signature(
      "POST", r.url, r.get("x-plivo-signature-v3-nonce"), r.secret, r.get("x-plivo-signature-v3"), form(r.text)),
  },
  kinde: {
    package: "@kinde/webhooks",
    verify: async (r) => {
      const set = { keys: [{ ...createPublicKey(pem(r.secret)).export({ format: "jwk" }), alg: "RS256", use: "sig" }] };
      return fetching("https://acme.kinde.com/.well-known/jwks.json", set, async () =>
        (await import("@kinde/webhooks")).decodeWebhook(r.text, "https://acme.kinde.com"));
    },
  },
  wix: {
    package: "@wix/sdk",
    verify: async (r) => {
      const { createClient, AppStrategy } = await import("@wix/sdk");
      const client = createClient({ auth: AppStrategy({ appId: "app", publicKey: pem(r.secret) }) });
      try {
        await client.webhooks.parseJWT(r.text);
      } catch (e) {
        if (!(e instanceof SyntaxError)) throw e; // else no JSON in the token, which comes after the signature
      }
    },
  },
  onfido: {
    package: "@onfido/api",
    verify: async (r) => {
      try {
        new (require("@onfido/api").WebhookEventVerifier)(r.secret).readPayload(r.bytes, r.get("x-sha2-signature"));
      } catch (e) {
        if (!(e instanceof SyntaxError)) throw e; // else no JSON, which comes after the signature
      }
    },
  },
  chargily: {
    package: "@chargily/chargily-pay",
    verify: async (r) => require("@chargily/chargily-pay").verifySignature(r.bytes, r.get("signature"), r.secret),
  },
  mailchannels: {
    package: "mailchannels-sdk",
    verify: async (r) => (await import("mailchannels-sdk")).Webhooks.verify({ payload: r.text, headers: r.headers, publicKey: r.secret }),
  },
};

const seconds = (now) => String(Math.floor(now.getTime() / 1000));
const canonical = (name) => name.replace(/(^|-)[a-z]/g, (c) => c.toUpperCase());
const stripe = () => client("stripe", (m) => new m.default("sk_test_x"));
const mollie = async () => (await import("mollie-api-typescript/utils/webhooks/signature_validator")).SignatureValidator;

const payos = (r) => new (require("@payos/node").PayOS)({ clientId: "x", apiKey: "x", checksumKey: r.secret });

/** The secret is "public key:private key". */
function braintree(r) {
  const { BraintreeGateway, Environment } = require("braintree");
  const [publicKey, privateKey] = r.secret.split(":");
  return new BraintreeGateway({ environment: Environment.Sandbox, merchantId: "x", publicKey, privateKey });
}

/** Asks with a fetch that knows one address, and no network. */
async function fetching(address, value, ask) {
  const real = globalThis.fetch;
  globalThis.fetch = async (url) => String(url) === address ? Response.json(value) : Response.error();
  try {
    return await ask();
  } finally {
    globalThis.fetch = real;
  }
}

/** The fields of a form, as a framework hands them over. */
function form(text) {
  const params = {};
  for (const [k, v] of new URLSearchParams(text)) params[k] = k in params ? [params[k], v].flat() : v;
  return params;
}

function contentful(r, headers) {
  return { method: "POST", path: r.url.slice(r.url.indexOf("/", "https://".length)), headers, body: r.text }; // as it was sent: new URL escapes a quote
}

async function hook0(r) {
  return require("hook0-client").verifyWebhookSignature(r.get("x-hook0-signature"), r.bytes, r.fetchHeaders, r.secret, 300);
}

/** The version of an installed package. Not all let their package.json be imported. */
const version = (name) => JSON.parse(readFileSync(new URL(`./node_modules/${name}/package.json`, import.meta.url), "utf8")).version;

async function answer(question) {
  switch (question.op) {
    case "list":
      return {
        npm: Object.fromEntries(Object.entries(senders).map(([name, s]) => [name, { package: s.package, version: version(s.package), signs: Boolean(s.sign) }])),
        messages: Object.fromEntries(Object.entries(messages).map(([name, m]) => [name, { package: m.package, version: version(m.package) }])),
      };
    case "verify": {
      try {
        const verdict = await senders[question.sender].verify(new Request(question));
        return { accepts: verdict !== false && verdict !== null, why: String(verdict) };
      } catch (e) {
        // A package that cannot be loaded, or a name that it does not have, is no verdict.
        const broken = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND", "ERR_PACKAGE_PATH_NOT_EXPORTED"].includes(e.code) || e instanceof ReferenceError ||
          (e instanceof TypeError && /is not a (function|constructor)/.test(e.message));
        return { accepts: false, broken, why: `${e.name}: ${e.message}`.slice(0, 300) };
      }
    }
    case "sign": {
      const r = new Request(question);
      let headers;
      try {
        headers = await senders[question.sender].sign(r, new Date());
      } catch (e) {
        return { why: `${e.name}: ${e.message}`.slice(0, 300) }; // an empty body, say
      }
      return { headers, url: r.url, body: Buffer.from(r.text).toString("base64") };
    }
    case "message-sign":
      try {
        return await messages[question.library].sign(question);
      } catch (e) {
        return { why: `${e.name}: ${e.message}`.slice(0, 300) };
      }
    case "message-verify":
      try {
        return { accepts: (await messages[question.library].verify(question)) === true, why: "" };
      } catch (e) {
        return { accepts: false, why: `${e.name}: ${e.message}`.slice(0, 300) };
      }
  }
  throw new Error(`no question ${question.op}`);
}

for await (const line of createInterface({ input: process.stdin })) {
  let text;
  try {
    text = await answer(JSON.parse(line));
  } catch (e) {
    text = { error: `${e.name}: ${e.message}`.slice(0, 500) };
  }
  process.stdout.write(JSON.stringify(text) + "\n");
}
