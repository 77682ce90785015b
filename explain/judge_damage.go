package explain

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // some senders use nothing stronger
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

// A damaged signature does not verify, so it must be compared with the right signature, which must
// be computed. The right signature never leaves this file: neither a finding nor an error contains
// it.

// prepareForDamage sets up the comparison with damaged signatures. It does
// nothing if one of the presented signatures has the right form: such a
// signature is not damaged but wrong, so computing MACs would be useless.
func prepareForDamage(l *lane, body []byte) {
	if len(l.heads) == 0 {
		return
	}
	// The head with the fewest mistakes shows which signatures were presented.
	a, _ := l.heads[0].read(body)
	if a == nil || len(a.Signatures) == 0 {
		return
	}
	tried := 0
	for i := range l.keys {
		k := &l.keys[i]
		// Finding the form costs several MACs, so it is not done for unlikely keys or for very many
		// keys.
		if !k.mac || k.weight > 1 || tried >= maxSecrets {
			continue
		}
		tried++
		sign := forge(k.verify, k.text, a)
		if sign == nil {
			continue
		}
		// The MAC of nothing shows the length and alphabet of a right signature.
		like := sign(new(core.Content))
		if slices.ContainsFunc(a.Signatures, func(sig core.Signature) bool { return wellFormed(sig.Text, like) }) {
			return
		}
		// From here on key.fits compares with damaged signatures.
		k.forge = sign
	}
}

// wellFormed reports whether text has the form of like, a right signature:
// hexadecimal, or base64 that ends in padding. SHA-1, SHA-256 and SHA-512 all
// give padding.
func wellFormed(text, like string) bool {
	// A signature of another length does not have the right form.
	if len(text) != len(like) {
		return false
	}
	if strings.HasSuffix(like, "=") {
		_, err := base64.StdEncoding.DecodeString(text)
		return err == nil
	}
	return strings.Trim(text, "0123456789abcdef") == ""
}

// damaged compares the right signature with the presented ones: with truncated
// signatures, and with signatures in other encodings.
func damaged(presented []core.Signature, right string) ([]step, bool) {
	// right is hexadecimal or base64, as forge wrote it.
	raw, err := hex.DecodeString(right)
	if err != nil {
		raw, _ = base64.StdEncoding.DecodeString(right)
	}
	// least is the number of leading characters that do not agree by accident: 40 bits of
	// hexadecimal. Each request has a handful of signatures and keys.
	const least = 10
	for _, sig := range presented {
		given := sig.Text
		// Short texts prove nothing, and very long texts are not signatures.
		if len(given) < least || len(given) > maxHeader {
			continue
		}
		// Timing must not reveal to a sender how much of a guess is right: requests to live
		// endpoints are also explained, see [Hook].
		if len(given) < len(right) && subtle.ConstantTimeCompare([]byte(given), []byte(right[:len(given)])) == 1 {
			what := "the signature has only the first " + strconv.Itoa(len(given)) + " of the " + strconv.Itoa(len(right)) + " characters of the right one"
			return []step{{signatureCut, what}}, true
		}
		// Encodings are compared as bytes, so case and padding do not matter.
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

// forge returns a function that computes valid signatures of a key, in the form
// that its scheme accepts, for comparison with damaged ones. read is the
// attempt that the scheme read, with at least one signature. forge returns nil
// if the key is not a MAC, or if no form that it tries fits.
//
// A key verifies but does not expose its bytes. So forge guesses how the secret
// encodes them, the hash and the encoding, and has the key verify a probe
// signed that way.
func forge(k core.VerifyKey, secret string, read *core.Attempt) func(c *core.Content) string {
	var raws [][]byte
	// The key's bytes are the text itself or the bytes that it encodes, with or without a prefix
	// such as whsec_.
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
		// SHA-256 first, because nearly all senders use it.
		for _, newHash := range []func() hash.Hash{sha256.New, sha1.New, sha512.New} {
			for _, encode := range []func([]byte) string{hex.EncodeToString, base64.StdEncoding.EncodeToString} {
				sign := func(c *core.Content) string {
					mac := hmac.New(newHash, raw)
					_, _ = c.WriteTo(mac) // a hash never fails
					return encode(mac.Sum(nil))
				}
				// Keys may check the label, so the probe has the presented label.
				label := read.Signatures[0].Label
				if _, err := core.HMACKey(label, newHash, raw, core.Hex); err != nil {
					continue // core refuses the key: package hmac may panic on it
				}
				probe := *read // a key may rely on other fields that its scheme reads
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
