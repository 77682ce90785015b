package explain

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

const (
	// maxAddresses bounds the variants of the configured address.
	maxAddresses = 96
	// maxTwice bounds the addresses that are changed a second time: each has
	// dozens of variants.
	maxTwice = 24
	// maxSlashes bounds the slashes of a path for which other spellings are
	// tried.
	maxSlashes = 8
	// maxPlace bounds, in bytes, a header value that contains an address.
	maxPlace = 512
)

// addresses returns readings with another address or method than the configured
// one, for schemes that sign them. It does nothing if an address was already
// changed: addressVariants combines two differences itself.
func (s *scene) addresses(h *head) (all []head) {
	if h.facts.URL == "" || slices.ContainsFunc(h.steps, func(s step) bool { return s.mistake == wrongURL }) {
		return nil
	}
	// The path stays as it arrived. Only the query is replaced below.
	path, arrived, _ := strings.Cut(h.req.URL, "?")
	if _, query, ok := strings.Cut(h.facts.URL, "?"); ok && query != arrived { // the scheme refuses such a request
		n := *h
		n.req.URL = path + "?" + query
		n.steps = append(slices.Clone(h.steps), step{wrongURL, "the sender signs the configured URL, but the request arrived with a different query: " +
			"something probably rewrote the query on the way"})
		all = append(all, n)
	}
	// The most likely differences come first, because heads may drop the last.
	for _, v := range addressVariants(h.facts.URL, &h.req) {
		n := *h
		// The scheme is rebuilt for the address, because only the scheme determines how an address
		// is signed.
		n.scheme = h.facts.At(v.text)
		if _, query, ok := strings.Cut(v.text, "?"); ok { // the scheme compares the two queries
			path, _, _ := strings.Cut(h.req.URL, "?")
			n.req.URL = path + "?" + query
		}
		n.steps = append(slices.Clone(h.steps), step{wrongURL, "the sender signs the URL " + strings.Join(v.how, " and ")})
		all = append(all, n)
	}
	if path, _, ok := strings.Cut(h.req.URL, "?"); ok {
		n := *h
		// Neither the configured address nor the request keeps its query: some senders sign without
		// it.
		base, _, _ := strings.Cut(h.facts.URL, "?")
		n.scheme, n.req.URL = h.facts.At(base), path
		n.steps = append(slices.Clone(h.steps), step{wrongURL, "the sender signs the URL without a query"})
		all = append(all, n)
	}
	// Nearly all senders use POST. Another method comes from a redirect or a cache.
	if h.req.Method != http.MethodPost {
		n := *h
		n.req.Method = http.MethodPost
		n.steps = append(slices.Clone(h.steps), step{wrongMethod, "the sender signs the method POST"})
		all = append(all, n)
	}
	return all
}

// address is an address that the sender may have signed. how lists its
// differences from the configured address.
type address struct {
	text string
	how  []string
}

// addressVariants returns the variants of an address: first those with one
// difference, then those with two. A scheme compares byte by byte, so it
// distinguishes addresses that look the same to people. The bounds limit the
// second round first, so single differences are always tried.
func addressVariants(configured string, r *core.Request) []address {
	// The configured address itself is not a variant.
	known := map[string]bool{configured: true}
	round := []address{{text: configured}}
	var all []address
	for range 2 {
		var next []address
		for _, a := range round {
			for _, v := range addressChanges(a.text, r) {
				// Two changes may cancel out, or lead to one address in two ways.
				if !known[v.text] {
					known[v.text] = true
					next = append(next, address{v.text, slices.Concat(a.how, v.how)})
				}
			}
		}
		all = append(all, next...)
		round = next[:min(len(next), maxTwice)]
	}
	return all[:min(len(all), maxAddresses)]
}

// addressChanges returns the results of one change to an address, in the order
// in which a person would check. First come https or http and the port, then
// the path and the query. The headers in which proxies describe the original
// request come last.
func addressChanges(text string, r *core.Request) []address {
	// Changing an address that is not absolute would only produce more such addresses.
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil
	}
	// Without a readable target, only changes of the configured address remain.
	target, err := url.ParseRequestURI(r.URL)
	if err != nil {
		target = &url.URL{}
	}
	c := &changedAddress{text: text, u: u}
	c.origin()
	c.path(target)
	c.query(target)
	for _, place := range originals(target, asMap(r.Header)) {
		c.add("as it was before a proxy changed the path or the query", func(u *url.URL) {
			setPath(u, place.EscapedPath())
			u.RawQuery = place.RawQuery
		})
	}
	if port := asMap(r.Header).Get("X-Forwarded-Port"); isDigits(port) && len(port) <= 5 {
		c.add("with the port that X-Forwarded-Port names", func(u *url.URL) { u.Host = u.Hostname() + ":" + port })
	}
	// Hosts come last because there are several.
	for _, host := range hosts(u.Host, r) {
		c.add("with another host", func(u *url.URL) { u.Host = host })
	}
	return c.all
}

// changedAddress collects the results of one change to an address. text is the
// original address, to recognize changes without effect.
type changedAddress struct {
	text string
	u    *url.URL
	all  []address
}

// add applies edit to a copy, and keeps the result if it differs.
func (c *changedAddress) add(how string, edit func(u *url.URL)) {
	// A shallow copy is enough: no edit changes User, the only pointer in a URL.
	u := *c.u
	edit(&u)
	if s := u.String(); s != c.text {
		c.all = append(c.all, address{s, []string{how}})
	}
}

// origin changes the part before the path. Downstream of TLS termination, an
// application sees http and another port than the sender.
func (c *changedAddress) origin() {
	scheme := c.u.Scheme
	other := map[string]string{"http": "https", "https": "http"}[scheme]
	c.add("with "+other+" instead of "+scheme, func(u *url.URL) { u.Scheme = other })
	// Some senders include a default port in the signed text, and others omit it.
	if c.u.Port() != "" {
		c.add("without the port", func(u *url.URL) { u.Host = strings.TrimSuffix(u.Host, ":"+u.Port()) })
	} else {
		port := map[string]string{"http": ":80", "https": ":443"}[scheme]
		c.add("with the port "+port, func(u *url.URL) { u.Host += port })
	}
}

// path changes the path. It tries slashes at the end, the path that arrived,
// and other spellings.
func (c *changedAddress) path(target *url.URL) {
	if c.u.Path != "" {
		c.add("with or without a slash at the end of the path", func(u *url.URL) {
			path := u.EscapedPath()
			if shorter, ok := strings.CutSuffix(path, "/"); ok {
				path = shorter
			} else {
				path += "/"
			}
			setPath(u, path)
		})
	}
	// The request's address was not readable.
	if target.Path == "" {
		return
	}
	// A prefix that a proxy strips or adds shows here.
	c.add("with the path of the request", func(u *url.URL) { setPath(u, target.EscapedPath()) })
	if c.u.Path == "" { // the path is taken from the request
		c.add("with a slash at the end of the path", func(u *url.URL) { setPath(u, target.EscapedPath()+"/") })
	}
	for _, path := range spellings(cmp.Or(c.u.EscapedPath(), target.EscapedPath())) {
		c.add("with a different spelling of the path, probably as it was before a proxy normalized it", func(u *url.URL) { setPath(u, path) })
	}
}

// spellings returns paths that a proxy may have changed to this one: proxies
// decode characters, merge slashes, and change the case of hexadecimal digits.
// A merged slash may have been anywhere, so each place is tried.
func spellings(path string) (all []string) {
	for _, one := range []string{
		strings.ReplaceAll(path, "~", "%7E"), strings.ReplaceAll(path, "~", "%7e"), strings.ReplaceAll(path, "%7E", "~"),
		percentCase(path, strings.ToLower), percentCase(path, strings.ToUpper),
	} {
		if one != path {
			all = append(all, one)
		}
	}
	// The first slash is the root and stays.
	for i, at := 0, 0; i < maxSlashes; i++ {
		next := strings.IndexByte(path[at+1:], '/')
		if at += next + 1; next < 0 {
			break
		}
		// A double slash was merged, or an escaped slash was decoded.
		for _, instead := range []string{"//", "%2F", "%2f"} {
			all = append(all, path[:at]+instead+path[at+1:])
		}
	}
	return all
}

// query changes the query of the address, or of the request if the address has
// none.
func (c *changedAddress) query(target *url.URL) {
	for _, q := range queries(cmp.Or(c.u.RawQuery, target.RawQuery)) {
		c.add(q.how[0], func(u *url.URL) {
			// Without a configured path the scheme takes path and query from the request. A changed
			// query needs the path written out.
			if u.Path == "" {
				setPath(u, target.EscapedPath())
			}
			u.RawQuery = q.text
		})
	}
	// The endpoint may be registered with another query than the configured query.
	if target.RawQuery != c.u.RawQuery {
		how := "with the request's query"
		if target.RawQuery == "" {
			how = "without the query, as in the request"
		}
		c.add(how, func(u *url.URL) { u.RawQuery = target.RawQuery })
	}
}

// queries returns other ways to write a query, the most likely first. They are
// sorted, reversed, without one parameter (which a proxy or a tracker added),
// in any order, and encoded differently.
func queries(query string) (all []address) {
	// There is no query to write in another way.
	if query == "" {
		return nil
	}
	add := func(how, text string) { all = append(all, address{text, []string{how}}) }
	pairs := strings.Split(query, "&")
	if len(pairs) > 1 {
		const order = "with the query in a different order"
		// Some clients sort parameters, and some maps print them in another order.
		reversed, sorted := slices.Clone(pairs), slices.Clone(pairs)
		slices.Reverse(reversed)
		slices.Sort(sorted)
		add(order, strings.Join(sorted, "&"))
		add(order, strings.Join(reversed, "&"))
		// Proxies and trackers add parameters, so each may be the added one.
		for i := range pairs[:min(len(pairs), 8)] {
			add("without one of the parameters of the query", strings.Join(slices.Delete(slices.Clone(pairs), i, i+1), "&"))
		}
		// 4! is 24 orders; 5! would be more than maxAddresses.
		if len(pairs) <= 4 {
			permute(len(pairs), func(picked []int) bool {
				one := make([]string, len(pairs))
				for i, which := range picked {
					one[i] = pairs[which]
				}
				add(order, strings.Join(one, "&"))
				return true
			})
		}
	}
	// Several of these may result in the same query. The caller removes duplicates.
	const coded = "with the query encoded differently"
	add(coded, percentCase(query, strings.ToUpper))
	add(coded, percentCase(query, strings.ToLower))
	add(coded, strings.ReplaceAll(query, "%20", "+"))
	add(coded, strings.ReplaceAll(query, "+", "%20"))
	return all
}

// This code trusts headers in which proxies describe the original request, because a signature
// decides. A verifier must not trust them: anybody can send them.

// originals returns the paths and queries that proxies store in headers when
// they change them.
func originals(target *url.URL, h http.Header) (all []*url.URL) {
	for _, name := range []string{"X-Original-Uri", "X-Original-Url", "X-Forwarded-Uri", "X-Rewrite-Url", "X-Envoy-Original-Path"} {
		// Proxies use different names for this header: nginx, IIS, Traefik, Envoy.
		if v := h.Get(name); v != "" && len(v) <= maxPlace {
			if place, err := url.ParseRequestURI(v); err == nil {
				all = append(all, place)
			}
		}
	}
	// A proxy that strips a prefix from the path stores it here.
	if prefix := h.Get("X-Forwarded-Prefix"); strings.HasPrefix(prefix, "/") && len(prefix) <= maxPlace {
		if place, err := url.ParseRequestURI(strings.TrimSuffix(prefix, "/") + target.RequestURI()); err == nil {
			all = append(all, place)
		}
	}
	return all
}

// setPath sets a path with its exact spelling. Without RawPath, url.URL would
// write an equivalent spelling.
func setPath(u *url.URL, escaped string) {
	// An undecodable path is not a valid path of a URL: leave the address unchanged.
	if plain, err := url.PathUnescape(escaped); err == nil {
		u.Path, u.RawPath = plain, escaped
	}
}

// hosts returns other names of the endpoint: with and without www, from
// headers, and in lower case. It omits names with characters that could change
// the meaning of a URL.
func hosts(configured string, r *core.Request) []string {
	var all []string
	if rest, ok := strings.CutPrefix(configured, "www."); ok {
		all = append(all, rest)
	} else {
		all = append(all, "www."+configured)
	}
	_, forwarded, _ := strings.Cut(strings.ToLower(asMap(r.Header).Get("Forwarded")), "host=")
	forwarded, _, _ = strings.Cut(forwarded, ";")
	// From the most specific header to the least.
	for _, named := range []string{
		asMap(r.Header).Get("X-Forwarded-Host"), asMap(r.Header).Get("X-Original-Host"), asMap(r.Header).Get("Host"), strings.Trim(forwarded, `"`),
	} {
		// Several proxies append to a list. The first entry is the outermost.
		host, _, _ := strings.Cut(named, ",")
		if host = strings.TrimSpace(host); host != "" && len(host) <= 255 && !strings.ContainsAny(host, "/?#@ %\"") {
			all = append(all, host)
		}
	}
	// Clients send the host in lower case, however it was registered.
	if lower := strings.ToLower(configured); lower != configured {
		all = append(all, lower)
	}
	return all
}
