package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v89/github"
	"github.com/slack-go/slack"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	stripe "github.com/stripe/stripe-go/v85/webhook"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// subject is one way to do the work of a case.
type subject struct {
	name string
	run  func() error
}

// verifyCase is one message, and what a receiver knows of it: the key that fits
// is the last of its keys, the signature that fits the last one presented.
type verifyCase struct {
	Scheme                 string
	Size, Keys, Signatures int
	Heap                   int // MiB that the rest of the program holds; zero: a receiver that does nothing else
}

// verifyRow is how a subject did in a case.
type verifyRow struct {
	verifyCase

	Name          string
	NS            series // a call
	Allocs, Bytes float64
}

var (
	verifySizes      = []int{64, 256, 1 << 10, 16 << 10, 128 << 10, 1 << 20, 8 << 20}
	verifyKeys       = []int{1, 2, 3, 4, 8, 16}
	verifySignatures = []int{1, 2, 4, 8, 16}
)

// verifyCases are every scheme at every size, with one and three keys, and one
// and sixteen signatures where it can present more than one; and Standard
// Webhooks with other numbers of them at a size where the hash is a part and
// not all, and in a program that holds more.
func verifyCases() []verifyCase {
	var cases []verifyCase
	for _, size := range verifySizes {
		for _, scheme := range []string{"standard", "stripe", "slack", "github"} {
			cases = append(cases, verifyCase{scheme, size, 1, 1, 0}, verifyCase{scheme, size, 3, 1, 0})
		}
		cases = append(cases, verifyCase{"standard", size, 1, 16, 0}, verifyCase{"stripe", size, 1, 16, 0})
	}
	for _, c := range slices.Concat(moreKeys(), moreSignatures(), []verifyCase{moreOfBoth}, heaped()) {
		if !slices.Contains(cases, c) {
			cases = append(cases, c)
		}
	}
	return cases
}

func moreKeys() []verifyCase {
	var cases []verifyCase
	for _, n := range verifyKeys {
		cases = append(cases, verifyCase{"standard", claimSize, n, 1, 0})
	}
	return cases
}

func moreSignatures() []verifyCase {
	var cases []verifyCase
	for _, n := range verifySignatures {
		cases = append(cases, verifyCase{"standard", claimSize, 1, n, 0})
	}
	return cases
}

var moreOfBoth = verifyCase{"standard", claimSize, 3, 16, 0}

// heaped are those of a receiver that holds something else: garbage is
// collected more rarely.
func heaped() []verifyCase {
	return []verifyCase{{"standard", claimSize, 1, 1, 64}, {"standard", 1 << 20, 1, 1, 64}}
}

// slots is how often and how long each subject runs at once.
func (c verifyCase) slots() (reps int, length time.Duration) {
	switch {
	case c == verifyCase{"standard", claimSize, 1, 1, 0}: // the closest claim; a peer's garbage is collected every few milliseconds
		return 41, 24 * time.Millisecond
	case c.Heap > 0: // and here every hundred
		return 5, 250 * time.Millisecond
	case c.Size >= 8<<20, c.Size > 16<<10 && c.Keys+c.Signatures > 2: // the hash is all there is
		return 3, 8 * time.Millisecond
	default:
		return 11, 8 * time.Millisecond
	}
}

// verifyAll measures all cases, all subjects of a case in turn in each
// repetition.
func verifyAll(o options) ([]verifyRow, error) {
	var rows []verifyRow
	cases := verifyCases()
	for i, c := range cases {
		o.progress("verify %d/%d: %s, %s, %d keys, %d signatures", i+1, len(cases), c.Scheme, size(c.Size), c.Keys, c.Signatures)
		subjects, err := c.subjects()
		if err != nil {
			return nil, err
		}
		rest := make([]byte, c.Heap<<20)
		reps, length := c.slots()
		times, err := inTurn(subjects, o.repeat(reps), o.length(length), min(16, 16<<20/c.Size))
		runtime.KeepAlive(rest)
		if err != nil {
			return nil, fmt.Errorf("%+v: %w", c, err)
		}
		for i, s := range subjects {
			allocs, size := allocations(s.run)
			rows = append(rows, verifyRow{verifyCase: c, Name: s.name, NS: times[i], Allocs: allocs, Bytes: size})
		}
	}
	return rows, nil
}

// inTurn times each subject once in each repetition, there and back, A B C C B
// A, for so long and at least two batches of calls. What it returns are
// nanoseconds a call.
func inTurn(subjects []subject, repetitions int, length time.Duration, batch int) ([]series, error) {
	times := make([]series, len(subjects))
	for rep := range repetitions {
		for i := range subjects {
			if rep%2 == 1 {
				i = len(subjects) - 1 - i
			}
			s := subjects[i]
			runtime.GC() // one subject's garbage is not the next one's cost
			_ = s.run()
			calls, began := 0, time.Now()
			for calls < 2*batch || time.Since(began) < length {
				for range batch {
					if err := s.run(); err != nil {
						return nil, fmt.Errorf("%s: %w", s.name, err)
					}
				}
				calls += batch
			}
			times[i] = append(times[i], float64(time.Since(began))/float64(calls))
		}
	}
	return times, nil
}

// allocations counts what one call allocates with pools warm: the least of a
// few tries, because a collection empties pools.
func allocations(run func() error) (count, size float64) {
	const calls = 7
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	count, size = math.Inf(1), math.Inf(1)
	for range 3 {
		_ = run()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range calls {
			_ = run()
		}
		runtime.ReadMemStats(&after)
		count = min(count, float64((after.Mallocs-before.Mallocs)/calls))
		size = min(size, float64((after.TotalAlloc-before.TotalAlloc)/calls))
	}
	return count, size
}

// subjects checks that all of them accept the message, and that none accepts
// another one.
func (c verifyCase) subjects() ([]subject, error) {
	of := map[string]func(body []byte, keys []string) ([]subject, error){
		"standard": c.standard, "stripe": c.stripe, "slack": c.slack, "github": c.github,
	}[c.Scheme]
	body := document(c.Size)
	keys := secrets(c.Keys)
	all, err := of(body, keys)
	if err != nil {
		return nil, err
	}
	body[len(body)/2] ^= 1
	defer func() { body[len(body)/2] ^= 1 }()
	for _, s := range all {
		if bare := strings.HasPrefix(s.name, "bare "); !bare && s.run() == nil {
			return nil, fmt.Errorf("%s accepted another body in %+v", s.name, c)
		}
	}
	return all, nil
}

// document is a body of n bytes that is JSON, for schemes that look for an id
// in it: Stripe's stands in front, Slack's behind the event.
func document(n int) []byte {
	const front, back = `{"id":"evt_1","data":"`, `","event_id":"Ev1"}`
	return []byte(front + strings.Repeat("x", max(0, n-len(front)-len(back))) + back)
}

// secrets are whsec_ texts, which all the schemes here take.
func secrets(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = core.GenerateSecret()
	}
	return keys
}

func bareHash(body []byte) subject {
	return subject{"bare SHA-256", func() error { sha256.Sum256(body); return nil }}
}

// hookonceVerify verifies r by scheme. The store is never asked.
func hookonceVerify(name string, scheme core.Scheme, keys []string, r *core.Request) (subject, error) {
	v, err := core.New(core.Secrets(keys...), memstore.New(), &core.Config{Scheme: scheme, MaxBody: 16 << 20, DangerouslyReplayableAfterRestart: true})
	ctx := context.Background()
	return subject{name, func() error { _, err := v.Verify(ctx, r); return err }}, err
}

// firstThat tries a peer with one key after the other, as its users do while
// they rotate.
func firstThat[T any](keys []T, verify func(T) error) error {
	var err error
	for _, k := range keys {
		if err = verify(k); err == nil {
			return nil
		}
	}
	return err
}

func (c verifyCase) standard(body []byte, keys []string) ([]subject, error) {
	h := make(http.Header)
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: h, Body: body}
	last := keys[len(keys)-1]
	if err := sign(h, last, body); err != nil {
		return nil, err
	}
	junk := strings.Repeat("v1,"+base64.StdEncoding.EncodeToString(make([]byte, sha256.Size))+" ", c.Signatures-1)
	h.Set("Webhook-Signature", junk+h.Get("Webhook-Signature"))
	ours, err := hookonceVerify("hookonce", nil, keys, r)
	if err != nil {
		return nil, err
	}
	bySvix, byStandard, err := standardPeers(keys)
	if err != nil {
		return nil, err
	}
	all := []subject{
		bareHash(body), bareHMAC(last, h, body), ours,
		{"svix", func() error {
			return firstThat(bySvix, func(w *svix.Webhook) error { return w.Verify(body, h) })
		}},
		{"standard-webhooks", func() error {
			return firstThat(byStandard, func(w *standardwebhooks.Webhook) error { return w.Verify(body, h) })
		}},
	}
	if c.Keys > 1 || c.Signatures > 1 || c.Heap > 0 {
		return all, nil
	}
	asymmetric, err := ed25519Subjects(body)
	return append(all, asymmetric...), err
}

func standardPeers(keys []string) (bySvix []*svix.Webhook, byStandard []*standardwebhooks.Webhook, err error) {
	for _, k := range keys {
		s, err := svix.NewWebhook(k)
		if err != nil {
			return nil, nil, err
		}
		w, err := standardwebhooks.NewWebhook(k)
		if err != nil {
			return nil, nil, err
		}
		bySvix, byStandard = append(bySvix, s), append(byStandard, w)
	}
	return bySvix, byStandard, nil
}

func sign(h http.Header, key string, body []byte) error {
	signer, err := core.NewSigner(key)
	if err != nil {
		return err
	}
	return signer.Sign(h, core.NewID(), time.Now(), body)
}

func bareHMAC(key string, h http.Header, body []byte) subject {
	raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
	prefix := []byte(h.Get("Webhook-Id") + "." + h.Get("Webhook-Timestamp") + ".")
	mac, sum := hmac.New(sha256.New, raw), make([]byte, 0, sha256.Size)
	return subject{"bare HMAC, reused", func() error {
		mac.Reset()
		mac.Write(prefix)
		mac.Write(body)
		sum = mac.Sum(sum[:0])
		return nil
	}}
}

// ed25519Subjects are v1a, which the peers do not have in Go.
func ed25519Subjects(body []byte) ([]subject, error) {
	private, public := core.GenerateKeyPair()
	h := make(http.Header)
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: h, Body: body}
	if err := sign(h, private, body); err != nil {
		return nil, err
	}
	ours, err := hookonceVerify("hookonce, ed25519", nil, []string{public}, r)
	content := []byte(h.Get("Webhook-Id") + "." + h.Get("Webhook-Timestamp") + "." + string(body))
	raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
	sig, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Get("Webhook-Signature"), "v1a,"))
	return []subject{{"bare ed25519", func() error {
		if !ed25519.Verify(raw, content, sig) {
			return io.ErrUnexpectedEOF
		}
		return nil
	}}, ours}, err
}

// hexMAC is HMAC-SHA256 with the text of the key, as the providers below sign.
func hexMAC(key string, parts ...string) string {
	mac := hmac.New(sha256.New, []byte(key))
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

func (c verifyCase) stripe(body []byte, keys []string) ([]subject, error) {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	value := "t=" + now + strings.Repeat(",v1="+strings.Repeat("0", 64), c.Signatures-1) + ",v1=" + hexMAC(keys[len(keys)-1], now, ".", string(body))
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{"Stripe-Signature": {value}}, Body: body}
	ours, err := hookonceVerify("hookonce", schemes.Stripe(), keys, r)
	return []subject{bareHash(body), ours, {"stripe-go", func() error {
		return firstThat(keys, func(k string) error { return stripe.ValidatePayload(body, value, k) })
	}}}, err
}

func (c verifyCase) slack(body []byte, keys []string) ([]subject, error) {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	for i, k := range keys {
		keys[i] = hex.EncodeToString([]byte(k)[len(k)-16:]) // Slack's secrets are 32 hexadecimal digits
	}
	key := keys[len(keys)-1]
	h := http.Header{"X-Slack-Request-Timestamp": {now}, "X-Slack-Signature": {"v0=" + hexMAC(key, "v0:", now, ":", string(body))}}
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Body: body, Header: h}
	ours, err := hookonceVerify("hookonce", schemes.Slack(), keys, r)
	return []subject{bareHash(body), ours, {"slack-go", func() error {
		return firstThat(keys, func(k string) error {
			v, err := slack.NewSecretsVerifier(h, k)
			if err != nil {
				return err
			}
			if _, err := v.Write(body); err != nil {
				return err
			}
			return v.Ensure()
		})
	}}}, err
}

func (c verifyCase) github(body []byte, keys []string) ([]subject, error) {
	h := http.Header{
		"X-Github-Delivery": {"72d3162e-cc78-11e3-81ab-4c9367dc0958"}, "X-Github-Event": {"push"}, "Content-Type": {"application/json"},
		"X-Hub-Signature-256": {"sha256=" + hexMAC(keys[len(keys)-1], string(body))},
	}
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Body: body, Header: h}
	ours, err := hookonceVerify("hookonce", schemes.GitHub(), keys, r)
	whole := &http.Request{Header: h}
	return []subject{
		bareHash(body), ours,
		{"go-github, ValidateSignature", func() error {
			return firstThat(keys, func(k string) error {
				return github.ValidateSignature(h.Get("X-Hub-Signature-256"), body, []byte(k))
			})
		}},
		{"go-github, ValidatePayload", func() error {
			return firstThat(keys, func(k string) error {
				whole.Body = io.NopCloser(bytes.NewReader(body))
				_, err := github.ValidatePayload(whole, []byte(k))
				return err
			})
		}},
	}, err
}
