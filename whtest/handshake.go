package whtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hookonce/hookonce/core"
)

// maxHandshakeAnswer, in bytes, is more than any sender expects.
const maxHandshakeAnswer = 8 << 10

func checkHandshake(a *audit) {
	a.checkStripped()
	awaits := core.FactsOf(a.Scheme).AwaitsHandshake
	if a.Handshake == nil {
		if awaits != nil {
			a.checkSilent(awaits)
		}
		return
	}
	if awaits == nil {
		a.errorf("Subject.Handshake is set, but the scheme has no Facts.AwaitsHandshake")
		return
	}
	ask := a.Handshake()
	answer := a.asked("the handshake", ask)
	if answer == nil {
		a.errorf("the handshake gets no response")
		return
	}
	a.checkAnswerIsNoSignature(ask, answer)
	a.checkPartlySigned(awaits)
	a.checkLongHandshakes()
	for _, body := range []string{"", "{", "null", "[]", `""`, "0", "\x00", "\xff", "a=%", strings.Repeat("[", 1<<12), strings.Repeat(`{"a":`, 1<<10)} {
		r := a.Handshake()
		r.Body = []byte(body)
		a.asked(fmt.Sprintf("a handshake with the body %.12q", body), r)
	}
}

// checkStripped removes the signature from a message, as a proxy that drops
// headers does. The sender must not get a success.
func (a *audit) checkStripped() {
	stripped := a.genuine()
	names := slices.Concat(core.FactsOf(a.Scheme).Headers...)
	for name := range a.signatureHeaders() {
		names = append(names, name)
	}
	bare := clone(stripped)
	for _, name := range names {
		delete(lines(stripped), name)
	}
	clear(lines(bare))
	for what, r := range map[string]*core.Request{"a message without its signature": stripped, "a message without any header": bare} {
		d := a.verifier(a.Secret).Admit(context.Background(), r, given(r.Body))
		if answer := d.Answer(); answer != nil && d.Err() == nil && answer.Status/100 == 2 {
			a.errorf("%s gets status %d as a handshake, so the event is lost", what, answer.Status)
		}
	}
}

// checkSilent sends handshakes to a scheme that was not told to respond to
// them.
func (a *audit) checkSilent(awaits func(*core.Request) bool) {
	bare := a.genuine()
	clear(lines(bare))
	for _, contentType := range []string{"", "application/json", "application/x-www-form-urlencoded"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost} {
			for _, query := range []string{"", "?crc_token=a", "?challenge=a", "?validationToken=a"} {
				r := clone(bare)
				r.Method, r.URL, r.Body = method, r.URL+query, nil
				if contentType != "" {
					lines(r)["Content-Type"] = []string{contentType}
				}
				if awaits(r) {
					a.errorf("Subject has no Handshake, but %s %s with Content-Type %q is taken for one", method, r.URL, contentType)
				}
			}
		}
	}
}

// asked sends r through a verifier and returns the scheme's response, or nil if
// r was refused. It reports content that no response may have.
func (a *audit) asked(what string, r *core.Request) *core.Answer {
	store := &schemeStore{}
	v, err := core.New(core.Secrets(a.Secret), store, &core.Config{Scheme: a.Scheme, Clock: a.clock})
	if err != nil {
		panic(err)
	}
	d := v.Admit(context.Background(), clone(r), given(r.Body))
	if len(store.live) != 0 {
		a.errorf("%s: the store was called", what)
	}
	if err := d.Err(); err != nil {
		if !errors.Is(err, core.ErrMissingHeader) {
			a.errorf("%s: refused with %q, want %q, because the reason reveals what was checked", what, err, core.ErrMissingHeader)
		}
		return nil
	}
	answer := d.Answer()
	if answer == nil {
		a.errorf("%s: the handler would run", what)
		return nil
	}
	if len(answer.Body) > maxHandshakeAnswer {
		a.errorf("%s: the response has %d bytes, which anybody can have reflected", what, len(answer.Body))
	}
	a.checkInert(what, answer)
	return answer
}

// checkInert requires a response that no browser executes.
func (a *audit) checkInert(what string, answer *core.Answer) {
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	inert := slices.Contains([]string{"text/plain", "application/json"}, kind) && answer.Header.Get("X-Content-Type-Options") == "nosniff"
	if len(answer.Body) > 0 && !inert {
		a.errorf("%s: the response has the type %q and may be sniffed, so a browser might execute what an attacker put there", what, kind)
	}
}

// checkChallenge sends challenges as the sender does, and as an attacker would.
func checkChallenge(a *audit) {
	if a.Challenge == nil {
		return
	}
	if core.FactsOf(a.Scheme).Challenge == nil {
		a.errorf("Subject.Challenge is set, but the scheme has no Facts.Challenge")
		return
	}
	store := &schemeStore{}
	v, err := core.New(core.Secrets(a.Secret), store, &core.Config{Scheme: a.Scheme, Clock: a.clock})
	if err != nil {
		panic(err)
	}
	for _, what := range []string{"the challenge", "the challenge, asked again,"} {
		r := clone(a.Challenge(schemeNow))
		d := v.Admit(context.Background(), r, given(r.Body))
		answer := d.Answer()
		if answer == nil {
			a.errorf("%s reaches the handler", what)
			return
		}
		if err := d.Err(); err != nil {
			a.errorf("%s is refused: %v", what, err)
			return
		}
		a.checkInert(what, answer)
	}
	if len(store.live) != 0 {
		a.errorf("the challenge reached the store")
	}
	r := clone(a.Challenge(schemeNow))
	if err := a.verifier(a.Stranger).Admit(context.Background(), r, given(r.Body)).Err(); !errors.Is(err, core.ErrNoMatch) {
		a.errorf("a challenge that is signed with another secret: %v, want %q", err, core.ErrNoMatch)
	}
}

// signatureHeaders returns the headers that change with id, time and content.
func (a *audit) signatureHeaders() http.Header {
	one := lines(a.genuine())
	other := a.Sign(schemeID+"2", schemeNow.Add(time.Second), []byte(`{"type":"other"}`)).Header
	maps.DeleteFunc(one, func(name string, values []string) bool { return slices.Equal(values, other.Values(name)) })
	return one
}

// checkPartlySigned adds each header of a signature to the handshake in turn.
func (a *audit) checkPartlySigned(awaits func(*core.Request) bool) {
	for name, values := range a.signatureHeaders() {
		for _, value := range []string{values[0], "x", ""} {
			r := clone(a.Handshake())
			lines(r)[name] = []string{value}
			if awaits(r) {
				a.errorf("a request with %s = %q is taken for a handshake, but it is a message whose signature must be checked", name, value)
			}
		}
	}
}

// checkLongHandshakes makes each word of the handshake longer than any sender
// would.
func (a *audit) checkLongHandshakes() {
	for _, text := range handshakeTexts(a.Handshake()) {
		for _, n := range []int{300, maxHandshakeAnswer + 1} {
			r := a.Handshake()
			long := text + strings.Repeat("a", n)
			r.URL = strings.Replace(r.URL, text, long, 1)
			r.Body = bytes.Replace(r.Body, []byte(text), []byte(long), 1)
			a.asked(fmt.Sprintf("a handshake with %d bytes more of %q", n, text), r)
		}
	}
	r := a.Handshake()
	r.Body = append(r.Body, bytes.Repeat([]byte(" "), 16<<10+1)...)
	if a.asked("a handshake of over 16 KiB", r) != nil {
		a.errorf("a handshake of over 16 KiB gets a response")
	}
}

// checkAnswerIsNoSignature presents every text of the response as the signature
// of every text of the request. A handshake that signs any text would sign for
// an attacker.
func (a *audit) checkAnswerIsNoSignature(ask *core.Request, answer *core.Answer) {
	v := a.verifier(a.Secret)
	bodies := append(handshakeTexts(ask), string(ask.Body), ask.URL)
	for name := range a.signatureHeaders() {
		for _, text := range spellings(string(answer.Body)) {
			for _, label := range []string{"", "sha256=", "sha1=", "v0=", "v1="} {
				for _, body := range bodies {
					r := a.genuine()
					lines(r)[name], r.Body = []string{label + text}, []byte(body)
					if _, err := v.Verify(context.Background(), r); err == nil {
						a.errorf("the response, which anybody can get, is the signature of a message with the body %.40q", body)
					}
				}
			}
		}
	}
}

// handshakeTexts returns the words of the query and of the body.
func handshakeTexts(r *core.Request) []string {
	_, query, _ := strings.Cut(r.URL, "?")
	if unescaped, err := url.QueryUnescape(query); err == nil {
		query = unescaped
	}
	return append(words(query), words(string(r.Body))...)
}

// words splits a text at characters that are neither letters nor digits nor
// base64. It returns a word with a label also without the label.
func words(text string) []string {
	all := strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_+/=", r)
	})
	for _, w := range all {
		if _, after, ok := strings.Cut(w, "="); ok && after != "" {
			all = append(all, after)
		}
	}
	return all
}

// spellings returns the texts of a MAC that are contained in text.
func spellings(text string) []string {
	all := words(text)
	for _, w := range all {
		if raw, err := base64.StdEncoding.DecodeString(w); err == nil {
			all = append(all, hex.EncodeToString(raw))
		}
		if raw, err := hex.DecodeString(w); err == nil {
			all = append(all, base64.StdEncoding.EncodeToString(raw))
		}
	}
	return all
}
