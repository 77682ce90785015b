package whtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // some senders' MAC
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// checkPublicKey signs with the public key, used as the secret of a MAC. An
// attacker has no other key.
func checkPublicKey(a *audit) {
	f := core.FactsOf(a.Scheme)
	public := f.PublicKeys
	if f.Sign != nil {
		public = errors.Is(f.Sign(a.genuine(), "", schemeNow, a.Secret), errors.ErrUnsupported)
		if public && !f.PublicKeys {
			a.errorf("Facts.Sign says that Subject.Secret cannot sign, but Facts.PublicKeys is false, so schemes.Any would take a public key for a shared secret")
		}
	}
	if !public || f.Fetches {
		return
	}
	texts, labels := publicTexts(a.Secret), a.labels(f)
	if f.Sign == nil && a.signsWith(texts) {
		return // a shared secret of a scheme with both kinds
	}
	configured := map[string]string{"Subject.Secret": a.Secret}
	if _, bare, ok := strings.Cut(a.Secret, ":"); ok {
		configured["Subject.Secret without the text before the colon"] = bare
	}
	for what, text := range configured {
		key, err := a.Scheme.ParseKey(text)
		if err != nil {
			continue
		}
		for _, secret := range texts {
			at, err := a.attempt(a.genuine())
			if err != nil {
				return // other cases report the mistake
			}
			at.Signatures = macs(secret, at, labels)
			if ok, _ := key.Verify(context.Background(), at); ok {
				a.errorf("%s is a public key, but verifies a MAC that was made with its text, so anybody can sign", what)
				break
			}
		}
	}
}

// signsWith reports whether the genuine signature is a MAC with one of these
// secrets.
func (a *audit) signsWith(secrets []string) bool {
	at, err := a.attempt(a.genuine())
	if err != nil {
		return false
	}
	for _, secret := range secrets {
		for _, made := range macs(secret, at, []string{""}) {
			if slices.ContainsFunc(at.Signatures, func(s core.Signature) bool { return s.Text == made.Text }) {
				return true
			}
		}
	}
	return false
}

// publicTexts returns the spellings of a public key: the whole text, the part
// after its colon, and the bytes of both.
func publicTexts(text string) []string {
	all := []string{text}
	if _, after, ok := strings.Cut(text, ":"); ok {
		all = append(all, after)
	}
	for _, t := range all {
		if raw, err := hex.DecodeString(t); err == nil {
			all = append(all, string(raw))
		}
		if raw, err := base64.StdEncoding.DecodeString(t); err == nil {
			all = append(all, string(raw))
		}
	}
	return all
}

// labels returns labels of signatures: those of the genuine request, those that
// Facts.Sign writes with a shared secret, and those that many senders use.
func (a *audit) labels(f core.Facts) []string {
	all := []string{"", "v0", "v1", "v2", "h", "h1", "s", "sig", "mac", "hmac", "sha1", "sha256", "sha512", "hmac-sha256"}
	note := func(r *core.Request) {
		if at, err := a.attempt(r); err == nil {
			for _, s := range at.Signatures {
				all = append(all, s.Label)
			}
		}
	}
	note(a.genuine())
	for _, secret := range []string{"correct-horse-battery-staple-0123", base64.StdEncoding.EncodeToString([]byte("correct-horse-battery-staple-0123"))} {
		if r := a.genuine(); f.Sign != nil && f.Sign(r, "", schemeNow, secret) == nil {
			note(r)
		}
	}
	return all
}

// macs returns the MACs of the content with this secret, under every label and
// in every usual form.
func macs(secret string, at *core.Attempt, labels []string) []core.Signature {
	var all []core.Signature
	for _, newHash := range []func() hash.Hash{sha1.New, sha256.New, sha512.New} {
		mac := hmac.New(newHash, []byte(secret))
		_, _ = at.Content.WriteTo(mac)
		sum := mac.Sum(nil)
		for _, text := range []string{hex.EncodeToString(sum), base64.StdEncoding.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(sum)} {
			for _, label := range labels {
				all = append(all, core.Signature{Label: label, Text: text})
			}
		}
	}
	return all
}
