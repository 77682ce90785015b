package explain

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/senders"
	"github.com/hookonce/hookonce/schemes"
)

// Two schemes can sign in the same way. A signature then verifies under both: it proves the secret
// but not the provider. The names of the other headers show which provider sent the message, and
// both files of proposals use them (see foreign and signedAs).

// lanes returns lanes for the configured scheme and for the registry's schemes
// whose headers are present. The configured scheme comes first, so it is
// preferred if several fit.
func (s *scene) lanes() []lane {
	own := s.lane(s.scheme, s.facts)
	all := []lane{own}
	for _, other := range s.others() {
		l := s.lane(other.scheme, other.facts)
		l.steps = []step{s.signedAs(other)}
		all = append(all, l)
	}
	return all
}

// lane proposes heads and keys under one scheme.
func (s *scene) lane(scheme core.Scheme, facts core.Facts) lane {
	l := lane{heads: s.heads(scheme, facts), keys: s.keys(scheme, facts)}
	return l
}

// signedAs describes a message that verifies under the scheme o, not the
// configured one. There are three cases. If the headers name no provider or
// o's, it is a message of o's provider. If they name the configured provider,
// the right signature is missing, and another of its headers verifies.
// Otherwise they name a third provider, which signs in the same way.
func (s *scene) signedAs(o other) step {
	named := s.namedProviders()
	switch {
	case len(named) == 0 || slices.ContainsFunc(o.names, func(name string) bool { return slices.Contains(named, name) }):
		return step{otherScheme, "the message is signed as " + strings.Join(o.names, " or ") + " signs, not as " + s.scheme.Name() + " does"}
	case slices.Contains(named, s.scheme.Name()):
		return step{headerMissing, "the signature that " + s.scheme.Name() + " uses is missing: the request only has the one in " +
			strings.Join(reads(o.facts, s.req.Header), " and ") + ", which is of a different kind"}
	default:
		return step{otherScheme, "the headers say that the message is from " + strings.Join(named, " or ") + ", not from " + s.scheme.Name() + "; its signature " +
			"is in " + strings.Join(reads(o.facts, s.req.Header), " and ")}
	}
}

// namedProviders returns the providers that header names point to, as
// X-Github-Event does, by their names in the registry. The result is kept. An
// empty slice means that there are none.
func (s *scene) namedProviders() []string {
	if s.named != nil {
		return s.named
	}
	// Not nil, so that a request without named providers is not searched again.
	s.named = []string{}
	for _, named := range senders.Named(asMap(s.req.Header)) {
		s.named = append(s.named, named.Names...)
	}
	return s.named
}

// foreign returns the headers that other schemes read and the configured one
// does not. The result is kept.
func (s *scene) foreign() []string {
	if s.theirs == nil {
		s.theirs = []string{}
		// Headers of all families of the configured scheme, not only of the family that is present.
		own := slices.Concat(s.facts.Headers...)
		for _, o := range s.others() {
			for _, name := range reads(o.facts, s.req.Header) {
				if !slices.Contains(own, name) {
					s.theirs = append(s.theirs, name)
				}
			}
		}
	}
	return s.theirs
}

// other is a scheme of the registry, with the names of all providers that sign
// in the same way.
type other struct {
	scheme core.Scheme
	facts  core.Facts
	names  []string
}

// others returns the registry's schemes whose headers the request has, except
// the configured one. Schemes that read the same headers are merged: trying
// both would spend twice the work for one proof. At most four are tried, with
// three names each, so that texts stay short.
func (s *scene) others() []other {
	var all []other
	for _, name := range schemes.Names() {
		// The settings only satisfy the constructors. Nothing is stored, so replays do not matter
		// here.
		scheme, err := schemes.New(name, schemes.Settings{URL: s.publicURL(), DangerouslyReplayable: true})
		if err != nil || scheme.Name() == s.scheme.Name() {
			continue
		}
		facts := core.FactsOf(scheme)
		if facts.Fetches {
			continue
		}
		a := new(core.Attempt)
		r := s.req
		// Headers alone decide: reading every body under every scheme would be expensive.
		r.Body = nil
		// A scheme whose signature header is missing cannot have signed the request.
		if scheme.ReadHeader(&r, a) != nil || len(a.Signatures) == 0 {
			continue
		}
		same := slices.IndexFunc(all, func(o other) bool {
			return o.scheme.Name() == scheme.Name() || facts.URL == "" && slices.Equal(reads(o.facts, r.Header), reads(facts, r.Header))
		})
		// A scheme with new headers is a new candidate. One with the same headers adds a name to a
		// candidate.
		if same < 0 {
			all = append(all, other{scheme, facts, []string{name}})
		} else if o := &all[same]; o.scheme.Name() != scheme.Name() {
			o.names = append(o.names, name)
		}
	}
	// A provider that the headers name is a better guess than another with the same scheme.
	named := s.namedProviders()
	for i := range all {
		if by := slices.DeleteFunc(slices.Clone(all[i].names), func(name string) bool { return !slices.Contains(named, name) }); len(by) > 0 {
			all[i].names = by
		}
		all[i].names = all[i].names[:min(len(all[i].names), 3)]
	}
	return all[:min(len(all), 4)]
}

// publicURL guesses the address under which the sender knows the endpoint. It
// may trust forwarded headers, because a signature decides whether the guess is
// right. A host that could change the meaning of a URL is replaced.
func (s *scene) publicURL() string {
	if s.facts.URL != "" {
		return s.facts.URL
	}
	if strings.HasPrefix(s.req.URL, "https://") || strings.HasPrefix(s.req.URL, "http://") {
		return s.req.URL
	}
	// The sender used the Host that the outermost proxy received.
	host := cmp.Or(asMap(s.req.Header).Get("X-Forwarded-Host"), asMap(s.req.Header).Get("Host"))
	if host == "" || strings.ContainsAny(host, "/?#@ ") {
		host = "example.invalid"
	}
	return "https://" + host + s.req.URL
}
