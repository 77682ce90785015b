package explain

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/hookonce/hookonce/core"
)

// observe says what can be seen without a signature that fits: only what is
// there to see.
func (s *search) observe(err error) []Finding {
	var all []Finding
	add := func(m Mistake, what string) { all = append(all, step{m, what}.finding(false)) }
	for _, look := range []func(err error, add func(Mistake, string)){
		s.observeRefusal, s.observeOther, s.observeSecrets, s.observeHeaders, s.observeBody, observeSettings,
	} {
		if look(err, add); len(all) > 0 {
			return all
		}
	}
	return nil
}

// observeRefusal goes by what the verifier said, and whether the body is there.
func (s *search) observeRefusal(err error, add func(Mistake, string)) {
	body := s.req.Body
	length := s.contentLength()
	switch {
	case errors.Is(err, core.ErrBodyConsumed):
		add(bodyConsumed, "")
	case len(body) == 0 && length > 0:
		add(bodyConsumed, "the body is empty, but Content-Length is "+strconv.FormatInt(length, 10)+": something read it before")
	case len(body) == 0 && length < 0 && asMap(s.req.Header).Get("Content-Type") != "" && s.tried > 0:
		add(bodyConsumed, "the body is empty, but Content-Type says that there was one: something read it before, or did not keep it")
	case errors.Is(err, core.ErrBodyTooLarge), int64(len(body)) > s.config.MaxBody:
		add(bodyTooLarge, "")
	case errors.Is(err, core.ErrKeysUnavailable):
		add(keysUnavailable, "")
	case errors.Is(err, core.ErrUnknownSource):
		add(unknownSource, "")
	}
}

// observeSettings is for a receiver that is made wrongly, where nothing says
// how.
func observeSettings(err error, add func(Mistake, string)) {
	if errors.Is(err, core.ErrMisconfigured) {
		add(misconfigured, "")
	}
}

func (s *search) contentLength() int64 {
	n, err := strconv.ParseInt(asMap(s.req.Header).Get("Content-Length"), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// observeSecrets names what is wrong with secrets that cannot be any.
func (s *search) observeSecrets(_ error, add func(Mistake, string)) {
	for i, secret := range s.secrets {
		if accepted(s.scheme, secret) {
			if isAPIKey(secret.Reveal()) {
				add(secretKind, "the configured secret begins like a key for the sender's API, which signs no webhooks")
			}
			continue
		}
		name := secret.ID
		if name == "" {
			name = "key-" + strconv.Itoa(i+1)
		}
		named := false
		for _, t := range peel(text{text: secret.Reveal()}) {
			if !named {
				add(t.steps[0].mistake, "")
			}
			named = true
		}
		if !named {
			add(secretRefused, "the secret "+strconv.Quote(printable(name))+" cannot be one of this scheme: see the detail")
		}
	}
}

// isAPIKey knows the prefixes that Stripe, and others after it, give to API keys, secret and publishable.
func isAPIKey(secret string) bool {
	kind, rest, _ := strings.Cut(secret, "_")
	mode, _, ok := strings.Cut(rest, "_")
	return ok && slices.Contains([]string{"sk", "pk", "rk"}, kind) && slices.Contains([]string{"live", "test"}, mode)
}

// observeOther notices that the headers are another provider's.
func (s *search) observeOther(_ error, add func(Mistake, string)) {
	r := s.req
	r.Body = nil
	if err := s.scheme.ReadHeader(&r, new(core.Attempt)); !errors.Is(err, core.ErrMissingHeader) {
		return
	}
	own := reads(s.facts, r.Header)
	for _, o := range s.others() {
		// Of headers that are this scheme's as well, the ones that are missing say more.
		elsewhere := slices.ContainsFunc(reads(o.facts, r.Header), func(name string) bool { return !slices.Contains(own, name) })
		if o.scheme.Stamping() != core.NotIdentified && elsewhere {
			add(otherScheme, "the headers are those of "+strings.Join(o.names, " or ")+", not those of "+s.scheme.Name())
			return
		}
	}
}

// observeHeaders names what is missing.
func (s *search) observeHeaders(_ error, add func(Mistake, string)) {
	r := s.req
	r.Body = nil
	a := new(core.Attempt)
	err := s.scheme.ReadHeader(&r, a)
	var missing []string
	for _, name := range reads(s.facts, r.Header) {
		if len(r.Header.Values(name)) == 0 {
			missing = append(missing, name)
		}
	}
	switch {
	case errors.Is(err, core.ErrMissingHeader), s.tried == 0 && len(missing) > 0:
		what := ""
		if len(missing) > 0 {
			what = "these headers that the scheme reads are not there: " + strings.Join(missing, ", ")
		}
		add(headerMissing, what)
	case err == nil:
		s.observeKind(a, add)
		s.observeCut(a, add)
	}
}

// observeCut notices signatures that are too short for the only keys there are. Those of a MAC are proven to be cut; these cannot be made again.
func (s *search) observeCut(a *core.Attempt, add func(Mistake, string)) {
	short := func(sig core.Signature) bool {
		n := len(strings.TrimRight(sig.Text, "="))
		return n < base64.RawStdEncoding.EncodedLen(ed25519.SignatureSize) ||
			n > base64.StdEncoding.EncodedLen(ed25519.SignatureSize) && n < hex.EncodedLen(ed25519.SignatureSize)
	}
	if len(a.Signatures) == 0 || slices.ContainsFunc(a.Signatures, func(sig core.Signature) bool { return !short(sig) }) {
		return
	}
	if !slices.ContainsFunc(s.secrets, func(k core.Secret) bool { return !makesEd25519(s.scheme, k.Reveal()) }) && len(s.secrets) > 0 {
		add(signatureCut, "the signature is shorter than that of an ed25519 key, and all keys here are of that kind")
	}
}

// observeKind notices that all signatures are of one kind and all keys of the
// other.
func (s *search) observeKind(a *core.Attempt, add func(Mistake, string)) {
	if !wantsPrefix(s.scheme) || len(s.secrets) == 0 {
		return
	}
	for _, kind := range []struct{ label, key, needed string }{{"v1a", "whsec_", "whpk_"}, {"v1", "whpk_", "whsec_"}} {
		signed := !slices.ContainsFunc(a.Signatures, func(sig core.Signature) bool { return sig.Label != kind.label })
		keyed := !slices.ContainsFunc(s.secrets, func(k core.Secret) bool { return !strings.HasPrefix(k.Reveal(), kind.key) })
		if signed && keyed {
			add(secretKind, "the request is signed as "+kind.label+", for which a "+kind.needed+" key is needed, but every key here is a "+kind.key+" one")
		}
	}
}

// observeBody notices a body that ends early, or was decompressed.
func (s *search) observeBody(_ error, add func(Mistake, string)) {
	length := s.contentLength()
	body := s.req.Body
	size := strconv.Itoa(len(body)) + " bytes"
	switch encoding := strings.ToLower(asMap(s.req.Header).Get("Content-Encoding")); {
	case length > int64(len(body)):
		add(bodyTruncated, "the body has "+size+", but Content-Length is "+strconv.FormatInt(length, 10))
	case encoding != "" && encoding != "identity" && (looksLikeJSON(body) || looksLikeForm(body)):
		add(bodyDecompressed, "Content-Encoding says that the body is compressed, but it is plain: if the sender signed the compressed bytes, as most do, "+
			"they cannot be had back")
	case isLimit(len(body)) && looksLikeJSON(body) && !endsWhole(body):
		add(bodyTruncated, "the body has exactly "+size+", a usual limit, and does not end as it begins")
	case isLimit(len(body)) && !looksLikeJSON(body) && length < 0: // if the length was announced, it is one like any other
		add(bodyTruncated, "the body has exactly "+size+", at which buffers and proxies cut")
	case length < 0 && endsInside(body):
		add(bodyTruncated, "the JSON in the body ends in the middle, after "+size)
	}
}

// isLimit knows the sizes at which buffers and proxies cut.
func isLimit(n int) bool {
	return n >= 1024 && (n&(n-1) == 0 || n&(n+1) == 0 || slices.Contains([]int{
		10_000, 10 << 10, 64_000, 100_000, 100 << 10, 128_000, 200_000, 250_000, 256_000, 500_000, 500 << 10, 1_000_000, 5_000_000, 5 << 20,
		6_000_000, 6 << 20, 10_000_000, 10 << 20,
	}, n))
}

// endsWhole says that JSON ends with the bracket that fits its beginning.
func endsWhole(body []byte) bool {
	b := bytes.TrimSpace(body)
	return len(b) > 1 && (b[0] == '{' && b[len(b)-1] == '}' || b[0] == '[' && b[len(b)-1] == ']')
}

// endsInside says that JSON was cut, and not only that a character in it is wrong: it ends in a string without a bracket in it, or two levels deep.
func endsInside(body []byte) bool {
	if len(body) < 16 || !looksLikeJSON(body) || endsWhole(body) {
		return false
	}
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := endOfString(body, i+1)
			if end < 0 {
				return depth > 0 && !bytes.ContainsAny(body[i:], "}],:")
			}
			i = end - 1
		}
		if depth < 0 {
			return false
		}
	}
	last := body[len(body)-1]
	return depth >= 2 && last != '}' && last != ']' && !isSpace(last)
}

// printable makes a name fit for one line of a log.
func printable(name string) string { return oneLine(name, 64) }

// oneLine takes what could forge a line, or drive a terminal, out of a text that is not ours.
func oneLine(text string, longest int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ReplaceAll(text, "\n", "; "))
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
