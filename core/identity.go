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

// This file defines when two requests are the same message. The store has one record for each
// message, under a key made from what identifies the message:
//
//	a signed id      the id
//	no signed id     the signed content, C
//	… and unsigned   M: the signed content with the unsigned ids. An unsigned id counts only together
//	ids              with its content, which is signed. But an attacker who captured a request can
//	                 present its content under any id, so C bounds the ids:
//	  no time of the attempt is signed      C counts the messages that had this content, up to Config.Repeats more than one
//	  each attempt has its own signed time  M omits that time, so a retry is recognized. C includes the time, and the first
//	                                        message that arrives with this content and time spends C.
//
// A message's record also has a fingerprint. It covers the endpoint that handled the message, and
// the content that all attempts of the message have in common. A later attempt with another
// fingerprint is refused.

// identity holds the store keys of an attempt, and other properties that
// identify its message.
type identity struct {
	message Key
	content Key // C if unsigned ids are a part of message, else the zero Key
	print   fingerprint
	signed  bool // message is the key of a signed id
	reply   bool // the sender uses the content of the response: see Attempt.Reply
	unsure  bool // a message with equal bytes may be another event: see Attempt.Indistinct

	past history // set by the claim
}

// fingerprint holds sums of what all attempts of a message have in common
// besides the key. A sum is zero if it is unknown.
type fingerprint struct {
	endpoint uint64 // 48 bits: see Verifier.endpointSum
	content  uint32 // a sum of the signed content, or of its stable parts
}

// castagnoli is the CRC for which processors have an instruction. A CRC is
// enough: only genuine contents of one sender are compared, so an attacker
// cannot search for a collision.
var castagnoli = crc32.MakeTable(crc32.Castagnoli) //nolint:gochecknoglobals // a constant

// again describes how a handled message was recognized.
func (id *identity) again() string {
	switch {
	case id.signed:
		return "a message with this signed id was handled before"
	case id.content != Key{}:
		return "the same signed content was handled before under the same unsigned ids"
	default:
		return "the same signed bytes were handled before, and nothing else identifies this message"
	}
}

// differ reports whether both sums are known and different.
func differ[T uint32 | uint64](a, b T) bool { return a != 0 && b != 0 && a != b }

// known replaces a sum of zero, which means unknown.
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

// identifyByContent sets the identity of a message without a signed id.
func (v *Verifier) identifyByContent(a *Attempt, m *Message, id *identity) {
	content := v.replayKey(m, &a.Content)
	id.message = content
	eachAttempt := v.claims.eachAttempt
	id.unsure = !eachAttempt && a.Indistinct
	if len(a.Unsigned) == 0 || eachAttempt && (!a.Content.timed() || a.Unsigned[0] == "") {
		return
	}
	h := sha256.New()
	_, _ = h.Write(appendUnsigned(appendField(v.appendScope(nil, m), "message"), a.Unsigned)) // a hash never fails
	if eachAttempt {
		// A retry has another timestamp, so the timestamp is left out.
		a.Content.eachUntimed(func(piece []byte) { _, _ = h.Write(piece) })
	} else {
		_, _ = h.Write(content[:])
	}
	h.Sum(id.message[:0])
	v.putScope(&id.message, m)
	id.content = content
}

// appendUnsigned appends the values that are present, each with its position.
// An absent value adds nothing. The members of a scheme like schemes.Any have
// different numbers of positions. A message without any value must be the same
// message for all of them.
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

// common returns a sum of the content that all attempts with one signed id must
// have in common. The sum is zero if that content is unknown: the sender
// renders its body again for each attempt, or the scheme does not mark the
// timestamp.
func (v *Verifier) common(a *Attempt) uint32 {
	switch {
	case len(a.Stable) > 0:
		var s uint32
		for i, part := range a.Stable {
			var head [9]byte // length prefix, so the boundaries of parts are unambiguous; absent and empty parts differ
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
	if len(a.Content.insert) > 0 { // only the body: the text around it may differ between versions of the signature
		a.Content.eachBody(add)
	} else {
		a.Content.eachUntimed(add)
	}
	return known(s)
}

// endpointDigest is the hash of an endpoint address, as words.
type endpointDigest struct {
	host, target string
	digest       [4]uint64
}

// endpointSum returns a sum of the address that a message was sent to. The
// address is not signed, and an attacker may choose it. So the sum depends on
// the message's key, and a collision found for one message is useless for
// another. The hash of the address is cached between requests, because a
// verifier serves one endpoint.
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

// appendEndpoint appends the host, path and query of an address. All spellings
// of an address have the same result.
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
	if values, err := url.ParseQuery(query); err == nil { // a gateway may have sorted or escaped the parameters differently
		query = values.Encode()
	}
	return appendField(appendField(appendField(dst, canonicalHost(host)), canonicalPath(target)), query)
}

// canonicalHost returns a host name without its port. It returns "" for an IP
// address and for a private name. Those come from a proxy that replaces the
// sender's Host, and differ between machines.
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

// canonicalPath returns one text for all spellings of a path. It keeps an
// escaped slash and upper case, because they may mean another endpoint. The two
// possible mistakes have different costs. Mistaking a retry for another
// endpoint's message causes a logged refusal, but mistaking a message for a
// retry loses the message.
func canonicalPath(p string) string {
	p = strings.NewReplacer("%2f", "%252F", "%2F", "%252F").Replace(p)
	if decoded, err := url.PathUnescape(p); err == nil {
		p = decoded
	}
	return path.Clean("/" + p)
}

// replayKey returns the store key of a message, derived from its signed id or,
// without one, from its signed content. Nothing that an attacker can change
// leads to another key. So the key does not depend on the secret that matched:
// an attacker could change that by stripping one of two signatures.
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

// putScope replaces the first four bytes of a key with the result of the
// store's method Scope, if it has one. 28 bytes of the hash remain.
func (v *Verifier) putScope(key *Key, m *Message) {
	if v.scoper != nil {
		binary.BigEndian.PutUint32(key[:], v.scoper.Scope(v.name, m.Source))
	}
}

func (v *Verifier) appendScope(dst []byte, m *Message) []byte {
	return appendField(append(dst, v.scope...), m.Source)
}

// appendField appends the length of s and then s, so no two lists of fields
// have the same bytes.
func appendField(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint64(dst, uint64(len(s))), s...)
}
