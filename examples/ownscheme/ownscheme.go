// Package ownscheme is a scheme written in code, ready to copy, for a sender
// called courier. docs/writing-a-scheme.md explains it.
//
//	Courier-Time: 1700000000
//	Courier-Signature: v1=5257a8…
//
// There is a signature line for each key, with the HMAC-SHA256 of "time.body"
// in hexadecimal. The member "id" of the JSON body identifies the message.
package ownscheme

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

const timeHeader, signatureHeader = "Courier-Time", "Courier-Signature"

// Scheme is courier's [core.Scheme].
type Scheme struct{}

// Name implements [core.Scheme].
func (Scheme) Name() string { return "courier" }

// Stamping implements [core.Scheme].
func (Scheme) Stamping() core.Stamping { return core.StampedEachAttempt }

// ParseKey implements [core.Scheme].
func (Scheme) ParseKey(text string) (core.VerifyKey, error) {
	if len(text) < 16 {
		return nil, errors.New("a courier secret has at least 16 characters: copy the whole secret again")
	}
	return core.HMACKey("v1", sha256.New, []byte(text), core.Hex)
}

// ReadHeader implements [core.Scheme].
func (Scheme) ReadHeader(r *core.Request, a *core.Attempt) error {
	signatures, stamps := r.Header.Values(signatureHeader), r.Header.Values(timeHeader)
	switch {
	case len(signatures) == 0:
		return fmt.Errorf("%w: %s", core.ErrMissingHeader, signatureHeader)
	case len(stamps) == 0:
		return fmt.Errorf("%w: %s", core.ErrMissingHeader, timeHeader)
	case len(signatures) > 8, len(stamps) > 1: // with several timestamps, it is unknown which one was signed
		return fmt.Errorf("%w: %s or %s is there too often", core.ErrMalformed, signatureHeader, timeHeader)
	}
	seconds, err := strconv.ParseInt(stamps[0], 10, 64)
	if err != nil || seconds <= 0 || strconv.FormatInt(seconds, 10) != stamps[0] {
		return fmt.Errorf("%w: %s is not a Unix time in seconds", core.ErrMalformed, timeHeader)
	}
	for _, line := range signatures { // signatures of other kinds match no key
		label, text, _ := strings.Cut(line, "=")
		a.Signatures = append(a.Signatures, core.Signature{Label: label, Text: text})
	}
	a.Timestamp = time.Unix(seconds, 0)
	a.Content.WriteTime(stamps[0])
	a.Content.WriteString(".")
	return nil
}

// ReadBody implements [core.Scheme].
func (Scheme) ReadBody(r *core.Request, a *core.Attempt) error {
	a.Content.WriteBody(r.Body)
	a.BodySigned = true
	if id, ok := schemes.FindJSON(r.Body, "id"); ok && len(id) > 0 {
		a.ID, a.IDSigned = string(id), true
	} else { // a ping has no id; see Facts
		a.Unidentified = errors.New("the body has no id")
	}
	return nil
}

// Facts implements [core.Describer].
func (s Scheme) Facts() core.Facts {
	return core.Facts{
		Past:         10 * time.Minute,
		Headers:      [][]string{{timeHeader, signatureHeader}},
		IdentifiedBy: "/id",
		Sign:         s.sign,
		Challenge:    pong,
	}
}

// sign turns r into a request of courier, for tests and the command line.
func (s Scheme) sign(r *core.Request, id string, at time.Time, secrets ...string) error {
	header, ok := r.Header.(http.Header)
	if own, _ := schemes.FindJSON(r.Body, "id"); !ok || len(secrets) == 0 || id != "" && id != string(own) {
		return errors.New("courier: to sign, give an http.Header, a secret, and a body with the id")
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	header[timeHeader], header[signatureHeader] = []string{stamp}, nil
	for _, secret := range secrets {
		if _, err := s.ParseKey(secret); err != nil {
			return err
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(append([]byte(stamp+"."), r.Body...))
		header[signatureHeader] = append(header[signatureHeader], "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	return nil
}

// pong responds to a signed ping with its nonce.
func pong(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
	kind, _ := schemes.FindJSON(r.Body, "type")
	nonce, ok := schemes.FindJSON(r.Body, "nonce")
	if string(kind) != "ping" || !ok || len(nonce) > 128 {
		return nil // an ordinary message
	}
	header := http.Header{"Content-Type": {"text/plain"}, "X-Content-Type-Options": {"nosniff"}}
	return &core.Answer{Status: http.StatusOK, Header: header, Body: nonce}
}
