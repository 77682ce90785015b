package explain

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// observeOther reports that the headers are another provider's. It compares
// them with the headers that the registry's schemes read. Some schemes do not
// declare their headers, or fetch their keys. For those it uses well-known
// header names of providers.
func (s *search) observeOther(_ error, add func(Mistake, string)) {
	r := s.req
	r.Body = nil
	// Another provider is suspected only if this scheme misses a header.
	if err := s.scheme.ReadHeader(&r, new(core.Attempt)); !errors.Is(err, core.ErrMissingHeader) {
		return
	}
	own := reads(s.facts, r.Header)
	for _, o := range s.others() {
		// If the other scheme reads the same headers as this one, the missing header is the better
		// finding.
		elsewhere := slices.ContainsFunc(reads(o.facts, r.Header), func(name string) bool { return !slices.Contains(own, name) })
		if o.scheme.Stamping() != core.NotIdentified && elsewhere {
			add(otherScheme, "the headers belong to "+strings.Join(o.names, " or ")+", not to "+s.scheme.Name())
			return
		}
	}
	named := s.namedProviders()
	// A scheme that declares no headers, or fetches its keys, is recognized by name only. One
	// header of this scheme is enough to rule that out.
	if len(named) > 0 && !slices.Contains(named, s.scheme.Name()) && !anyHeader(own, r.Header) {
		add(otherScheme, "the headers belong to "+strings.Join(named, " or ")+", not to "+s.scheme.Name())
	}
}

// anyHeader reports whether one of the named headers is present.
func anyHeader(names []string, h core.Header) bool {
	return slices.ContainsFunc(names, func(name string) bool { return len(h.Values(name)) > 0 })
}

// observeHeaders reports a missing part of a header, a missing header, or a
// missing header that the signature covers. If nothing is missing, it checks
// the signatures themselves.
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
	// A truncated header is present, so it is not among the missing headers.
	case err != nil && s.observePart(add):
	// Other errors count as a missing header only if a header is missing and nothing could be
	// tried.
	case errors.Is(err, core.ErrMissingHeader), err != nil && s.tried == 0 && len(missing) > 0:
		what := ""
		if len(missing) > 0 {
			what = "these headers that the scheme reads are missing: " + strings.Join(missing, ", ")
		}
		add(headerMissing, what)
	case err == nil:
		s.observeKind(a, add)
		s.observeCut(a, add)
		s.observeCovered(&r, a, add)
	}
}

// observeCovered reports a missing header that the signature covers. Facts do
// not list it: the scheme requires it only because another header names it.
func (s *search) observeCovered(r *core.Request, a *core.Attempt, add func(Mistake, string)) {
	with := *r
	with.Body = s.req.Body
	if err := s.scheme.ReadBody(&with, a); errors.Is(err, core.ErrMissingHeader) {
		_, text := s.say(err)
		add(headerMissing, strings.TrimPrefix(strings.TrimPrefix(text, "hookonce: "), "missing-header: "))
	}
}

// observePart reports a header of several parts, such as "t=…,v1=…", of which
// one is missing. It adds each part that may be missing, and checks whether the
// scheme can then read the header. It reports whether it found a missing part.
func (s *search) observePart(add func(Mistake, string)) bool {
	stamp := strconv.FormatInt(s.now.Unix(), 10)
	for _, name := range reads(s.facts, s.req.Header) {
		values := s.req.Header.Values(name)
		if len(values) != 1 || len(values[0]) > maxHeader {
			continue
		}
		// A header truncated at a separator may still end with it.
		v := strings.TrimRight(strings.TrimSpace(values[0]), ",;")
		// Each try adds one part in the syntax of a family of senders.
		for _, part := range []struct{ whole, what string }{
			{v + ",v1=" + noSignature, name + " ends after its timestamp, so the signature (v1=) is missing: it was probably cut off at its comma"},
			{v + ",s=" + noSignature, name + " ends after its timestamp, so the signature (s=) is missing: it was probably cut off at its comma"},
			{v + ";h1=" + noSignature, name + " ends after its timestamp, so the signature (h1=) is missing: it was probably cut off at its semicolon"},
			{"t=" + stamp + "," + v, name + " has a signature but no timestamp (t=): its beginning was probably cut off at a comma"},
			{"ts=" + stamp + ";" + v, name + " has a signature but no timestamp (ts=): its beginning was probably cut off at a semicolon"},
			{"t=" + stamp + ",v1=" + v, name + " is a bare signature, without the parts t= and v1= that the scheme reads"},
		} {
			r := s.req
			r.Header = asMap(s.req.Header).Clone()
			asMap(r.Header)[name] = []string{part.whole}
			r.Body = nil
			// If the scheme can read it now, exactly this part was missing.
			if v != "" && s.scheme.ReadHeader(&r, new(core.Attempt)) == nil {
				add(signatureCut, part.what)
				return true
			}
		}
	}
	return false
}

// noSignature has the form of a signature.
const noSignature = "0000000000000000000000000000000000000000000000000000000000000000"

// observeCut reports signatures that are too short if all keys are ed25519
// keys. A truncated MAC is proven by computing the complete one. Only the
// sender can compute ed25519 signatures.
func (s *search) observeCut(a *core.Attempt, add func(Mistake, string)) {
	// A signature of 64 bytes has 86 characters in base64 and 128 in hexadecimal. A text between
	// those lengths was hexadecimal.
	short := func(sig core.Signature) bool {
		n := len(strings.TrimRight(sig.Text, "="))
		return n < base64.RawStdEncoding.EncodedLen(ed25519.SignatureSize) ||
			n > base64.StdEncoding.EncodedLen(ed25519.SignatureSize) && n < hex.EncodedLen(ed25519.SignatureSize)
	}
	// With one signature of full length, this is not the mistake.
	if len(a.Signatures) == 0 || slices.ContainsFunc(a.Signatures, func(sig core.Signature) bool { return !short(sig) }) {
		return
	}
	if !slices.ContainsFunc(s.secrets, func(k core.Secret) bool { return !makesEd25519(s.scheme, k.Reveal()) }) && len(s.secrets) > 0 {
		add(signatureCut, "the signature is too short for ed25519, but all keys here are ed25519 keys")
	}
}

// observeKind reports that all signatures are of one kind and all keys of the
// other, or that no signature has a known version.
func (s *search) observeKind(a *core.Attempt, add func(Mistake, string)) {
	// Only Standard Webhooks has two kinds of keys that labels distinguish.
	if !wantsPrefix(s.scheme) || len(s.secrets) == 0 {
		return
	}
	var labels []string
	for _, sig := range a.Signatures {
		if !slices.Contains(labels, sig.Label) {
			labels = append(labels, sig.Label)
		}
	}
	if len(labels) > 0 && !slices.Contains(labels, "v1") && !slices.Contains(labels, "v1a") {
		add(signatureLabel, "all signatures have unknown versions, "+printable(strings.Join(labels, ", "))+": only v1 and v1a are known")
		return
	}
	// All signatures of one kind and all keys of the other: no rotation explains that.
	for _, kind := range []struct{ label, key, needed string }{{"v1a", "whsec_", "whpk_"}, {"v1", "whpk_", "whsec_"}} {
		signed := !slices.ContainsFunc(a.Signatures, func(sig core.Signature) bool { return sig.Label != kind.label })
		keyed := !slices.ContainsFunc(s.secrets, func(k core.Secret) bool { return !strings.HasPrefix(k.Reveal(), kind.key) })
		if signed && keyed {
			add(secretKind, "the request is signed as "+kind.label+", which needs a "+kind.needed+" key, but every key here is a "+kind.key+" key")
		}
	}
}
