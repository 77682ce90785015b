package explain

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/hookonce/hookonce/core"
)

const (
	// maxSecret bounds, in bytes, a text from which variants are made.
	maxSecret = 8 << 10
	// maxVariants bounds the variants of one secret, and maxSecrets the number
	// of secrets with variants: each variant is a key that hashes every
	// candidate.
	maxVariants = 64
	maxSecrets  = 32
)

// text is a possible intended text of a secret.
type text struct {
	text  string
	steps []step
	// seen is how many of the steps undo a visible mistake. Those steps are not
	// guesses.
	seen int
}

// with returns a changed text with one more step. The step counts as a guess
// until the caller raises seen.
func (t text) with(changed string, m Mistake, what string) text {
	return text{changed, append(slices.Clone(t.steps), step{m, what}), t.seen}
}

// keys returns the keys of a scheme, lowest weight first: the configured
// secrets, their possible intended texts, and the keys of other tenants.
// Another tenant's key counts as one guess. It has no variants: with thousands
// of tenants they would use up the budget, and a damaged key of another tenant
// is not this receiver's problem.
func (s *scene) keys(scheme core.Scheme, facts core.Facts) []key {
	var all []key
	add := func(name string, secret core.Secret, texts ...text) {
		first := len(all)
		for _, t := range texts {
			// Most variants are not valid keys of the scheme. They cost nothing.
			parsed, err := scheme.ParseKey(t.text)
			if err != nil {
				continue
			}
			all = append(all, key{
				name: name, text: t.text, steps: t.steps, weight: len(t.steps) - t.seen, verify: parsed, mac: isMAC(facts, parsed),
				notBefore: secret.NotBefore, notAfter: secret.NotAfter,
			})
		}
		// Keys of other tenants keep their weight, because the other tenant is the guess.
		if name == "" || first == len(all) {
			return
		}
		// If the configured text is not a valid key, the nearest variant that is valid is not a
		// guess.
		least := slices.MinFunc(all[first:], func(a, b key) int { return cmp.Compare(a.weight, b.weight) }).weight
		for i := range all[first:] {
			all[first+i].weight -= least
		}
	}
	for i, secret := range s.secrets {
		var texts []text
		if i < maxSecrets {
			texts = variants(scheme, facts, secret.Reveal())
		}
		as := text{text: secret.Reveal()}
		if accepted(scheme, secret) {
			// The configured text comes first: without a mistake nothing must be named.
			texts = slices.Insert(texts, 0, as)
		} else { // core refuses it, but the sender may sign with it nevertheless
			as = as.with(as.text, secretRefused, "")
			as.seen = 1
			texts = append(texts, as)
		}
		add(cmp.Or(secret.ID, "key-"+strconv.Itoa(i+1)), secret, texts...)
	}
	// Sorted, so that results do not depend on map order.
	for _, owner := range slices.Sorted(maps.Keys(s.tenants)) {
		for _, secret := range s.tenants[owner].List() {
			add("", core.Secret{}, text{text: secret.Reveal()}.with(secret.Reveal(), otherKey,
				"the message is signed with a key of "+strconv.Quote(printable(owner))+", which is not configured here"))
		}
	}
	slices.SortStableFunc(all, func(a, b key) int { return cmp.Compare(a.weight, b.weight) })
	return all
}

// noStore satisfies core.New, which requires a store but does not call it.
type noStore struct{}

func (noStore) Swap(context.Context, core.Key, core.Value, core.Value, time.Duration) (core.Value, error) {
	return core.Value{}, core.ErrStoreUnavailable
}

// accepted reports whether a verifier accepts a secret. It calls core.New,
// which refuses more than a scheme does.
func accepted(scheme core.Scheme, secret core.Secret) bool {
	_, err := core.New(core.SecretList(secret), noStore{}, &core.Config{Scheme: scheme})
	return err == nil
}

// A secret is peeled before anything is guessed. White space, quotes and labels are visible, so
// removing them is not a guess and adds no weight, however many there are. A prefix or an encoding
// is a guess.

// variants returns other possible intended texts, each once. Peeled texts come
// first, then prefixes and encodings of each, so that the bound keeps the
// nearest variants.
func variants(scheme core.Scheme, facts core.Facts, configured string) []text {
	if len(configured) > maxSecret || configured == "" {
		return nil
	}
	var all []text
	known := map[string]bool{configured: true}
	add := func(several ...text) {
		for _, t := range several {
			if !known[t.text] && t.text != "" && len(all) < maxVariants {
				known[t.text] = true
				all = append(all, t)
			}
		}
	}
	// The configured text itself is not a variant, so it is omitted here. It still gets prefixes
	// and encodings below.
	peeled := allPeeled(configured)
	add(onlyTrimmed(peeled[1:])...)
	for _, p := range peeled {
		written := append([]text{p}, prefixes(p)...)
		add(onlyTrimmed(written)...)
		for _, w := range written {
			add(forms(scheme, facts, w)...)
		}
	}
	return all
}

// allPeeled returns the configured text, and the texts that remain as one layer
// after another is removed. Layers can be nested in any order, such as quotes
// inside a variable's name, so this is a breadth-first search. Sixteen rounds
// bound hostile input.
func allPeeled(configured string) []text {
	all := []text{{text: configured}}
	known := map[string]bool{configured: true}
	for i := 0; i < len(all) && i < 16; i++ {
		for _, p := range peel(all[i]) {
			if !known[p.text] {
				// Each layer is visible, so it adds to seen and not to the weight.
				p.seen = all[i].seen + 1
				all = append(all, p)
				// A text that still has white space is not final: another layer may lead to it in
				// fewer steps.
				known[p.text] = known[p.text] || trimmed(p.text)
			}
		}
	}
	return all
}

// onlyTrimmed drops texts that still have white space around them or line
// breaks.
func onlyTrimmed(all []text) []text {
	return slices.DeleteFunc(slices.Clone(all), func(t text) bool { return !trimmed(t.text) })
}

// trimmed reports whether a text has no white space left that a base64 decoder
// would skip. Such a text would parse to the same key and hide the mistake.
func trimmed(text string) bool {
	return strings.TrimSpace(text) == text && !strings.ContainsAny(text, "\r\n")
}

// peel returns the texts that remain when one layer is removed.
func peel(t text) []text {
	return slices.Concat(unspaced(t), unquoted(t), unlabelled(t), decoded(t))
}

// unspaced removes white space, control characters, a byte order mark, and
// zero-width spaces that come with texts copied from web pages.
func unspaced(t text) (all []text) {
	s := t.text
	// unicode.IsSpace does not include the last two.
	around := strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\ufeff' || r == '\u200b' })
	for _, literal := range []string{`\n`, `\r`} { // escapes that a reader of .env files did not decode
		for strings.HasSuffix(around, literal) {
			around = strings.TrimSpace(strings.TrimSuffix(around, literal))
		}
	}
	if around != s {
		all = append(all, t.with(around, secretNewline, ""))
	}
	// White space inside has another text than white space around.
	if inner := strings.Join(strings.Fields(s), ""); inner != around && inner != s {
		all = append(all, t.with(inner, secretNewline, "the configured secret has white space or a newline inside it"))
	}
	return all
}

// unquoted removes quotes. It keeps a single quote at only one end, because an
// apostrophe may belong to a passphrase.
func unquoted(t text) (all []text) {
	for _, q := range []string{`""`, `''`, "``", "“”", "‘’"} {
		// Quotes may have several bytes, so they are compared as characters.
		runes := []rune(q)
		rest, open := strings.CutPrefix(t.text, string(runes[0]))
		rest, shut := strings.CutSuffix(rest, string(runes[1]))
		// A lost quote at one end is a mistake too.
		if open && shut || (open || shut) && rest != "" && q != "''" {
			all = append(all, t.with(rest, secretQuoted, ""))
		}
	}
	return all
}

// unlabelled removes what people copy together with a secret: a label, a
// variable's name, the word Bearer, angle brackets.
func unlabelled(t text) (all []text) {
	s := t.text
	// "v1," is the label of a signature. Some dashboards show it before the secret.
	if label, rest, ok := strings.Cut(s, ","); ok && (label == "v1" || label == "v1a") {
		all = append(all, t.with(rest, secretLabel, "a signature label ("+label+",) precedes the configured secret"))
	}
	if name, rest, ok := strings.Cut(s, "="); ok && rest != "" && isVariable(name) {
		all = append(all, t.with(rest, secretLabel, "a variable name precedes the configured secret"))
	}
	if rest, ok := strings.CutPrefix(s, "Bearer "); ok {
		all = append(all, t.with(rest, secretLabel, "the word Bearer precedes the configured secret"))
	}
	if inner, ok := strings.CutPrefix(s, "<"); ok && strings.HasSuffix(inner, ">") {
		all = append(all, t.with(inner[:len(inner)-1], secretLabel, "the configured secret has angle brackets around it"))
	}
	return all
}

// decoded undoes an encoding of the whole text. Base64 and hexadecimal count
// only if the result is readable: most random keys decode to something.
func decoded(t text) (all []text) {
	s := t.text
	if text, ok := readable(base64.StdEncoding.DecodeString(s)); ok {
		all = append(all, t.with(text, secretBase64, "the configured text is the secret in base64, as in a Kubernetes Secret"))
	}
	if text, ok := readable(hex.DecodeString(s)); ok {
		all = append(all, t.with(text, secretHex, "the configured text is the secret in hexadecimal"))
	}
	// Schemes expect the DER bytes in base64, which is what a PEM block contains.
	if block, _ := pem.Decode([]byte(s)); block != nil {
		all = append(all, t.with(base64.StdEncoding.EncodeToString(block.Bytes), secretKind,
			"the configured key is a PEM block; the scheme expects only the text inside the block"))
	}
	return all
}

// readable reports whether decoded bytes are printable text. A newline at the
// end is allowed, because echo adds one before base64 encodes the text.
func readable(raw []byte, err error) (string, bool) {
	text := string(raw)
	return text, err == nil && len(raw) >= 8 && !strings.ContainsFunc(strings.TrimRight(text, "\r\n"), func(r rune) bool { return r < ' ' || r > '~' })
}

// isVariable reports whether a text looks like the name of an environment
// variable, with or without export.
func isVariable(name string) bool {
	return len(name) >= 3 && !strings.ContainsFunc(strings.TrimPrefix(name, "export "), func(r rune) bool {
		return r != '_' && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}

// prefixMissing is the text for every way in which the prefix can be missing.
const prefixMissing = "the configured secret lacks its prefix whsec_"

// prefixes adds the prefix of a kind of key, removes it, or replaces it with
// another. The sender's private key is replaced with its public key.
func prefixes(t text) (all []text) {
	kinds := []string{"whsec_", "whpk_", "whsk_"}
	for _, have := range kinds {
		rest, ok := strings.CutPrefix(t.text, have)
		if !ok {
			continue
		}
		all = append(all, t.with(rest, secretPrefix, "the configured secret has the prefix "+have+", which does not belong to the secret"))
		// A receiver never needs whsk_, the private key, so nothing is turned into that.
		for _, other := range kinds[:2] {
			if other != have {
				all = append(all, t.with(other+rest, secretKind, "the key is configured as "+have+", but it is a "+other+" key"))
			}
		}
		// A seed, or a seed with its public key, gives the public key that verifies.
		if raw, err := base64.StdEncoding.DecodeString(rest); err == nil && (len(raw) == ed25519.SeedSize || len(raw) == ed25519.PrivateKeySize) {
			public := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])[ed25519.SeedSize:]
			all = append(all, t.with("whpk_"+base64.StdEncoding.EncodeToString(public), secretKind,
				"the configured key is the sender's private key, but must be the public key (whpk_)"))
		}
		return all
	}
	return append(all,
		t.with("whsec_"+t.text, secretPrefix, prefixMissing),
		t.with("whpk_"+t.text, secretPrefix, "the configured key lacks its prefix whpk_"))
}

// forms decodes a text, or uses it literally if the scheme would decode it. A
// sender and a receiver that disagree about decoding have different key bytes
// for the same text.
func forms(scheme core.Scheme, facts core.Facts, t text) (all []text) {
	w := writing{t: t, free: facts.FreeText, standard: wantsPrefix(scheme)}
	rest := t.text
	// Only whsec_, whpk_, whsk_ and similar texts are prefixes. Any other underscore belongs to
	// base64 in the URL alphabet.
	if i := strings.IndexByte(rest, '_'); i >= 0 && strings.HasPrefix(rest, "wh") && i <= len("whsec") {
		w.prefix, rest = rest[:i+1], rest[i+1:]
	}
	// Hexadecimal is often also valid base64. Both are proposed, and only one will verify.
	isHex := false
	if raw, err := hex.DecodeString(rest); err == nil {
		isHex = true
		all = append(all, w.as(raw, secretHex, "the configured secret is the key in hexadecimal, which this scheme does not decode")...)
	}
	// Without these characters both alphabets of base64 are the same.
	if strings.ContainsAny(rest, "-_") {
		if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(rest, "=")); err == nil {
			all = append(all, w.as(raw, secretBase64URL, "")...)
		}
	}
	if raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(rest, "=")); err == nil {
		what := "the configured secret is the key in base64, which this scheme does not decode"
		// A length that is not a multiple of four shows missing padding.
		if !w.free && len(rest)%4 != 0 {
			what = paddingMissing(unpadded(rest))
		}
		all = append(all, w.as(raw, secretBase64, what)...)
	}
	if !w.free {
		all = append(all, w.asText(rest, isHex)...)
	}
	return all
}

// unpadded counts the = that are missing at the end of base64. It returns 0 if
// the text is not base64.
func unpadded(secret string) int {
	bare := strings.TrimRight(secret[strings.IndexByte(secret, '_')+1:], "=")
	if _, err := base64.RawStdEncoding.DecodeString(bare); err != nil || bare == "" {
		return 0
	}
	// Base64 with padding has a length that is a multiple of four.
	whole := (len(bare) + 3) / 4 * 4
	return max(whole-len(secret[strings.IndexByte(secret, '_')+1:]), 0)
}

// paddingMissing is the text for n missing characters of padding.
func paddingMissing(n int) string {
	return "the configured secret lacks the padding " + strconv.Quote(strings.Repeat("=", n)) + " at its end"
}

// writing describes how a scheme expects the bytes of a key. free: unchanged.
// standard: in base64 after a prefix. Otherwise: in hexadecimal or base64.
type writing struct {
	t text
	// prefix is the prefix of the configured text. It may be empty.
	prefix         string
	free, standard bool
}

// as returns texts that the scheme parses to the given bytes. Nobody uses keys
// with fewer than four bytes.
func (w writing) as(raw []byte, m Mistake, what string) []text {
	switch {
	case len(raw) < 4:
		return nil
	case w.free:
		return []text{w.t.with(string(raw), m, what)}
	// Without its prefix the text has one more mistake.
	case w.standard:
		from := w.t
		if w.prefix == "" {
			from = from.with(from.text, secretPrefix, prefixMissing)
		}
		return []text{from.with(cmp.Or(w.prefix, "whsec_")+base64.StdEncoding.EncodeToString(raw), m, what)}
	default:
		// The scheme decodes, in an encoding that it does not declare: try both.
		return []text{w.t.with(hex.EncodeToString(raw), m, what), w.t.with(base64.StdEncoding.EncodeToString(raw), m, what)}
	}
}

// asText uses a secret literally where the scheme would decode it.
func (w writing) asText(rest string, isHex bool) []text {
	m, what := secretBase64, "the sender uses the secret as text, but the scheme decodes it from base64"
	if isHex {
		m, what = secretHex, "the sender uses the hexadecimal secret as text, but the scheme decodes it"
	}
	all := w.as([]byte(rest), m, what)
	// Some senders sign with the whole text, prefix included.
	if w.prefix != "" {
		all = append(all, w.as([]byte(w.t.text), secretPrefix, "the sender uses the secret as text, including "+w.prefix+", but the scheme decodes it from base64")...)
	}
	return all
}

// wantsPrefix reports whether a scheme reads the keys of Standard Webhooks:
// base64 after whsec_, and only there. A scheme does not declare this, so
// wantsPrefix has it parse a probe.
func wantsPrefix(scheme core.Scheme) bool {
	probe := base64.StdEncoding.EncodeToString([]byte("a probe of thirty-two characters"))
	// The probe has 32 bytes, which every such scheme accepts.
	_, with := scheme.ParseKey("whsec_" + probe)
	_, without := scheme.ParseKey(probe)
	return with == nil && without != nil
}

// isMAC reports whether a key is a shared secret, so that verifying costs a
// hash. For schemes with keys of both kinds, it checks the type of core's keys.
func isMAC(f core.Facts, k core.VerifyKey) bool {
	// A scheme without public keys has only shared secrets, whatever their type.
	return reflect.TypeOf(k) == macType() || !f.PublicKeys && !isEd25519(k)
}

// macType is the type of core's keys for shared secrets, ed25519Type the type
// of its public keys. Core does not export the types, so a probe of each is
// made once.
var macType = sync.OnceValue(func() reflect.Type { //nolint:gochecknoglobals // a constant
	probe, err := core.HMACKey("x", sha256.New, []byte("a probe of thirty-two characters"), core.Hex)
	return typeOf(probe, err)
})

var ed25519Type = sync.OnceValue(func() reflect.Type { //nolint:gochecknoglobals // a constant
	public, _ := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	probe, err := core.Ed25519Key("x", public, core.Hex)
	return typeOf(probe, err)
})

// typeOf returns the type of a key, or nil if there is none.
func typeOf(probe core.VerifyKey, err error) reflect.Type {
	// This cannot happen, because the probes are valid.
	if err != nil {
		return nil
	}
	return reflect.TypeOf(probe)
}

// makesEd25519 reports whether a scheme parses a secret to one of core's
// ed25519 keys.
func makesEd25519(scheme core.Scheme, secret string) bool {
	k, err := scheme.ParseKey(secret)
	return err == nil && isEd25519(k)
}

// isEd25519 reports whether k is one of core's ed25519 keys.
func isEd25519(k core.VerifyKey) bool { return reflect.TypeOf(k) == ed25519Type() }

// validity names a key that verifies but is not valid now. No proposal undoes
// this mistake: the key is tried as if it were valid.
func (s *scene) validity(k *key) []step {
	switch {
	// The same comparison as the verifier's: NotBefore is included, NotAfter is not.
	case !k.notBefore.IsZero() && s.now.Before(k.notBefore):
		return []step{{keyNotYetValid, "the message is signed with " + printable(k.name) + ", which will be accepted in " + span(k.notBefore.Sub(s.now))}}
	case !k.notAfter.IsZero() && !s.now.Before(k.notAfter):
		return []step{{keyExpired, "the message is signed with " + printable(k.name) + ", which was accepted until " + span(s.now.Sub(k.notAfter)) + " ago"}}
	default:
		return nil
	}
}
