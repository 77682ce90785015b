package explain

import (
	"cmp"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // some senders have nothing better
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"hash"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/hookonce/hookonce/core"
)

const (
	maxSecret   = 8 << 10 // of a text that variants are made of
	maxVariants = 64      // of one secret
	maxSecrets  = 32      // with variants
)

// text is what a secret may have been meant to be.
type text struct {
	text  string
	steps []step
	seen  int // of the steps: those whose mistake can be seen, so that they are no guess
}

func (t text) with(changed string, m Mistake, what string) text {
	return text{changed, append(slices.Clone(t.steps), step{m, what}), t.seen}
}

// keys are those of a scheme: the configured secrets, what they may have been meant to be, and the others'.
func (s *search) keys(scheme core.Scheme, facts core.Facts) []key {
	var all []key
	add := func(name string, secret core.Secret, texts ...text) {
		first := len(all)
		for _, t := range texts {
			parsed, err := scheme.ParseKey(t.text)
			if err != nil {
				continue
			}
			all = append(all, key{
				name: name, text: t.text, steps: t.steps, weight: len(t.steps) - t.seen, verify: parsed, mac: isMAC(facts, parsed),
				notBefore: secret.NotBefore, notAfter: secret.NotAfter,
			})
		}
		if name == "" || first == len(all) {
			return
		}
		// Where the text cannot be a key as it is, the nearest one that can is no guess.
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
			texts = slices.Insert(texts, 0, as)
		} else { // some would fit all the same
			as = as.with(as.text, SecretRefused, "")
			as.seen = 1
			texts = append(texts, as)
		}
		add(cmp.Or(secret.ID, "key-"+strconv.Itoa(i+1)), secret, texts...)
	}
	for _, owner := range slices.Sorted(maps.Keys(s.in.Others)) {
		for _, secret := range s.in.Others[owner].List() {
			add("", core.Secret{}, text{text: secret.Reveal()}.with(secret.Reveal(), OtherKey,
				"the message is signed with a key of "+strconv.Quote(printable(owner))+", which is not configured here"))
		}
	}
	slices.SortStableFunc(all, func(a, b key) int { return cmp.Compare(a.weight, b.weight) })
	return all
}

// accepted asks core, which refuses more than a scheme does.
func accepted(scheme core.Scheme, secret core.Secret) bool {
	_, err := core.New(core.SecretList(secret), noStore{}, &core.Config{Scheme: scheme})
	return err == nil
}

// variants are what else a text may have been meant to be, each once.
func variants(scheme core.Scheme, facts core.Facts, configured string) []text {
	if len(configured) > maxSecret || configured == "" {
		return nil
	}
	var all []text
	known := map[string]bool{configured: true}
	add := func(t text) {
		if !known[t.text] && t.text != "" && len(all) < maxVariants {
			known[t.text] = true
			all = append(all, t)
		}
	}
	// What was wrapped around it can be seen, and several at once.
	peeled := []text{{text: configured}}
	for i := 0; i < len(peeled) && i < 16; i++ {
		for _, p := range peel(peeled[i]) {
			if !known[p.text] {
				p.seen = peeled[i].seen + 1
				peeled = append(peeled, p)
				if trimmed(p.text) {
					add(p)
				}
			}
		}
	}
	for _, p := range peeled {
		written := append([]text{p}, prefixes(p)...)
		for _, w := range written {
			if trimmed(w.text) {
				add(w)
			}
		}
		for _, w := range written {
			for _, f := range forms(scheme, facts, w) {
				add(f)
			}
		}
	}
	return all
}

// trimmed says that no white space is left that a decoder of base64 would skip.
func trimmed(text string) bool {
	return strings.TrimSpace(text) == text && !strings.ContainsAny(text, "\r\n")
}

// peel takes off what surrounds a secret.
func peel(t text) (all []text) {
	s := t.text
	around := strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\ufeff' || r == '\u200b' })
	for _, literal := range []string{`\n`, `\r`} { // of a .env file, not interpreted
		for strings.HasSuffix(around, literal) {
			around = strings.TrimSpace(strings.TrimSuffix(around, literal))
		}
	}
	if around != s {
		all = append(all, t.with(around, SecretNewline, ""))
	}
	if inner := strings.Join(strings.Fields(s), ""); inner != around && inner != s {
		all = append(all, t.with(inner, SecretNewline, "there is white space or a newline inside the configured secret"))
	}
	for _, q := range []string{`""`, `''`, "``", "“”", "‘’"} {
		runes := []rune(q)
		rest, open := strings.CutPrefix(s, string(runes[0]))
		rest, shut := strings.CutSuffix(rest, string(runes[1]))
		if open && shut || (open || shut) && rest != "" && q != "''" {
			all = append(all, t.with(rest, SecretQuoted, ""))
		}
	}
	if label, rest, ok := strings.Cut(s, ","); ok && (label == "v1" || label == "v1a") {
		all = append(all, t.with(rest, SecretLabel, "the label "+label+", of a signature stands in front of the configured secret"))
	}
	if name, rest, ok := strings.Cut(s, "="); ok && rest != "" && isVariable(name) {
		all = append(all, t.with(rest, SecretLabel, "the name of a variable stands in front of the configured secret"))
	}
	if rest, ok := strings.CutPrefix(s, "Bearer "); ok {
		all = append(all, t.with(rest, SecretLabel, "the word Bearer stands in front of the configured secret"))
	}
	if inner, ok := strings.CutPrefix(s, "<"); ok && strings.HasSuffix(inner, ">") {
		all = append(all, t.with(inner[:len(inner)-1], SecretLabel, "there are angle brackets around the configured secret"))
	}
	if text, ok := readable(base64.StdEncoding.DecodeString(s)); ok {
		all = append(all, t.with(text, SecretBase64, "the configured text is base64 of the secret, as in a Kubernetes Secret"))
	}
	if text, ok := readable(hex.DecodeString(s)); ok {
		all = append(all, t.with(text, SecretHex, "the configured text is hexadecimal of the secret"))
	}
	if block, _ := pem.Decode([]byte(s)); block != nil {
		all = append(all, t.with(base64.StdEncoding.EncodeToString(block.Bytes), SecretKind,
			"the configured key is a PEM block, of which the scheme takes the inner part"))
	}
	return all
}

// readable says that what was decoded is text, as the random bytes of a key are not, but for a newline at the end.
func readable(raw []byte, err error) (string, bool) {
	text := string(raw)
	return text, err == nil && len(raw) >= 8 && !strings.ContainsFunc(strings.TrimRight(text, "\r\n"), func(r rune) bool { return r < ' ' || r > '~' })
}

func isVariable(name string) bool {
	return len(name) >= 3 && !strings.ContainsFunc(strings.TrimPrefix(name, "export "), func(r rune) bool {
		return r != '_' && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}

const prefixMissing = "the prefix whsec_ in front of the configured secret is missing"

// prefixes puts one in front, takes it off, or takes another.
func prefixes(t text) (all []text) {
	kinds := []string{"whsec_", "whpk_", "whsk_"}
	for _, have := range kinds {
		rest, ok := strings.CutPrefix(t.text, have)
		if !ok {
			continue
		}
		all = append(all, t.with(rest, SecretPrefix, "the prefix "+have+" is in front of the configured secret and no part of it"))
		for _, other := range kinds[:2] {
			if other != have {
				all = append(all, t.with(other+rest, SecretKind, "the key is configured as "+have+", but it is one of kind "+other))
			}
		}
		if raw, err := base64.StdEncoding.DecodeString(rest); err == nil && (len(raw) == ed25519.SeedSize || len(raw) == ed25519.PrivateKeySize) {
			public := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])[ed25519.SeedSize:]
			all = append(all, t.with("whpk_"+base64.StdEncoding.EncodeToString(public), SecretKind,
				"the configured key is the sender's private one, but the public one (whpk_) belongs here"))
		}
		return all
	}
	return append(all,
		t.with("whsec_"+t.text, SecretPrefix, prefixMissing),
		t.with("whpk_"+t.text, SecretPrefix, "the prefix whpk_ in front of the configured key is missing"))
}

// forms decodes a text, or takes it as it is where the scheme decodes.
func forms(scheme core.Scheme, facts core.Facts, t text) (all []text) {
	free, standard := facts.FreeText, wantsPrefix(scheme)
	prefix, rest := "", t.text
	if i := strings.IndexByte(rest, '_'); i >= 0 && strings.HasPrefix(rest, "wh") && i <= len("whsec") {
		prefix, rest = rest[:i+1], rest[i+1:]
	}
	// as writes key bytes as the scheme reads them.
	as := func(raw []byte, m Mistake, what string) {
		switch {
		case len(raw) < 4:
		case free:
			all = append(all, t.with(string(raw), m, what))
		case standard:
			from := t
			if prefix == "" {
				from = from.with(from.text, SecretPrefix, prefixMissing)
			}
			all = append(all, from.with(cmp.Or(prefix, "whsec_")+base64.StdEncoding.EncodeToString(raw), m, what))
		default:
			all = append(all, t.with(hex.EncodeToString(raw), m, what), t.with(base64.StdEncoding.EncodeToString(raw), m, what))
		}
	}
	isHex := false
	if raw, err := hex.DecodeString(rest); err == nil {
		isHex = true
		as(raw, SecretHex, "the configured secret is hexadecimal of the key, which this scheme does not decode so")
	}
	if strings.ContainsAny(rest, "-_") {
		if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(rest, "=")); err == nil {
			as(raw, SecretBase64URL, "")
		}
	}
	if raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(rest, "=")); err == nil {
		what := "the configured secret is base64 of the key, which this scheme does not decode so"
		if !free && len(rest)%4 != 0 {
			what = "the padding (=) at the end of the configured secret is missing"
		}
		as(raw, SecretBase64, what)
	}
	if !free {
		m, what := SecretBase64, "the sender takes the secret as text, but it is decoded from base64 here"
		if isHex {
			m, what = SecretHex, "the sender takes the hexadecimal secret as text, but it is decoded here"
		}
		as([]byte(rest), m, what)
		if prefix != "" {
			as([]byte(t.text), SecretPrefix, "the sender takes the secret as text, "+prefix+" included, but it is decoded from base64 here")
		}
	}
	return all
}

// wantsPrefix says that a scheme reads the keys of Standard Webhooks: base64 behind
// whsec_, and not without.
func wantsPrefix(scheme core.Scheme) bool {
	probe := base64.StdEncoding.EncodeToString([]byte("a probe of thirty-two characters"))
	_, with := scheme.ParseKey("whsec_" + probe)
	_, without := scheme.ParseKey(probe)
	return with == nil && without != nil
}

// forge makes right signatures of a key, in the form that its scheme accepts: for comparison with what may be a damaged one. nil if the key is not a MAC
// whose form can be found out.
func forge(k core.VerifyKey, secret, label string) func(c *core.Content) string {
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
				if _, err := core.HMACKey(label, newHash, raw, core.Hex); err != nil {
					continue // package hmac would panic
				}
				var probe core.Attempt
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

func sameType(a, b any) bool { return reflect.TypeOf(a) == reflect.TypeOf(b) }

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
