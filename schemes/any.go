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

// Any accepts messages of several schemes on one endpoint, while a sender moves
// from one to another. Of a message that carries several, the first member
// whose headers are there decides: put the scheme that you move to in front. It
// is not tried again with another one if it does not verify.
//
// name is part of every replay key, as in [Template]: with the name of the
// scheme in use before, messages that were handled stay so. Keep the name until
// [core.Config].Remember is over.
//
// A message that carries the headers of two members must be one message to
// both, or stripping one would make it run again. So members must have one
// [core.Stamping] and identify messages by the same thing: the body, or an id
// in it. Others are refused, [core.StandardWebhooks] and whatever signs a
// header or a time beside a message without an id among them: give those an
// endpoint of their own.
//
// Each secret is read by every member that can read it: text is a key of all of
// them. Where some members take shared secrets and others take public keys, a
// secret begins with the name of its member and a colon, as in "discord:…". So
// a public key is never taken for a shared secret. Each member needs a name of
// its own.
//
// The tolerance is the widest of the members', for the messages of all of them.
// Set [core.Config].Past and Future for a narrower one. Package explain does
// not try other addresses for a member that signs one. [Sign] signs as the
// member that the secrets name, or else as the first that can.
func Any(name string, members ...core.Scheme) (core.Scheme, error) {
	var mistakes []error
	if name == "" {
		mistakes = append(mistakes, errors.New("it needs a name, which is part of every replay key"))
	}
	if len(members) < 2 {
		mistakes = append(mistakes, errors.New("it needs two members at least"))
	}
	s := &anyOf{name: name}
	kinds := map[bool]bool{} // of keys: public, shared
	names := map[string]bool{}
	for i, m := range members {
		if m == nil {
			return nil, fmt.Errorf("schemes: Any(%q): member %d is nil", name, i+1)
		}
		if names[m.Name()] {
			mistakes = append(mistakes, fmt.Errorf("two members have the name %s: give one scheme once, and a wrapper or a template a name of its own", m.Name()))
		}
		names[m.Name()] = true
		f := core.FactsOf(m)
		if f.Mistake != nil {
			mistakes = append(mistakes, f.Mistake)
			continue
		}
		switch {
		case f.SignsHandshakes:
			mistakes = append(mistakes, fmt.Errorf("%s answers handshakes with a MAC under the secret, which another scheme would accept as a signature: "+
				"give it an endpoint of its own, or let it ignore handshakes", m.Name()))
		case f.IdentifiedBy == "":
			mistakes = append(mistakes, fmt.Errorf("%s identifies its messages by what no other scheme signs: stripped of its headers, "+
				"a message would run again; give it an endpoint of its own", m.Name()))
		case i > 0 && s.by != "" && (f.IdentifiedBy != s.by || m.Stamping() != members[0].Stamping()):
			mistakes = append(mistakes, fmt.Errorf("%s and %s identify messages by different things (%s, %s): stripped of the headers of one, "+
				"a message would run again", members[0].Name(), m.Name(), identityText(s.by), identityText(f.IdentifiedBy)))
		default:
			s.by = f.IdentifiedBy
		}
		s.members = append(s.members, member{m, f})
		kinds[f.PublicKeys] = true
	}
	s.mixed = len(kinds) == 2
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("schemes: Any(%q): %w", name, err)
	}
	return s, nil
}

// identityText is [core.Facts].IdentifiedBy for people.
func identityText(by string) string {
	if by == byBody {
		return "the body"
	}
	return "the id at " + by + " of the body"
}

type anyOf struct {
	name    string
	by      string // the identity of all members
	members []member
	mixed   bool // their keys are of both kinds
}

type member struct {
	core.Scheme

	facts core.Facts
}

func (s *anyOf) Name() string            { return s.name }
func (s *anyOf) Stamping() core.Stamping { return s.members[0].Stamping() }

// Facts implements [core.Describer].
func (s *anyOf) Facts() core.Facts {
	const usual = 5 * time.Minute // as core.Config has it
	all := core.Facts{IdentifiedBy: s.by, Challenge: s.challenge, Handshake: s.handshake, Sign: s.sign}
	silent := false // a member does not name its headers
	for _, m := range s.members {
		f := m.facts
		all.Past, all.Future = max(all.Past, cmp.Or(f.Past, usual)), max(all.Future, cmp.Or(f.Future, usual))
		all.FreeText, all.PublicKeys = all.FreeText || f.FreeText, all.PublicKeys || f.PublicKeys
		all.Fetches, all.Unsigned = all.Fetches || f.Fetches, all.Unsigned || f.Unsigned
		all.Headers = append(all.Headers, f.Headers...)
		silent = silent || len(f.Headers) == 0
		if f.AwaitsHandshake != nil {
			all.AwaitsHandshake, all.AnswerHandshake = s.awaitsHandshake, s.answerHandshake
		}
	}
	if silent {
		all.Headers = nil
	}
	return all
}

// ParseKey implements [core.Scheme]: a key of every member that can read the
// text.
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

// oneKind refuses a text that is a shared secret to one member and a public key
// to another. Schemes of a program may take both kinds.
func (s *anyOf) oneKind(k anyKey) error {
	secret, public := "", ""
	for i, m := range s.members {
		switch {
		case k[i] == nil || !m.facts.PublicKeys: // of members that have no public keys there is no other kind
		case isMAC(k[i]):
			secret = m.Name()
		default:
			public = m.Name()
		}
	}
	if secret == "" || public == "" {
		return nil
	}
	return fmt.Errorf("the text is a shared secret to %s and a public key to %s: give one of them an endpoint of its own", secret, public)
}

// cut returns the member that a secret names, if it must name one, and the
// secret of that member.
func (s *anyOf) cut(text string) (named, secret string, err error) {
	if !s.mixed {
		return "", text, nil
	}
	named, secret, ok := strings.Cut(text, ":")
	if !ok || !slices.ContainsFunc(s.members, func(m member) bool { return m.Name() == named }) {
		return "", "", errors.New("nothing says whether this is a shared secret or a public key: write the name of its scheme and a colon in front, one of " + s.names())
	}
	return named, secret, nil
}

// sign is [core.Facts].Sign: it signs as the member that all secrets name, or
// as the first that signs with what it can read.
func (s *anyOf) sign(r *core.Request, id string, at time.Time, secrets ...string) error {
	if len(secrets) == 0 {
		return errors.New("schemes: no secret to sign with")
	}
	named, own := "", make([]string, len(secrets))
	for i, text := range secrets {
		name, secret, err := s.cut(text)
		switch {
		case err != nil:
			return fmt.Errorf("secret %d of %d: %w", i+1, len(secrets), err)
		case i > 0 && name != named:
			return fmt.Errorf("schemes: the secrets are of %s and %s: sign with those of one scheme", named, name)
		}
		named, own[i] = name, secret
	}
	for _, m := range s.members {
		reads := func(secret string) bool { _, err := m.ParseKey(secret); return err == nil }
		if m.Name() == named || !s.mixed && m.facts.Sign != nil && !slices.ContainsFunc(own, func(secret string) bool { return !reads(secret) }) {
			return Sign(m.Scheme, r, id, at, own...)
		}
	}
	return fmt.Errorf("schemes: no member of %s signs with such secrets: %w", s.name, errors.ErrUnsupported)
}

func (s *anyOf) names() string {
	names := make([]string, len(s.members))
	for i, m := range s.members {
		names[i] = m.Name() + ":"
	}
	return strings.Join(names, ", ")
}

// chosen is a.State: the member that decided, and its own state.
type chosen struct {
	member int
	state  any
}

// ReadHeader implements [core.Scheme]. The member that it decides for is in
// a.State.
func (s *anyOf) ReadHeader(r *core.Request, a *core.Attempt) error {
	for i, m := range s.members {
		err := m.ReadHeader(r, a)
		if err == nil {
			a.State = &chosen{i, a.State}
			return nil
		}
		if !errors.Is(err, core.ErrMissingHeader) {
			return err
		}
		signatures := a.Signatures[:0]
		*a = core.Attempt{Signatures: signatures}
	}
	return &core.Error{Reason: core.ErrMissingHeader, Detail: "the headers of no scheme of " + s.name + " are there: is this the right sender?"}
}

// ReadBody implements [core.Scheme].
func (s *anyOf) ReadBody(r *core.Request, a *core.Attempt) error {
	c, ok := a.State.(*chosen)
	if !ok {
		return malformed("the headers were not read")
	}
	a.State = c.state
	err := s.members[c.member].ReadBody(r, a)
	c.state, a.State = a.State, c
	if err != nil {
		return err
	}
	if s.by != byBody && !a.IDSigned && a.Unidentified == nil { // refused after a challenge was answered, which needs no id
		a.Unidentified = malformed("the message has not " + identityText(s.by) + ", by which all schemes of " + s.name + " identify it")
	}
	if s.by == byBody {
		a.ID, a.IDSigned = "", false
		if len(a.Unsigned) == 0 && slices.ContainsFunc(s.members, func(m member) bool { return m.facts.Unsigned }) {
			a.Unsigned = append(a.Unsigned, "") // so that the messages of all members are counted together
		}
	}
	return nil
}

// challenge answers as the member that decided. What one sender asks so is an
// ordinary message of another.
func (s *anyOf) challenge(ctx context.Context, r *core.Request, m *core.Message, key core.VerifyKey) *core.Answer {
	keys, _ := key.(anyKey)
	for i, member := range s.members {
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

// awaitsHandshake takes no request for a handshake that has a header of any
// member.
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

// anyKey has the key of each member, nil where there is none.
type anyKey []core.VerifyKey

// Verify implements [core.VerifyKey]. The member's key sees the member's state.
func (k anyKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	c, ok := a.State.(*chosen)
	if !ok || c.member >= len(k) || k[c.member] == nil {
		return false, nil
	}
	a.State = c.state
	defer func() { a.State = c }()
	return k[c.member].Verify(ctx, a)
}
