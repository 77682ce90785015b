// The page of hookonce listen --inspect in Chromium. HOOKONCE and CHROMIUM are the paths of the two programs.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { chromium } from "playwright-core";

const program = process.env.HOOKONCE;
const run = (args, options = {}) => execFileSync(program, args, { encoding: "utf8", ...options });
const secret = run(["keygen"]).match(/whsec_\S+/)[0];
const order = JSON.stringify({ type: "order.paid", data: { id: "ord_81", total: 12.5, items: [{ sku: "A-1", n: 2 }] } });

let browser, app, forwarded, listening, inspector, context, page, asked;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--host-resolver-rules=MAP rebound.test 127.0.0.1", ...(process.getuid() === 0 ? ["--no-sandbox"] : [])], // a container's root
  });
});
after(() => browser.close());

beforeEach(async () => {
  forwarded = [];
  app = http.createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => { body += piece; });
    request.on("end", () => { forwarded.push(body); response.end("thanks"); });
  });
  await new Promise((done) => app.listen(0, "127.0.0.1", done));
  listening = spawn(program, ["listen", "--inspect", "--addr", "127.0.0.1:0", "--secret", secret, "--json", "--forward-to", `http://127.0.0.1:${app.address().port}`],
    { stdio: ["ignore", "pipe", "inherit"] });
  const first = await new Promise((done) => createInterface(listening.stdout).on("line", (line) => done(line))); // and reads on
  ({ listening: listening.url, inspector } = JSON.parse(first));
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, permissions: ["clipboard-read", "clipboard-write"] });
  context.setDefaultTimeout(10_000);
  asked = [];
  context.on("request", (request) => asked.push(request.url()));
  page = await context.newPage();
  page.on("pageerror", (error) => assert.fail(error));
  await page.goto(inspector);
  await page.getByText("Live", { exact: true }).waitFor();
});
afterEach(async () => {
  // Whatever a test did: nothing but the page itself was asked for anything.
  assert.deepEqual(asked.filter((url) => !url.startsWith(new URL(inspector).origin + "/")), []);
  await context.close();
  const ended = listening.exitCode ?? new Promise((done) => listening.once("exit", done)); // a test may have ended it
  listening.kill("SIGINT");
  assert.equal(await ended, 0);
  app.closeAllConnections();
  await new Promise((done) => app.close(done));
});

// sign makes a message of ours; send sends it, perhaps changed on its way.
function sign(id, body = order, ...more) {
  const { headers, body: base64 } = JSON.parse(run(["sign", "--json", "--url", listening.url + "hook", "--secret", secret, "--id", id, "--data", body, ...more]));
  return { headers, body: Buffer.from(base64, "base64").toString() };
}
async function send({ headers, body }) {
  return (await fetch(listening.url + "hook", { method: "POST", headers, body })).status;
}
const reformatted = (m) => ({ ...m, body: JSON.stringify(JSON.parse(m.body), null, 2) });
const attempts = () => page.locator(".attempt");
// The page fetches the first delivery when it hears of it, so the list is there before the detail.
const arrived = (count) => page.waitForFunction((n) => document.querySelectorAll(".attempt").length === n && !document.getElementById("delivery").hidden, count);
const text = (selector) => page.locator(selector).innerText();
async function open(index) {
  await attempts().nth(index).click();
  await page.waitForFunction((i) => document.querySelectorAll(".attempt")[i].getAttribute("aria-current") === "true", index);
}
async function picture(name) {
  if (process.env.HOOKONCE_SCREENSHOTS) await page.screenshot({ path: join(process.env.HOOKONCE_SCREENSHOTS, name + ".png") });
}

test("a delivery is shown as it arrives, with verdict, reason, scheme and id", async () => {
  assert.match(await text("#none"), /No delivery yet/);
  assert.equal(await send(sign("msg_first")), 200);
  await arrived(1);
  assert.match(await text("#messages"), /msg_first[\s\S]*order\.paid[\s\S]*200[\s\S]*handled/);
  await page.locator("#delivery").waitFor(); // the first one opens by itself
  assert.match(await text("#facts"), /msg_first[\s\S]*standard[\s\S]*key-1/);
  assert.match(await text("#notes"), /Forwarded: 200 OK/);
  assert.equal(await send(reformatted(sign("msg_second"))), 401);
  await arrived(2);
  assert.match(await attempts().first().innerText(), /401\s+no-match\s+body-reformatted/);
  assert.match(await text("#facts"), /msg_first/); // what is read is not taken away
  assert.match(await page.title(), /no-match/);
  await open(0);
  assert.match(await text("#sentence"), /No signature matches these bytes/);
  assert.match(await text("#found"), /body-reformatted\s+proven\s+The JSON in the body was reformatted/);
});

test("the attempts of one message are together", async () => {
  await send(reformatted(sign("msg_one")));
  await send(sign("msg_other"));
  await send(sign("msg_one"));
  await arrived(3);
  assert.equal(await page.locator(".message").count(), 2);
  const first = page.locator(".message").first();
  assert.match(await first.innerText(), /msg_one[\s\S]*2 attempts[\s\S]*200[\s\S]*handled[\s\S]*401[\s\S]*no-match/);
  await open(0);
  assert.match(await text("#facts"), /Attempt\s+2 of 2/);
  await page.getByLabel("Not handled").check();
  assert.equal(await page.locator(".message").count(), 1);
});

test("what was proven is shown side by side", async () => {
  await send(reformatted(sign("msg_1")));
  await arrived(1);
  await page.locator("#s-difference").waitFor();
  const sides = page.locator(".sides > div");
  assert.match(await sides.nth(0).innerText(), /Received\s+\{⏎\n··"type":·"order\.paid",⏎/);
  assert.equal((await sides.nth(1).innerText()).replace(/\s/g, ""), "Assigned" + order);
  const [left, right] = [await sides.nth(0).boundingBox(), await sides.nth(1).boundingBox()];
  assert.ok(left.y === right.y && left.x + left.width <= right.x + 1, "the sides are not beside each other");
  assert.match(await text("#parts"), /^Webhook-Id\s+msg_1\s+separator\s+\.\s+Webhook-Timestamp\s+\d+\s+separator\s+\.\s+body\s+\{/);
  assert.match(await text("#partsnote"), /Proven/);
  await picture("difference");

  const renamed = sign("msg_2");
  renamed.headers["X-Webhook-Signature"] = renamed.headers["Webhook-Signature"];
  delete renamed.headers["Webhook-Signature"];
  await send(renamed);
  await arrived(2);
  await open(0);
  assert.match(await text("#headers"), /X-Webhook-Signature[\s\S]*signed as Webhook-Signature[\s\S]*renamed/);
  assert.match(await text("#differences"), /Webhook-Signature\s+Received\s+missing\s+As signed\s+v1,‹44 characters›/);

  await send({ headers: {}, body: "nothing of ours" });
  await arrived(3);
  await open(0);
  assert.equal(await page.locator(".tag.missing").count(), 3);
  assert.ok(await page.locator("#s-difference").isHidden(), "a difference is shown where none is proven");
});

test("the timestamp is held against the tolerance", async () => {
  await send(sign("msg_late", order, "--now", String(Math.floor(Date.now() / 1000) - 3600)));
  await arrived(1);
  await page.locator(".track.outside").waitFor();
  assert.match(await text("#time"), /1 h.* before it arrived: outside the tolerance/);
  const at = async (selector) => (await page.locator(selector).boundingBox()).x;
  assert.ok(await at("#track .mark") < await at("#track .band"), "an old timestamp is not left of the tolerance");
  await send(sign("msg_now"));
  await arrived(2);
  await open(0);
  assert.match(await text("#time"), /inside the tolerance/);
  assert.ok(await at("#track .mark") > await at("#track .band"), "a new timestamp is not inside");
});

test("the body is shown raw, pretty and in hex", async () => {
  const body = '{"n":1.0,"big":12345678901234567890,"t":"\\u00e9 \\"{}\\"","e":[],"o":{}}';
  await send(sign("msg_1", body));
  await arrived(1);
  await page.locator("#body").waitFor();
  assert.equal(await text("#body"), '{\n  "n": 1.0,\n  "big": 12345678901234567890,\n  "t": "\\u00e9 \\"{}\\"",\n  "e": [],\n  "o": {}\n}');
  await page.getByLabel("Raw", { exact: true }).check();
  assert.equal(await text("#body"), body);
  await page.getByLabel("Hex", { exact: true }).check();
  assert.match(await text("#body"), /^0000 {2}7b 22 6e 22 3a 31 2e 30 2c 22 62 69 67 22 3a 31 {2}\{"n":1\.0,"big":1/);
});

test("everything can be done with the keyboard alone", async () => {
  await send(sign("msg_1"));
  await send(reformatted(sign("msg_2")));
  await send(sign("msg_3"));
  await arrived(3);
  const focus = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent || document.activeElement.value);
  const visible = () => page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none" ||
    getComputedStyle(document.activeElement.nextElementSibling ?? document.body).outlineStyle !== "none");
  await page.keyboard.press("Tab");
  assert.equal(await focus(), "Skip to the delivery");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab"); // past the filter
  assert.match(await focus(), /handled/);
  assert.ok(await visible(), "the focus cannot be seen");
  await page.keyboard.press("ArrowDown");
  assert.match(await focus(), /no-match/);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.id === "detail");
  assert.match(await text("#facts"), /msg_2/);
  const to = async (name) => {
    for (let i = 0; i < 20; i++) {
      await page.keyboard.press("Tab");
      assert.ok(await visible(), "the focus cannot be seen at " + await focus());
      if (await focus() === name) return;
    }
    assert.fail("Tab does not lead to " + name);
  };
  await to("Resend");
  await page.keyboard.press("Enter");
  await arrived(4);
  await page.getByText("Sent again: 401 Unauthorized").waitFor();
  await to("Verify again…");
  await page.keyboard.press("Enter");
  assert.equal(await focus(), "secret");
  await page.keyboard.type(secret);
  await page.keyboard.press("Enter");
  await page.getByText("Verified again as standard").waitFor();
  await to("pretty");
  await page.keyboard.press("ArrowRight");
  assert.match(await text("#body"), /^0000/);
  await page.keyboard.press("Escape");
  assert.match(await focus(), /no-match/);
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.getByText("msg_1").last().waitFor();
  await page.waitForFunction(() => document.getElementById("facts").textContent.includes("msg_1"));
  // A dialog closes with Escape and leaves no secret behind.
  await to("Verify again…");
  await page.keyboard.press("Enter");
  await page.keyboard.type("typed");
  await page.keyboard.press("Escape");
  await page.locator("#again").waitFor({ state: "hidden" });
  await page.waitForFunction(() => document.getElementById("secret").value === "");
});

// contrasts lists texts with less than 4.5 to 1 against what is behind them.
const contrasts = () => page.evaluate(() => {
  const numbers = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const part = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    if (!own || !element.checkVisibility() || element.disabled) continue;
    let behind = element;
    while (behind && (numbers(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
    const a = light(numbers(getComputedStyle(element).color)), b = light(numbers(getComputedStyle(behind ?? document.body).backgroundColor));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`);
  }
  return found;
});

test("texts can be read in light and in dark", async () => {
  await send(reformatted(sign("msg_1")));
  await send({ headers: {}, body: "nothing of ours" });
  await send(sign("msg_2"));
  await arrived(3);
  const backs = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const i of [0, 1, 2]) {
      await open(i);
      assert.deepEqual(await contrasts(), [], colorScheme);
      await picture(`${colorScheme}-${i}`);
    }
    await page.getByText("Verify again…").click();
    assert.deepEqual(await contrasts(), [], colorScheme + ", in the dialog");
    await picture(`${colorScheme}-dialog`);
    await page.keyboard.press("Escape");
    backs.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  }
  assert.notEqual(backs[0], backs[1]);
});

test("at 320 pixels nothing has to be scrolled sideways", async () => {
  const long = "x".repeat(300);
  const m = reformatted(sign("msg_" + "y".repeat(200), JSON.stringify({ type: long, a: [long] })));
  m.headers["X-" + "Z".repeat(80)] = long;
  await send(m);
  await send({ headers: {}, body: long });
  await arrived(2);
  await page.setViewportSize({ width: 320, height: 640 });
  const wide = () => page.evaluate(() => [...document.querySelectorAll("*")].filter((e) => e.checkVisibility() && e.id !== "body" && !e.closest("#body, .out, thead") &&
    (e.getBoundingClientRect().right > 320.5 || e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(e).overflowX))).map((e) => e.tagName + "." + e.className));
  assert.deepEqual(await wide(), [], "the list");
  await picture("narrow-list");
  for (const i of [0, 1]) {
    await open(i);
    for (const form of ["Raw", "Pretty", "Hex"]) {
      await page.getByLabel(form, { exact: true }).check();
      assert.deepEqual(await wide(), [], `delivery ${i}, ${form}`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320));
    }
    assert.ok(await page.evaluate(() => document.getElementById("body").scrollWidth <= document.getElementById("body").clientWidth), "the hex");
    await page.evaluate(() => { document.getElementById("detail").scrollTop = 0; });
    await picture(`narrow-${i}`);
    await page.getByText("Verify again…").click();
    assert.deepEqual(await wide(), [], "the dialog");
    await page.keyboard.press("Escape");
    await page.getByText("All deliveries").click();
    assert.ok(await page.locator("#list").isVisible());
  }
});

test("what a hostile sender sends is text", async () => {
  const evil = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
  const m = sign("msg_<b>1", JSON.stringify({ type: evil, a: evil + "\u202e\u0007" }));
  m.headers["X-Evil"] = evil;
  m.headers["Content-Type"] = "text/html; " + evil;
  await send(reformatted(m));
  await send({ headers: { "Webhook-Id": evil.replaceAll(" ", "_"), "X-Evil": evil }, body: evil });
  await fetch(listening.url + "hook?q=" + evil.replaceAll(" ", "_"), { method: "POST", body: evil });
  await arrived(3);
  for (const i of [0, 1, 2]) {
    await open(i);
    assert.match(await text("#body"), /<script>document\.title='taken'/);
    assert.equal(await page.evaluate(() => document.querySelectorAll("#detail img, #detail script, #list img, #list script, b b").length), 0);
  }
  assert.match(await text("#headers"), /<img src=x onerror=|POST/);
  assert.doesNotMatch(await page.title(), /taken/);
  // Where a script would run all the same, the policy forbids it.
  const ran = await page.evaluate(() => {
    try { document.body.innerHTML += "x"; return "HTML is read from text"; } catch { return ""; }
  });
  assert.equal(ran, "");
});

test("no secret and no signature is on the page", async () => {
  const m = sign("msg_1", JSON.stringify({ type: "a", secret }));
  const mac = m.headers["Webhook-Signature"].slice("v1,".length);
  await send(m);
  await send(reformatted(m));
  const renamed = { ...m, headers: { ...m.headers, "X-Webhook-Signature": m.headers["Webhook-Signature"] } };
  delete renamed.headers["Webhook-Signature"];
  await send(renamed);
  await arrived(3);
  for (const i of [0, 1, 2]) {
    await open(i);
    for (const form of ["Raw", "Pretty", "Hex"]) {
      await page.getByLabel(form, { exact: true }).check();
      const all = await page.evaluate(() => document.documentElement.outerHTML);
      for (const hidden of [secret, secret.slice("whsec_".length, -4), mac, mac.slice(0, 20), Buffer.from(secret).toString("hex").slice(0, 20)]) {
        assert.ok(!all.includes(hidden), `delivery ${i} shows ${hidden}`);
      }
    }
  }
});

test("a delivery is sent again, forwarded, copied, saved, and verified again", async () => {
  const m = sign("msg_1");
  await send(m);
  await arrived(1);
  assert.equal(forwarded.length, 1);
  await page.getByRole("button", { name: "Resend" }).click();
  await arrived(2);
  await page.getByText(/Sent again: 409 Conflict/).waitFor();
  assert.match(await attempts().first().innerText(), /replay/);
  assert.equal(forwarded.length, 1, "a replay reaches the application");
  await page.getByRole("button", { name: "Forward" }).click();
  await page.locator("#said").getByText(/Forwarded: 200 OK/).waitFor();
  assert.deepEqual(forwarded, [order, order]);
  await page.getByRole("button", { name: "Copy as cURL" }).click();
  await page.getByText("Copied, with the signature").waitFor();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  const dir = mkdtempSync(join(tmpdir(), "inspected-"));
  const at = m.headers["Webhook-Timestamp"];
  writeFileSync(join(dir, "command"), command);
  assert.match(run(["verify", "--secret", secret, "--now", at, "--request", join(dir, "command")]), /^authentic/);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Save" }).click()]);
  assert.match(download.suggestedFilename(), /^\d+-0001-200-handled\.txt$/);
  await download.saveAs(join(dir, "saved"));
  assert.match(run(["verify", "--secret", secret, "--now", at, "--request", join(dir, "saved")]), /^authentic/);

  const again = async (fill) => {
    await page.getByRole("button", { name: "Verify again…" }).click();
    await fill();
    await page.getByRole("button", { name: "Verify", exact: true }).click();
  };
  const another = run(["keygen"]).match(/whsec_\S+/)[0];
  await again(() => page.locator("#secret").fill(another));
  await page.getByText("Verified again as standard").waitFor();
  assert.equal(await text("#verdict"), "no-match");
  writeFileSync(join(dir, "secrets"), another + "\n" + secret + "\n");
  await again(() => page.locator("#file").setInputFiles(join(dir, "secrets")));
  await page.waitForFunction(() => document.getElementById("verdict").textContent.includes("authentic"));
  assert.match(await text("#sentence"), /verifies with key-2/);
  await picture("again");
  await again(async () => { await page.locator("#scheme").selectOption("github"); await page.locator("#secret").fill("a secret of another sender"); });
  await page.getByText("Verified again as github").waitFor();
  assert.equal(await text("#verdict"), "missing-header");
  await page.getByRole("button", { name: "Show the delivery itself" }).click();
  await page.waitForFunction(() => document.getElementById("verdict").textContent.includes("handled"));
  await again(() => page.locator("#file").setInputFiles({ name: "x", mimeType: "text/plain", buffer: Buffer.alloc(65 << 10, "x") }));
  await page.getByText("larger than 64 KiB").waitFor();
  await page.keyboard.press("Escape");

  await send(reformatted(sign("msg_2")));
  await arrived(3);
  await open(0);
  assert.ok(await page.getByRole("button", { name: "Forward" }).isDisabled(), "what was refused can be forwarded");
});

test("a foreign host and a foreign origin get nothing", async () => {
  await send(sign("msg_1"));
  await arrived(1);
  const { port, pathname } = new URL(inspector);
  // DNS rebinding: the name of another site is an address of this machine.
  const rebound = await context.newPage();
  const response = await rebound.goto(`http://rebound.test:${port}${pathname}`);
  assert.equal(response.status(), 403);
  assert.doesNotMatch(await response.text(), /script/);
  await rebound.close();
  asked = asked.filter((url) => !url.includes("rebound.test")); // this test's own
  // A page of another port of this machine, that has got hold of the address.
  const evil = http.createServer((_, r) => { r.setHeader("Content-Type", "text/html"); r.end("<!doctype html><title>evil</title>"); });
  await new Promise((done) => evil.listen(0, "127.0.0.1", done));
  const other = await browser.newContext();
  const stranger = await other.newPage();
  await stranger.goto(`http://127.0.0.1:${evil.address().port}/`);
  const got = await stranger.evaluate(async (inspector) => {
    const tried = {};
    const one = async (name, f) => { try { tried[name] = await f(); } catch { tried[name] = "failed"; } };
    await one("read", async () => (await fetch(inspector + "api/deliveries/1")).text());
    await one("read blindly", async () => (await fetch(inspector + "api/deliveries/1", { mode: "no-cors" })).type);
    await one("act", async () => (await fetch(inspector + "api/deliveries/1/actions/1", { method: "POST", headers: { "Hookonce-Inspect": "1" } })).text());
    await one("act blindly", async () => (await fetch(inspector + "api/deliveries/1/actions/1", { method: "POST", mode: "no-cors" })).type);
    await one("listen", () => new Promise((done) => {
      const events = new EventSource(inspector + "api/events");
      events.onmessage = () => done("heard");
      events.onerror = () => { events.close(); done("failed"); };
    }));
    await one("frame", () => new Promise((done) => {
      const frame = Object.assign(document.createElement("iframe"), { src: inspector });
      frame.onload = () => setTimeout(() => done(frame.contentDocument ? "readable" : "failed"), 100);
      document.body.append(frame);
    }));
    await one("script", () => new Promise((done) => {
      const script = Object.assign(document.createElement("script"), { src: inspector + "page.js" });
      script.onload = () => done("loaded");
      script.onerror = () => done("failed");
      document.body.append(script);
    }));
    await one("form", async () => {
      const form = Object.assign(document.createElement("form"), { method: "POST", action: inspector + "api/deliveries/1/actions/1", target: "nowhere" });
      document.body.append(form);
      form.submit();
      await new Promise((done) => setTimeout(done, 300));
      return "failed";
    });
    return tried;
  }, inspector);
  await other.close();
  evil.closeAllConnections();
  await new Promise((done) => evil.close(done));
  for (const [name, result] of Object.entries(got)) assert.ok(["failed", "opaque"].includes(result), `${name}: ${result}`);
  assert.equal(forwarded.length, 1, "another page forwarded a delivery");
});

test("the page says when the program has ended", async () => {
  await send(sign("msg_1"));
  await arrived(1);
  listening.kill("SIGINT");
  await page.getByText("Not connected: is the program still running?").waitFor();
  await page.getByRole("button", { name: "Resend" }).click();
  await page.locator("#said.bad").waitFor();
});
