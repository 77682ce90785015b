package schemes

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Sign turns r into a request from a sender that uses scheme. The parameter at
// is the time of the attempt. Use it in tests and tools. Sign sets the headers
// for the id, timestamp and signature, and the Content-Type of a form. If
// r.Header is not an http.Header, Sign replaces it with one. If the id,
// timestamp or signature belongs in the body, the body must have a placeholder
// there, and r.Body becomes a new slice. If the sender signs parts of the URL,
// r.URL may change. Sign signs with all secrets if the sender does so during a
// rotation.
//
// id is the message id, for a scheme that has one in a header. If id is empty,
// Sign keeps the id in r or, if there is none, generates one. Signing r again
// therefore produces another attempt of the same message.
//
// The error wraps [errors.ErrUnsupported] if only the sender has the signing
// key, or if the scheme signs nothing. After an error, r may be partly changed.
// scheme must not be nil. Sign may be called concurrently for different
// requests, but not for the same request.
func Sign(scheme core.Scheme, r *core.Request, id string, at time.Time, secrets ...string) error {
	h, _ := r.Header.(http.Header)
	if h == nil {
		h = make(http.Header)
		if r.Header != nil {
			maps.Copy(h, r.Header.Clone())
		}
		r.Header = h
	}
	switch f := core.FactsOf(scheme); {
	case f.Mistake != nil:
		return f.Mistake
	case f.Sign != nil:
		return f.Sign(r, id, at, secrets...)
	}
	const format = "schemes: cannot sign for %s, because only the sender has the key, or because the scheme signs nothing: %w"
	return fmt.Errorf(format, scheme.Name(), errors.ErrUnsupported)
}

// signing holds the state of one call to Sign. The scheme itself reads the
// unsigned request to collect the content to sign. So the rule for the signed
// content is in one place.
type signing struct {
	*templated

	scheme  core.Scheme
	r       *core.Request
	header  http.Header                                    // r.Header
	entries []string                                       // the keyed entries of the list that also holds the signatures; the signatures come first
	items   []item                                         // the entries of that list with a fixed place
	signer  func(secret string) func(*core.Content) string // how the scheme signs; nil: with its template's algorithm
}

// item is an entry of a list, counted from 1.
type item struct {
	place int
	text  string
}

func (s *signing) sign(prepare func(*signing), id string, at time.Time, secrets []string) error {
	var ok bool
	if s.header, ok = s.r.Header.(http.Header); !ok {
		return errors.New("schemes: Request.Header must be an http.Header to sign the request")
	}
	if prepare != nil {
		prepare(s)
	}
	macs := make([]func(*core.Content) string, len(secrets))
	for i, text := range secrets {
		mac, err := s.mac(text)
		if err != nil {
			return fmt.Errorf("secret %d of %d: %w", i+1, len(secrets), err)
		}
		macs[i] = mac
	}
	if len(secrets) == 0 {
		return errors.New("schemes: no secret to sign with: pass at least one")
	}
	if s.form && !hasType(s.header, formType) {
		s.header.Set("Content-Type", formType)
	}
	// Write the id and the timestamp first, since they are part of the signed content that read
	// collects.
	if err := s.stamp(id, at); err != nil {
		return err
	}
	a := new(core.Attempt)
	if err := s.read(a, len(secrets)); err != nil {
		return err
	}
	texts := make([]string, len(macs))
	for i, mac := range macs {
		texts[i] = mac(&a.Content)
	}
	if s.elsewhere() {
		return s.replace(a.Signatures, texts)
	}
	return s.write(texts)
}

// mac returns the function that signs with a secret. It rejects every secret
// that a receiver would reject.
func (s *signing) mac(text string) (func(*core.Content) string, error) {
	if _, err := s.scheme.ParseKey(text); err != nil {
		return nil, err
	}
	if s.signer != nil {
		return s.signer(text), nil
	}
	key, err := s.key(text)
	if err != nil {
		return nil, err
	}
	return s.t.Algorithm.is().sum(key, s.t.Encoding, s.has(partSecret)), nil
}

// stamp writes the id and the timestamp into the request.
func (s *signing) stamp(id string, at time.Time) error {
	if f := s.t.Timestamp; !f.none() {
		if err := s.put(f, s.t.Unit.format(at)); err != nil {
			return err
		}
	}
	fields := []Field{s.t.Nonce}
	for _, p := range s.parts {
		fields = append(fields, p.field)
	}
	for _, f := range fields { // the other signed values outside the body
		if _, ok := f.present(s.r); !f.none() && !f.inBody() && !ok {
			if err := s.put(f, s.newID()); err != nil {
				return err
			}
		}
	}
	f := s.t.ID
	if !f.inBody() && !f.none() && id == "" {
		own, _ := f.present(s.r)
		id = cmp.Or(own, s.newID())
	}
	if f.none() || id == "" {
		return nil
	}
	return s.put(f, id)
}

func (s *signing) put(f Field, text string) error {
	switch {
	case f.inForm():
		s.r.Body = []byte(withQuery("?"+string(s.r.Body), f.form, text)[1:])
	case f.inBody():
		body, ok := replaceAt(s.r.Body, f.path, text)
		if !ok {
			return malformed("at " + strings.Join(f.path, ".") + ", the body needs a number, or a string without escapes, because this sender puts a signed value there: add a placeholder such as \"\"")
		}
		s.r.Body = body
	// The field is in the same list as the signatures, so write assembles the header.
	case f.key != "" && f.header == s.t.Signature.header:
		s.entries = append([]string{f.key + text}, s.entries...)
	case f.item != 0 && f.header == s.t.Signature.header:
		s.items = append(s.items, item{f.item, text})
	case f.query != "":
		s.r.URL = withQuery(s.r.URL, f.query, text)
	default:
		s.header[f.header] = []string{f.key + text}
	}
	return nil
}

// newID returns a new message id. If the scheme's ids have 36 characters, the
// id is a version 4 UUID.
func (s *signing) newID() string {
	// Ids of 36 characters are assumed to be UUIDs, as with Twitch.
	if s.t.IDLength != 36 {
		return core.NewID()
	}
	var b [16]byte
	rand.Read(b[:])
	// The version and variant bits of RFC 9562.
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := hex.EncodeToString(b[:])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}

// read has the scheme collect the signed content in a. The request must have
// signatures for that, so read first writes placeholders.
func (s *signing) read(a *core.Attempt, n int) error {
	if !s.elsewhere() {
		if err := s.write(slices.Repeat([]string{"-"}, n)); err != nil {
			return err
		}
	}
	if err := s.scheme.ReadHeader(s.r, a); err != nil {
		return err
	}
	return s.scheme.ReadBody(s.r, a)
}

// write writes the signatures into the request.
func (s *signing) write(texts []string) error {
	fields := append([]Field{s.t.Signature}, s.t.More...)
	if s.t.List != "" {
		// write is called twice, first with placeholders and then with signatures, so it must not
		// change s.entries.
		entries := slices.Clone(s.entries)
		for _, text := range texts {
			entries = append(entries, s.t.Label+text)
		}
		slices.SortFunc(s.items, func(a, b item) int { return a.place - b.place })
		for _, i := range s.items {
			// Places are counted from 1. Insert in ascending order, so that later insertions do not
			// move earlier ones.
			if i.place > len(entries)+1 {
				return fmt.Errorf("schemes: %s must place entry %d of %s, but there are only %d other entries", s.t.Name, i.place, fields[0].header, len(entries))
			}
			entries = slices.Insert(entries, i.place-1, i.text)
		}
		s.header[fields[0].header] = []string{strings.Join(entries, s.t.List)}
		return nil
	}
	if len(texts) > len(fields) {
		return fmt.Errorf("schemes: %s signs with at most %d secrets at once, not %d", s.t.Name, len(fields), len(texts))
	}
	for i, f := range fields {
		switch {
		case f.query != "" && i < len(texts):
			s.r.URL = withQuery(s.r.URL, f.query, s.t.Label+texts[i])
		case f.query != "":
		case f.inBody() && i < len(texts):
			if err := s.put(f, s.t.Label+texts[i]); err != nil {
				return err
			}
		case f.inBody():
			// Clear the signature from an earlier call with more secrets. JSON may lack the place.
			_ = s.put(f, "")
		case i < len(texts):
			s.header[f.header] = []string{s.t.Label + texts[i]}
		default:
			// Remove the signature from an earlier call with more secrets.
			delete(s.header, f.header)
		}
	}
	return nil
}

// withQuery returns target with this parameter. It replaces existing parameters
// with the same name.
func withQuery(target, name, value string) string {
	path, query, _ := strings.Cut(target, "?")
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		key, _, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(key)
		return pair == "" || err == nil && key == name
	})
	return path + "?" + strings.Join(append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(value)), "&")
}

// elsewhere reports whether only the scheme's code knows where in the body the
// signature is.
func (s *signing) elsewhere() bool { return s.t.Signature.inBody() && s.t.Body.none() }

// replace writes the signature into the body, instead of the one that the
// scheme read there.
func (s *signing) replace(read []core.Signature, texts []string) error {
	if len(texts) > 1 {
		return fmt.Errorf("schemes: %s signs with one secret, not %d", s.t.Name, len(texts))
	}
	old := []byte(`"` + read[0].Text + `"`)
	// Replacing the wrong occurrence would damage the message.
	if bytes.Count(s.r.Body, old) != 1 {
		return malformed("the placeholder for the signature must occur exactly once in the body, so that it can be replaced")
	}
	s.r.Body = bytes.Replace(s.r.Body, old, []byte(`"`+texts[0]+`"`), 1)
	return nil
}

func (u Unit) format(at time.Time) string {
	switch u {
	case Seconds, UnixTime:
		return strconv.FormatInt(at.Unix(), 10)
	case Milliseconds:
		return strconv.FormatInt(at.UnixMilli(), 10)
	case HTTPDate:
		return at.UTC().Format(http.TimeFormat)
	case ISO8601:
		return at.UTC().Format(isoLayout)
	default:
		return at.UTC().Format(time.RFC3339Nano)
	}
}
