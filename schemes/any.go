package schemes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Any returns a scheme that accepts messages of several schemes on one
// endpoint, while a sender migrates from one to another. The first member whose
// headers are present decides, so list the new scheme first. If the message
// does not verify under that member, no other member is tried.
//
// name is part of every [core.Key], as in [Template]. Use the name of the old
// scheme, so that messages handled under it count as handled. Keep the name
// until [core.Config].Remember has passed since the last message of the old
// scheme.
//
// If a request has the headers of two members, both must identify it as the
// same message. Otherwise an attacker could strip one set of headers and make
// the handler run again. Therefore all members must have the same
// [core.Stamping] and identify messages the same way: by the body, or by an id
// in it. Any rejects other schemes, such as [core.StandardWebhooks] and schemes
// that sign a header or a timestamp but no id. Give those schemes their own
// endpoint.
//
// Each secret is used by every member that can parse it. But if members mix
// shared secrets and public keys, prefix each secret with its member's name and
// a colon, as in "discord:…". Then only that member uses it, so a public key is
// never used as a shared secret. Each member needs a unique name.
//
// The widest tolerance among the members applies to all messages. Set
// [core.Config].Past and Future to narrow it. If a member signs the URL,
// package explain does not try other URLs for it. [Sign] signs as the member
// that the secrets name, or else as the first member that can sign with all of
// them.
func Any(name string, members ...core.Scheme) (core.Scheme, error) {
	var mistakes []error
	if name == "" {
		mistakes = append(mistakes, errors.New("the name is empty: pass a unique name, which becomes part of the keys of the records"))
	}
	if len(members) < 2 {
		mistakes = append(mistakes, errors.New("there are fewer than two members: pass at least two"))
	}
	s := &anyOf{name: name}
	kinds := map[bool]bool{} // the kinds of keys: true is public, false is shared
	names := map[string]bool{}
	for i, m := range members {
		if m == nil {
			return nil, fmt.Errorf("schemes: Any(%q): member %d is nil: pass a scheme", name, i+1)
		}
		if names[m.Name()] {
			mistakes = append(mistakes, fmt.Errorf("two members have the name %s: list each scheme once, and give each wrapper or template its own name", m.Name()))
		}
		names[m.Name()] = true
		f := core.FactsOf(m)
		if f.Mistake != nil {
			mistakes = append(mistakes, f.Mistake)
			continue
		}
		switch {
		// Such a scheme signs texts that strangers choose.
		case f.SignsHandshakes:
			mistakes = append(mistakes, fmt.Errorf("%s responds to handshakes with a MAC under the secret, which another scheme would accept as a "+
				"signature: give %[1]s its own endpoint, or use IgnoreHandshakes", m.Name()))
		case f.IdentifiedBy == "":
			mistakes = append(mistakes, fmt.Errorf("no other scheme signs what identifies messages of %s. An attacker could remove the headers of %[1]s and have a "+
				"message handled again: give %[1]s its own endpoint", m.Name()))
		case i > 0 && s.by != "" && f.IdentifiedBy == s.by && m.Stamping() != members[0].Stamping():
			mistakes = append(mistakes, fmt.Errorf("%s and %s differ in Stamping, in what the signed time of an attempt means. An attacker could remove the "+
				"headers of one scheme and have a message handled again: give each scheme its own endpoint", members[0].Name(), m.Name()))
		case i > 0 && s.by != "" && f.IdentifiedBy != s.by:
			mistakes = append(mistakes, fmt.Errorf("%s and %s identify messages differently (by %s and by %s). An attacker could remove the headers "+
				"of one scheme and have a message handled again: give each scheme its own endpoint", members[0].Name(), m.Name(), identityText(s.by), identityText(f.IdentifiedBy)))
		default:
			s.by = f.IdentifiedBy
		}
		s.members = append(s.members, member{m, f})
		kinds[f.PublicKeys] = true
	}
	// A secret is ambiguous only if both kinds of keys occur, so only then must secrets name their
	// member.
	s.mixed = len(kinds) == 2
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("schemes: Any(%q): %w", name, err)
	}
	return s, nil
}

// identityText describes [core.Facts].IdentifiedBy in an error.
func identityText(by string) string {
	if by == byBody {
		return "the body"
	}
	return "the id at " + by + " in the body"
}

type anyOf struct {
	name    string
	by      string // what identifies a message, the same for all members
	members []member
	mixed   bool // some members take public keys, others shared secrets
}

type member struct {
	core.Scheme

	facts core.Facts
}

func (s *anyOf) Name() string            { return s.name }
func (s *anyOf) Stamping() core.Stamping { return s.members[0].Stamping() }

// Facts implements [core.Describer].
func (s *anyOf) Facts() core.Facts {
	const usual = 5 * time.Minute // the default tolerance of core.Config
	all := core.Facts{IdentifiedBy: s.by, Challenge: s.challenge, Handshake: s.handshake, Sign: s.sign}
	silent := false // some member does not list its headers
	for _, m := range s.members {
		f := m.facts
		all.Past, all.Future = max(all.Past, cmp.Or(f.Past, usual)), max(all.Future, cmp.Or(f.Future, usual))
		all.FreeText, all.PublicKeys = all.FreeText || f.FreeText, all.PublicKeys || f.PublicKeys
		all.Fetches, all.Unsigned = all.Fetches || f.Fetches, all.Unsigned || f.Unsigned
		all.Headers = append(all.Headers, f.Headers...)
		silent = silent || len(f.Headers) == 0
		if f.AwaitsHandshake != nil {
			// One member with a handshake is enough, since these methods call all members.
			all.AwaitsHandshake, all.AnswerHandshake = s.awaitsHandshake, s.answerHandshake
		}
	}
	// With an incomplete list, bare would take some messages for requests without a signature.
	if silent {
		all.Headers = nil
	}
	return all
}

// ParseKey implements [core.Scheme]. The key holds one key for every member
// that can parse the text.
func (s *anyOf) ParseKey(text string) (core.VerifyKey, error) {
	k := make(anyKey, len(s.members))
	var mistakes []error
	named, text, err := s.cut(text)
	if err != nil {
		return nil, err
	}
	for i, m := range s.members {
		if s.mixed && m.Name() != named {
			continue
		}
		key, err := m.ParseKey(text)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", m.Name(), err))
			continue
		}
		k[i] = key
	}
	if !slices.ContainsFunc(k, func(key core.VerifyKey) bool { return key != nil }) {
		return nil, errors.Join(mistakes...)
	}
	return k, s.oneKind(k)
}

// oneKind rejects a text that one member reads as a shared secret and another
// as a public key. A scheme from outside this package may accept both kinds, so
// mixed alone does not exclude this.
func (s *anyOf) oneKind(k anyKey) error {
	secret, public := "", ""
	for i, m := range s.members {
		switch {
		case k[i] == nil || !m.facts.PublicKeys: // a member without public keys takes only shared secrets
		case isMAC(k[i]):
			secret = m.Name()
		default:
			public = m.Name()
		}
	}
	if secret == "" || public == "" {
		return nil
	}
	return fmt.Errorf("%s would read this text as a shared secret, and %s as a public key: give one of the two schemes its own endpoint", secret, public)
}

// cut splits a secret into the name of its member and the rest. Unless mixed is
// set, secrets have no name.
func (s *anyOf) cut(text string) (named, secret string, err error) {
	if !s.mixed {
		return "", text, nil
	}
	named, secret, ok := strings.Cut(text, ":")
	if !ok || !slices.ContainsFunc(s.members, func(m member) bool { return m.Name() == named }) {
		return "", "", errors.New("cannot tell whether this text is a shared secret or a public key: begin the text with the name of its scheme, which is one of " + s.names())
	}
	return named, secret, nil
}

// sign is [core.Facts].Sign. It signs as the member that all secrets name, or
// else as the first member that can sign and can parse every secret.
func (s *anyOf) sign(r *core.Request, id string, at time.Time, secrets ...string) error {
	if len(secrets) == 0 {
		return errors.New("schemes: no secret to sign with: pass at least one")
	}
	named, own := "", make([]string, len(secrets))
	for i, text := range secrets {
		name, secret, err := s.cut(text)
		switch {
		case err != nil:
			return fmt.Errorf("secret %d of %d: %w", i+1, len(secrets), err)
		case i > 0 && name != named:
			return fmt.Errorf("schemes: the secrets belong to %s and %s: sign with the secrets of one scheme", named, name)
		}
		named, own[i] = name, secret
	}
	for _, m := range s.members {
		reads := func(secret string) bool { _, err := m.ParseKey(secret); return err == nil }
		if m.Name() == named || !s.mixed && m.facts.Sign != nil && !slices.ContainsFunc(own, func(secret string) bool { return !reads(secret) }) {
			return Sign(m.Scheme, r, id, at, own...)
		}
	}
	return fmt.Errorf("schemes: no member of %s can sign with these secrets: %w", s.name, errors.ErrUnsupported)
}

func (s *anyOf) names() string {
	names := make([]string, len(s.members))
	for i, m := range s.members {
		names[i] = m.Name() + ":"
	}
	return strings.Join(names, ", ")
}

// chosen is the State of an attempt: the member that decides, and that member's
// own state.
type chosen struct {
	member int
	state  any
}

// ReadHeader implements [core.Scheme]. It stores the member that decides in
// a.State.
func (s *anyOf) ReadHeader(r *core.Request, a *core.Attempt) error {
	for i, m := range s.members {
		err := m.ReadHeader(r, a)
		if err == nil {
			a.State = &chosen{i, a.State}
			return nil
		}
		// Only absent headers lead to the next member. Falling back after any other error would let
		// an attacker choose the scheme by damaging a header.
		if !errors.Is(err, core.ErrMissingHeader) {
			return err
		}
		// The member may have written to the attempt before it failed. Keep only the allocated
		// memory.
		signatures := a.Signatures[:0]
		*a = core.Attempt{Signatures: signatures}
	}
	return &core.Error{Reason: core.ErrMissingHeader, Detail: "the request has the headers of none of the schemes in " + s.name + ": is this the right sender?"}
}

// ReadBody implements [core.Scheme].
func (s *anyOf) ReadBody(r *core.Request, a *core.Attempt) error {
	c, ok := a.State.(*chosen)
	if !ok {
		return malformed("ReadBody was called without ReadHeader")
	}
	a.State = c.state
	err := s.members[c.member].ReadBody(r, a)
	c.state, a.State = a.State, c
	if err != nil {
		return err
	}
	if s.by != byBody && !a.IDSigned && a.Unidentified == nil { // core reports a missing id after challenges, which need none
		a.Unidentified = malformed("the message lacks " + identityText(s.by) + ", which identifies messages in all schemes of " + s.name)
	}
	if s.by == byBody {
		// If only one member had an id, one body would have two identities.
		a.ID, a.IDSigned = "", false
		if len(a.Unsigned) == 0 && slices.ContainsFunc(s.members, func(m member) bool { return m.facts.Unsigned }) {
			a.Unsigned = append(a.Unsigned, "") // an empty entry, so that the messages of all members count together
		}
	}
	return nil
}

// challenge lets only the member that decides respond: one sender's challenge
// may be another sender's ordinary message.
func (s *anyOf) challenge(ctx context.Context, r *core.Request, m *core.Message, key core.VerifyKey) *core.Answer {
	keys, _ := key.(anyKey)
	for i, member := range s.members {
		// challenge does not get the attempt, so find the member again. ReadHeader succeeds for the
		// same member.
		if member.ReadHeader(r, new(core.Attempt)) != nil {
			continue
		}
		if i < len(keys) && keys[i] != nil && member.facts.Challenge != nil {
			return member.facts.Challenge(ctx, r, m, keys[i])
		}
		return nil
	}
	return nil
}

func (s *anyOf) handshake(r *core.Request) *core.Answer {
	for _, m := range s.members {
		if m.facts.Handshake == nil {
			continue
		}
		if answer := m.facts.Handshake(r); answer != nil {
			return answer
		}
	}
	return nil
}

// awaitsHandshake reports whether r is a handshake. A request with a header of
// any member is a message and never a handshake.
func (s *anyOf) awaitsHandshake(r *core.Request) bool {
	awaits := false
	for _, m := range s.members {
		if !bare(m.facts, r.Header) {
			return false
		}
		awaits = awaits || m.awaits(r)
	}
	return awaits
}

func (m member) awaits(r *core.Request) bool {
	return m.facts.AwaitsHandshake != nil && m.facts.AwaitsHandshake(r)
}

func (s *anyOf) answerHandshake(r *core.Request, key core.VerifyKey) *core.Answer {
	keys, _ := key.(anyKey)
	for i, m := range s.members {
		if i >= len(keys) || keys[i] == nil || !m.awaits(r) {
			continue
		}
		if answer := m.facts.AnswerHandshake(r, keys[i]); answer != nil {
			return answer
		}
	}
	return nil
}

// anyKey holds the key of each member in the order of the members. An entry is
// nil if the member cannot parse the secret.
type anyKey []core.VerifyKey

// Verify implements [core.VerifyKey]. The member's key sees the member's state.
func (k anyKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	c, ok := a.State.(*chosen)
	if !ok || c.member >= len(k) || k[c.member] == nil {
		return false, nil
	}
	a.State = c.state
	// core may verify the attempt with further keys, which need anyOf's state again.
	defer func() { a.State = c }()
	return k[c.member].Verify(ctx, a)
}
