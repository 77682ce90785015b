package explain_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
)

// row is a mistake that is made in a message of some sender.
type row struct {
	name   string
	damage damage
}

// secretMistakes can be made with a secret of any scheme.
func secretMistakes() []row {
	return []row{
		{"newline", secretNewline},
		{"CRLF", configure(explain.SecretNewline, func(s string) string { return s + "\r\n" })},
		{"no-break space", configure(explain.SecretNewline, func(s string) string { return "\u00a0" + s })},
		{"zero-width space", configure(explain.SecretNewline, func(s string) string { return s + "\u200b" })},
		{"space inside", configure(explain.SecretNewline, func(s string) string { return s[:8] + " " + s[8:] })},
		{`\r\n in letters`, configure(explain.SecretNewline, func(s string) string { return s + `\r\n` })},
		{"quotes", secretQuoted},
		{"apostrophes", secretApos},
		{"backquotes", configure(explain.SecretQuoted, func(s string) string { return "`" + s + "`" })},
		{"curly quotes", configure(explain.SecretQuoted, func(s string) string { return "“" + s + "”" })},
		{"angle brackets", configure(explain.SecretLabel, func(s string) string { return "<" + s + ">" })},
		{"a variable", secretVariable},
		{"an exported variable", configure(explain.SecretLabel, func(s string) string { return "export SECRET=" + s })},
		{"Bearer", configure(explain.SecretLabel, func(s string) string { return "Bearer " + s })},
		{"base64 of it", secretBase64},
		{"hexadecimal of it", secretHex},
		{"prefix", prefixKept},
		{"expired", expired},
		{"not yet valid", early},
		{"another tenant's", damage{word: explain.OtherKey, after: func(m *message) {
			m.others = map[string]*core.Keys{"staging": core.Secrets(m.secret)}
			m.configured = []core.Secret{core.NewSecret(unrelated(m.sender.name))}
		}}},
	}
}

// unrelated is a secret in the form of a sender's, but another one.
func unrelated(sender string) string {
	switch sender {
	case "standard", "standard v1a":
		return otherSecret
	case "discord":
		return "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
	case "adyen-platform":
		return strings.Repeat("ab", 32)
	default:
		return freeOther
	}
}

func utf16LittleEndian(b []byte) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(string(b))) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

func bodyMistakes() []row {
	all := []row{
		{"newline", bodyNewline},
		{"two newlines", arrive(explain.BodyNewline, func(b []byte) []byte { return append(bytes.Clone(b), "\n\n"...) })},
		{"byte order mark", bodyBOM},
		{"base64", bodyBase64},
		{"gzip", bodyGzip},
		{"UTF-16", arrive(explain.BodyCharset, utf16LittleEndian)},
		{"UTF-16 with a byte order mark", arrive(explain.BodyCharset, func(b []byte) []byte { return append([]byte{0xff, 0xfe}, utf16LittleEndian(b)...) })},
		{"nothing left, of unknown length", arrive(explain.BodyConsumed, func([]byte) []byte { return nil })},
	}
	for _, n := range []int{1 << 13, 1<<12 - 1, 10_000, 10 << 10, 64_000} {
		all = append(all, row{"cut at " + strconv.Itoa(n), damage{explain.BodyTruncated, write(func(m *message) []byte {
			text := strings.Repeat("long ", n/4)
			if m.sender.form {
				return []byte("a=" + text)
			}
			return []byte(`{"text":"` + text + `"}`)
		}), func(m *message) { m.r.Body = m.r.Body[:n] }}})
	}
	return all
}

func timeMistakes() []row {
	return []row{
		{"late", late},
		{"early", behind},
		{"milliseconds", millis},
		{"ISO 8601", iso},
		{"a fraction", damage{word: explain.TimestampFormat, before: func(m *message) { m.stamp = strconv.FormatInt(now.Unix(), 10) + ".123" }}},
	}
}

// headerMistakes can be made with the headers of any scheme.
func headerMistakes(name string, several bool) []row {
	change := func(word explain.Mistake, f func(v string) string) damage {
		return header(word, func(h http.Header) { h[name] = []string{f(h[name][0])} })
	}
	renamed := func(other string) damage {
		return header(explain.HeaderRenamed, func(h http.Header) { rename(h, name, other) })
	}
	all := []row{
		{"missing", header(explain.HeaderMissing, func(h http.Header) { delete(h, name) })},
		{"as in CGI", renamed("HTTP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")))},
		{"X-Original-", renamed("X-Original-" + name)},
		{"X-Amzn-Remapped-", renamed("X-Amzn-Remapped-" + name)},
		{"quoted", change(explain.HeaderFolded, func(v string) string { return `"` + v + `"` })},
	}
	if !several {
		all = append(
			all,
			row{"twice", header(explain.HeaderDuplicated, func(h http.Header) { h[name] = append(h[name], h[name][0]) })},
			row{"joined", change(explain.HeaderDuplicated, func(v string) string { return v + "," + v })},
			row{"another in front", header(explain.HeaderDuplicated, func(h http.Header) { h[name] = append([]string{"proxy"}, h[name]...) })},
		)
	}
	return all
}

func signatureMistakes(name string) []row {
	change := func(word explain.Mistake, f func(v string) string) damage {
		return header(word, func(h http.Header) { h[name] = []string{f(h[name][0])} })
	}
	return []row{
		{"folded", change(explain.HeaderFolded, func(v string) string { return v[:20] + "\r\n " + v[20:] })},
		{"folded with a tab", change(explain.HeaderFolded, func(v string) string { return v[:20] + "\n\t" + v[20:] })},
		{"cut by 4", change(explain.SignatureCut, func(v string) string { return v[:len(v)-4] })},
		{"cut by 10", change(explain.SignatureCut, func(v string) string { return v[:len(v)-10] })},
	}
}

func TestASingleMistakeOfEverySenderIsNamedOnTheFirstLine(t *testing.T) {
	t.Parallel()
	n := 0
	try := func(t *testing.T, s *sender, kind string, rows []row) {
		t.Helper()
		for _, r := range rows {
			n++
			m := send(s, r.damage)
			e := m.input().explain(t.Context())
			if !names(e, r.damage.word) || e.Authentic {
				t.Errorf("%s, %s %s: want %s, got %s", s.name, kind, r.name, r.damage.word, firstLine(e))
			}
			if r.damage.word != explain.HeaderRenamed { // which names the header
				withoutLeak(t, m, e.String())
			}
		}
	}
	for _, s := range senders() {
		secrets := slices.DeleteFunc(secretMistakes(), func(r row) bool {
			return r.name == "prefix" && strings.HasPrefix(s.secret, "wh") && s.name != "stripe"
		})
		try(t, s, "secret", secrets)
		try(t, s, "body", bodyMistakes())
		for _, name := range slices.Sorted(maps.Keys(asMap(send(s).r.Header))) {
			if name == "Content-Type" || name == "User-Agent" || name == "Hmacsignature" {
				continue
			}
			several := name == "Webhook-Signature" || name == "Stripe-Signature" // are lists
			try(t, s, name, headerMistakes(name, several))
			if lower := strings.ToLower(name); strings.Contains(lower, "signature") && !strings.HasSuffix(lower, "timestamp") || strings.Contains(lower, "hmac") {
				try(t, s, name, signatureMistakes(name))
			}
		}
		switch s.name {
		case "standard", "standard v1a", "stripe", "slack", "discord":
			try(t, s, "time", timeMistakes())
		}
		for _, other := range senders() {
			if other.scheme.Name() != s.scheme.Name() {
				try(t, s, "configured for", []row{{other.name, damage{word: explain.OtherScheme, after: func(m *message) { m.scheme = other.scheme }}}})
			}
		}
	}
	t.Logf("%d single mistakes", n)
}

func TestTheAddressThatAProxySawIsNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, signed, target, header, value string
	}{
		{"another port", "https://example.com:8443/hook", "/hook", "X-Forwarded-Port", "8443"},
		{"another host and port", "http://app.internal:8080/hook", "/hook", "X-Forwarded-Host", "app.internal:8080"},
		{"the host of RFC 7239", "https://hooks.example.net/hook", "/hook", "Forwarded", `for=192.0.2.1;proto=https;host="hooks.example.net"`},
		{"a prefix was taken off", "https://example.com/api/hook", "/hook", "X-Forwarded-Prefix", "/api"},
		{"nginx keeps the original", "https://example.com/api/hook", "/hook", "X-Original-Uri", "/api/hook"},
		{"IIS keeps the original", "https://example.com/api/hook", "/hook", "X-Original-Url", "/api/hook"},
		{"Traefik keeps the original", "https://example.com/api/hook", "/hook", "X-Forwarded-Uri", "/api/hook"},
		{"Envoy keeps the original", "https://example.com/api/hook", "/hook", "X-Envoy-Original-Path", "/api/hook"},
		{"the query was taken off", "https://example.com/hook?a=1", "/hook", "X-Original-Uri", "/hook?a=1"},
		{"the query was sorted", "https://example.com/hook?c=3&a=1&b=2", "/hook?a=1&b=2&c=3", "", ""},
		{"a parameter was added", "https://example.com/hook?a=1", "/hook?a=1&utm=1", "", ""},
		{"a query was added", "https://example.com/hook", "/hook?utm=1", "", ""},
		{"the query's hexadecimal", "https://example.com/hook?a=%2f", "/hook?a=%2F", "", ""},
		{"the query's spaces", "https://example.com/hook?a=x+y", "/hook?a=x%20y", "", ""},
	} {
		for _, s := range []string{"square", "twilio", "hubspot"} {
			m := send(senders()[s], damage{before: func(m *message) {
				m.address, m.r.URL = tt.signed, tt.target
				if tt.header != "" {
					asMap(m.r.Header).Set(tt.header, tt.value)
				}
			}})
			if e := m.input().explain(t.Context()); !names(e, explain.URL) {
				t.Errorf("%s, %s: %s", s, tt.name, firstLine(e))
			}
		}
	}
}

// The same value, as each library writes it. Each one sends it, and each of the others rewrites it
// on the way.
func TestJSONRewrittenByAnotherLibraryIsNamed(t *testing.T) {
	t.Parallel()
	const plain = `{"type":"invoice.paid","data":{"total":12.5,"count":3,"note":"Grüße <b>& more</b> from a/b 😀"},"tags":["x","y"],"e":{},"l":[]}`
	ascii := strings.NewReplacer("ü", `\u00fc`, "ß", `\u00df`, "😀", `\ud83d\ude00`)
	html := strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`)
	spaced := strings.NewReplacer(`":`, `": `, `,"`, `, "`)
	pretty := func(indent, text string) string { return string(indented(indent)([]byte(text))) }
	libraries := map[string]string{
		"JavaScript": plain, "JavaScript with 2": pretty("  ", plain),
		"Python": spaced.Replace(ascii.Replace(plain)), "Python with 4": pretty("    ", ascii.Replace(plain)),
		"Python in UTF-8": spaced.Replace(plain), "Python without spaces": ascii.Replace(plain),
		"PHP": strings.ReplaceAll(ascii.Replace(plain), "/", `\/`), "PHP pretty": pretty("    ", strings.ReplaceAll(ascii.Replace(plain), "/", `\/`)),
		"Go": html.Replace(plain), "Go with tabs": pretty("\t", html.Replace(plain)),
		"Ruby pretty": pretty("  ", plain), "Rails": html.Replace(plain),
		".NET": strings.NewReplacer(`\u00fc`, `\u00FC`, `\u00df`, `\u00DF`, `\u003c`, `\u003C`, `\u003e`, `\u003E`, `\ud83d\ude00`, `\uD83D\uDE00`).
			Replace(ascii.Replace(html.Replace(plain))),
	}
	allowed := []explain.Mistake{explain.BodyReformatted, explain.BodyEscapes}
	for from, signed := range libraries {
		for to, arrives := range libraries {
			if signed == arrives {
				continue
			}
			m := send(senders()["standard"], damage{
				before: func(m *message) { m.body = []byte(signed) }, after: func(m *message) { m.r.Body = []byte(arrives) },
			})
			e := m.input().explain(t.Context())
			if !e.Findings[0].Proven || slices.ContainsFunc(e.Findings, func(f explain.Finding) bool { return !slices.Contains(allowed, f.Mistake) }) {
				t.Errorf("sent by %s, written again by %s: %s", from, to, firstLine(e))
			}
		}
	}
}

func TestASecretThatKubernetesEncodedIsNamed(t *testing.T) {
	t.Parallel()
	for _, s := range senders() { // echo "$SECRET" | base64
		m := send(s, configure("", func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text + "\n")) }))
		if e := m.input().explain(t.Context()); !names(e, explain.SecretBase64, explain.SecretNewline) {
			t.Errorf("%s: %s", s.name, firstLine(e))
		}
		m = send(s, configure("", func(text string) string { return strings.ToUpper(hex.EncodeToString([]byte(text))) }))
		if e := m.input().explain(t.Context()); !names(e, explain.SecretHex) {
			t.Errorf("%s: %s", s.name, firstLine(e))
		}
	}
}

func TestABodyCutAtALimitIsNamed(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1024, 1 << 16, 1<<16 - 1, 1 << 17, 100_000, 100 << 10, 1_000_000, 1 << 20} {
		m := send(senders()["github"], damage{before: write(func(*message) []byte { return []byte(`{"text":"` + strings.Repeat("long ", n/4) + `"}`) })})
		m.r.Body = m.r.Body[:n]
		if e := m.input().explain(t.Context()); !names(e, explain.BodyTruncated) {
			t.Errorf("%d bytes: %s", n, firstLine(e))
		}
	}
}

func TestAPostThatBecameAGetIsSeen(t *testing.T) {
	t.Parallel()
	for name, sender := range senders() {
		m := send(sender, damage{after: func(m *message) { m.r.Method, m.r.Body = http.MethodGet, nil }})
		e := m.input().explain(t.Context())
		if !names(e, explain.Method) || !strings.Contains(e.String(), "turned a POST into a GET") {
			t.Errorf("%s: %s", name, firstLine(e))
		}
	}
}

func TestAnAPIKeyInsteadOfTheSecretIsSeen(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"sk_live_4Q7rVb2nXk9wTz0s", "pk_test_4Q7rVb2nXk9wTz0s", "rk_live_4Q7rVb2nXk9wTz0s"} {
		m := send(senders()["stripe"], configure("", func(string) string { return key }))
		e := m.input().explain(t.Context())
		if !names(e, explain.SecretKind) || e.Findings[0].Proven {
			t.Errorf("%s: %s", key[:7], firstLine(e))
		}
		withoutLeak(t, m, e.String())
	}
}
