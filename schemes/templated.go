package schemes

import (
	"bytes"
	"cmp"
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
	maxSignatureBytes = 4 << 10 // per header
	fewHeaders        = 4       // up to this many headers, one lookup each is cheapest
)

// templated implements [Template].
type templated struct {
	t     Template
	label string // Label without its final separator
	parts []part
	place [partValue + 1]int // the position of each kind in parts, counted from 1; zero: absent
	front int                // the number of leading parts that need no body
	url   address

	moreOf  string // the common prefix of the headers in t.More
	batches bool   // the path of the id has an index
	form    bool   // the body is read as a form
	// With t.Body, the names in the body besides that one:
	signatures []string // of the signatures
	members    []string // of what Content names

	outline outline  // the values to read from a JSON body
	at      struct { // their positions in outline, zero for a value elsewhere
		id, timestamp int
		signatures    []int
		stable        []int
		body          int
	}
}

// outlined builds the outline, once per scheme. So one pass over a body finds
// all its values.
func (s *templated) outlined() {
	o, t := &s.outline, &s.t
	// Look for other elements only for the id, since a second event in the body matters only for
	// identity.
	s.at.id, s.at.timestamp = o.add(t.ID.path, false, true), o.add(t.Timestamp.path, false, false)
	if t.Signature.inBody() {
		for _, f := range append([]Field{t.Signature}, t.More...) {
			s.at.signatures = append(s.at.signatures, o.add(f.path, false, false))
		}
	}
	for _, f := range t.Stable {
		s.at.stable = append(s.at.stable, o.add(f.path, true, false))
	}
	s.at.body = o.add(t.Body.path, true, false)
}

func (s *templated) Name() string            { return s.t.Name }
func (s *templated) Stamping() core.Stamping { return s.t.Stamping }

// Facts implements [core.Describer].
func (s *templated) Facts() core.Facts { return s.facts(s, nil) }

// facts returns the facts of outer, which is s or embeds s. prepare is for a
// scheme that signs more than its template describes. It adds the missing
// values to a request before Sign signs the request. prepare may be nil.
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
	if f.PublicKeys {
		f.KeyText = s.t.Algorithm.is().keyText
	} else {
		f.Sign = func(r *core.Request, id string, at time.Time, secrets ...string) error {
			return (&signing{templated: s, scheme: outer, r: r}).sign(prepare, id, at, secrets)
		}
	}
	return f
}

// commonPrefix returns the longest common prefix of the header names.
func commonPrefix(headers []Field) string {
	prefix := headers[0].header
	for _, f := range headers[1:] {
		for !strings.HasPrefix(f.header, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix
}

// headers lists the headers that the scheme reads, in canonical form.
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

// identity returns [core.Facts].IdentifiedBy.
func (s *templated) identity() string {
	switch {
	case s.t.Gunzip, !s.t.Body.none():
		return "" // other schemes identify the body as it arrives
	case s.t.ID.inBody() && s.has(partBody):
		return jsonPointer(s.t.ID.path)
	case s.t.Content == byBody:
		return byBody
	default:
		return ""
	}
}

// byBody is the content of a scheme that signs only the body. It is also the
// [core.Facts].IdentifiedBy of such a scheme.
const byBody = "{body}"

// jsonPointer returns a path in the form of RFC 6901.
func jsonPointer(path []string) string {
	var b strings.Builder
	for _, name := range path {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return b.String()
}

func (s *templated) ParseKey(text string) (core.VerifyKey, error) {
	raw, err := s.key(text)
	if err != nil {
		return nil, err
	}
	return s.t.Algorithm.is().key(s.label, raw, s.t.Encoding, s.has(partSecret))
}

// key returns the bytes of the key for the text of a secret.
func (s *templated) key(text string) ([]byte, error) {
	raw, err := s.t.Secret.decode(text)
	if err != nil || s.t.DeriveKey == nil {
		return raw, err
	}
	// The derived key may hide that the secret is empty or a public key.
	if _, err := core.HMACKey("", s.t.Algorithm.is().hash, raw, core.Hex); err != nil {
		return nil, err
	}
	return s.t.DeriveKey(raw)
}

func (s *templated) ReadHeader(r *core.Request, a *core.Attempt) error {
	a.BodySigned = s.has(partBody) && s.t.Body.none()
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
	// Write these parts now, so that an error in them is found before the body is read.
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
		name := s.t.Signature.name()
		signature := "signature"
		if s.t.Label != "" {
			signature = strconv.Quote(s.t.Label) + " signature"
		}
		return &core.Error{
			Reason: core.ErrMissingHeader,
			Detail: name + " is missing or has no " + signature + ": is this the right sender, or does a proxy drop it?",
		}
	}
	return nil
}

// write appends the part at i to the signed content, unless it depends on the
// body.
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
			a.Content.WriteTime(value) // the nonce differs between attempts, as the timestamp does
		} else {
			a.Content.WriteString(value)
		}
	case partBody, partMethod, partURL, partSecret: // ReadBody writes the first three; a key adds the secret
	}
	return nil
}

// outside returns the value of a field outside the body. The value must be
// present exactly once, because with two values, two parsers could each take a
// different one.
func (f *Field) outside(r *core.Request, list string) (string, error) {
	if f.query == "" {
		return f.inHeader(r.Header, list)
	}
	_, query, _ := strings.Cut(r.URL, "?")
	value, found := "", false
	for pair := range strings.SplitSeq(query, "&") {
		key, text, _ := strings.Cut(pair, "=")
		// Compare the decoded name, because otherwise an escaped spelling could hide a second
		// value.
		if key, err := url.QueryUnescape(key); err != nil || key != f.query {
			continue
		}
		text, err := url.QueryUnescape(text)
		if err != nil || found {
			return "", malformed(f.name() + " occurs twice or cannot be read")
		}
		value, found = text, true
	}
	if value == "" {
		return "", missing(f.name())
	}
	return value, nil
}

// present returns the value of the field in a request that is about to be
// signed. ok is false if Sign must add it.
func (f *Field) present(r *core.Request) (string, bool) {
	text, err := f.outside(r, "")
	return text, err == nil
}

// readID reads an id from outside the body. The id is signed, or serves only
// for logs.
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
	// An id that serves only for logs never makes a message malformed.
	if err != nil && signed {
		return err
	}
	return nil
}

// readUnsigned reads the delivery id and the topic. They are not signed, but
// are part of the identity.
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

// unsigned returns an unsigned value, or "" if it is absent. An empty value is
// an error, because it must not look like an absent one.
func (f *Field) unsigned(h core.Header, list string) (string, error) {
	text, found, err := f.once(lines(h, f.header), list)
	switch {
	case err != nil || !found:
		return "", err
	case text == "":
		return "", malformed(f.name() + " is empty")
	case !visible(text):
		return "", malformed(f.name() + " must be 1 to 256 printable ASCII characters without spaces")
	}
	return text, nil
}

// name describes the field in errors.
func (f *Field) name() string {
	switch {
	case f.key != "":
		return f.key + " in " + f.header
	case f.item != 0:
		return "entry " + strconv.Itoa(f.item) + " of " + f.header
	case f.query != "":
		return "the URL parameter " + f.query
	case f.form != "":
		return "the form field " + f.form
	case len(f.path) > 0:
		return "the member " + strings.Join(f.path, ".") + " of the body"
	default:
		return f.header
	}
}

// setID stores an id that is part of the signed text, or that serves only for
// logs.
func (s *templated) setID(id string, a *core.Attempt) error {
	switch {
	case !visible(id):
		return malformed("the message id must be 1 to 256 printable ASCII characters without spaces")
	case !s.has(partID):
	// A fixed length marks the end of the id, so it needs no fence.
	case s.t.IDLength != 0 && len(id) != s.t.IDLength:
		return malformed("the message id has " + strconv.Itoa(len(id)) + " characters, but must have " + strconv.Itoa(s.t.IDLength))
	case s.t.IDLength == 0:
		if err := s.fenced(s.index(partID), id); err != nil {
			return err
		}
	}
	a.ID, a.IDSigned = id, s.has(partID)
	return nil
}

const maxVisible = 256

// absent returns the error for a value that the body must have and has not.
func (f *Field) absent(what, hint string) error {
	if f.form != "" {
		return malformed("the form in the body must have the field " + f.form + " (the " + what + ") exactly once" + hint)
	}
	return malformed("the body has no " + what + " at " + strings.Join(f.path, ".") + ": it must be a number, or a string without escapes" + hint)
}

// visible reports whether an id is 1 to 256 characters of printable ASCII. Such
// an id is safe in logs, headers and store keys.
func visible[T string | []byte](id T) bool {
	if len(id) == 0 || len(id) > maxVisible {
		return false
	}
	for i := range len(id) {
		// A space is not allowed, because some logs and headers split there.
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// readSignatures collects the signatures with our label. It skips other
// signatures here, so they cost nothing later.
func (s *templated) readSignatures(r *core.Request, a *core.Attempt) error {
	if s.t.Signature.query != "" {
		return s.readSignatureQuery(r, a)
	}
	if err := s.readSignatureHeader(s.t.Signature.header, lines(r.Header, s.t.Signature.header), a); err != nil {
		return err
	}
	// Some senders have many headers for keys in rotation. First count how many of these headers
	// the request has, in one pass over its headers, and then stop after the last one.
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
		// All headers that the request has were read.
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
	// Without a list, a second header is unexpected, since the sender sends one.
	if len(values) > 1 && s.t.List == "" {
		return malformed(header + " appears " + strconv.Itoa(len(values)) + " times: cannot tell which one counts")
	}
	size, item := 0, 0
	for _, v := range values {
		// Limit the work before verification, since strangers send these headers.
		if size += len(v); size > maxSignatureBytes {
			return malformed("the signatures have more than " + strconv.Itoa(maxSignatureBytes) + " bytes")
		}
		for more := true; more; {
			entry := v
			if more = false; s.t.List != "" {
				entry, v, more = cutEntry(v, s.t.List)
			}
			item++
			text, ok := cutKey(entry, s.t.Label)
			// If Label is empty, the entries with the timestamp and the id would look like
			// signatures.
			if !ok || text == "" || s.t.Timestamp.isEntry(header, entry, item) || s.t.ID.isEntry(header, entry, item) {
				continue
			}
			if len(a.Signatures) == s.t.MaxSignatures {
				return malformed("there are more than " + strconv.Itoa(s.t.MaxSignatures) + " signatures")
			}
			a.Signatures = append(a.Signatures, core.Signature{Label: s.label, Text: text})
		}
	}
	return nil
}

// isEntry reports whether the field is this entry of a header. item is the
// position of the entry, counted from 1.
func (f *Field) isEntry(header, entry string, item int) bool {
	if f.header != header || f.whole() {
		return false
	}
	_, keyed := cutKey(entry, f.key)
	return item == f.item || f.key != "" && keyed
}

// cutKey returns the text after key in a list entry. It trims spaces on both
// sides.
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

// commaOrSpace is the list of a sender with [Template].sets.
const commaOrSpace = ", "

// cutEntry splits off the first entry of a list. Without a separator, the whole
// value is one entry.
func cutEntry(v, separator string) (entry, rest string, more bool) {
	var i int
	if len(separator) == 1 {
		i = strings.IndexByte(v, separator[0]) // faster than IndexAny
	} else {
		i = strings.IndexAny(v, separator)
	}
	if i < 0 {
		return v, "", false
	}
	return v[:i], v[i+1:], true
}

// lines returns the values of a header with a canonical name. A map lookup is
// cheaper than Values, which checks the name on each call.
func lines(h core.Header, name string) []string {
	if m, ok := h.(http.Header); ok {
		return m[name]
	}
	return h.Values(name)
}

// valuesOf is lines for a name that need not be canonical. Unlike
// http.CanonicalHeaderKey, it does not allocate for names of up to 64 bytes.
func valuesOf(h core.Header, name string) []string {
	m, ok := h.(http.Header)
	// This is on the stack, and the map lookup with a converted key does not allocate either.
	var canonical [64]byte
	if !ok || len(name) > len(canonical) {
		return h.Values(name)
	}
	first := true // whether the next byte begins a word
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

// inHeader returns the value of a field in a header. The value must be present
// exactly once.
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
		return "", malformed(f.header + " has no entry " + strconv.Quote(f.key))
	}
}

// single returns the value of a header that must be present exactly once.
func single(h core.Header, name string) (string, error) {
	f := Header(name)
	return f.inHeader(h, "")
}

// once returns the value of the field in the values of its header. The value
// may be absent, but must not occur twice.
func (f *Field) once(values []string, list string) (text string, found bool, err error) {
	switch {
	// A proxy may have added a value, and another parser may take that one.
	case f.whole() && len(values) > 1:
		return "", false, malformed(f.header + " appears " + strconv.Itoa(len(values)) + " times: cannot tell which one counts")
	case f.whole() && len(values) == 1:
		return values[0], true, nil
	}
	item := 0
	for _, v := range values {
		if len(v) > maxSignatureBytes {
			return "", false, malformed(f.header + " has more than " + strconv.Itoa(maxSignatureBytes) + " bytes")
		}
		for more := true; more; {
			var entry string
			entry, v, more = cutEntry(v, list)
			value, ok := cutKey(entry, f.key)
			if item++; f.item != 0 {
				ok = item == f.item
			}
			if ok && found && list == commaOrSpace {
				continue
			}
			if ok && found {
				return "", false, malformed(f.key + " occurs twice in " + f.header)
			}
			if ok {
				found, text = true, value
			}
		}
	}
	return text, found, nil
}

func (s *templated) ReadBody(r *core.Request, a *core.Attempt) error {
	// Check the bytes and not Content-Encoding, because that header is not signed and a proxy may
	// drop it.
	if s.t.Gunzip && bytes.HasPrefix(r.Body, []byte(gzipMagic)) {
		body, err := gunzip(r.Body)
		if err != nil {
			return err
		}
		// Change a copy, since the handler gets the body as it arrived.
		plain := *r
		plain.Body, r = body, &plain
		a.BodySigned = false
	}
	// This is on the stack for all schemes in this package, so parsing an unverified body allocates
	// nothing.
	var places [fewFields]place
	found := s.outline.read(r.Body, places[:])
	if s.form {
		found.form = new(form) // a pooled one would make places escape to the heap, for every scheme
		switch {
		// Neither is signed. With others, net/http does not read the form, and a handler may take
		// the values from the URL.
		case r.Method != http.MethodPost && r.Method != http.MethodPut && r.Method != http.MethodPatch, !hasType(r.Header, formType):
			return malformed("the request has no form: it must be a POST, PUT or PATCH with the Content-Type " + formType)
		case !readForm(found.form, r.Body):
			return malformed("the body is not a valid form")
		}
	}
	if err := s.readValues(r.Body, &found, a); err != nil {
		return err
	}
	for i := s.front; i < len(s.parts); i++ {
		var stamp string
		switch s.parts[i].kind {
		case partBody:
			if err := s.writeBody(r.Body, &found, a); err != nil {
				return err
			}
		case partMethod:
			// Other characters would make the boundary between the method and the next part
			// ambiguous.
			if !isMethod(r.Method) {
				return malformed("the method must consist of capital letters")
			}
			a.Content.WriteString(r.Method)
		case partURL:
			if !s.url.write(r, &a.Content) {
				return misdirected(r)
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

// gunzip decompresses a body that is not verified yet, so it limits the size of
// the result and the compression ratio.
func gunzip(body []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, malformed("the body starts like gzip data, but cannot be decompressed")
	}
	limit := min(maxGunzipped, len(body)*maxRatio+4<<10) // an attacker must not cause much work with few bytes; 4 KiB more is allowed, because tiny bodies compress well
	plain, err := io.ReadAll(io.LimitReader(z, int64(limit)+1))
	switch {
	case err != nil:
		return nil, malformed("the body starts like gzip data, but cannot be decompressed")
	case len(plain) > limit:
		return nil, &core.Error{Reason: core.ErrBodyTooLarge, Detail: "the decompressed body is larger than 8 MiB, or more than 64 times as large as " +
			"the compressed one"}
	}
	return plain, nil
}

// readStamp returns the text of the timestamp in r.
func (s *templated) readStamp(r *core.Request, found *contents) (string, error) {
	if !s.t.Timestamp.inBody() {
		return s.t.Timestamp.outside(r, s.t.List)
	}
	text, _ := found.value(r.Body, &s.t.Timestamp, s.at.timestamp) // present, because readValues has parsed it
	return string(text), nil
}

// writeBody appends the body, or the signed part of it, to the signed content.
// If the timestamp is in the body, writeBody marks its bytes as the time, since
// they differ between attempts.
func (s *templated) writeBody(body []byte, found *contents, a *core.Attempt) error {
	signed, from, to := body, 0, 0
	if s.at.timestamp != 0 && !s.t.bodyless {
		from, to, _ = found.placeOf(body, s.at.timestamp)
	}
	switch {
	case s.t.Body.inForm():
		return s.writeForm(found.form, a)
	case s.at.body != 0:
		at := found.places[s.at.body]
		if signed = body[at.from:at.to]; len(signed) == 0 || signed[0] != '{' && signed[0] != '[' {
			return malformed("the body has no object or array at " + s.t.Body.path[0])
		}
		// A timestamp outside of this part was written with {timestamp}.
		if from, to = from-at.from, to-at.from; from < 0 || to > len(signed) {
			to = 0
		}
	}
	if to > 0 {
		a.Content.WriteBody(signed[:from])
		a.Content.WriteTime(string(signed[from:to]))
		signed = signed[to:]
	}
	a.Content.WriteBody(signed)
	return nil
}

// readValues stores the values from the body in a. Nothing is verified yet.
func (s *templated) readValues(body []byte, found *contents, a *core.Attempt) error {
	if err := s.onlySigned(body, found); err != nil {
		return err
	}
	if s.t.Timestamp.inBody() {
		text, ok := found.value(body, &s.t.Timestamp, s.at.timestamp)
		if !ok {
			return s.t.Timestamp.absent("timestamp", "")
		}
		at, err := s.t.Unit.parse(string(text))
		if err != nil {
			return err
		}
		a.Timestamp = at
	}
	if s.t.ID.inBody() {
		if !s.has(partID) {
			s.readBodyID(body, found, a)
		} else if text, ok := found.value(body, &s.t.ID, s.at.id); !ok {
			return s.t.ID.absent("id", "")
		} else if err := s.setID(string(text), a); err != nil {
			return err
		}
	}
	if err := s.readBodySignatures(body, found, a); err != nil {
		return err
	}
	if a.IDSigned {
		// Only a signed id requires this comparison. Without a signed id, the content itself is the
		// identity.
		s.readStable(body, found, a)
	} else {
		a.Indistinct = s.indistinct(a.Unsigned)
	}
	return nil
}

// readBodySignatures collects the signatures in the body.
func (s *templated) readBodySignatures(body []byte, found *contents, a *core.Attempt) error {
	f := &s.t.Signature
	for i, at := range s.at.signatures {
		if i > 0 {
			f = &s.t.More[i-1]
		}
		text, ok := found.value(body, f, at)
		if ok {
			text, ok = bytes.CutPrefix(text, []byte(s.t.Label))
		}
		switch {
		case ok:
			a.Signatures = append(a.Signatures, core.Signature{Label: s.label, Text: string(text)})
		// The further places of More may be absent.
		case i == 0:
			return f.absent("signature", "")
		}
	}
	return nil
}

// indistinct reports whether an equal message may be another event. That is the
// case if the sender has no delivery id or topic that distinguishes events, or
// if this request lacks it.
func (s *templated) indistinct(unsigned []string) bool {
	return s.t.Indistinct && (len(unsigned) == 0 || unsigned[0] == "")
}

// readStable stores the members that are equal in all attempts for an event.
func (s *templated) readStable(body []byte, found *contents, a *core.Attempt) {
	some := false
	for i, at := range s.at.stable {
		value := found.valueOf(body, at)
		if s.form {
			value, _ = found.form.value(s.t.Stable[i].form)
		}
		some = some || value != nil
		a.Stable = append(a.Stable, value)
	}
	if !some {
		// None is present, so all signed content must agree, which an empty list stands for.
		a.Stable = a.Stable[:0]
	}
}

// readBodyID stores the id from the body, which the signature covers. A bad id
// does not make the message malformed here, because a challenge needs no id.
// core reports Unidentified after verification.
func (s *templated) readBodyID(body []byte, found *contents, a *core.Attempt) {
	f := &s.t.ID
	// An id identifies only one of several events.
	if found.several {
		if s.t.Batch == BatchRefused {
			a.Unidentified = malformed("the body has other events besides the one at " + strings.Join(f.path, ".") + ". In your own Template, set Batch to say how such a body is identified")
		}
		return // the signed content identifies it
	}
	text, ok := found.value(body, f, s.at.id)
	switch {
	case ok && visible(text):
		a.ID, a.IDSigned = string(text), true
	case ok:
		a.Unidentified = malformed("the id at " + cmp.Or(f.form, strings.Join(f.path, ".")) + " in the body must be 1 to 256 printable ASCII characters without spaces")
	case !s.t.IDOptional:
		a.Unidentified = f.absent("id", ". Is this the right sender? In your own Template, check the path or field of ID, or set IDOptional")
	}
}
