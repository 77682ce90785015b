// HTTP message signatures of RFC 9421, by npm's libraries: each signs and verifies with ed25519. A message is
//   {"url", "headers", "components": [{"name", "param"}], "key": {"id", "tag", "private", "public"}}, keys in base64 of DER.
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";

const privateKey = (m) => createPrivateKey({ key: Buffer.from(m.key.private, "base64"), format: "der", type: "pkcs8" });
const publicKey = (m) => createPublicKey({ key: Buffer.from(m.key.public, "base64"), format: "der", type: "spki" });
const bytes = (data) => (typeof data === "string" ? Buffer.from(data) : data);
const signed = (m) => (data) => sign(null, bytes(data), privateKey(m));
const holds = (m) => (data, signature) => verify(null, bytes(data), publicKey(m), signature);
const serialized = (c) => `"${c.name}"` + (c.param ? `;name="${c.param}"` : "");

export const messages = {
  "http-message-signatures": {
    package: "http-message-signatures",
    sign: async (m) => {
      const { httpbis } = await import("http-message-signatures");
      const request = await httpbis.signMessage({
        key: { id: m.key.id, alg: "ed25519", sign: async (data) => signed(m)(data) }, name: "sig1", fields: m.components.map(serialized),
        params: ["created", "expires", "keyid", "alg", "tag"], paramValues: { tag: m.key.tag },
      }, { method: "POST", url: m.url, headers: m.headers });
      return { headers: { Signature: request.headers.Signature, "Signature-Input": request.headers["Signature-Input"] } };
    },
    verify: async (m) => {
      const { httpbis } = await import("http-message-signatures");
      return httpbis.verifyMessage({
        keyLookup: async () => ({ id: m.key.id, algs: ["ed25519"], verify: async (data, signature) => holds(m)(data, signature) }),
      }, { method: "POST", url: m.url, headers: m.headers });
    },
  },
  "http-message-sig": {
    package: "http-message-sig",
    sign: async (m) => {
      const { createSignature, component } = await import("http-message-sig");
      const now = Math.floor(Date.now() / 1000);
      const fields = await createSignature(descriptor(m), {
        label: "sig1", components: m.components.map((c) => component(c.name, c.param ? { name: c.param } : {})),
        parameters: { created: now, expires: now + 300, keyid: m.key.id, alg: "ed25519", tag: m.key.tag }, signer: { algorithm: "ed25519", sign: signed(m) },
      });
      return { headers: { Signature: fields.signature, "Signature-Input": fields.signatureInput } };
    },
    verify: async (m) => {
      const { verifySignature } = await import("http-message-sig");
      const verifier = { algorithm: "ed25519", verify: holds(m) };
      await verifySignature(descriptor(m), {
        policy: { algorithms: ["ed25519"], requiredComponents: [], requiredParameters: ["created"] }, resolveVerifier: () => verifier,
      });
      return true;
    },
  },
  "web-bot-auth": {
    package: "web-bot-auth",
    sign: async (m) => {
      const { signatureHeaders } = await import("web-bot-auth");
      if (m.components.some((c) => c.param)) throw new Error("its components have no parameters");
      const now = Date.now();
      const headers = await signatureHeaders(
        { method: "POST", url: m.url, headers: m.headers },
        { alg: "ed25519", keyid: m.key.id, sign: async (data) => signed(m)(data) },
        { created: new Date(now), expires: new Date(now + 300_000), components: m.components.map((c) => c.name) },
      );
      return { headers: { Signature: headers["Signature"], "Signature-Input": headers["Signature-Input"] } };
    },
    verify: async (m) => {
      const bot = await import("web-bot-auth");
      await bot.verify({ method: "POST", url: m.url, headers: m.headers }, (data, signature) => {
        if (!holds(m)(data, signature)) throw new Error("the signature does not fit");
      });
      return true;
    },
  },
};

function descriptor(m) {
  const fields = Object.entries(m.headers).map(([name, value]) => ({ name: name.toLowerCase(), value }));
  return { kind: "request", method: "POST", targetUri: m.url, fields };
}
