package explain

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

// lanes are the configured scheme and those of the registry whose headers are
// there.
func (s *scene) lanes() []lane {
	own := s.lane(s.scheme, s.facts)
	all := []lane{own}
	for _, other := range s.others() {
		l := s.lane(other.scheme, other.facts)
		l.steps = []step{{otherScheme, "the message is signed as " + strings.Join(other.names, " or ") + " does, not as " + s.scheme.Name()}}
		all = append(all, l)
	}
	return all
}

func (s *scene) lane(scheme core.Scheme, facts core.Facts) lane {
	l := lane{heads: s.heads(scheme, facts), keys: s.keys(scheme, facts)}
	return l
}

// other is a scheme of the registry, with all its names.
type other struct {
	scheme core.Scheme
	facts  core.Facts
	names  []string
}

// others are the schemes whose headers the request has, and not those that say
// the same as the configured one.
func (s *scene) others() []other {
	var all []other
	for _, name := range schemes.Names() {
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
		r.Body = nil
		if scheme.ReadHeader(&r, a) != nil || len(a.Signatures) == 0 {
			continue
		}
		same := slices.IndexFunc(all, func(o other) bool {
			return o.scheme.Name() == scheme.Name() || facts.URL == "" && slices.Equal(reads(o.facts, r.Header), reads(facts, r.Header))
		})
		if same < 0 {
			all = append(all, other{scheme, facts, []string{name}})
		} else if o := &all[same]; o.scheme.Name() != scheme.Name() && len(o.names) < 3 {
			o.names = append(o.names, name)
		}
	}
	return all[:min(len(all), 4)]
}

// publicURL guesses the address that the sender knows.
func (s *scene) publicURL() string {
	if s.facts.URL != "" {
		return s.facts.URL
	}
	if strings.HasPrefix(s.req.URL, "https://") || strings.HasPrefix(s.req.URL, "http://") {
		return s.req.URL
	}
	host := cmp.Or(asMap(s.req.Header).Get("X-Forwarded-Host"), asMap(s.req.Header).Get("Host"))
	if host == "" || strings.ContainsAny(host, "/?#@ ") {
		host = "example.invalid"
	}
	return "https://" + host + s.req.URL
}
