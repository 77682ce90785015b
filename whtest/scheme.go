package whtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Subject is a scheme for [TestScheme], and a sender that signs for it.
type Subject struct {
	// Scheme is the scheme to be tested.
	Scheme core.Scheme
	// Secret is the text of a key that verifies the requests that Sign returns.
	// Stranger is another secret of the same form.
	Secret, Stranger string
	// Sign makes a genuine request as the sender would. It puts the id, the
	// time of the attempt (in whole seconds) and content where the scheme
	// expects them. If the sender puts the id or time into the body, Sign
	// builds the body around content, which is JSON. If the scheme sets
	// [core.Attempt.Stable], content is part of Stable.
	//
	// Each call returns a new request with canonical header keys. The request's
	// URL and its unsigned headers do not depend on the arguments. The request
	// has a value for every element of [core.Attempt.Unsigned]. Sign must be
	// safe for concurrent use.
	Sign func(id string, at time.Time, content []byte) *core.Request
	// Handshake returns the request that the sender uses to verify the
	// endpoint. Set it if the scheme has AnswerHandshake (see [core.Facts]).
	// Nil: Scheme does not respond to such handshakes.
	Handshake func() *core.Request
	// Challenge returns the signed request that the sender uses to verify the
	// endpoint. Set it if the scheme has Challenge (see [core.Facts]). Nil: the
	// suite sends no challenge.
	Challenge func(at time.Time) *core.Request
}

// TestScheme runs the suite that every [core.Scheme] must pass. Each case is a
// subtest. A failure says what an attacker or an outage could do. Test a
// provider's published vectors separately.
//
// Most cases change a genuine request. The changed request must be refused or
// still be the same message. One signature must never authenticate a second
// message.
func TestScheme(t *testing.T, s Subject) { //nolint:tparallel // the caller decides whether its test is parallel
	t.Helper()
	cases := schemeCases()
	report := func(t *testing.T, c schemeCase) {
		t.Helper()
		for _, problem := range c.run(s) {
			t.Errorf("%s\n\tThe rule: %s", problem, c.why)
		}
	}
	if !t.Run(cases[0].name, func(t *testing.T) { report(t, cases[0]) }) { //nolint:paralleltest // the others wait for it
		t.Log("The other cases change genuine requests, so they did not run. Fix this case first.")
		return
	}
	for _, c := range cases[1:] {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			report(t, c)
		})
	}
}

// schemeCase is one rule. why is written for the author of a scheme that breaks
// the rule.
type schemeCase struct {
	name, why string
	check     func(*audit)
}

// run returns the mistakes of s, but not more than a few.
func (c schemeCase) run(s Subject) (problems []string) { //nolint:nonamedreturns // set while panicking
	a := &audit{Subject: s}
	defer func() {
		if p := recover(); p != nil {
			problems = append(a.problems, fmt.Sprintf("panic: %v", p)) //nolint:gocritic // the findings before the panic, and it
		}
	}()
	c.check(a)
	return a.problems
}

// schemeNow is the time at which the suite verifies.
var schemeNow = time.Date(2025, 10, 9, 8, 7, 6, 0, time.UTC) //nolint:gochecknoglobals // a constant

const (
	schemeID      = "msg_2tVqQNoBzGJ4YXoE8cRkW1"
	schemeContent = `{"type":"invoice.paid","data":{"amount":"12345"}}`
)

// audit collects the problems of a scheme.
type audit struct {
	Subject

	problems []string
}

func (a *audit) errorf(format string, args ...any) {
	if len(a.problems) < 5 {
		a.problems = append(a.problems, fmt.Sprintf(format, args...))
	}
}

// verifier returns a new verifier with an empty store. It allows no repeats:
// signed content under other unsigned ids is refused.
func (a *audit) verifier(secrets ...string) *core.Verifier { return a.repeating(-1, secrets...) }

// repeating returns a verifier with this bound on repeats.
func (a *audit) repeating(repeats int, secrets ...string) *core.Verifier {
	v, err := core.New(core.Secrets(secrets...), &schemeStore{}, &core.Config{
		Scheme: a.Scheme, Clock: a.clock, Repeats: repeats,
	})
	if err != nil {
		panic("Subject.Secret or Subject.Stranger is refused: " + err.Error())
	}
	return v
}

func (*audit) clock() time.Time { return schemeNow }

func (a *audit) genuine() *core.Request {
	return clone(a.Sign(schemeID, schemeNow, []byte(schemeContent)))
}

// identified reports whether messages of the scheme can be distinguished.
func (a *audit) identified() bool { return a.Scheme.Stamping() != core.NotIdentified }

func (a *audit) stamped() bool {
	return a.Scheme.Stamping() == core.StampedOnce || a.Scheme.Stamping() == core.StampedEachAttempt
}

// attempt reads r as core does.
func (a *audit) attempt(r *core.Request) (*core.Attempt, error) {
	at := new(core.Attempt)
	if err := a.Scheme.ReadHeader(r, at); err != nil {
		return nil, err
	}
	return at, a.Scheme.ReadBody(r, at)
}

func (a *audit) key() core.VerifyKey {
	k, err := a.Scheme.ParseKey(a.Secret)
	if err != nil {
		panic("ParseKey refuses Subject.Secret: " + err.Error())
	}
	return k
}

// refused requires that r is refused, for a reason in the request.
func (a *audit) refused(what string, r *core.Request, reasons ...core.Reason) {
	if _, err := a.verifier(a.Secret).Verify(context.Background(), r); err == nil {
		a.errorf("%s: accepted", what)
	} else {
		a.reason(what, err, reasons...)
	}
}

func (a *audit) reason(what string, err error, reasons ...core.Reason) {
	if len(reasons) == 0 {
		reasons = []core.Reason{core.ErrMalformed, core.ErrMissingHeader, core.ErrNoMatch, core.ErrOutsideWindow}
	}
	if !slices.ContainsFunc(reasons, func(r core.Reason) bool { return errors.Is(err, r) }) {
		a.errorf("%s: refused with %q, want one of %q", what, err, reasons)
	}
}

// refusedOrSame requires that r is refused, or recognized as the genuine
// message: with the same fields, and not handled a second time.
func (a *audit) refusedOrSame(what string, r *core.Request) { a.refusedOrSameAs(what, a.genuine(), r) }

// refusedOrSameAs is refusedOrSame for another genuine message.
func (a *audit) refusedOrSameAs(what string, original, r *core.Request) {
	v := a.verifier(a.Secret)
	want, err := v.Verify(context.Background(), original)
	if err != nil {
		panic("the genuine request is refused: " + err.Error())
	}
	got, err := v.Verify(context.Background(), r)
	if err != nil {
		a.reason(what, err)
		return
	}
	switch {
	case !got.Timestamp.Equal(want.Timestamp):
		a.errorf("%s: accepted with timestamp %v instead of %v", what, got.Timestamp, want.Timestamp)
	case got.IDSigned != want.IDSigned, got.IDSigned && got.ID != want.ID:
		a.errorf("%s: accepted with the signed id %q instead of %q", what, got.ID, want.ID)
	case got.BodySigned && !slices.Equal(got.Body, want.Body):
		a.errorf("%s: accepted with another body, and BodySigned", what)
	case a.identity(r) != a.identity(original):
		a.errorf("%s: accepted with %s instead of %s", what, a.identity(r), a.identity(original))
	case !admitted(v, original):
		a.errorf("the genuine request is not admitted")
	case a.identified() && admitted(v, r):
		a.errorf("%s: handled a second time", what)
	}
}

// identity returns what identifies r according to the scheme.
func (a *audit) identity(r *core.Request) string {
	at, err := a.attempt(r)
	if err != nil {
		return ""
	}
	return identity(at)
}

// given is a body that is already in memory.
type given []byte

func (b given) ReadBody(int64, time.Duration) ([]byte, error) { return b, nil }

// admitted sends r through v and reports whether the handler would run. The
// handler then succeeds.
func admitted(v *core.Verifier, r *core.Request) bool {
	ran, _ := outcome(v, r)
	return ran
}

// outcome also returns why the handler would not run. A challenge has no
// reason.
func outcome(v *core.Verifier, r *core.Request) (ran bool, err *core.Error) {
	d := v.Admit(context.Background(), clone(r), given(r.Body))
	if d.Answer() != nil {
		return false, d.Err()
	}
	d.Settle(http.StatusOK)
	return true, nil
}

func clone(r *core.Request) *core.Request {
	h := make(http.Header)
	if r.Header != nil {
		maps.Copy(h, r.Header.Clone())
	}
	return &core.Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: h, Body: bytes.Clone(r.Body)}
}

// lines returns the headers of a request that clone made. The caller may change
// them.
func lines(r *core.Request) http.Header {
	h, _ := r.Header.(http.Header)
	return h
}

// eachValue calls f for every single value of a header, with a function that
// returns a copy of r with other values.
func eachValue(r *core.Request, f func(name, value string, with func(values ...string) *core.Request)) {
	h := r.Header.Clone()
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for i, value := range h[name] {
			f(name, value, func(values ...string) *core.Request {
				c := clone(r)
				lines(c)[name] = slices.Replace(lines(c)[name], i, i+1, values...)
				return c
			})
		}
	}
}

// other returns a character of the same class: a digit for a digit, a letter
// for a letter.
func other(c byte) byte {
	switch {
	case c == '9' || c == 'z' || c == 'Z' || c == 'f' || c == 'F':
		return c - 1
	case '0' <= c && c <= '8' || 'a' <= c && c <= 'y' || 'A' <= c && c <= 'Y':
		return c + 1
	default:
		return '0'
	}
}

// positions returns up to n indexes spread over length bytes, including the
// first and the last.
func positions(length, n int) []int {
	if length <= n {
		n = length
	}
	p := make([]int, 0, n)
	for i := range n {
		p = append(p, i*(length-1)/max(n-1, 1))
	}
	return p
}

// manySignatures is more than any sender presents. DocuSign's limit is 100.
const manySignatures = 128

// trailingBits returns base64 text that a lenient decoder decodes to the same
// bytes. ok is false if there is none.
func trailingBits(text string) (string, bool) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := len(strings.TrimRight(text, "=")) - 1
	if i < 0 || i == len(text)-1 {
		return "", false
	}
	at := strings.IndexByte(alphabet, text[i])
	if at < 0 {
		return "", false
	}
	return text[:i] + alphabet[at^1:at^1+1] + text[i+1:], true
}

// schemeStore is a store that keeps everything.
type schemeStore struct {
	mu   sync.Mutex
	live map[core.Key]core.Value
}

func (s *schemeStore) Swap(_ context.Context, key core.Key, old, next core.Value, _ time.Duration) (core.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		s.live = make(map[core.Key]core.Value)
	}
	if s.live[key] == old {
		s.live[key] = next
	}
	return s.live[key], nil
}

func schemeCases() []schemeCase {
	return []schemeCase{
		{"genuine", "the scheme accepts what the sender signs, and reads its parts as they were signed. A wrong id or time makes every replay decision " +
			"wrong", checkGenuine},
		{"name", "the name is part of every replay key. If it is empty or changes, messages are handled again", checkName},
		{"facts", "core, schemes.Any, schemes.Sign and explain trust Facts. A wrong fact makes the handler run twice for a message, or makes a tool do " +
			"unexpected I/O", checkFacts},
		{"empty or cut secret", "ParseKey refuses the empty secret, because anybody can sign with it, and never panics", checkSecrets},
		{"secret in error", "errors are logged, so they never quote the secret", checkSecretErrors},
		{"another secret", "a signature under any other secret is refused", checkStranger},
		{"public key", "a public key is not a secret: it must not verify what was signed with its text. A scheme with both kinds of keys refuses a text " +
			"that does not say which kind it is", checkPublicKey},
		{"changed body", "with BodySigned, no byte of the body can be changed, added or removed. Without it, a changed body is still the same message", checkBody},
		{"changed header", "every byte that the scheme reads from a header is signed, or does not make another message. An unsigned id must not be " +
			"IDSigned, and an unsigned time must not be Timestamp", checkHeaders},
		{"absent header", "anybody can add an optional header that is not signed", checkAbsent},
		{"signed bytes", "the signed content alone determines a signed id, Timestamp, Expires and Stable, even in messages without an id. A scheme that " +
			"falls back on something unsigned authenticates many messages with one signature", checkSignedBytes},
		{"case of the body", "with BodySigned, the case of a letter counts. A hash of case-folded text authenticates two messages with one signature", checkCase},
		{"long body", "with BodySigned, every byte counts, even in long bodies and at their end", checkLong},
		{"timestamp spelling", "a timestamp is exactly the signed digits. Signs, leading zeros, exponents and huge numbers are refused or mean the same", checkTimestamps},
		{"shifted boundary", "the same signed bytes cannot be divided into another id, timestamp and body. If a separator may occur inside a part, one " +
			"signature authenticates two messages", checkShift},
		{"stale or future", "a scheme that signs a time returns that time, so that old and far-future attempts are refused", checkWindow},
		{"signature spelling", "a key accepts only the complete, canonical text of a signature, without upper-case hex, line breaks, trailing bits, " +
			"prefixes or suffixes", checkSpelling},
		{"no signature", "an attempt without signatures matches no key", checkNoSignature},
		{"stripped or added signatures", "junk beside a genuine signature neither hides it nor creates another message. Senders that rotate keys send " +
			"several signatures, and anybody can add more", checkJunk},
		{"repeated header", "which of two values counts must not depend on their order, because a proxy may use the other one", checkRepeated},
		{"missing header", "a request without a needed header is refused as missing-header, malformed or no-match", checkMissing},
		{"many signatures", "a scheme keeps at most " + strconv.Itoa(manySignatures) + " signatures, because each may cost a hash of the body", checkMany},
		{"hostile headers", "ReadHeader gets unauthenticated bytes, so it never panics, whatever they are", checkHostileHeaders},
		{"hostile body", "ReadBody gets unauthenticated bytes, so it never panics, and refuses what it cannot read", checkHostileBody},
		{"empty body", "an empty body is verified like any other, and a byte added to it is noticed", checkEmptyBody},
		{"two messages", "two messages are distinct, and two attempts of one message are the same. Otherwise events are lost or handled twice", checkTwo},
		{"handshake", "anybody can request a handshake. A scheme responds only if the program enables that, and never to a request with any part of a " +
			"signature. The response is short, has a type that no browser executes, and is not the signature of any message", checkHandshake},
		{"challenge", "a signed challenge gets its response every time it is sent, and reaches neither the handler nor the store", checkChallenge},
		{"unsigned ids", "Unsigned has the same number of elements for every request, in the same order, \"\" if absent, and every byte of an id " +
			"counts. An event that is taken for another is lost", checkUnsigned},
		{"repeats", "the handler runs at most 1 + Config.Repeats times for the same signed content, whatever changes outside the signature. Within that " +
			"limit, each unsigned id makes another message, because two events may have equal content", checkRepeats},
		{"two attempts", "a later attempt of a handled message is recognized by its id, signed or not. If each attempt has its own time, " +
			"Content.WriteTime must mark the time, because nothing else differs", checkAttempts},
		{"one id, two contents", "a signed id with another content may be another event, so it is not acknowledged. If each attempt has its own time, " +
			"Content.WriteTime must mark the time, or Stable must list what attempts have in common", checkReuse},
		{"headers by name", "an adapter need not have a map of all headers, so look headers up with Values. Clone copies all headers and is for " +
			"requests that are not messages", checkByName},
		{"request unchanged", "the request belongs to the caller, and the handler reads it later, so a scheme must not change it", checkUnchanged},
		{"request not kept", "after the call, the request and the attempt are reused for somebody else's message. A scheme that keeps one of them leaks " +
			"it and causes a data race", checkNotKept},
		{"concurrent use", "one Scheme and one key serve concurrent requests: run the suite with -race", checkConcurrent},
	}
}

func checkGenuine(a *audit) {
	m, err := a.verifier(a.Secret).Verify(context.Background(), a.genuine())
	if err != nil {
		a.errorf("refused: %v", err)
		return
	}
	if m.IDSigned && m.ID == "" {
		a.errorf("IDSigned without an ID")
	}
	a.checkAdmitted()
	stamped := a.stamped()
	if stamped && !m.Timestamp.Equal(schemeNow) {
		a.errorf("Timestamp is %v, want the signed %v", m.Timestamp, schemeNow)
	}
	if !stamped && !m.Timestamp.IsZero() {
		a.errorf("Stamping says that no time is signed, but Timestamp is %v", m.Timestamp)
	}
	if m, err := a.verifier(a.Stranger, a.Secret).Verify(context.Background(), a.genuine()); err != nil || m.KeyID != "key-2" {
		a.errorf("signed with the second of two keys: got key %q, error %v", m.KeyID, err)
	}
}

// checkAdmitted requires that the genuine request reaches the handler.
func (a *audit) checkAdmitted() {
	r := a.genuine()
	d := a.verifier(a.Secret).Admit(context.Background(), r, given(r.Body))
	answer := d.Answer()
	if answer == nil {
		d.Settle(http.StatusOK)
		return
	}
	if err := d.Err(); err != nil {
		a.errorf("verified, but not admitted: %v", err)
		return
	}
	who := "Challenge"
	if f := core.FactsOf(a.Scheme); f.Handshake != nil && f.Handshake(r) != nil {
		who = "Handshake"
	}
	a.errorf("Facts.%s responded to an ordinary message with %d, so the handler never gets the message", who, answer.Status)
}

func checkName(a *audit) {
	first := a.Scheme.Name()
	_, _ = a.verifier(a.Secret).Verify(context.Background(), a.genuine())
	if first == "" || a.Scheme.Name() != first {
		a.errorf("Name is %q, then %q", first, a.Scheme.Name())
	}
}

func checkSecrets(a *audit) {
	if _, err := a.Scheme.ParseKey(""); err == nil {
		a.errorf("ParseKey(\"\") is accepted")
	}
	for i := range len(a.Secret) {
		_, _ = a.Scheme.ParseKey(a.Secret[:i]) // may be a key of its own; must not panic
	}
}

func checkSecretErrors(a *audit) {
	for _, text := range []string{a.Secret + "!", "!" + a.Secret, a.Secret[:len(a.Secret)/2], a.Secret[len(a.Secret)/2:], "\x00" + a.Secret} {
		if _, err := a.Scheme.ParseKey(text); err != nil && len(text) > 6 && strings.Contains(err.Error(), text[len(text)/3:]) {
			a.errorf("the error for an unusable secret quotes it")
		}
	}
}

func checkStranger(a *audit) {
	_, err := a.verifier(a.Stranger).Verify(context.Background(), a.genuine())
	if err == nil {
		a.errorf("a message that Subject.Secret signed is accepted under Subject.Stranger")
		return
	}
	a.reason("under Subject.Stranger", err, core.ErrNoMatch)
}

func checkBody(a *audit) {
	r := a.genuine()
	for _, i := range positions(len(r.Body), 64) {
		c := clone(r)
		c.Body[i] = other(c.Body[i])
		a.refusedOrSame(fmt.Sprintf("byte %d of the body changed", i), c)
	}
	bodies := map[string][]byte{
		"with a trailing byte": append(bytes.Clone(r.Body), ' '),
		"with a leading byte":  append([]byte(" "), r.Body...),
		"cut by a byte":        r.Body[:max(len(r.Body)-1, 0)],
		"removed":              nil,
		"there twice":          append(bytes.Clone(r.Body), r.Body...),
		"with a zero byte":     append(bytes.Clone(r.Body), "\x00{}"...),
	}
	if another := a.Sign(schemeID, schemeNow, []byte(`{"type":"other"}`)); !a.whole(another, r) {
		bodies["another's content"] = another.Body
	}
	for what, body := range bodies {
		c := clone(r)
		c.Body = body
		a.refusedOrSame("body "+what, c)
	}
}

// whole reports whether two genuine requests differ only in their bodies, which
// contain their signatures. Then each body is a separate message, whatever
// request it arrives in.
func (a *audit) whole(one, two *core.Request) bool {
	first, err := a.attempt(one)
	if err != nil {
		return false
	}
	second, err := a.attempt(two)
	return err == nil && maps.EqualFunc(lines(one), lines(two), slices.Equal) && one.URL == two.URL && !slices.Equal(first.Signatures, second.Signatures)
}

func checkHeaders(a *audit) {
	eachValue(a.genuine(), func(name, value string, with func(...string) *core.Request) {
		for _, i := range positions(len(value), 96) {
			changed := value[:i] + string(other(value[i])) + value[i+1:]
			a.refusedOrSame(fmt.Sprintf("byte %d of %s changed", i, name), with(changed))
		}
		for what, changed := range map[string]string{
			"in upper case": strings.ToUpper(value), "in lower case": strings.ToLower(value),
			"with a leading space": " " + value, "with a trailing space": value + " ", "with a trailing line break": value + "\r\n",
			"with a line break inside":  value[:len(value)/2] + "\n" + value[len(value)/2:],
			"with a trailing zero byte": value + "\x00", "cut": value[:len(value)/2],
		} {
			a.refusedOrSame(name+" "+what, with(changed))
		}
		if changed, ok := trailingBits(value); ok {
			a.refusedOrSame(name+" with other trailing bits", with(changed))
		}
	})
}

func checkTimestamps(a *audit) {
	now := strconv.FormatInt(schemeNow.Unix(), 10)
	eachValue(a.genuine(), func(name, value string, with func(...string) *core.Request) {
		if !strings.Contains(value, now) {
			return
		}
		for _, text := range []string{
			"+" + now, "-" + now, "0" + now, "000" + now, now + "0", now + "000", now + ".0", now + "e0", "1e9", "0x7", " " + now, now + " ",
			"", "0", "-1", "9999999999999999", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
			strings.Repeat("9", 400), "１７６",
		} {
			a.refusedOrSame(fmt.Sprintf("%s with timestamp %.30q", name, text), with(strings.Replace(value, now, text, 1)))
		}
	})
}

// checkShift divides the signed bytes into other parts, as far as the parts are
// in headers.
func checkShift(a *audit) {
	now := strconv.FormatInt(schemeNow.Unix(), 10)
	for _, sep := range []string{".", ":", "|", ""} {
		r := a.Sign(schemeID, schemeNow, []byte(now+sep+"rest"))
		v := a.verifier(a.Secret)
		if !admitted(v, r) {
			continue // this sender signs only bodies of a fixed form
		}
		c := clone(r)
		moved := false
		eachValue(r, func(name, value string, _ func(...string) *core.Request) {
			if value == schemeID {
				lines(c)[name] = []string{schemeID + sep + now}
				moved = true
			}
		})
		if !moved {
			continue
		}
		c.Body = []byte("rest")
		if admitted(v, c) {
			a.errorf("id \"x\" with body \"%s%srest\" passes as id \"x%s%s\" with body \"rest\"", now, sep, sep, now)
		}
	}
}

func checkWindow(a *audit) {
	facts := core.FactsOf(a.Scheme)
	for what, at := range map[string]time.Time{
		"an hour too old": schemeNow.Add(-facts.Past - time.Hour), "an hour too far ahead": schemeNow.Add(facts.Future + time.Hour),
	} {
		r := a.Sign(schemeID, at, []byte(schemeContent))
		if a.stamped() {
			a.refused(what, r, core.ErrOutsideWindow)
		} else if _, err := a.verifier(a.Secret).Verify(context.Background(), r); err != nil {
			a.errorf("Stamping says that no time is signed, but a message %s is refused: %v", what, err)
		}
	}
}

func checkSpelling(a *audit) {
	genuine, err := a.attempt(a.genuine())
	if err != nil {
		a.errorf("the genuine request is refused: %v", err)
		return
	}
	key := a.key()
	for _, sig := range genuine.Signatures {
		alone := *genuine
		try := func(text string) bool {
			alone.Signatures = []core.Signature{{Label: sig.Label, Text: text}}
			ok, err := key.Verify(context.Background(), &alone)
			if err != nil {
				a.errorf("the key returned an error for a wrong signature, which core reports as an outage: %v", err)
			}
			return ok
		}
		if !try(sig.Text) {
			continue // of another key
		}
		texts := map[string]string{
			"in upper case": strings.ToUpper(sig.Text), "in lower case": strings.ToLower(sig.Text),
			"with a line break": sig.Text[:4] + "\r\n" + sig.Text[4:], "with a trailing line break": sig.Text + "\n",
			"with a trailing space": sig.Text + " ", "with trailing padding": sig.Text + "=", "with a trailing byte": sig.Text + "0",
			"without padding": strings.TrimRight(sig.Text, "="), "not ASCII": "é" + sig.Text[2:], "there twice": sig.Text + sig.Text,
		}
		for _, n := range []int{0, 1, 2, len(sig.Text) / 2, len(sig.Text) - 1} {
			texts["cut to "+strconv.Itoa(n)] = sig.Text[:n]
		}
		if t, ok := trailingBits(sig.Text); ok {
			texts["with other trailing bits"] = t
		}
		for what, text := range texts {
			if text != sig.Text && try(text) {
				a.errorf("a signature %s is accepted", what)
			}
		}
	}
}

func checkNoSignature(a *audit) {
	at, err := a.attempt(a.genuine())
	if err != nil {
		a.errorf("the genuine request is refused: %v", err)
		return
	}
	at.Signatures = nil
	if ok, _ := a.key().Verify(context.Background(), at); ok {
		a.errorf("a key verifies an attempt without signatures")
	}
}

func checkJunk(a *audit) {
	at, err := a.attempt(a.genuine())
	if err != nil {
		a.errorf("the genuine request is refused: %v", err)
		return
	}
	genuine := slices.Clone(at.Signatures)
	var junk []core.Signature
	for _, s := range genuine {
		changed := strings.Map(func(r rune) rune {
			if r < 0x80 {
				return rune(other(byte(r))) //nolint:gosec // ASCII
			}
			return r
		}, s.Text)
		junk = append(junk, core.Signature{Label: s.Label, Text: changed}, core.Signature{Label: s.Label}, core.Signature{Label: "other", Text: changed})
	}
	for what, list := range map[string][]core.Signature{"after it": slices.Concat(genuine, junk), "before it": slices.Concat(junk, genuine)} {
		at.Signatures = list
		if ok, err := a.key().Verify(context.Background(), at); !ok || err != nil {
			a.errorf("a genuine signature with junk %s is not found: %t, %v", what, ok, err)
		}
	}
	at.Signatures = junk
	if ok, _ := a.key().Verify(context.Background(), at); ok {
		a.errorf("junk alone is accepted")
	}
	eachValue(a.genuine(), func(name, value string, with func(...string) *core.Request) {
		for _, sep := range []string{" ", ",", ", ", ";"} {
			for _, more := range []string{"junk", "v1,AAAA", "v1=00", value} {
				a.refusedOrSame(fmt.Sprintf("%s followed by %q", name, sep+more), with(value+sep+more))
				a.refusedOrSame(fmt.Sprintf("%s preceded by %q", name, more+sep), with(more+sep+value))
			}
		}
	})
}

func checkRepeated(a *audit) {
	eachValue(a.genuine(), func(name, value string, with func(...string) *core.Request) {
		if value == "" {
			return
		}
		a.refusedOrSame(name+" twice", with(value, value))
		changed := value[:len(value)-1] + string(other(value[len(value)-1]))
		first, second := with(value, changed), with(changed, value)
		a.refusedOrSame(name+" followed by a changed copy", first)
		a.refusedOrSame(name+" preceded by a changed copy", second)
		v := a.verifier(a.Secret)
		m, err1 := v.Verify(context.Background(), first)
		n, err2 := v.Verify(context.Background(), second)
		if (err1 == nil) != (err2 == nil) || err1 == nil && m.IDSigned && m.ID != n.ID {
			a.errorf("with two values of %s, which one counts depends on their order", name)
		}
	})
}

func checkMissing(a *audit) {
	reasons := []core.Reason{core.ErrMissingHeader, core.ErrMalformed, core.ErrNoMatch}
	r := a.genuine()
	for name := range lines(r) {
		for _, values := range [][]string{nil, {}, {""}, {" "}} {
			c := clone(r)
			lines(c)[name] = values
			if values == nil {
				delete(lines(c), name)
			}
			what := fmt.Sprintf("%s = %q", name, values)
			if _, err := a.verifier(a.Secret).Verify(context.Background(), c); err != nil {
				a.reason(what, err, reasons...)
				continue
			}
			a.refusedOrSame(what, c)
		}
	}
	bare := clone(r)
	clear(lines(bare))
	a.refusedOrSame("no header at all", bare)
}

func checkMany(a *audit) {
	r := a.genuine()
	eachValue(r, func(name, value string, with func(...string) *core.Request) {
		for _, c := range []*core.Request{
			with(strings.Repeat(value+" ", 5000)), with(strings.Repeat(value+",", 5000)),
			with(strings.Repeat(value+";", 5000)), with(slices.Repeat([]string{value}, 5000)...),
			with(value + strings.Repeat(" v1,x", 100_000)), with(value + strings.Repeat(",v1=0", 100_000)),
		} {
			if at, err := a.attempt(c); err == nil && len(at.Signatures) > manySignatures {
				a.errorf("%s: %d signatures kept", name, len(at.Signatures))
			}
		}
	})
}

func checkHostileHeaders(a *audit) {
	hostile := []string{
		"", " ", ",", "=", ".", ";", ":", "t=", "t=,v1=", "t=1", "v1", "v1,", ",v1", "=v1", "sha256", "sha256=", "sha1=", "s", "v0", "h1=;ts=",
		"\x00", "\xff\xfe", "é", "１", strings.Repeat("=", 64), strings.Repeat(",", 10_000), strings.Repeat("a", 1<<20),
		strings.Repeat(" ", 10_000), "Bearer", "{}", "[", "%", "%zz", "2006-01-02T15:04:05Z", "-", "+",
	}
	names := slices.Collect(maps.Keys(lines(a.genuine())))
	for _, h := range hostile {
		all := a.genuine()
		for _, name := range names {
			one := a.genuine()
			lines(one)[name] = []string{h}
			_, _ = a.attempt(one)
			a.refusedOrSame(fmt.Sprintf("%s = %.20q", name, h), one)
			lines(all)[name] = []string{h}
		}
		_, _ = a.attempt(all)
	}
	r := a.genuine()
	for i := range 20 { // short ones: x[7:] on a header of six bytes
		for name, v := range lines(a.genuine()) {
			lines(r)[name] = []string{v[0][:min(i, len(v[0]))]}
		}
		_, _ = a.attempt(r)
	}
	for _, url := range []string{"", "/", "%", "://", "http://[::1", "/%zz", "?", "/\x00"} {
		r := a.genuine()
		r.URL = url
		a.refusedOrSame(fmt.Sprintf("URL %q", url), r)
	}
}

func checkHostileBody(a *audit) {
	for _, body := range []string{
		"", "{", "}", "[]", "null", "0", `""`, `{"id":null}`, `{"id":{}}`, `{"id":1e999}`, "\xff\xfe", "%zz", "a=%", "&&&==", strings.Repeat("[", 1<<16),
		strings.Repeat(`{"a":`, 1<<14), strings.Repeat("a=1&", 1<<14), "\x00",
	} {
		r := a.genuine()
		r.Body = []byte(body)
		a.refusedOrSame(fmt.Sprintf("body %.12q", body), r)
	}
}

func checkEmptyBody(a *audit) {
	r := a.Sign(schemeID, schemeNow, nil)
	v := a.verifier(a.Secret)
	m, err := v.Verify(context.Background(), r)
	if err != nil {
		a.reason("empty content", err, core.ErrMalformed) // this sender has no empty content
		return
	}
	c := clone(r)
	c.Body = append(c.Body, '0')
	if _, err := v.Verify(context.Background(), c); err == nil && m.BodySigned {
		a.errorf("a byte added to an empty body is not noticed")
	}
}

func checkTwo(a *audit) {
	v := a.verifier(a.Secret)
	first := a.Sign("msg_1", schemeNow, []byte(`{"n":1}`))
	m, err := v.Verify(context.Background(), first)
	if err != nil {
		a.errorf("refused: %v", err)
		return
	}
	if !admitted(v, first) {
		a.errorf("a first message is not handled")
	}
	if admitted(v, first) && a.identified() {
		a.errorf("the same request is handled twice")
	}
	if !a.identified() && !m.Replayable {
		a.errorf("Stamping is NotIdentified, but the message is not Replayable")
	}
	if !admitted(v, a.Sign("msg_2", schemeNow, []byte(`{"n":2}`))) {
		a.errorf("another message, with another id and body, is taken for the first")
	}
	if m.IDSigned {
		if !admitted(v, a.Sign("msg_3", schemeNow, []byte(`{"n":1}`))) {
			a.errorf("another message with the same content is taken for the first, though ids are signed")
		}
		if admitted(v, a.Sign("msg_1", schemeNow.Add(time.Minute), []byte(`{"n":1}`))) {
			a.errorf("a later attempt of one message is handled again, though ids are signed")
		}
	}
}

// byName is the header of a framework that does not keep a map.
type byName struct {
	lines  http.Header
	cloned bool
}

func (h *byName) Values(name string) []string { return slices.Clone(h.lines.Values(name)) }

func (h *byName) Get(name string) string { return h.lines.Get(name) }

func (h *byName) Clone() http.Header {
	h.cloned = true
	return h.lines.Clone()
}

func checkByName(a *audit) {
	r := a.genuine()
	h := &byName{lines: lines(r)}
	r.Header = h
	if _, err := a.verifier(a.Secret).Verify(context.Background(), r); err != nil {
		a.errorf("refused if Request.Header is not an http.Header: %v", err)
	}
	if h.cloned {
		a.errorf("a message is read with Header.Clone")
	}
}

func checkUnchanged(a *audit) {
	r := a.genuine()
	want := clone(r)
	if _, err := a.verifier(a.Secret).Verify(context.Background(), r); err != nil {
		a.errorf("refused: %v", err)
	}
	if r.Method != want.Method || r.URL != want.URL || !slices.Equal(r.Body, want.Body) ||
		!maps.EqualFunc(lines(r), lines(want), slices.Equal) {
		a.errorf("verifying changed the request")
	}
}

func checkNotKept(a *audit) {
	v := a.verifier(a.Secret)
	gone := make(chan struct{})
	func() {
		r := a.genuine()
		runtime.AddCleanup(r, func(c chan struct{}) { close(c) }, gone)
		if _, err := v.Verify(context.Background(), r); err != nil {
			a.errorf("refused: %v", err)
		}
	}()
	for range 1000 {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	a.errorf("the scheme still refers to the request after the call")
	runtime.KeepAlive(v)
}

func checkConcurrent(a *audit) {
	v := a.verifier(a.Secret)
	problems := make(chan string, 8)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 25 {
				id := fmt.Sprintf("msg_%d_%d", i, j)
				r := a.Sign(id, schemeNow, []byte(`{"id":"`+id+`"}`))
				m, err := v.Verify(context.Background(), r)
				if err != nil || m.IDSigned && m.ID != a.signedID(r) || !slices.Equal(m.Body, r.Body) {
					problems <- fmt.Sprintf("one of many concurrent messages: id %q, error %v", m.ID, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(problems)
	for p := range problems {
		a.errorf("%s", p)
	}
}

// signedID returns the id that the scheme finds in r alone.
func (a *audit) signedID(r *core.Request) string {
	at, err := a.attempt(r)
	if err != nil {
		return ""
	}
	return at.ID
}
