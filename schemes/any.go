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

// Any accepts messages of several schemes on one endpoint, while a sender moves from one to another. Of a message that carries several, the first
// member whose headers are there decides: put the scheme that you move to in front. It is not tried again with another one if it does not verify.
//
// name is part of every replay key, as in [Template]: with the name of the scheme in use before, messages that were handled stay so. Keep the name until
// [core.Config].Remember is over.
//
// A message that carries the headers of two members must be one message to both, or stripping one would make it run again. So members must have one
// [core.Stamping] and identify messages by the same thing: the body, or an id in it. Others are refused, [core.StandardWebhooks] and whatever signs
// a header or a time beside a message without an id among them: give those an endpoint of their own.
//
// Each secret is read by every member that can read it: text is a key of all of
// them. Where some members take shared secrets and others take public keys, a
// secret begins with the name of its member and a colon, as in "discord:…". So
// a public key is never taken for a shared secret.
func Any(name string, members ...core.Scheme) (core.Scheme, error) {
	var mistakes []error
	if name == "" {
		mistakes = append(mistakes, errors.New("it needs a name, which is part of every replay key"))
	}
	if len(members) < 2 {
		mistakes = append(mistakes, errors.New("it needs two members at least"))
	}
	s := &anyOf{name: name}
	kinds := map[bool][]string{} // names of members, by whether their keys are public
	for i, m := range members {
		if m == nil {
			return nil, fmt.Errorf("schemes: Any(%q): member %d is nil", name, i+1)
		}
		if v, ok := m.(core.Validator); ok {
			if err := v.Validate(); err != nil {
				mistakes = append(mistakes, err)
				continue
			}
		}
		identity := ""
		if r, ok := m.(interface{ identity() string }); ok {
			identity = r.identity()
		}
		signs, ok := m.(interface{ signsTokens() bool })
		switch {
		case ok && signs.signsTokens():
			mistakes = append(mistakes, fmt.Errorf("%s answers handshakes with a MAC under the secret, which another scheme would take for a signature: "+
				"give it an endpoint of its own, or let it ignore handshakes", m.Name()))
		case identity == "":
			mistakes = append(mistakes, fmt.Errorf("%s identifies its messages by what no other scheme signs: stripped of its headers, "+
				"a message would run again; give it an endpoint of its own", m.Name()))
		case i > 0 && s.by != "" && (identity != s.by || m.Stamping() != members[0].Stamping()):
			mistakes = append(mistakes, fmt.Errorf("%s and %s identify messages by different things (%s, %s): stripped of the headers of one, "+
				"a message would run again", members[0].Name(), m.Name(), s.by, identity))
		default:
			s.by = identity
		}
		if t, ok := m.(interface{ template() *templated }); ok && t.template().counts() {
			s.counts = true
		}
		s.members = append(s.members, wrapped{m})
		kinds[asymmetric(m)] = append(kinds[asymmetric(m)], m.Name())
	}
	if s.mixed = len(kinds) == 2; s.mixed && slices.ContainsFunc(kinds[true], func(n string) bool { return slices.Contains(kinds[false], n) }) {
		mistakes = append(mistakes, errors.New("two members of one name take keys of different kinds: rename one, so that a secret can name its member"))
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("schemes: Any(%q): %w", name, err)
	}
	return s, nil
}

// identity says what identifies the messages of a template, apart from its name; empty if that is nothing that another scheme could sign.
func (s *templated) identity() string {
	switch {
	case s.t.ID.inBody() && s.has(partBody):
		return "the id at " + strings.Join(s.t.ID.path, ".") + " of the body"
	case s.t.Content == "{body}":
		return identityBody
	default:
		return ""
	}
}

const identityBody = "the body"

type anyOf struct {
	name    string
	by      string // the identity of all members
	counts  bool   // some member has unsigned ids
	members []wrapped
	mixed   bool // their keys are of both kinds
}

// asymmetric reports whether the keys of a scheme are public ones.
func asymmetric(m core.Scheme) bool {
	a, ok := m.(interface{ asymmetric() bool })
	return ok && a.asymmetric()
}

func (s *templated) asymmetric() bool { return s.t.Algorithm.hash() == nil }

func (s *anyOf) Name() string            { return s.name }
func (s *anyOf) Stamping() core.Stamping { return s.members[0].Stamping() }

func (s *anyOf) FreeText() bool {
	for _, m := range s.members {
		if m.FreeText() {
			return true
		}
	}
	return false
}

// Window implements [core.Windower]: the widest of the members'. That of a member that has none is the usual one.
func (s *anyOf) Window() (past, future time.Duration) {
	const usual = 5 * time.Minute // as core.Config has it
	for _, m := range s.members {
		p, f := m.Window()
		past, future = max(past, cmp.Or(p, usual)), max(future, cmp.Or(f, usual))
	}
	return past, future
}

// ParseKey implements [core.Scheme]: a key of every member that can read the text.
func (s *anyOf) ParseKey(text string) (core.VerifyKey, error) {
	k := make(anyKey, len(s.members))
	var mistakes []error
	named := ""
	if s.mixed {
		var ok bool
		if named, text, ok = strings.Cut(text, ":"); !ok || !slices.ContainsFunc(s.members, func(m wrapped) bool { return m.Name() == named }) {
			return nil, errors.New("nothing says whether this is a shared secret or a public key: write the name of its scheme and a colon in front, one of " + s.names())
		}
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
	return k, nil
}

func (s *anyOf) names() string {
	names := make([]string, len(s.members))
	for i, m := range s.members {
		names[i] = m.Name() + ":"
	}
	return strings.Join(names, ", ")
}

// ReadHeader implements [core.Scheme]. The member that it decides for is in a.State.
func (s *anyOf) ReadHeader(r *core.Request, a *core.Attempt) error {
	for i, m := range s.members {
		err := m.ReadHeader(r, a)
		if err == nil {
			a.State = i
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
	i, _ := a.State.(int)
	if err := s.members[i].ReadBody(r, a); err != nil {
		return err
	}
	if s.by != identityBody && !a.IDSigned {
		return malformed("the message has not " + s.by + ", by which all schemes of " + s.name + " identify it")
	}
	if s.by == identityBody {
		a.ID, a.IDSigned = "", false
		if s.counts && len(a.Unsigned) == 0 {
			a.Unsigned = append(a.Unsigned, "") // so that the messages of all members are counted together
		}
	}
	return nil
}

// Challenge implements [core.Challenger]: that of the member that decided. What one sender asks so is an ordinary message of another.
func (s *anyOf) Challenge(ctx context.Context, r *core.Request, m *core.Message, key core.VerifyKey) *core.Answer {
	keys, _ := key.(anyKey)
	for i, member := range s.members {
		if member.ReadHeader(r, new(core.Attempt)) != nil {
			continue
		}
		if i < len(keys) && keys[i] != nil {
			return member.Challenge(ctx, r, m, keys[i])
		}
		return nil
	}
	return nil
}

// Handshake implements [core.Handshaker].
func (s *anyOf) Handshake(r *core.Request) *core.Answer {
	for _, m := range s.members {
		if answer := m.Handshake(r); answer != nil {
			return answer
		}
	}
	return nil
}

// AwaitsHandshake implements [core.BodyHandshaker]: a request with a header of
// any member is none.
func (s *anyOf) AwaitsHandshake(r *core.Request) bool {
	awaits := false
	for _, m := range s.members {
		if b, ok := m.Scheme.(interface{ bare(h core.Header) bool }); !ok || !b.bare(r.Header) {
			return false
		}
		awaits = awaits || m.AwaitsHandshake(r)
	}
	return awaits
}

// AnswerHandshake implements [core.BodyHandshaker].
func (s *anyOf) AnswerHandshake(r *core.Request, key core.VerifyKey) *core.Answer {
	keys, _ := key.(anyKey)
	for i, m := range s.members {
		if i >= len(keys) || keys[i] == nil || !m.AwaitsHandshake(r) {
			continue
		}
		if answer := m.AnswerHandshake(r, keys[i]); answer != nil {
			return answer
		}
	}
	return nil
}

// anyKey has the key of each member, nil where there is none.
type anyKey []core.VerifyKey

func (k anyKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	i, ok := a.State.(int)
	if !ok || i >= len(k) || k[i] == nil {
		return false, nil
	}
	return k[i].Verify(ctx, a)
}
