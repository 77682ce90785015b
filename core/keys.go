package core

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

// Secret is the text of one key, as the sender shows it, with an optional id
// and validity period. The scheme decodes the text. [New] refuses the zero
// Secret, which is empty.
//
// A Secret redacts itself in fmt, JSON and slog, even as a field of another
// struct.
type Secret struct {
	// ID names the key in [Message.KeyID] and in events. Empty: "key-1" for the
	// first secret of the list, and so on.
	ID string
	// NotBefore and NotAfter limit when the key is accepted: from NotBefore
	// until just before NotAfter. Both are compared with the arrival time of
	// the request on the configured clock. Zero: no limit.
	NotBefore, NotAfter time.Time

	// A pointer, because fmt prints the unexported fields of an enclosing
	// struct without calling our methods.
	text *string
}

// NewSecret returns the Secret with this text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text. Call it only where the secret itself is needed.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

const redacted = "[redacted]"

// String hides the text.
func (s Secret) String() string { return "secret " + strconv.Quote(s.ID) + " " + redacted }

// GoString hides the text.
func (s Secret) GoString() string {
	return "core.Secret{" + strconv.Quote(s.ID) + ", " + redacted + "}"
}

// Format hides the text under every verb.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'v' && f.Flag('#') {
		text = s.GoString()
	}
	_, _ = f.Write([]byte(text))
}

// MarshalText hides the text in JSON and other encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the text in log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Keys is the list of secrets of one tenant or endpoint, newest first. It keeps
// the decoded keys: if a [KeySource] returns the same *Keys for a tenant each
// time, a verifier decodes them once. It is immutable and safe for concurrent
// use. Nil and the zero value have no keys.
//
// *Keys implements [KeySource], for an application with one sender.
type Keys struct {
	source  string
	secrets []Secret
	rings   atomic.Pointer[[]*keyring] // of the verifiers that use these keys, oldest first
}

// Secrets returns [Keys] with these secrets, newest first. List both the new
// and the old secret during a rotation. [New] reports white space around or
// inside a secret, except spaces inside a free-text secret (see
// [Facts.FreeText]). If a variable holds several secrets, split it with
// strings.Fields. Never split a PEM file or a wrapped key: its pieces are not
// keys.
func Secrets(texts ...string) *Keys {
	k := &Keys{secrets: make([]Secret, len(texts))}
	for i, t := range texts {
		k.secrets[i] = NewSecret(t)
	}
	return k
}

// SecretList returns [Keys] with these secrets, newest first. Use it for
// secrets with an ID or a validity period. It copies the slice.
func SecretList(secrets ...Secret) *Keys { return &Keys{secrets: slices.Clone(secrets)} }

// From returns a copy of k with this source name. The name scopes the ids of
// this sender in the seen-id store. It is needed only if several verifiers with
// static keys use one store namespace and one scheme. A [KeySource] names its
// sources itself.
func (k *Keys) From(source string) *Keys {
	if k == nil {
		return nil
	}
	return &Keys{source: source, secrets: k.secrets}
}

// List returns a new slice of the secrets, in the configured order, for tools
// that investigate a refusal. It returns nil for nil.
func (k *Keys) List() []Secret {
	if k == nil {
		return nil
	}
	return slices.Clone(k.secrets)
}

// Keys implements [KeySource]: it returns k for every request. If k is nil, it
// returns [ErrUnknownSource].
func (k *Keys) Keys(context.Context, *Request) (source string, keys *Keys, err error) {
	if k == nil {
		return "", nil, ErrUnknownSource
	}
	return k.source, k, nil
}

// KeySource finds the keys of a request, such as the secrets of a tenant or
// endpoint.
//
// It sees the method, URL, host and headers, but not the body. None of these
// values has been verified yet. It may do I/O within [Config.KeyTimeout] and
// must be safe for concurrent use. Each call runs in its own goroutine. A panic
// there propagates to the request.
//
// The source that it returns must be a stored, canonical name: not empty, and
// never text from the request. Otherwise an attacker could have a message
// handled twice by spelling the name in two ways. For an unknown tenant or
// endpoint the KeySource returns an error that wraps [ErrUnknownSource], or nil
// keys. The response is the same as for a wrong signature. Any other error is
// an outage, whatever [Reason] it wraps, and the response is 503. The request
// is a copy, including its header, and belongs to the key source.
type KeySource interface {
	Keys(ctx context.Context, r *Request) (source string, keys *Keys, err error)
}

// KeySourceFunc adapts a function to a [KeySource].
type KeySourceFunc func(ctx context.Context, r *Request) (source string, keys *Keys, err error)

// Keys calls f.
func (f KeySourceFunc) Keys(ctx context.Context, r *Request) (source string, keys *Keys, err error) {
	return f(ctx, r)
}

// keyring is a list of keys, decoded by one verifier's scheme.
type keyring struct {
	owner *Verifier
	keys  []ringKey
	// last is the index of the key that matched last. That key is tried first,
	// so most messages cost one hash during a rotation.
	last atomic.Uint32
}

type ringKey struct {
	id                  string
	notBefore, notAfter time.Time
	key                 VerifyKey
}

// ringFor decodes the keys for v, once.
func (k *Keys) ringFor(v *Verifier) (*keyring, error) {
	if r := k.ringOf(v); r != nil {
		return r, nil
	}
	r := &keyring{owner: v, keys: make([]ringKey, 0, len(k.secrets))}
	var mistakes []error
	if len(k.secrets) == 0 {
		mistakes = append(mistakes, errors.New("there is no key: pass at least one secret, for example core.Secrets(os.Getenv(\"WEBHOOK_SECRET\"))"))
	}
	for i, s := range k.secrets {
		id := s.ID
		if id == "" {
			id = "key-" + strconv.Itoa(i+1)
		}
		key, err := v.parseKey(s)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("secret %d of %d (%s): %w", i+1, len(k.secrets), id, err))
			continue
		}
		r.keys = append(r.keys, ringKey{id: id, notBefore: s.NotBefore, notAfter: s.NotAfter, key: key})
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return k.add(r), nil
}

// maxRings bounds the keyrings of one [Keys], because each refers to its
// verifier, and a program may make new verifiers for the same keys.
const maxRings = 16

// ringOf returns v's keyring, or nil if there is none.
func (k *Keys) ringOf(v *Verifier) *keyring {
	rings := k.rings.Load()
	if rings == nil {
		return nil
	}
	for _, r := range *rings {
		if r.owner == v {
			return r
		}
	}
	return nil
}

// add stores r in place of the oldest keyring if there are too many. If another
// goroutine has stored one of the same owner, add returns that.
func (k *Keys) add(r *keyring) *keyring {
	for {
		before := k.rings.Load()
		if other := k.ringOf(r.owner); other != nil {
			return other
		}
		var rings []*keyring
		if before != nil {
			rings = (*before)[max(len(*before)-maxRings+1, 0):]
		}
		rings = append(slices.Clip(rings), r) // a copy: readers may have the old slice
		if k.rings.CompareAndSwap(before, &rings) {
			return r
		}
	}
}

// parseKey rejects secrets that are wrong under every scheme, then calls the
// scheme.
func (v *Verifier) parseKey(secret Secret) (VerifyKey, error) {
	text := secret.Reveal()
	if err := checkSecretText(text, v.facts.FreeText); err != nil {
		return nil, err
	}
	if !v.cfg.DangerouslyAcceptPlaceholders && isPlaceholder(text) {
		return nil, errPlaceholder
	}
	if !secret.NotAfter.IsZero() && !secret.NotBefore.IsZero() && !secret.NotBefore.Before(secret.NotAfter) {
		return nil, errors.New("NotAfter is not later than NotBefore: the key would never be accepted")
	}
	return v.scheme.ParseKey(text)
}

// checkSecretText finds common corruptions of secrets. free allows white space
// inside, as in a passphrase.
func checkSecretText(text string, free bool) error {
	inner := text
	if free {
		inner = strings.ReplaceAll(strings.Trim(text, " "), " ", "")
	}
	switch {
	case text == "":
		return errors.New("the text is empty: is the environment variable set?")
	case strings.ContainsFunc(inner, unicode.IsSpace), strings.TrimSpace(text) != text:
		return errors.New(spaceAdvice(text))
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("the text contains a control character: copy the secret again")
	case len(text) >= 2 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0]:
		return errors.New("the text has quotes around it: remove them, because some .env readers keep them")
	}
	return nil
}

// spaceAdvice says what to do about white space in a secret. It never advises
// the reader to split one key into pieces.
func spaceAdvice(text string) string {
	pieces := strings.Fields(text)
	switch {
	case strings.Contains(text, "-----BEGIN"):
		return "the text is a PEM file, but a key must be one line: copy the text between the BEGIN and END lines without its line breaks, and write it in " +
			"the scheme's form for public keys"
	case len(pieces) > 1 && isWrapped(pieces):
		return "the text is one key, wrapped over several lines or split by spaces: join the lines or pieces"
	case len(pieces) > 0 && (pieces[0][0] == '{' || strings.HasPrefix(text, "ssh-") || strings.HasPrefix(text, "ecdsa-sha2-")):
		return "the text is a key in JSON or OpenSSH form: write it on one line without spaces, in the scheme's form for this kind of key"
	default:
		return "the text has white space or a newline inside or around it: trim it where the program reads it. If a key was wrapped, join its lines. For a " +
			"variable with several secrets, use core.Secrets(strings.Fields(v)...)"
	}
}

// isWrapped reports whether pieces are parts of one key. Such pieces are lines
// of 64 or 76 characters, as in PEM and MIME, of which the first may have a
// label. Other pieces of one key begin like a public key.
func isWrapped(pieces []string) bool {
	first := pieces[0]
	bare := first[strings.LastIndexAny(first, ":_")+1:]
	if publicForm([]byte(bare)) != "" {
		return true
	}
	for _, width := range []int{64, 76} {
		if (len(first) == width || len(bare) == width) && len(pieces[len(pieces)-1]) <= width && !strings.ContainsAny(pieces[1], ":_,") {
			return true
		}
	}
	return false
}

var errPlaceholder = errors.New("the text is a placeholder: use the sender's real secret")

// isPlaceholder recognizes values from documentation and templates. It does not
// reject short secrets such as "12345", which some senders allow.
func isPlaceholder(text string) bool {
	if encoded, ok := strings.CutPrefix(text, "whsec_"); ok {
		if raw, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(raw) > 0 && slices.Max(raw) == slices.Min(raw) {
			return true
		}
	}
	t := strings.ToLower(text)
	for _, prefix := range []string{"whsec_", "whpk_", "whsk_"} {
		t = strings.TrimPrefix(t, prefix)
	}
	switch strings.NewReplacer("-", "", "_", "").Replace(t) {
	case "", "changeme", "changeit", "secret", "mysecret", "yoursecret", "yoursecrethere", "yourwebhooksecret", "password",
		"placeholder", "todo", "fixme", "test", "example", "dummy", "foo", "none", "null", "nil", "undefined", "replaceme":
		return true
	}
	for _, mark := range []string{"...", "…", "<", "${", "{{"} {
		if strings.Contains(t, mark) {
			return true
		}
	}
	return strings.Count(t, t[:1]) == len(t) // xxxx, ****, AAAA…
}

// validAt reports whether the key is accepted at the time now.
func (k *ringKey) validAt(now time.Time) bool {
	return (k.notBefore.IsZero() || !now.Before(k.notBefore)) && (k.notAfter.IsZero() || now.Before(k.notAfter))
}

// first returns the newest key that is valid now, or nil if there is none.
func (r *keyring) first(now time.Time) VerifyKey {
	for i := range r.keys {
		if r.keys[i].validAt(now) {
			return r.keys[i].key
		}
	}
	return nil
}

// match returns the index of the key that verifies one of the signatures, or -1
// if none does. With MAC keys it hashes the content once for each key, however
// many signatures there are.
//
// A message with several signatures comes from a sender that is rotating its
// keys. Then match finds the newest key that fits, so events show when the old
// key is no longer used.
func (r *keyring) match(ctx context.Context, a *Attempt, now time.Time) (int, error) {
	last := 0
	if len(a.Signatures) <= 1 {
		last = int(r.last.Load())
	}
	for i := -1; i < len(r.keys); i++ {
		at := i
		switch i {
		case -1:
			at = last
		case last:
			continue
		}
		k := &r.keys[at]
		if !k.validAt(now) {
			continue
		}
		ok, err := k.key.Verify(ctx, a)
		if err != nil {
			return -1, err
		}
		if ok {
			return at, nil
		}
	}
	return -1, nil
}

// matched records that the key at index at verified a message.
func (r *keyring) matched(at int) {
	if r.last.Load() != uint32(at) { //nolint:gosec // an index of a short list
		r.last.Store(uint32(at)) //nolint:gosec // as above
	}
}
