package schemes

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookonce/hookonce/core"
)

// Contentful returns the scheme for Contentful's signed requests. The signature
// is the hex-encoded HMAC-SHA256 of the method, path, signed headers and body.
// The tolerance is 30 seconds. url is the endpoint's public URL, as in
// [Template].URL. The signed headers must include the timestamp and the list
// itself. No id is signed, so each attempt counts as a separate message.
//
// Source: contentful/node-apps-toolkit, src/requests/utils.ts at commit
// 01e9d09, as of November 2026.
func Contentful(url string) core.Scheme {
	public, err := publicURL(url)
	if err != nil {
		return unusable{"contentful", err}
	}
	return contentful{must(Template{
		Name: "contentful", Signature: Header("X-Contentful-Signature"),
		Timestamp: Header("X-Contentful-Timestamp"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Past: 30 * time.Second, Future: 30 * time.Second,
		Content: "{method}{timestamp}{body}", // only for the checks; see ReadBody
	}), public}
}

// contentfulList is the header that lists the signed headers.
const contentfulList = "X-Contentful-Signed-Headers"

type contentful struct {
	*templated

	public address
}

// Facts implements [core.Describer].
func (s contentful) Facts() core.Facts {
	f := s.facts(s, signFewHeaders)
	f.Headers[0] = append(f.Headers[0], contentfulList)
	f.URL, f.At = s.public.text, Contentful
	return f
}

func (s contentful) ReadBody(r *core.Request, a *core.Attempt) error {
	list, err := single(r.Header, contentfulList)
	if err != nil {
		return err
	}
	if len(list) > maxSignatureBytes {
		return malformed("the list of signed headers is longer than " + strconv.Itoa(maxSignatureBytes) + " bytes")
	}
	base, rest, ok := s.public.of(r)
	if !ok {
		return misdirected(r)
	}
	if rest != "" {
		base += rest
	}
	_, rest, _ = strings.Cut(base, "://")
	path := "/"
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		path = rest[i:]
	}
	// Encode again as Contentful's library does. Its rules differ between the path and the query.
	if before, search, ok := strings.Cut(path, "?"); ok && search != "" {
		path = before + "?" + percent(search, "-_.!~*'()")
	} else {
		path = before
	}
	a.Content.WriteString(r.Method)
	a.Content.WriteString("\n")
	a.Content.WriteString(percent(path, ";,/?:@&=+$-_.!~*'()#"))
	a.Content.WriteString("\n")
	var few [16]string // there are usually two
	names := few[:0]
	for name := range strings.SplitSeq(strings.ToLower(list), ",") {
		names = append(names, strings.TrimSpace(name))
	}
	if !slices.Contains(names, "x-contentful-timestamp") || !slices.Contains(names, "x-contentful-signed-headers") {
		return malformed("X-Contentful-Signed-Headers must include X-Contentful-Timestamp and X-Contentful-Signed-Headers")
	}
	// The sender signs the headers in this order, regardless of their order in its list.
	slices.Sort(names)
	for i, name := range names {
		values := valuesOf(r.Header, name)
		switch {
		case strings.ContainsAny(name, ":;\n"): // these characters separate names and values in the signed text
			return malformed("the name of a signed header contains a colon, a semicolon or a line break")
		case i > 0 && name == names[i-1]:
			return malformed("X-Contentful-Signed-Headers lists a header twice")
		case len(values) != 1:
			return malformed("the signed header " + strconv.Quote(name[:min(len(name), 64)]) + " occurs " + strconv.Itoa(len(values)) + " times, but it must occur exactly once")
		}
		if i > 0 {
			a.Content.WriteString(";")
		}
		a.Content.WriteString(name)
		a.Content.WriteString(":")
		a.Content.WriteString(strings.TrimSpace(values[0]))
	}
	a.Content.WriteString("\n")
	a.Content.WriteBody(r.Body)
	return nil
}

// signFewHeaders adds the list of signed headers if the request has none. The
// list is the shortest that is allowed.
func signFewHeaders(s *signing) {
	if len(s.header[contentfulList]) == 0 {
		s.header[contentfulList] = []string{"x-contentful-signed-headers,x-contentful-timestamp"}
	}
}

// percentSafe reports whether r needs no escape because it is a letter, a digit
// or a character of safe.
func percentSafe(r rune, safe string) bool {
	return '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || r < utf8.RuneSelf && strings.IndexByte(safe, byte(r)) >= 0 //nolint:gosec // as it says
}

// percent percent-encodes all bytes except letters, digits and those in safe.
func percent(text, safe string) string {
	const hex = "0123456789ABCDEF"
	if !strings.ContainsFunc(text, func(r rune) bool { return !percentSafe(r, safe) }) {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if percentSafe(rune(c), safe) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
