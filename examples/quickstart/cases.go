package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// keys are the senders' signing keys. Acme is rotating its secret and also has
// an ed25519 key. Globex is another tenant.
type keys struct {
	next, old, signing, public string // acme's
	globex, stranger           string
	github                     string // of acme's repository
}

func newKeys() keys {
	signing, public := core.GenerateKeyPair()
	return keys{
		next: core.GenerateSecret(), old: core.GenerateSecret(), signing: signing, public: public,
		globex: core.GenerateSecret(), stranger: core.GenerateSecret(), github: core.GenerateSecret(),
	}
}

// testCase is one HTTP request, or several concurrent ones, and the expected
// result in every framework.
type testCase struct {
	name string
	want string // status and verdict

	path   string // "": acmeHook
	id     string
	at     time.Time // of the attempt
	secret string    // signs the request; if empty, change signs it
	body   string
	change func(*http.Request) // changes the request after it was signed
	copies int                 // sent concurrently; 0 means one
}

// The paths of the endpoints. acmeMail has the keys and the source of acmeHook:
// see start.
const (
	acmeHook   = "/hooks/acme"
	acmeMail   = "/hooks/acme-mail"
	githubHook = "/github"
)

// The types of events that the handler treats specially.
const (
	created = `{"type":"example.created"}`
	flaky   = `{"type":"example.flaky"}` // fails the first time
	slow    = `{"type":"example.slow"}`  // waits until all others have a response
	starred = `{"action":"created"}`     // GitHub's: it has neither an id nor a time
)

// cases returns the cases in the order of sending. Some repeat an earlier case.
func cases(now time.Time, k keys) []testCase {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	// handSigned signs any id and timestamp, unlike our Signer.
	handSigned := func(id, stamp string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Webhook-Id", id)
			r.Header.Set("Webhook-Timestamp", stamp)
			r.Header.Set("Webhook-Signature", textbookSignature(k.next, id+"."+stamp+"."+created))
		}
	}
	second := now.Add(time.Second) // the sender's clock at its next attempt
	return []testCase{
		// Genuine.
		{name: "genuine, v1 (HMAC)", want: "200 handled", id: "msg_v1", at: now, secret: k.next, body: created},
		{name: "genuine, v1a (ed25519)", want: "200 handled", id: "msg_v1a", at: now, secret: k.signing, body: created},
		{name: "genuine, svix-* headers", want: "200 handled", id: "msg_svix", at: now, secret: k.next, body: created, change: svixHeaders},
		{name: "second key of a rotation", want: "200 handled", id: "msg_old", at: now, secret: k.old, body: created},
		{name: "chunked, without a length", want: "200 handled", id: "msg_chunked", at: now, secret: k.next, body: created, change: chunked},
		{name: "900 kB", want: "200 handled", id: "msg_900k", at: now, secret: k.next, body: filler(900_000)},
		// Not genuine, or not now.
		{name: "tampered body", want: "401 no-match", id: "msg_tampered", at: now, secret: k.next, body: created, change: tampered},
		{name: "a stranger's key", want: "401 no-match", id: "msg_stranger", at: now, secret: k.stranger, body: created},
		{name: "another tenant's key", want: "401 no-match", id: "msg_tenant", at: now, secret: k.globex, body: created},
		{name: "ten minutes old", want: "401 outside-window", id: "msg_stale", at: now.Add(-10 * time.Minute), secret: k.next, body: created},
		{name: "ten minutes ahead", want: "401 outside-window", id: "msg_future", at: now.Add(10 * time.Minute), secret: k.next, body: created},
		{
			name: "no signature header", want: "400 missing-header", id: "msg_missing", at: now, secret: k.next, body: created,
			change: func(r *http.Request) { r.Header.Del("Webhook-Signature") },
		},
		{
			name: "a dot in the id", want: "400 malformed", id: "msg_dot", at: now, secret: k.next, body: created,
			change: handSigned("msg.dot", strconv.FormatInt(now.Unix(), 10)),
		},
		{
			name: "a + before the timestamp", want: "400 malformed", id: "msg_plus", at: now, secret: k.next, body: created,
			change: handSigned("msg_plus", "+"+strconv.FormatInt(now.Unix(), 10)),
		},
		{
			name: "larger than allowed", want: "413 body-too-large", id: "msg_large", at: now, secret: k.next, body: filler(1<<20 + 1),
			change: header("Expect", "100-continue"), // the client waits for a response before it uploads
		},
		// Again.
		{name: "exact replay of the first", want: "409 replay", id: "msg_v1", at: now, secret: k.next, body: created},
		{name: "redelivery of the first", want: "200 redelivery", id: "msg_v1", at: second, secret: k.next, body: created},
		{name: "the handler fails", want: "500 handler-failed", id: "msg_flaky", at: now, secret: k.next, body: flaky},
		{name: "… and the sender's retry", want: "200 handled", id: "msg_flaky", at: second, secret: k.next, body: flaky},
		{name: "20 at once", want: "1×200, 19×503 in-flight", id: "msg_flood", at: now, secret: k.next, body: slow, copies: 20},
		// The same message, or another one?
		{name: "one id, another content", want: "503 id-reused", id: "msg_v1", at: second, secret: k.next, body: flaky},
		{name: "one id at another path", want: "500 misconfigured", path: acmeMail, id: "msg_v1", at: second, secret: k.next, body: created},
		{name: "GitHub, which signs no id", want: "200 handled", path: githubHook, body: starred, change: fromGitHub(k, "d-1", "star")},
		{name: "… equal bytes, another event", want: "200 handled", path: githubHook, body: starred, change: fromGitHub(k, "d-2", "watch")},
		{name: "… that delivery again", want: "200 redelivery", path: githubHook, body: starred, change: fromGitHub(k, "d-2", "watch")},
		{name: "captured, under another id", want: "200 handled", path: githubHook, body: starred, change: fromGitHub(k, "d-x", "star")},
		{name: "… and beyond the bound", want: "503 repeated", path: githubHook, body: starred, change: fromGitHub(k, "d-y", "star")},
		{name: "… GitHub's own, still known", want: "200 redelivery", path: githubHook, body: starred, change: fromGitHub(k, "d-1", "star")},
	}
}

// fromGitHub signs only the body. An attacker who captured the request can
// change the delivery id and the event type, which are not signed.
func fromGitHub(k keys, delivery, event string) func(*http.Request) {
	return func(r *http.Request) {
		mac := hmac.New(sha256.New, []byte(k.github))
		mac.Write([]byte(starred))
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		r.Header.Set("X-GitHub-Delivery", delivery)
		r.Header.Set("X-GitHub-Event", event)
	}
}

func filler(size int) string {
	const head, tail = `{"type":"example.created","data":"`, `"}`
	return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
}

// textbookSignature follows the specification's formula.
func textbookSignature(secret, content string) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		panic(err) // core.GenerateSecret made it
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(content))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func svixHeaders(r *http.Request) {
	for _, part := range []string{"Id", "Timestamp", "Signature"} {
		r.Header.Set("Svix-"+part, r.Header.Get("Webhook-"+part))
		r.Header.Del("Webhook-" + part)
	}
}

func chunked(r *http.Request) { r.ContentLength = -1 }

func tampered(r *http.Request) {
	r.Body = io.NopCloser(strings.NewReader(strings.Replace(created, "created", "deleted", 1))) // the same length
}
