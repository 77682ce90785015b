// The page of the inspector. Everything that was sent is put into it by textContent, and nothing is read as HTML.

const deliveries = new Map(); // by number
const seen = new Set(); // numbers that were opened
let about = { schemes: [], actions: [] };
let shown = null; // what is in the detail
let oldest = 0;

const $ = (id) => document.getElementById(id);

// make makes an element with properties and children; a child that is a string becomes text.
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((c) => c !== null && c !== ""));
  return element;
}

async function call(path, options) {
  const response = await fetch(path, options);
  const answer = await response.json().catch(() => ({ error: "the inspector responds with " + response.status }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

const post = (path, body = {}) =>
  call(path, { method: "POST", headers: { "Content-Type": "application/json", "Hookonce-Inspect": "1" }, body: JSON.stringify(body) });

// --- the list

const refused = (d) => d.tone !== "good";
const clock = (at) => new Date(at).toLocaleTimeString([], { hour12: false });

// groups has the attempts of one message together, the newest first.
function groups() {
  const all = new Map();
  for (const d of [...deliveries.values()].sort((a, b) => b.number - a.number)) {
    const key = d.message || "\0" + d.number;
    if (!all.has(key)) all.set(key, []);
    all.get(key).push(d);
  }
  return [...all.values()];
}

function drawList() {
  const focused = document.activeElement?.dataset?.number;
  const only = document.querySelector("input[name=filter]:checked").value === "refused";
  const items = groups()
    .filter((attempts) => !only || attempts.some(refused))
    .map((attempts) => {
      const first = attempts[0];
      const id = first.id || "no message id";
      const count = attempts.length > 1 ? `${attempts.length} attempts` : first.type;
      return make("li", { className: "message" },
        make("p", {}, make("span", { className: "id", textContent: id, title: id }), make("span", { className: "type", textContent: count, title: count })),
        make("ol", { ariaLabel: "Attempts of " + id }, ...attempts.map((d) => make("li", {}, attemptButton(d)))));
    });
  $("messages").replaceChildren(...items);
  $("none").hidden = items.length > 0;
  if (deliveries.size > 0) $("none").textContent = "Every message was handled.";
  if (focused) button(focused)?.focus();
}

function attemptButton(d) {
  const b = make("button", { type: "button", className: "attempt " + d.tone + (seen.has(d.number) ? "" : " new") },
    make("span", { className: "status", textContent: d.status || "–" }),
    make("span", { className: "what" }, make("b", { textContent: d.reason }), d.mistake ? make("span", { className: "mistake", textContent: d.mistake }) : null),
    make("time", { dateTime: d.at, textContent: clock(d.at) }));
  b.dataset.number = d.number;
  if (shown?.number === d.number) b.ariaCurrent = "true";
  b.addEventListener("click", () => open(d.number, true));
  return b;
}

const buttons = () => [...document.querySelectorAll(".attempt")];
const button = (number) => buttons().find((b) => b.dataset.number === String(number));

$("messages").addEventListener("keydown", (event) => {
  const all = buttons();
  const at = all.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  all[Math.max(0, Math.min(to, all.length - 1))].focus();
});
for (const input of document.querySelectorAll("input[name=filter]")) input.addEventListener("change", drawList);

// --- what arrives

function connect() {
  const events = new EventSource("api/events");
  events.onopen = () => { $("connection").textContent = "Live"; $("connection").className = "live"; };
  events.onerror = () => { $("connection").textContent = "Not connected: is the program still running?"; $("connection").className = ""; };
  events.onmessage = (event) => {
    const change = JSON.parse(event.data);
    oldest = change.oldest;
    for (const d of change.deliveries) deliveries.set(d.number, d);
    for (const number of deliveries.keys()) if (number < oldest) deliveries.delete(number);
    if (change.deliveries.length === 0) return;
    const last = change.deliveries.at(-1);
    drawList();
    $("news").textContent = `Delivery ${last.number}: ${last.reason}, ${last.id || "no message id"}`;
    document.title = `${last.reason} · hookonce inspector`;
    if (!shown) open(last.number, false);
    else if (!shown.again && change.deliveries.some((d) => d.number === shown.number)) open(shown.number, false);
  };
}

// --- one delivery

async function open(number, move) {
  let d;
  try {
    d = await call(`api/deliveries/${number}`);
  } catch (error) {
    said(error.message, true);
    return;
  }
  seen.add(number);
  if (move) document.body.classList.add("open");
  draw(d);
  drawList();
  if (move) $("detail").focus({ preventScroll: true });
  if (move) $("detail").scrollTop = 0;
}

function back() {
  document.body.classList.remove("open");
  (shown && button(shown.number) || buttons()[0])?.focus();
}
$("back").addEventListener("click", back);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("again").open && $("detail").contains(document.activeElement)) back();
});

function draw(d) {
  const other = d.number !== shown?.number || d.again || shown?.again;
  shown = d;
  $("nothing").hidden = true;
  $("delivery").hidden = false;
  if (other) said("");
  $("other").hidden = !d.again;
  if (d.again) $("other").firstElementChild.textContent = `Verified again as ${d.again}, with the secret that you entered. Nothing was sent or recorded.`;
  $("verdict").className = d.tone;
  $("verdict").querySelector(".status").textContent = d.status || "–";
  $("verdict").querySelector(".status").hidden = !d.status;
  $("verdict").querySelector(".reason").textContent = d.reason;
  $("heading").textContent = `${d.method} ${d.target || d.path}`;
  drawFacts(d);
  drawActions(d);
  $("sentence").textContent = sentence(d.sentence);
  $("notes").replaceChildren(...(d.notes ?? []).map((note) => make("li", { textContent: capital(note) })));
  drawFound(d.found);
  $("s-difference").hidden = d.differences.length === 0;
  $("differences").replaceChildren(...d.differences.map(pair));
  $("partial").hidden = d.whole || d.notes?.length > 0;
  for (const id of ["s-time", "s-headers", "s-body", "s-parts"]) $(id).hidden = !d.whole;
  if (!d.whole) return;
  drawTime(d.signed);
  $("headers").replaceChildren(...d.headers.map(headerRow));
  drawBody();
  drawParts(d);
}

// sentence begins with the word that the verdict shows already.
function sentence(text) {
  const rest = text.startsWith(shown.reason + ": ") ? text.slice(shown.reason.length + 2) : text;
  return capital(rest) + (/[.!?]$/.test(rest) ? "" : ".");
}

function drawFacts(d) {
  const attempts = [...deliveries.values()].filter((o) => d.message && o.message === d.message).sort((a, b) => a.number - b.number);
  const facts = [
    ["Arrived", new Date(d.at).toLocaleString([], { hour12: false })],
    ["Message", d.id && (d.verified ? d.id : d.id + " (claimed)"), "code"],
    ["Attempt", attempts.length > 1 && `${attempts.findIndex((o) => o.number === d.number) + 1} of ${attempts.length}`],
    ["Type", d.type], ["Scheme", d.scheme], ["Source", d.source], ["Key", d.key], ["Host", d.host],
  ];
  $("facts").replaceChildren(...facts.filter(([, value]) => value).map(([name, value, className]) =>
    make("div", {}, make("dt", { textContent: name }), make("dd", { className: className ?? "", textContent: value }))));
}

function drawActions(d) {
  const all = [];
  const add = (name, act, enabled = true) => {
    const b = make("button", { type: "button", textContent: name, disabled: !enabled });
    b.addEventListener("click", async () => {
      b.disabled = true;
      said("");
      try { said(await act()); } catch (error) { said(error.message, true); }
      b.disabled = false;
    });
    all.push(b);
  };
  if (d.whole) {
    about.actions.forEach((a, i) => add(a.name, async () => (await post(`api/deliveries/${d.number}/actions/${i}`)).said, d.verified || !a.verified));
    add("Copy as cURL", async () => {
      await navigator.clipboard.writeText((await call(`api/deliveries/${d.number}/curl`)).curl);
      return "Copied, with the signature that the sender sent.";
    });
    all.push(make("a", { className: "button", href: `api/deliveries/${d.number}/raw`, download: "", textContent: "Save" }));
    if (about.schemes.length > 0) {
      const b = make("button", { type: "button", textContent: "Verify again…" });
      b.addEventListener("click", askAgain);
      all.push(b);
    }
  }
  // The same buttons stay, so that the focus does.
  const names = (list) => list.map((b) => b.textContent).join("\n");
  const focused = [...$("actions").children].indexOf(document.activeElement);
  const same = names(all) === names([...$("actions").children]);
  $("actions").replaceChildren(...all);
  if (same && focused >= 0) all[focused].focus();
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function said(text, bad = false) {
  $("said").textContent = capital(text);
  $("said").className = bad ? "bad" : "";
}

function drawFound(found) {
  const all = found?.findings ?? [];
  $("found").replaceChildren(...all.map((f) => make("div", { className: "finding" + (f.proven ? " proven" : "") },
    make("h4", {}, make("code", { textContent: f.mistake }), make("span", { className: "tag " + (f.proven ? "proven" : "seen"), textContent: f.proven ? "proven" : "observed" })),
    make("p", { textContent: sentence(f.what) }),
    make("dl", {}, make("dt", { textContent: "Do" }), make("dd", { textContent: sentence(f.remedy) }),
      make("dt", { textContent: "Look" }), make("dd", { textContent: sentence(f.look) })))));
}

function pair(difference) {
  const none = make.bind(null, "span", { className: "alike", textContent: difference.part === "body" ? "empty" : "missing" });
  const side = (title, segments, className) => make("div", {}, make("h5", { textContent: title }), make("p", {}, segments.length ? "" : none(), ...segments.map((s) => {
    if (s.alike) return make("span", { className: "alike", textContent: `${s.alike} identical bytes` });
    return s.differs ? make("mark", { className, textContent: s.text }) : document.createTextNode(s.text);
  })));
  return make("div", { className: "pair" }, make("h4", { textContent: difference.part }), make("div", { className: "sides" },
    side("Received", difference.received, "received"), side("As signed", difference.signed, "signed")));
}

function span(seconds) {
  const s = Math.abs(seconds);
  if (s < 1) return "less than a second";
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = units.findIndex(([n]) => s >= n);
  let rest = Math.round(s);
  return units.slice(first, first + 2).map(([n, unit]) => { const v = Math.floor(rest / n); rest -= v * n; return v ? `${v} ${unit}` : ""; }).filter(Boolean).join(" ");
}

function drawTime(t) {
  $("track").hidden = !t;
  if (!t) {
    $("time").textContent = "No timestamp can be read, or the scheme has none.";
    return;
  }
  const distance = Math.abs(t.age) < 1 ? "as it arrived" : span(t.age) + (t.age > 0 ? " before it arrived" : " after it arrived, by this machine’s clock");
  $("time").textContent = `Signed at ${new Date(t.at).toLocaleString([], { hour12: false })}, ${distance}: ${t.inside ? "inside" : "outside"} the tolerance.` +
    (t.proven ? "" : " The request claims so: no signature proves it.");
  const track = $("track"), width = t.past + t.future;
  // The tolerance is the middle half. What lies outside of it is drawn nearer than it is.
  const at = (age) => {
    if (age > t.past) return 25 - 20 * (1 - t.past / age);
    if (age < -t.future) return 75 + 20 * (1 + t.future / age);
    return 25 + 50 * (t.past - age) / width;
  };
  track.className = "track" + (t.inside ? "" : " outside");
  track.querySelector(".arrived").style.left = at(0) + "%";
  track.querySelector(".now").style.left = at(0) + "%";
  track.querySelector(".mark").style.left = at(t.age) + "%";
  track.querySelector(".early").textContent = "−" + span(t.past);
  track.querySelector(".late").textContent = "+" + span(t.future);
}

function headerRow(h) {
  const words = { read: "present", missing: "missing", changed: "changed", renamed: "renamed" };
  return make("tr", { className: h.mark ? "" : "other" },
    make("th", { scope: "row", textContent: h.name }),
    make("td", {}, h.as ? make("span", { textContent: `${h.value} (signed as ${h.as})` }) : h.value),
    make("td", { className: "state" }, h.mark ? make("span", { className: "tag " + h.mark, textContent: words[h.mark] }) : ""));
}

// --- the body

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

function drawBody() {
  const form = document.querySelector("input[name=form]:checked").value;
  const body = shown.body, bytes = bytesOf(body.shown ?? "");
  const text = new TextDecoder().decode(bytes);
  const notes = [`${body.bytes.toLocaleString()} bytes`, body.type].filter(Boolean);
  let out = text;
  if (form === "hex") {
    const most = 16 << 10, width = matchMedia("(max-width: 46rem)").matches ? 8 : 16;
    out = hex(bytes.subarray(0, most), width);
    if (bytes.length > most) notes.push("the first 16 KiB are shown");
  } else if (form === "pretty") {
    const [pretty, what] = prettied(text, body.type);
    out = pretty;
    notes.push(what);
  }
  if (form !== "hex" && text.includes("\ufffd")) notes.push("some bytes are not text: see Hex");
  if (body.cut) notes.push("only the beginning is shown: save the delivery for the rest");
  $("body").className = form;
  $("body").textContent = out;
  $("bodynote").textContent = notes.join(" · ");
}
for (const input of document.querySelectorAll("input[name=form]")) input.addEventListener("change", drawBody);

function hex(bytes, width) {
  const rows = [];
  for (let i = 0; i < bytes.length; i += width) {
    const row = [...bytes.subarray(i, i + width)];
    rows.push(i.toString(16).padStart(4, "0") + "  " + row.map((b) => b.toString(16).padStart(2, "0")).join(" ").padEnd(width * 3) + " " +
      row.map((b) => b > 31 && b < 127 ? String.fromCharCode(b) : ".").join(""));
  }
  return rows.join("\n");
}

function prettied(text, type) {
  try {
    JSON.parse(text);
    return [indented(text), "formatted for reading: verify the raw bytes"];
  } catch { /* no JSON */ }
  if (/x-www-form-urlencoded/i.test(type)) {
    return [[...new URLSearchParams(text)].map(([name, value]) => `${name} = ${value}`).join("\n"), "a form, decoded for reading"];
  }
  return [text, "neither JSON nor a form: shown unchanged"];
}

// indented changes white space only: numbers and escapes stay as they were sent.
function indented(text) {
  let out = "", depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  tokens.forEach((token, i) => {
    const next = tokens[i + 1];
    if (token === "{" || token === "[") {
      out += token;
      if (next !== "}" && next !== "]") { depth++; out += line(); }
    } else if (token === "}" || token === "]") {
      if (tokens[i - 1] !== "{" && tokens[i - 1] !== "[") { depth--; out += line(); }
      out += token;
    } else out += token === "," ? "," + line() : token === ":" ? ": " : token;
  });
  return out;
}

function drawParts(d) {
  $("partsnote").textContent = d.parts.length === 0 ? "The scheme cannot read the request, so there is no signed text." :
    d.proven ? "What the sender signed, from start to end. Proven: the signature verifies for it." :
      d.verified ? "What the sender signed, from start to end." : "What the verifier read as the signed text, from start to end. The signature does not verify for it.";
  $("parts").hidden = d.parts.length === 0;
  $("parts").replaceChildren(...d.parts.flatMap((p) => [
    make("dt", { className: p.label === "separator" || p.label === "text" ? "" : "named", textContent: p.label }),
    make("dd", {}, p.text, p.cut ? make("span", { className: "alike", textContent: `… ${p.bytes.toLocaleString()} bytes` }) : null),
  ]));
}

// --- verify again

function askAgain() {
  $("problem").textContent = "";
  $("scheme").value = about.scheme;
  $("again").showModal();
  $("secret").focus();
}
function forget() {
  $("secret").value = "";
  $("file").value = "";
}
$("again").addEventListener("close", forget);
$("cancel").addEventListener("click", () => $("again").close());
$("again").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("problem").textContent = "";
  $("verify").disabled = true;
  try {
    const file = $("file").files[0];
    if (file?.size > 64 << 10) throw new Error("the file is larger than 64 KiB: is it the right file?");
    const secret = file ? await file.text() : $("secret").value;
    const scheme = $("scheme").value;
    const d = await post(`api/deliveries/${shown.number}/again`, { scheme, secret });
    $("again").close();
    draw({ ...d, again: scheme });
    $("detail").focus({ preventScroll: true });
    $("detail").scrollTop = 0;
  } catch (error) {
    $("problem").textContent = error.message;
  }
  $("verify").disabled = false;
});
$("other").querySelector("button").addEventListener("click", () => { shown.again = null; open(shown.number, true); });

// --- start

call("api/page").then((page) => {
  about = page;
  $("title").textContent = page.title;
  $("scheme").replaceChildren(...page.schemes.map((name) => make("option", { value: name, textContent: name })));
  connect();
}).catch((error) => { $("connection").textContent = error.message; });
