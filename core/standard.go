package core

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// StandardWebhooks is the scheme of the Standard Webhooks specification and of
// Svix. It is the default. The zero value is ready for use.
//
// The headers are webhook-id, webhook-timestamp and webhook-signature, or the
// same three with the prefix svix-. A request that has both sets is refused
// unless they are equal. The signed content is "id.timestamp.body". v1 is
// HMAC-SHA256 with a whsec_ secret of at least 24 bytes. v1a is ed25519 with a
// whpk_ public key. Source: standard-webhooks/standard-webhooks,
// spec/standard-webhooks.md at commit b2fa7b8.
type StandardWebhooks struct {
	// DangerouslyAllowDots accepts message ids that contain a dot. The
	// specification forbids dots because "id.timestamp.body" would then be
	// ambiguous. Ids with a dot-separated part that could be a timestamp are
	// still refused.
	DangerouslyAllowDots bool
}

// Limits of the scheme. A sender that rotates keys presents up to 11
// signatures.
const (
	maxSignatures     = 16
	maxSignatureBytes = 4 << 10
	maxIDBytes        = 256
	minSecretBytes    = 24
)

// Name implements [Scheme].
func (StandardWebhooks) Name() string { return "standard" }

// Stamping implements [Scheme]. The specification gives each attempt its own
// timestamp.
func (StandardWebhooks) Stamping() Stamping { return StampedEachAttempt }

// Facts implements [Describer].
func (StandardWebhooks) Facts() Facts {
	return Facts{
		PublicKeys: true, // whpk_ keys, besides whsec_ secrets
		KeyText:    func(text, alg, _ string) (string, bool) { return "whpk_" + text, alg == "EdDSA" },
		Headers:    [][]string{slices.Clone(standardFamily[:]), slices.Clone(svixFamily[:])},
		Sign: func(r *Request, id string, at time.Time, secrets ...string) error {
			signer, err := NewSigner(secrets...)
			if err != nil {
				return err
			}
			h, ok := r.Header.(http.Header)
			if !ok {
				return errors.New("hookonce: Request.Header must be an http.Header to sign the request")
			}
			return signer.Sign(h, cmp.Or(id, h.Get(standardFamily[0]), NewID()), at, r.Body)
		},
	}
}

// ParseKey implements [Scheme] for whsec_ and whpk_ keys.
func (StandardWebhooks) ParseKey(text string) (VerifyKey, error) {
	kind, raw, err := parseStandardKey(text)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "whsec_":
		return HMACKey("v1", sha256.New, raw, Base64)
	case "whpk_":
		return Ed25519Key("v1a", raw, Base64)
	default: // whsk_
		return nil, errors.New("whsk_ is the sender's private key, which a receiver must not have: use the public key, whpk_")
	}
}

// parseStandardKey splits a key into its prefix and its decoded bytes, and
// checks the number of bytes.
func parseStandardKey(text string) (string, []byte, error) {
	if label, rest, ok := strings.Cut(text, ","); ok && strings.HasPrefix(rest, "wh") && (label == "v1" || label == "v1a") {
		return "", nil, fmt.Errorf("the text starts with %q, the label of a signature: remove the label, because a key starts with whsec_ or whpk_", label+",")
	}
	i := strings.IndexByte(text, '_')
	if i < 0 {
		return "", nil, errors.New("the text has no whsec_ or whpk_ prefix: copy the key with its prefix. If the sender shows bare base64, put whsec_ before " +
			"a shared secret, or whpk_ before a public key (32 bytes). If a key was wrapped, join its lines")
	}
	kind := text[:i+1]
	if kind != "whsec_" && kind != "whpk_" && kind != "whsk_" {
		return "", nil, errors.New("the text starts with neither whsec_ (shared secret) nor whpk_ (public key): copy the key with its prefix")
	}
	raw, err := base64.StdEncoding.DecodeString(text[i+1:])
	if err != nil {
		// The decoder's own error has the offset and nothing of the text.
		return "", nil, fmt.Errorf("the text after %s is not padded standard base64 (%w): copy the whole key again", kind, err)
	}
	switch {
	case kind == "whsec_" && len(raw) < minSecretBytes:
		return "", nil, fmt.Errorf("the secret has %d bytes, but Standard Webhooks requires at least %d: is it cut off?", len(raw), minSecretBytes)
	case kind == "whpk_" && len(raw) != ed25519.PublicKeySize:
		return "", nil, fmt.Errorf("this key has %d bytes, but an ed25519 public key has %d: copy the whole key again", len(raw), ed25519.PublicKeySize)
	case kind == "whsk_" && len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize:
		return "", nil, fmt.Errorf("this key has %d bytes, but an ed25519 signing key has %d (seed) or %d (seed and public key): copy the whole key again",
			len(raw), ed25519.SeedSize, ed25519.PrivateKeySize)
	}
	return kind, raw, nil
}

// family holds the names of the three headers: id, timestamp and signature.
type family [3]string

// The two families in use.
var (
	standardFamily = family{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} //nolint:gochecknoglobals // a constant
	svixFamily     = family{"Svix-Id", "Svix-Timestamp", "Svix-Signature"}          //nolint:gochecknoglobals // a constant
)

// find returns the lines of each header, and whether any is present.
func (f *family) find(h Header) (lines [3][]string, found bool) {
	m, isMap := h.(http.Header)
	for i, name := range f {
		if isMap {
			lines[i] = m[name] // as Values does, without checking that the name is canonical
		} else {
			lines[i] = h.Values(name)
		}
		found = found || len(lines[i]) > 0
	}
	return lines, found
}

// ReadHeader implements [Scheme].
func (w StandardWebhooks) ReadHeader(r *Request, a *Attempt) error {
	names := &standardFamily
	lines, found := names.find(r.Header)
	if svix, also := svixFamily.find(r.Header); also && !found {
		names, lines = &svixFamily, svix
	} else if also && !slices.EqualFunc(lines[:], svix[:], slices.Equal) {
		return refuse(ErrMalformed, "webhook-* and svix-* headers are both present and differ: a proxy probably added one set", nil)
	}
	id, err := single(names[0], lines[0])
	if err != nil {
		return err
	}
	stamp, err := single(names[1], lines[1])
	if err != nil {
		return err
	}
	signatures := lines[2]
	if len(signatures) == 0 {
		return missing(names[2])
	}
	if err := w.checkID(id); err != nil {
		return err
	}
	if a.Timestamp, err = parseSeconds(stamp); err != nil {
		return refuse(ErrMalformed, names[1]+" "+err.Error(), nil)
	}
	if err := readSignatures(signatures, a); err != nil {
		return err
	}
	if len(a.Signatures) == 0 {
		return refuse(ErrMalformed, names[2]+" has no \"version,signature\" entry", nil)
	}
	a.ID, a.IDSigned, a.BodySigned = id, true, true
	// The signed bytes contain the timestamp as received, never a reformatted one.
	a.Content.WriteString(id)
	a.Content.WriteString(".")
	a.Content.WriteTime(stamp)
	a.Content.WriteString(".")
	return nil
}

// ReadBody implements [Scheme].
func (StandardWebhooks) ReadBody(r *Request, a *Attempt) error {
	a.Content.WriteBody(r.Body)
	return nil
}

func (w StandardWebhooks) checkID(id string) error {
	if !strings.Contains(id, ".") {
		return nil // core checks length and characters for every scheme
	}
	if !w.DangerouslyAllowDots {
		return refuse(ErrMalformed, "the id contains a dot, which the specification forbids, because one signature would fit two messages. If this "+
			"sender uses dots anyway, see StandardWebhooks.DangerouslyAllowDots", nil)
	}
	for part := range strings.SplitSeq(id, ".") {
		if _, err := parseSeconds(part); err == nil {
			return refuse(ErrMalformed, "a part of the dotted id is a number and could pass for the timestamp", nil)
		}
	}
	return nil
}

// readSignatures reads the entries of a space-separated list. Repeated headers
// form one list, even if a proxy joined their lines with a comma (RFC 9110,
// section 5.3). It skips entries of unknown form, as the reference libraries
// do, but those entries count towards the limits.
func readSignatures(values []string, a *Attempt) error {
	if len(values) > 1 && !strings.Contains(values[0], ",") {
		// Some gateways (AWS HTTP API) split header values at commas.
		values = []string{strings.Join(values, ",")}
	}
	size, count := 0, 0
	for _, v := range values {
		size += len(v)
		if size > maxSignatureBytes {
			return refuse(ErrMalformed, "the signatures have more than "+strconv.Itoa(maxSignatureBytes)+" bytes", nil)
		}
		for more := true; more; {
			var entry string
			if entry, v, more = cutByte(v, ' '); entry == "" || entry == "," && count > 0 && more {
				continue
			}
			if count++; count > maxSignatures {
				return refuse(ErrMalformed, "there are more than "+strconv.Itoa(maxSignatures)+" signatures", nil)
			}
			label, text, ok := cutByte(entry, ',')
			if ok && (label == "" || strings.IndexByte(text, ',') >= 0) {
				var joined int
				label, text, joined = readJoined(entry, count > 1, strings.TrimLeft(v, " ") != "", a)
				if count += joined; count > maxSignatures {
					return refuse(ErrMalformed, "there are more than "+strconv.Itoa(maxSignatures)+" signatures", nil)
				}
			}
			if ok {
				a.Signatures = append(a.Signatures, Signature{label, text})
			}
		}
	}
	return nil
}

// readJoined splits an entry with several commas, in which a proxy joined
// header lines: "v1,A," from "v1,A, v1,B", or "v1,A,v1,B". It adds all
// signatures except the last to a, within the limit, and returns the last.
// after says that this entry follows another one in its value, before that it
// precedes one. A comma on such a side separates lines. readJoined returns any
// other entry unchanged.
func readJoined(entry string, after, before bool, a *Attempt) (label, text string, joined int) {
	list := entry
	if after {
		list = strings.TrimPrefix(list, ",")
	}
	if before {
		list = strings.TrimSuffix(list, ",")
	}
	if strings.Count(list, ",")%2 == 0 { // not alternating labels and texts
		label, text, _ = cutByte(entry, ',')
		return label, text, 0
	}
	label, text, _ = cutByte(list, ',')
	for joined < maxSignatures {
		one, rest, more := cutByte(text, ',')
		if !more {
			break
		}
		a.Signatures = append(a.Signatures, Signature{label, one})
		label, text, _ = cutByte(rest, ',')
		joined++
	}
	return label, text, joined
}

// cutByte is strings.Cut for a byte separator. Finding a byte is faster than
// finding a string.
func cutByte(s string, sep byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// single returns the value of a header that must occur exactly once.
func single(name string, lines []string) (string, error) {
	switch {
	case len(lines) == 0 || lines[0] == "":
		return "", missing(name)
	case len(lines) > 1:
		return "", refuse(ErrMalformed, name+" appears "+strconv.Itoa(len(lines))+" times: cannot tell which one was signed", nil)
	default:
		return lines[0], nil
	}
}

func missing(name string) error {
	return refuse(ErrMissingHeader, name+" is missing or empty: is this the right sender, or does a proxy drop the header?", nil)
}

// parseSeconds reads a canonical Unix time in seconds: digits only, no leading
// zero, at most 16.
func parseSeconds(text string) (time.Time, error) {
	if len(text) == 0 || len(text) > 16 || text[0] == '0' {
		return time.Time{}, errNotSeconds
	}
	var n int64
	for i := range len(text) {
		c := text[i]
		if c < '0' || c > '9' {
			return time.Time{}, errNotSeconds
		}
		n = n*10 + int64(c-'0')
	}
	return time.Unix(n, 0), nil
}

var errNotSeconds = errors.New("must be a Unix time in seconds, with digits only")
