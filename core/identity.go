package core

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// What makes two requests the same message. The store has one record for each
// message, under a key made of what identifies it:
//
//	a signed id      the id
//	no signed id     the signed content, C
//	… and unsigned   M: the signed content with the unsigned ids. The content is signed, so what an
//	ids              unsigned id claims counts only for its own content; but whoever captured a request
//	                 can present its content under any id, so C bounds them:
//	  no time of the attempt is signed      C counts the messages that had this content, up to Config.Repeats more than one
//	  each attempt has its own signed time  M leaves that time out, so a retry is recognized; C, which has it, is spent
//	                                        by the first message that it came for
//
// A message's record also has a print: of the endpoint that handled it, and of what
// its attempts must agree in. A later attempt that differs in it is not acknowledged.

// identity holds the store keys of an attempt.
type identity struct {
	message Key
	content Key // C, if unsigned ids are a part of message; else the zero Key
	print   fingerprint
	signed  bool // message is that of a signed id
	reply   bool // the response's content is what the sender wants: see Attempt.Reply
	unsure  bool // an equal message may be another event: see Attempt.Indistinct

	past history // set by the claim
}

// fingerprint is what all attempts of a message have in common besides its key.
// A part is zero if it is not known.
type fingerprint struct {
	endpoint uint64 // 48 bits: see Verifier.endpointSum
	content  uint32 // a sum of the signed content, or of what is stable in it
}

// castagnoli is the polynomial that processors have an instruction for.
// Contents are compared with contents that the same sender signed, so nobody
// can look for two with one sum.
var castagnoli = crc32.MakeTable(crc32.Castagnoli) //nolint:gochecknoglobals // a constant

// again says by what a handled message was recognized.
func (id *identity) again() string {
	switch {
	case id.signed:
		return "a message with this signed id was handled before"
	case id.content != Key{}:
		return "the same signed content was handled before under the same unsigned ids"
	default:
		return "the same signed bytes were handled before, and nothing but them identifies this message"
	}
}

// differ says that both are known and not the same.
func differ[T uint32 | uint64](a, b T) bool { return a != 0 && b != 0 && a != b }

// known keeps a sum from being zero, which stands for unknown.
func known(sum uint32) uint32 { return max(sum, 1) }

// identify derives the identity of a verified message.
func (v *Verifier) identify(r *Request, a *Attempt, m *Message, id *identity) {
	id.reply = a.Reply
	if m.IDSigned && m.ID != "" {
		id.message, id.signed = v.replayKey(m, nil), true
		id.print.content = v.common(a)
	} else {
		v.identifyByContent(a, m, id)
	}
	id.print.endpoint = v.endpointSum(&id.message, r)
}

// identifyByContent is for a message without a signed id.
func (v *Verifier) identifyByContent(a *Attempt, m *Message, id *identity) {
	content := v.replayKey(m, &a.Content)
	id.message = content
	eachAttempt, broken := v.claims.eachAttempt, v.claims.broken
	id.unsure = !eachAttempt && a.Indistinct && broken&faultSure == 0
	if len(a.Unsigned) == 0 || eachAttempt && (!a.Content.timed() || a.Unsigned[0] == "") || broken&faultContentAlone != 0 {
		return
	}
	h := sha256.New()
	_, _ = h.Write(appendUnsigned(appendField(v.appendScope(nil, m), "message"), a.Unsigned)) // a hash never fails
	switch {
	case broken&faultIDAlone != 0:
	case eachAttempt && broken&faultTimeIdentifies == 0:
		a.Content.eachUntimed(func(piece []byte) { _, _ = h.Write(piece) })
	default:
		_, _ = h.Write(content[:])
	}
	h.Sum(id.message[:0])
	v.putScope(&id.message, m)
	id.content = content
}

// appendUnsigned adds the values that are there, each with its place. An absent
// value adds nothing: members of a scheme like schemes.Any have more and fewer
// places, and a message without any value is one message to all of them.
func appendUnsigned(dst []byte, values []string) []byte {
	count := len(dst)
	dst = append(dst, 0)
	for i, value := range values {
		if value != "" {
			dst[count]++
			dst = appendField(append(dst, byte(i)), value)
		}
	}
	return dst
}

// common is the sum of what all attempts under one signed id must agree in;
// zero if that is not known: the sender renders its body anew, or the scheme
// marks no time in content that each attempt has anew.
func (v *Verifier) common(a *Attempt) uint32 {
	switch {
	case len(a.Stable) > 0:
		var s uint32
		for i, part := range a.Stable {
			var head [9]byte // a part is not taken for a piece of the next one, nor an absent one for one that is there
			binary.LittleEndian.PutUint64(head[:], uint64(len(part)))
			if part != nil {
				head[8] = byte(i + 1)
			}
			s = crc32.Update(crc32.Update(s, castagnoli, head[:]), castagnoli, part)
		}
		return known(s)
	case v.cfg.RendersAnew, v.claims.eachAttempt && !a.Content.timed():
		return 0
	}
	var s uint32
	add := func(piece []byte) { s = crc32.Update(s, castagnoli, piece) }
	if len(a.Content.insert) > 0 { // the body alone: what stands around it may be another text in the sender's next version of its signature
		a.Content.eachBody(add)
	} else {
		a.Content.eachUntimed(add)
	}
	return known(s)
}

// endpointDigest is the hash of an address that messages were sent to, in
// words.
type endpointDigest struct {
	host, target string
	digest       [4]uint64
}

// endpointSum is a sum of the address that a message was sent to. The address
// is not signed, and an attacker may choose it; so the sum depends on the
// message's key: a collision found for one message does not help with another.
// The hash of the address itself is kept from one request to the next: a
// verifier stands for one endpoint.
func (v *Verifier) endpointSum(key *Key, r *Request) uint64 {
	last := v.endpoint.Load()
	if last == nil || last.target != r.URL || last.host != r.Host {
		hash := sha256.Sum256(appendEndpoint(nil, r.Host, r.URL))
		last = &endpointDigest{host: strings.Clone(r.Host), target: strings.Clone(r.URL)}
		for i := range last.digest {
			last.digest[i] = binary.BigEndian.Uint64(hash[8*i:])
		}
		v.endpoint.Store(last)
	}
	var sum uint64
	for i, word := range last.digest {
		sum += word * binary.BigEndian.Uint64(key[8*i:])
	}
	return max(sum>>16, 1)
}

// appendEndpoint adds host, path and query of an address, in one text for all
// their spellings.
func appendEndpoint(dst []byte, host, target string) []byte {
	target, query, _ := strings.Cut(target, "?")
	if i := strings.Index(target, "://"); i >= 0 && strings.IndexByte(target[:i], '/') < 0 { // absolute form
		target = target[i+3:]
		end := strings.IndexByte(target, '/')
		if end < 0 {
			end = len(target)
		}
		host, target = target[:end], target[end:]
	}
	if values, err := url.ParseQuery(query); err == nil { // a gateway may have sorted or escaped it otherwise
		query = values.Encode()
	}
	return appendField(appendField(appendField(dst, canonicalHost(host)), canonicalPath(target)), query)
}

// canonicalHost is a host name without its port; "" for an IP address and a
// private name, which are those of a machine behind a proxy that does not keep
// the sender's Host, and others at each machine.
func canonicalHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || !strings.Contains(host, ".") ||
		strings.HasSuffix(host, ".internal") || strings.HasSuffix(host, ".local") {
		return ""
	}
	return host
}

// canonicalPath is one text for the spellings of a path. An escaped slash stays
// one, and so does upper case: they may be another endpoint, and a message that
// is taken for another endpoint's is refused loudly, while one that is taken
// for a retry is lost.
func canonicalPath(p string) string {
	p = strings.NewReplacer("%2f", "%252F", "%2F", "%252F").Replace(p)
	if decoded, err := url.PathUnescape(p); err == nil {
		p = decoded
	}
	return path.Clean("/" + p)
}

// replayKey names a message in the store by its signed id or, if it has none,
// by its signed content. Nothing that an attacker can vary makes another key;
// and it does not depend on the key that matched, because stripping one of two
// signatures would change that.
func (v *Verifier) replayKey(m *Message, c *Content) (key Key) {
	if m.IDSigned && m.ID != "" {
		var buf [160]byte // avoids an allocation; few ids are longer
		key = sha256.Sum256(appendField(appendField(v.appendScope(buf[:0], m), "id"), m.ID))
	} else {
		h := sha256.New()
		_, _ = h.Write(appendField(v.appendScope(nil, m), "content")) // a hash never fails
		_, _ = c.WriteTo(h)
		h.Sum(key[:0])
	}
	v.putScope(&key, m)
	return key
}

// putScope makes a key say whose record it is, for a store that asks. 28 bytes
// of the hash stay.
func (v *Verifier) putScope(key *Key, m *Message) {
	if v.scoper != nil {
		binary.BigEndian.PutUint32(key[:], v.scoper.Scope(v.name, m.Source))
	}
}

func (v *Verifier) appendScope(dst []byte, m *Message) []byte {
	return appendField(append(dst, v.scope...), m.Source)
}

// appendField adds s with its length in front, so that no two lists of fields
// are the same bytes.
func appendField(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint64(dst, uint64(len(s))), s...)
}
