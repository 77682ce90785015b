package explain

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // some senders have nothing better
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// A damaged signature is compared with the right one, so the right one must be made.
// It never leaves this file: neither a finding nor an error holds it.

// prepareForDamage sets up the comparison with damaged signatures, if none of
// those presented has the right form.
func prepareForDamage(l *lane, body []byte) {
	if len(l.heads) == 0 {
		return
	}
	a, _ := l.heads[0].read(body)
	if a == nil || len(a.Signatures) == 0 {
		return
	}
	for i := range l.keys {
		k := &l.keys[i]
		if !k.mac || k.weight > 1 || i >= maxSecrets {
			continue
		}
		sign := forge(k.verify, k.text, a)
		if sign == nil {
			continue
		}
		like := sign(new(core.Content))
		if slices.ContainsFunc(a.Signatures, func(sig core.Signature) bool { return wellFormed(sig.Text, like) }) {
			return
		}
		k.forge = sign
	}
}

// wellFormed says that a signature looks like one that is right: of
// hexadecimal, or of base64, which ends in padding for every hash in use.
func wellFormed(text, like string) bool {
	if len(text) != len(like) {
		return false
	}
	if strings.HasSuffix(like, "=") {
		_, err := base64.StdEncoding.DecodeString(text)
		return err == nil
	}
	return strings.Trim(text, "0123456789abcdef") == ""
}

// damaged compares the right signature with those presented, as far as they are
// there and whatever their encoding.
func damaged(presented []core.Signature, right string) ([]step, bool) {
	raw, err := hex.DecodeString(right)
	if err != nil {
		raw, _ = base64.StdEncoding.DecodeString(right)
	}
	const least = 10 // characters that do not agree by accident
	for _, sig := range presented {
		given := sig.Text
		if len(given) < least || len(given) > maxHeader {
			continue
		}
		if len(given) < len(right) && subtle.ConstantTimeCompare([]byte(given), []byte(right[:len(given)])) == 1 {
			what := "the signature is only the first " + strconv.Itoa(len(given)) + " of " + strconv.Itoa(len(right)) + " characters of the right one"
			return []step{{signatureCut, what}}, true
		}
		for _, decode := range []func(string) ([]byte, error){
			hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
			base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
		} {
			if got, err := decode(given); err == nil && subtle.ConstantTimeCompare(got, raw) == 1 {
				return []step{{mistake: signatureEncoding}}, true
			}
		}
	}
	return nil, false
}

// forge makes right signatures of a key, in the form that its scheme accepts:
// for comparison with what may be a damaged one. read is what the scheme found,
// at least one signature. nil if the key is not a MAC whose form can be found
// out.
func forge(k core.VerifyKey, secret string, read *core.Attempt) func(c *core.Content) string {
	var raws [][]byte
	raws = append(raws, []byte(secret))
	if raw, err := hex.DecodeString(secret); err == nil {
		raws = append(raws, raw)
	}
	_, rest, _ := strings.Cut(secret, "_")
	for _, encoded := range []string{secret, rest} {
		if raw, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			raws = append(raws, raw)
		}
	}
	for _, raw := range raws {
		for _, newHash := range []func() hash.Hash{sha256.New, sha1.New, sha512.New} {
			for _, encode := range []func([]byte) string{hex.EncodeToString, base64.StdEncoding.EncodeToString} {
				sign := func(c *core.Content) string {
					mac := hmac.New(newHash, raw)
					_, _ = c.WriteTo(mac) // a hash never fails
					return encode(mac.Sum(nil))
				}
				label := read.Signatures[0].Label
				if _, err := core.HMACKey(label, newHash, raw, core.Hex); err != nil {
					continue // package hmac would panic
				}
				probe := *read // a key may rely on what its scheme reads
				probe.Content = core.Content{}
				probe.Content.WriteString("a probe")
				probe.Signatures = []core.Signature{{Label: label, Text: sign(&probe.Content)}}
				if ok, err := k.Verify(offline, &probe); err == nil && ok {
					return sign
				}
			}
		}
	}
	return nil
}
