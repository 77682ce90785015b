package schemes

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

const (
	maxSignatures     = 16
	maxSignatureBytes = 4 << 10 // of one header
)

// templated is the scheme of a [Template].
type templated struct {
	t     Template
	label string // without the sign behind it
	parts []part
	place [partValue + 1]int // of each kind in parts, counted from 1
	front int                // so many parts stand in headers alone
	url   address

	batches bool // the path of the id leads into an array
}

func (s *templated) Name() string            { return s.t.Name }
func (s *templated) Stamping() core.Stamping { return s.t.Stamping }

// Facts implements [core.Describer].
func (s *templated) Facts() core.Facts { return s.facts(s, nil) }

// facts are those of outer, which is s or embeds it. prepare is for a scheme
// that signs more than its template says: it puts that into the request, unless
// it is there. nil: nothing.
func (s *templated) facts(outer core.Scheme, prepare func(*signing)) core.Facts {
	f := core.Facts{
		Past: s.t.Past, Future: s.t.Future, FreeText: s.t.Secret == Verbatim, PublicKeys: s.t.Algorithm.is().public != nil,
		IdentifiedBy: s.identity(), Unsigned: s.counts(),
	}
	if h := s.headers(); len(h) > 0 {
		f.Headers = [][]string{h}
	}
	if s.url.text != "" {
		f.URL, f.At = s.url.text, func(url string) core.Scheme {
			t := s.t
			t.URL = url
			return fromSettings(t)
		}
	}
	if !f.PublicKeys {
		f.Sign = func(r *core.Request, id string, at time.Time, secrets ...string) error {
			return (&signing{templated: s, scheme: outer, r: r}).sign(prepare, id, at, secrets)
		}
	}
	return f
}

// headers lists the headers that are read, in canonical form.
func (s *templated) headers() []string {
	var names []string
	add := func(f Field) {
		if f.header != "" && !slices.Contains(names, f.header) {
			names = append(names, f.header)
		}
	}
	for _, f := range append([]Field{s.t.ID, s.t.Topic, s.t.Timestamp, s.t.Nonce, s.t.Signature}, s.t.More...) {
		add(f)
	}
	for _, p := range s.parts {
		add(p.field)
	}
	return names
}

// identity is [core.Facts].IdentifiedBy.
func (s *templated) identity() string {
	switch {
	case s.t.Gunzip:
		return "" // of a body that others take as it is
	case s.t.ID.inBody() && s.has(partBody):
		return jsonPointer(s.t.ID.path)
	case s.t.Content == byBody:
		return byBody
	default:
		return ""
	}
}

// byBody is the content and the identity of what signs the body alone.
const byBody = "{body}"

// jsonPointer writes a path as RFC 6901 does.
func jsonPointer(path []string) string {
	var b strings.Builder
	for _, name := range path {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return b.String()
}

func (s *templated) ParseKey(text string) (core.VerifyKey, error) {
	raw, err := s.t.Secret.decode(text)
	if err != nil {
		return nil, err
	}
	return s.t.Algorithm.is().key(s.label, raw, s.t.Encoding, s.has(partSecret))
}

func (s *templated) ReadHeader(r *core.Request, a *core.Attempt) error {
	a.BodySigned = s.has(partBody)
	var stamp string
	if f := s.t.Timestamp; !f.none() && !f.inBody() {
		var err error
		if stamp, err = f.outside(r, s.t.List); err != nil {
			return err
		}
		if a.Timestamp, err = s.t.Unit.parse(stamp); err != nil {
			return err
		}
	}
	if err := s.readID(r, a); err != nil {
		return err
	}
	if err := s.readUnsigned(r.Header, a); err != nil {
		return err
	}
	for i := range s.front {
		if err := s.write(i, stamp, r, a); err != nil {
			return err
		}
	}
	if s.t.Signature.inBody() {
		return nil
	}
	if err := s.readSignatures(r, a); err != nil {
		return err
	}
	if len(a.Signatures) == 0 {
		return missing(s.t.Signature.name() + " with a " + strconv.Quote(s.t.Label) + " signature")
	}
	return nil
}

// write adds the part at i, where it stands outside the body.
func (s *templated) write(i int, stamp string, r *core.Request, a *core.Attempt) error {
	switch p := s.parts[i]; p.kind {
	case partLiteral:
		a.Content.WriteString(p.literal)
	case partID:
		a.Content.WriteString(a.ID)
	case partTimestamp:
		a.Content.WriteTime(stamp)
	case partNonce, partValue:
		f := p.field
		if p.kind == partNonce {
			f = s.t.Nonce
		}
		value, err := f.outside(r, s.t.List)
		if err == nil {
			err = s.fenced(i, value)
		}
		if err != nil {
			return err
		}
		if p.kind == partNonce {
			a.Content.WriteTime(value) // it differs as the time does
		} else {
			a.Content.WriteString(value)
		}
	case partBody, partMethod, partURL, partSecret: // ReadBody adds the first three, a key its secret
	}
	return nil
}

// outside returns what must be there exactly once, in a header or in the query.
func (f Field) outside(r *core.Request, list string) (string, error) {
	if f.query == "" {
		return f.inHeader(r.Header, list)
	}
	_, query, _ := strings.Cut(r.URL, "?")
	value, found := "", false
	for pair := range strings.SplitSeq(query, "&") {
		key, text, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != f.query {
			continue
		}
		text, err := url.QueryUnescape(text)
		if err != nil || found {
			return "", malformed(f.name() + " is there twice, or cannot be read")
		}
		value, found = text, true
	}
	if value == "" {
		return "", missing(f.name())
	}
	return value, nil
}

// present returns what a request has there, for those who would add it.
func (f Field) present(r *core.Request) (string, bool) {
	text, err := f.outside(r, "")
	return text, err == nil
}

// readID takes an id from its header, where it is signed or good for logs.
func (s *templated) readID(r *core.Request, a *core.Attempt) error {
	f := s.t.ID
	signed := s.has(partID)
	if f.none() || f.inBody() || s.delivers() || !signed && len(r.Header.Values(f.header)) != 1 {
		return nil
	}
	id, err := f.outside(r, s.t.List)
	if err == nil {
		err = s.setID(id, a)
	}
	if err != nil && signed {
		return err
	}
	return nil
}

// readUnsigned takes the delivery id and the topic, which count although they
// are not signed.
func (s *templated) readUnsigned(h core.Header, a *core.Attempt) error {
	if s.delivers() {
		id, err := s.t.ID.unsigned(h, s.t.List)
		if err != nil {
			return err
		}
		if id == "" && !s.t.IDOptional {
			return missing(s.t.ID.name())
		}
		a.ID, a.Unsigned = id, append(a.Unsigned, id)
	}
	if f := s.t.Topic; !f.none() {
		topic, err := f.unsigned(h, "")
		if err != nil {
			return err
		}
		a.Unsigned = append(a.Unsigned, topic)
	}
	return nil
}

// unsigned returns what may be absent, but not empty, and is there once.
func (f Field) unsigned(h core.Header, list string) (string, error) {
	text, found, err := f.once(h, list)
	switch {
	case err != nil || !found:
		return "", err
	case text == "":
		return "", malformed(f.name() + " is there, but empty")
	case !visible(text):
		return "", malformed(f.name() + " is not 1 to 256 characters of printable ASCII")
	}
	return text, nil
}

// name is the header and, in a list, the entry.
func (f Field) name() string {
	switch {
	case f.key != "":
		return f.key + " in " + f.header
	case f.item != 0:
		return "entry " + strconv.Itoa(f.item) + " of " + f.header
	case f.query != "":
		return "the parameter " + f.query + " of the URL"
	default:
		return f.header
	}
}

// setID takes an id that stands in the signed text, or is good for logs.
func (s *templated) setID(id string, a *core.Attempt) error {
	switch {
	case !visible(id):
		return malformed("the message id is not 1 to 256 characters of printable ASCII")
	case !s.has(partID):
	case s.t.IDLength != 0 && len(id) != s.t.IDLength:
		return malformed("the message id does not have " + strconv.Itoa(s.t.IDLength) + " characters")
	case s.t.IDLength == 0:
		if err := s.fenced(s.index(partID), id); err != nil {
			return err
		}
	}
	a.ID, a.IDSigned = id, s.has(partID)
	return nil
}

func visible(id string) bool {
	if id == "" || len(id) > 256 {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// readSignatures collects those with our label; the others are no concern of
// ours and cost nothing later.
func (s *templated) readSignatures(r *core.Request, a *core.Attempt) error {
	if s.t.Signature.query != "" {
		return s.readSignatureQuery(r, a)
	}
	h := r.Header
	if err := s.readSignatureHeader(s.t.Signature.header, h.Values(s.t.Signature.header), a); err != nil {
		return err
	}
	lines, isMap := h.(http.Header)
	for i := range s.t.More {
		name := s.t.More[i].header
		values := lines[name] // the name is canonical: Values would make it so each time
		if !isMap {
			values = h.Values(name)
		}
		if len(values) == 0 {
			continue
		}
		if err := s.readSignatureHeader(name, values, a); err != nil {
			return err
		}
	}
	return nil
}

func (s *templated) readSignatureQuery(r *core.Request, a *core.Attempt) error {
	for _, f := range append([]Field{s.t.Signature}, s.t.More...) {
		value, err := f.outside(r, "")
		if errors.Is(err, core.ErrMissingHeader) {
			continue
		}
		if err != nil {
			return err
		}
		if text, ok := strings.CutPrefix(value, s.t.Label); ok && text != "" {
			a.Signatures = append(a.Signatures, core.Signature{Label: s.label, Text: text})
		}
	}
	return nil
}

func (s *templated) readSignatureHeader(header string, values []string, a *core.Attempt) error {
	if len(values) > 1 && s.t.List == "" {
		return malformed(header + " is there " + strconv.Itoa(len(values)) + " times: which one counts cannot be told")
	}
	size, item := 0, 0
	for _, v := range values {
		if size += len(v); size > maxSignatureBytes {
			return malformed("more than " + strconv.Itoa(maxSignatureBytes) + " bytes of signatures")
		}
		for more := true; more; {
			entry := v
			if more = false; s.t.List != "" {
				entry, v, more = strings.Cut(v, s.t.List)
			}
			item++
			text, ok := cutKey(entry, s.t.Label)
			if !ok || text == "" || s.t.Timestamp.isEntry(header, entry, item) || s.t.ID.isEntry(header, entry, item) {
				continue
			}
			if len(a.Signatures) == s.t.MaxSignatures {
				return malformed("more than " + strconv.Itoa(s.t.MaxSignatures) + " signatures")
			}
			a.Signatures = append(a.Signatures, core.Signature{Label: s.label, Text: text})
		}
	}
	return nil
}

// isEntry says that an entry of a header, counted from 1, is the field.
func (f Field) isEntry(header, entry string, item int) bool {
	if f.header != header || f.whole() {
		return false
	}
	_, keyed := cutKey(entry, f.key)
	return item == f.item || f.key != "" && keyed
}

// cutKey returns what follows key in an entry of a list, without the spaces
// around.
func cutKey(entry, key string) (string, bool) {
	for entry != "" && entry[0] == ' ' {
		entry = entry[1:]
	}
	text, ok := strings.CutPrefix(entry, key)
	if !ok {
		return "", false
	}
	for text != "" && text[len(text)-1] == ' ' {
		text = text[:len(text)-1]
	}
	return text, true
}

// inHeader returns what must be there exactly once.
func (f Field) inHeader(h core.Header, list string) (string, error) {
	if values := h.Values(f.header); len(values) == 0 || values[0] == "" {
		return "", missing(f.header)
	}
	text, found, err := f.once(h, list)
	switch {
	case found || err != nil:
		return text, err
	case f.item != 0:
		return "", malformed(f.header + " has no entry " + strconv.Itoa(f.item))
	default:
		return "", malformed(f.header + " has no " + f.key)
	}
}

// once returns what may be absent, but is not there twice.
func (f Field) once(h core.Header, list string) (text string, found bool, err error) {
	values := h.Values(f.header)
	switch {
	case f.whole() && len(values) > 1:
		return "", false, malformed(f.header + " is there " + strconv.Itoa(len(values)) + " times: cannot tell which one counts")
	case f.whole() && len(values) == 1:
		return values[0], true, nil
	}
	item := 0
	for _, v := range values {
		if len(v) > maxSignatureBytes {
			return "", false, malformed("more than " + strconv.Itoa(maxSignatureBytes) + " bytes in " + f.header)
		}
		for more := true; more; {
			var entry string
			entry, v, more = strings.Cut(v, list)
			value, ok := cutKey(entry, f.key)
			if item++; f.item != 0 {
				ok = item == f.item
			}
			if ok && found {
				return "", false, malformed(f.key + " is in " + f.header + " twice")
			}
			if ok {
				found, text = true, value
			}
		}
	}
	return text, found, nil
}

func (s *templated) ReadBody(r *core.Request, a *core.Attempt) error {
	if s.t.Gunzip && bytes.HasPrefix(r.Body, []byte(gzipMagic)) {
		body, err := gunzip(r.Body)
		if err != nil {
			return err
		}
		plain := *r
		plain.Body, r = body, &plain
		a.BodySigned = false
	}
	if err := s.readJSON(r.Body, a); err != nil {
		return err
	}
	for i := s.front; i < len(s.parts); i++ {
		var stamp string
		switch s.parts[i].kind {
		case partBody:
			s.writeBody(r.Body, a)
		case partMethod:
			if !isMethod(r.Method) {
				return malformed("the method has characters that are not capital letters")
			}
			a.Content.WriteString(r.Method)
		case partURL:
			if !s.url.write(r, &a.Content) {
				return malformed("the query of the request is not that of the configured URL")
			}
		case partTimestamp:
			var err error
			if stamp, err = s.t.Timestamp.text(r, s.t.List); err != nil {
				return err
			}
		case partLiteral, partID, partNonce, partValue, partSecret:
		}
		if err := s.write(i, stamp, r, a); err != nil {
			return err
		}
	}
	return nil
}

const (
	gzipMagic    = "\x1f\x8b"
	maxGunzipped = 8 << 20
	maxRatio     = 64
)

// gunzip decompresses a body that is not verified yet.
func gunzip(body []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, malformed("the body begins like gzip, but cannot be decompressed")
	}
	limit := min(maxGunzipped, len(body)*maxRatio+4<<10) // strangers must not get much work for few bytes
	plain, err := io.ReadAll(io.LimitReader(z, int64(limit)+1))
	switch {
	case err != nil:
		return nil, malformed("the body begins like gzip, but cannot be decompressed")
	case len(plain) > limit:
		return nil, &core.Error{Reason: core.ErrBodyTooLarge, Detail: "the body has more than 8 MiB, or more than 64 times its size, when it is decompressed"}
	}
	return plain, nil
}

// writeBody adds the body, and marks the time of the attempt if it stands in
// it.
func (s *templated) writeBody(body []byte, a *core.Attempt) {
	if f := s.t.Timestamp; f.inBody() && !s.t.bodyless {
		if from, to, ok := locate(body, f.path); ok {
			a.Content.WriteBody(body[:from])
			a.Content.WriteTime(string(body[from:to]))
			body = body[to:]
		}
	}
	a.Content.WriteBody(body)
}

// readJSON takes what stands in the body, which is not verified yet.
func (s *templated) readJSON(body []byte, a *core.Attempt) error {
	if f := s.t.Timestamp; f.inBody() {
		text, ok := find(body, f.path)
		if !ok {
			return malformed("the body has no timestamp at " + strings.Join(f.path, "."))
		}
		at, err := s.t.Unit.parse(string(text))
		if err != nil {
			return err
		}
		a.Timestamp = at
	}
	if f := s.t.ID; f.inBody() {
		if !s.has(partID) {
			s.readBodyID(body, a)
		} else if text, ok := find(body, f.path); !ok {
			return malformed("the body has no id at " + strings.Join(f.path, "."))
		} else if err := s.setID(string(text), a); err != nil {
			return err
		}
	}
	if f := s.t.Signature; f.inBody() {
		text, ok := find(body, f.path)
		if !ok {
			return malformed("the body has no signature at " + strings.Join(f.path, "."))
		}
		a.Signatures = append(a.Signatures, core.Signature{Label: s.label, Text: string(text)})
		for _, f := range s.t.More {
			if text, ok := find(body, f.path); ok {
				a.Signatures = append(a.Signatures, core.Signature{Label: s.label, Text: string(text)})
			}
		}
	}
	if a.IDSigned {
		s.readStable(body, a)
	} else {
		a.Indistinct = s.indistinct(a.Unsigned)
	}
	return nil
}

// indistinct says that an equal message may be another event: nothing tells
// them apart, or the delivery id got lost on the way.
func (s *templated) indistinct(unsigned []string) bool {
	some := slices.ContainsFunc(unsigned, func(value string) bool { return value != "" })
	return s.t.Indistinct && !some || s.t.idAlways && some && unsigned[0] == ""
}

// readStable takes the members that all attempts of an event have in common.
func (s *templated) readStable(body []byte, a *core.Attempt) {
	a.Stable = findValues(body, s.t.Stable, a.Stable)
	if !slices.ContainsFunc(a.Stable, func(value []byte) bool { return value != nil }) {
		a.Stable = a.Stable[:0]
	}
}

// readBodyID takes the id, which the signature covers.
func (s *templated) readBodyID(body []byte, a *core.Attempt) {
	path := s.t.ID.path
	if s.batches && several(body, path) {
		if s.t.Batch == BatchRefused {
			a.Unidentified = malformed("the body has other events beside the one at " + strings.Join(path, ".") + ": Template.Batch says how a body of several is identified")
		}
		return // the signed content identifies it
	}
	id, ok := find(body, path)
	switch {
	case ok && visible(string(id)):
		a.ID, a.IDSigned = string(id), true
	case ok:
		a.Unidentified = malformed("the id at " + strings.Join(path, ".") + " of the body is not 1 to 256 characters of printable ASCII")
	case !s.t.IDOptional:
		a.Unidentified = malformed("the body has no id at " + strings.Join(path, ".") + ": is the path right? Template.IDOptional accepts messages without one")
	}
}

// text is the field as it stands in r.
func (f Field) text(r *core.Request, list string) (string, error) {
	if !f.inBody() {
		return f.outside(r, list)
	}
	text, ok := find(r.Body, f.path)
	if !ok {
		return "", malformed("the body has nothing at " + strings.Join(f.path, "."))
	}
	return string(text), nil
}
