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
	fewHeaders        = 4       // are looked up one by one
)

// templated is the scheme of a [Template].
type templated struct {
	t     Template
	label string // without the sign behind it
	parts []part
	place [partValue + 1]int // of each kind in parts, counted from 1
	front int                // so many parts stand in headers alone
	url   address

	moreOf  string // what the headers of many t.More begin with
	batches bool   // the path of the id leads into an array

	outline outline  // what is read of the body
	at      struct { // where in it, 0 if not in the body
		id, timestamp int
		signatures    []int
		stable        []int
	}
}

// outlined lists what is read of a JSON body.
func (s *templated) outlined() {
	o, t := &s.outline, &s.t
	s.at.id, s.at.timestamp = o.add(t.ID.path, false, true), o.add(t.Timestamp.path, false, false)
	if t.Signature.inBody() {
		for _, f := range append([]Field{t.Signature}, t.More...) {
			s.at.signatures = append(s.at.signatures, o.add(f.path, false, false))
		}
	}
	for _, f := range t.Stable {
		s.at.stable = append(s.at.stable, o.add(f.path, true, false))
	}
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

// commonPrefix is what the headers begin with.
func commonPrefix(headers []Field) string {
	prefix := headers[0].header
	for _, f := range headers[1:] {
		for !strings.HasPrefix(f.header, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix
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
	if f := &s.t.Timestamp; !f.none() && !f.inBody() {
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
	switch p := &s.parts[i]; p.kind {
	case partLiteral:
		a.Content.WriteString(p.literal)
	case partID:
		a.Content.WriteString(a.ID)
	case partTimestamp:
		a.Content.WriteTime(stamp)
	case partNonce, partValue:
		f := &s.parts[i].field
		if p.kind == partNonce {
			f = &s.t.Nonce
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
func (f *Field) outside(r *core.Request, list string) (string, error) {
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
func (f *Field) present(r *core.Request) (string, bool) {
	text, err := f.outside(r, "")
	return text, err == nil
}

// readID takes an id from its header, where it is signed or good for logs.
func (s *templated) readID(r *core.Request, a *core.Attempt) error {
	f := &s.t.ID
	signed := s.has(partID)
	if f.none() || f.inBody() || s.delivers() || !signed && len(lines(r.Header, f.header)) != 1 {
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
	if f := &s.t.Topic; !f.none() {
		topic, err := f.unsigned(h, "")
		if err != nil {
			return err
		}
		a.Unsigned = append(a.Unsigned, topic)
	}
	return nil
}

// unsigned returns what may be absent, but not empty, and is there once.
func (f *Field) unsigned(h core.Header, list string) (string, error) {
	text, found, err := f.once(lines(h, f.header), list)
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
func (f *Field) name() string {
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

func visible[T string | []byte](id T) bool {
	if len(id) == 0 || len(id) > 256 {
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
	if err := s.readSignatureHeader(s.t.Signature.header, lines(r.Header, s.t.Signature.header), a); err != nil {
		return err
	}
	left := len(s.t.More)
	if h, ok := r.Header.(http.Header); ok && left > fewHeaders {
		left = 0
		for name := range h {
			if strings.HasPrefix(name, s.moreOf) && name != s.t.Signature.header {
				left++
			}
		}
	}
	for i := range s.t.More {
		if left <= 0 {
			break
		}
		name := s.t.More[i].header
		values := lines(r.Header, name)
		if len(values) == 0 {
			continue
		}
		left--
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
		return malformed(header + " appears " + strconv.Itoa(len(values)) + " times: cannot tell which one counts")
	}
	size, item := 0, 0
	for _, v := range values {
		if size += len(v); size > maxSignatureBytes {
			return malformed("more than " + strconv.Itoa(maxSignatureBytes) + " bytes of signatures")
		}
		for more := true; more; {
			entry := v
			if more = false; s.t.List != "" {
				entry, v, more = cutEntry(v, s.t.List)
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
func (f *Field) isEntry(header, entry string, item int) bool {
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

// cutEntry returns the first entry of a list; without a separator there is one.
func cutEntry(v, separator string) (entry, rest string, more bool) {
	if separator != "" {
		if i := strings.IndexByte(v, separator[0]); i >= 0 {
			return v[:i], v[i+1:], true
		}
	}
	return v, "", false
}

// lines returns the values of a header with a canonical name. Values would look
// each time whether it is.
func lines(h core.Header, name string) []string {
	if m, ok := h.(http.Header); ok {
		return m[name]
	}
	return h.Values(name)
}

// valuesOf is lines for a name in any case. It allocates nothing for a usual
// one, as http.CanonicalHeaderKey would.
func valuesOf(h core.Header, name string) []string {
	m, ok := h.(http.Header)
	var canonical [64]byte
	if !ok || len(name) > len(canonical) {
		return h.Values(name)
	}
	first := true // of a word
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z' && first:
			c -= 'a' - 'A'
		case 'A' <= c && c <= 'Z' && !first:
			c += 'a' - 'A'
		case !isTokenByte(c):
			return h.Values(name)
		}
		canonical[i] = c
		first = c == '-'
	}
	return m[string(canonical[:len(name)])]
}

// inHeader returns what must be there exactly once.
func (f *Field) inHeader(h core.Header, list string) (string, error) {
	values := lines(h, f.header)
	if len(values) == 0 || values[0] == "" {
		return "", missing(f.header)
	}
	text, found, err := f.once(values, list)
	switch {
	case found || err != nil:
		return text, err
	case f.item != 0:
		return "", malformed(f.header + " has no entry " + strconv.Itoa(f.item))
	default:
		return "", malformed(f.header + " has no " + f.key)
	}
}

// single is inHeader for a header as a whole.
func single(h core.Header, name string) (string, error) {
	f := Header(name)
	return f.inHeader(h, "")
}

// once returns what may be absent from the values of the header, but is not
// there twice.
func (f *Field) once(values []string, list string) (text string, found bool, err error) {
	switch {
	case f.whole() && len(values) > 1:
		return "", false, malformed(f.header + " appears " + strconv.Itoa(len(values)) + " times: cannot tell which one counts")
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
			entry, v, more = cutEntry(v, list)
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
	var places [fewFields]place
	found := s.outline.read(r.Body, places[:])
	if err := s.readJSON(r.Body, &found, a); err != nil {
		return err
	}
	for i := s.front; i < len(s.parts); i++ {
		var stamp string
		switch s.parts[i].kind {
		case partBody:
			s.writeBody(r.Body, &found, a)
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
			if stamp, err = s.readStamp(r, &found); err != nil {
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

// readStamp is the time as it stands in r.
func (s *templated) readStamp(r *core.Request, found *contents) (string, error) {
	if s.at.timestamp == 0 {
		return s.t.Timestamp.outside(r, s.t.List)
	}
	text, _ := found.textOf(r.Body, s.at.timestamp) // readJSON found it
	return string(text), nil
}

// writeBody adds the body, and marks the time of the attempt if it stands in
// it.
func (s *templated) writeBody(body []byte, found *contents, a *core.Attempt) {
	if s.at.timestamp != 0 && !s.t.bodyless {
		if from, to, ok := found.placeOf(body, s.at.timestamp); ok {
			a.Content.WriteBody(body[:from])
			a.Content.WriteTime(string(body[from:to]))
			body = body[to:]
		}
	}
	a.Content.WriteBody(body)
}

// readJSON takes what stands in the body, which is not verified yet.
func (s *templated) readJSON(body []byte, found *contents, a *core.Attempt) error {
	if s.at.timestamp != 0 {
		text, ok := found.textOf(body, s.at.timestamp)
		if !ok {
			return malformed("the body has no timestamp at " + strings.Join(s.t.Timestamp.path, "."))
		}
		at, err := s.t.Unit.parse(string(text))
		if err != nil {
			return err
		}
		a.Timestamp = at
	}
	if s.at.id != 0 {
		if !s.has(partID) {
			s.readBodyID(body, found, a)
		} else if text, ok := found.textOf(body, s.at.id); !ok {
			return malformed("the body has no id at " + strings.Join(s.t.ID.path, "."))
		} else if err := s.setID(string(text), a); err != nil {
			return err
		}
	}
	for i, at := range s.at.signatures {
		text, ok := found.textOf(body, at)
		switch {
		case ok:
			a.Signatures = append(a.Signatures, core.Signature{Label: s.label, Text: string(text)})
		case i == 0:
			return malformed("the body has no signature at " + strings.Join(s.t.Signature.path, "."))
		}
	}
	if a.IDSigned {
		s.readStable(body, found, a)
	} else {
		a.Indistinct = s.indistinct(a.Unsigned)
	}
	return nil
}

// indistinct says that an equal message may be another event: the sender has no
// delivery id or topic that tells them apart, or this request lost it.
func (s *templated) indistinct(unsigned []string) bool {
	return s.t.Indistinct && (len(unsigned) == 0 || unsigned[0] == "")
}

// readStable takes the members that all attempts of an event have in common.
func (s *templated) readStable(body []byte, found *contents, a *core.Attempt) {
	some := false
	for _, at := range s.at.stable {
		value := found.valueOf(body, at)
		some = some || value != nil
		a.Stable = append(a.Stable, value)
	}
	if !some {
		a.Stable = a.Stable[:0]
	}
}

// readBodyID takes the id, which the signature covers.
func (s *templated) readBodyID(body []byte, found *contents, a *core.Attempt) {
	path := s.t.ID.path
	if found.several {
		if s.t.Batch == BatchRefused {
			a.Unidentified = malformed("the body has other events beside the one at " + strings.Join(path, ".") + ": Template.Batch says how a body of several is identified")
		}
		return // the signed content identifies it
	}
	text, ok := found.textOf(body, s.at.id)
	switch {
	case ok && visible(text):
		a.ID, a.IDSigned = string(text), true
	case ok:
		a.Unidentified = malformed("the id at " + strings.Join(path, ".") + " of the body is not 1 to 256 characters of printable ASCII")
	case !s.t.IDOptional:
		a.Unidentified = malformed("the body has no id at " + strings.Join(path, ".") + ": is the path right? Template.IDOptional accepts messages without one")
	}
}
