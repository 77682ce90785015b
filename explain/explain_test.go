package explain_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/schemes"
)

// These functions make mistakes on purpose.

func configure(word explain.Mistake, f func(secret string) string) damage {
	return damage{word: word, after: func(m *message) {
		for i, s := range m.configured {
			m.configured[i] = core.NewSecret(f(s.Reveal()))
		}
	}}
}

func arrive(word explain.Mistake, f func(body []byte) []byte) damage {
	return damage{word: word, after: func(m *message) { m.r.Body = f(m.r.Body) }}
}

func write(f func(m *message) []byte) func(m *message) {
	return func(m *message) { m.body = f(m) }
}

func header(word explain.Mistake, f func(h http.Header)) damage {
	return damage{word: word, after: func(m *message) { f(asMap(m.r.Header)) }}
}

func rename(h http.Header, from, to string) {
	h[to] = h[from]
	delete(h, from)
}

func replace(old, changed string) func(b []byte) []byte {
	return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(old), []byte(changed)) }
}

func indented(prefix string) func(b []byte) []byte {
	return func(b []byte) []byte {
		var buf bytes.Buffer
		if err := json.Indent(&buf, b, "", prefix); err != nil {
			panic(err)
		}
		return buf.Bytes()
	}
}

func minified(b []byte) []byte {
	var buf bytes.Buffer
	if err := json.Compact(&buf, b); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// reserialised is what a Go program makes of JSON that it parses and writes again: sorted,
// minified, escaped.
func reserialised(b []byte) []byte {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		panic(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}

func latin1(b []byte) []byte {
	var out []byte
	for _, r := range string(b) {
		if r > 0xff {
			panic("no Latin-1")
		}
		out = append(out, byte(r))
	}
	return out
}

func fromLatin1(b []byte) []byte {
	var out []byte
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

func gzipped(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(b)
	_ = w.Close()
	return buf.Bytes()
}

func ascii(b []byte) []byte { return bytes.ReplaceAll(b, []byte("ü"), []byte(`\u00fc`)) }

var (
	secretNewline  = configure(explain.SecretNewline, func(s string) string { return s + "\n" })
	secretSpace    = configure(explain.SecretNewline, func(s string) string { return "  " + s + "\t" })
	secretQuoted   = configure(explain.SecretQuoted, func(s string) string { return `"` + s + `"` })
	secretApos     = configure(explain.SecretQuoted, func(s string) string { return "'" + s + "'" })
	secretLabel    = configure(explain.SecretLabel, func(s string) string { return "v1," + s })
	secretVariable = configure(explain.SecretLabel, func(s string) string { return "WEBHOOK_SECRET=" + s })
	prefixMissing  = configure(explain.SecretPrefix, func(s string) string { return strings.TrimPrefix(s, "whsec_") })
	prefixKept     = configure(explain.SecretPrefix, func(s string) string { return "whsec_" + s })
	secretBase64   = configure(explain.SecretBase64, func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })
	secretHex      = configure(explain.SecretHex, func(s string) string { return hex.EncodeToString([]byte(s)) })
	secretURL      = configure(explain.SecretBase64URL, strings.NewReplacer("+", "-", "/", "_").Replace)
	secretUnpadded = configure(explain.SecretBase64, func(s string) string { return strings.TrimRight(s, "=") })

	bodyNewline  = arrive(explain.BodyNewline, func(b []byte) []byte { return append(bytes.Clone(b), '\n') })
	bodyCRLF     = arrive(explain.BodyNewline, func(b []byte) []byte { return append(bytes.Clone(b), "\r\n"...) })
	bodyTrimmed  = damage{explain.BodyNewline, write(func(m *message) []byte { return append(m.body, '\n') }), func(m *message) { m.r.Body = bytes.TrimSpace(m.r.Body) }}
	bodyBOM      = arrive(explain.BodyBOM, func(b []byte) []byte { return append([]byte("\ufeff"), b...) })
	bodyIndented = arrive(explain.BodyReformatted, indented("  "))
	bodyFour     = arrive(explain.BodyReformatted, indented("    "))
	bodyTab      = arrive(explain.BodyReformatted, indented("\t"))
	bodyMinified = damage{explain.BodyReformatted, write(func(m *message) []byte { return indented("  ")(m.body) }), func(m *message) { m.r.Body = minified(m.r.Body) }}
	bodyUnicode  = arrive(explain.BodyEscapes, ascii)
	bodySlash    = arrive(explain.BodyEscapes, replace("a/b", `a\/b`))
	bodyBase64   = arrive(explain.BodyBase64, func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) })
	bodyGzip     = arrive(explain.BodyCompressed, gzipped)
	bodyDouble   = arrive(explain.BodyCharset, fromLatin1)

	behind = damage{word: explain.TimestampFuture, before: func(m *message) { m.at = now.Add(17 * time.Minute) }}
	late   = damage{word: explain.TimestampPast, before: func(m *message) { m.at = now.Add(-3 * time.Hour) }}
	millis = damage{word: explain.TimestampUnit, before: func(m *message) { m.stamp = strconv.FormatInt(now.UnixMilli(), 10) }}
	iso    = damage{word: explain.TimestampFormat, before: func(m *message) { m.stamp = now.Format(time.RFC3339) }}
	dotted = damage{word: explain.IDDot, before: func(m *message) { m.id = "msg.2tVq.7" }}

	underscored = header(explain.HeaderRenamed, func(h http.Header) { rename(h, "Webhook-Signature", "Webhook_signature") })
	forwarded   = header(explain.HeaderRenamed, func(h http.Header) { rename(h, "Webhook-Signature", "X-Webhook-Signature") })
	mixedFamily = header(explain.HeaderFamily, func(h http.Header) { rename(h, "Webhook-Signature", "Svix-Signature") })
	otherFamily = header(explain.HeaderFamily, func(h http.Header) {
		rename(h, "Webhook-Id", "Acme-Id")
		rename(h, "Webhook-Timestamp", "Acme-Timestamp")
		rename(h, "Webhook-Signature", "Acme-Signature")
	})
	doubled = header(explain.HeaderDuplicated, func(h http.Header) { h["Webhook-Id"] = append(h["Webhook-Id"], h["Webhook-Id"][0]) })
	joined  = header(explain.HeaderDuplicated, func(h http.Header) {
		h["Webhook-Timestamp"] = []string{h["Webhook-Timestamp"][0] + ", " + h["Webhook-Timestamp"][0]}
	})
	folded = header(explain.HeaderFolded, func(h http.Header) {
		v := h["Webhook-Signature"][0]
		h["Webhook-Signature"] = []string{v[:20] + "\r\n " + v[20:]}
	})
	cut = header(explain.SignatureCut, func(h http.Header) { h["Webhook-Signature"] = []string{h["Webhook-Signature"][0][:30]} })

	expired = damage{word: explain.KeyExpired, after: func(m *message) { m.configured[0].NotAfter = now.Add(-time.Hour) }}
	early   = damage{word: explain.KeyNotYetValid, after: func(m *message) { m.configured[0].NotBefore = now.Add(time.Hour) }}
	tenant  = damage{word: explain.OtherKey, after: func(m *message) {
		m.others = map[string]*core.Keys{"staging": core.Secrets(m.configured[0].Reveal()), "globex": core.Secrets(otherSecret + "")}
		m.configured = []core.Secret{core.NewSecret("whsec_YW5vdGhlciBlbmRwb2ludCdzIHNlY3JldCwgbm90IHRoaXM=")}
	}}
)

func addressed(signed string) damage {
	return damage{word: explain.URL, before: func(m *message) { m.address = signed }}
}

func TestASingleMistakeIsNamedOnTheFirstLine(t *testing.T) {
	t.Parallel()
	type row struct {
		name   string
		sender string
		damage damage
	}
	rows := []row{
		{"the secret has a newline", "standard", secretNewline},
		{"the secret has spaces", "standard", secretSpace},
		{"the secret has a newline inside", "standard", configure(explain.SecretNewline, func(s string) string { return s[:20] + "\n" + s[20:] })},
		{"the secret has an uninterpreted newline", "standard", configure(explain.SecretNewline, func(s string) string { return s + `\n` })},
		{"the secret has a byte order mark", "standard", configure(explain.SecretNewline, func(s string) string { return "\ufeff" + s })},
		{"the secret is quoted", "standard", secretQuoted},
		{"the secret is in apostrophes", "standard", secretApos},
		{"the secret has the label of a signature", "standard", secretLabel},
		{"the secret has the name of its variable", "standard", secretVariable},
		{"the secret lacks its prefix", "standard", prefixMissing},
		{"the secret has another prefix", "standard", configure(explain.SecretKind, func(s string) string { return "whpk_" + strings.TrimPrefix(s, "whsec_") })},
		{"the secret is in the URL alphabet", "standard", secretURL},
		{"the secret lacks its padding", "standard", secretUnpadded},
		{"the secret is hexadecimal", "standard", configure(explain.SecretHex, func(s string) string { return "whsec_" + hex.EncodeToString([]byte(standardKey(s))) })},
		{"the sender takes the secret as text", "standard", damage{explain.SecretBase64, func(m *message) {
			m.sender = &sender{key: func(s string) string { return strings.TrimPrefix(s, "whsec_") }}
		}, nil}},
		{"the sender takes the prefix as part of the secret", "standard", damage{explain.SecretPrefix, func(m *message) {
			m.sender = &sender{key: verbatim}
		}, nil}},
		{"the sender's private key is configured", "standard v1a", configure(explain.SecretKind, func(string) string {
			return "whsk_" + base64.StdEncoding.EncodeToString(discordKey.Seed())
		})},
		{"the public key is configured as a secret", "standard v1a", configure(explain.SecretKind, func(s string) string { return "whsec_" + s[5:] })},
		{"a secret is configured where a public key is needed", "standard v1a", configure(explain.SecretKind, func(string) string { return otherSecret })},
		{"the key is another tenant's", "standard", tenant},
		{"the key has expired", "standard", expired},
		{"the key is not valid yet", "standard", early},
		{"the body has an extra newline", "standard", bodyNewline},
		{"the body has an extra CRLF", "standard", bodyCRLF},
		{"the body lacks its newline", "standard", bodyTrimmed},
		{"the body has spaces around it", "standard", arrive(explain.BodyNewline, func(b []byte) []byte { return []byte("\n " + string(b) + " ") })},
		{"LF became CRLF", "standard", damage{explain.BodyLineEnds, write(func(m *message) []byte { return indented("  ")(m.body) }), func(m *message) {
			m.r.Body = replace("\n", "\r\n")(m.r.Body)
		}}},
		{"CRLF became LF", "standard", damage{explain.BodyLineEnds, write(func(m *message) []byte { return replace("\n", "\r\n")(indented("  ")(m.body)) }), func(m *message) {
			m.r.Body = replace("\r\n", "\n")(m.r.Body)
		}}},
		{"a BOM was added", "standard", bodyBOM},
		{"a BOM was removed", "standard", damage{explain.BodyBOM, write(func(m *message) []byte { return append([]byte("\ufeff"), m.body...) }), func(m *message) {
			m.r.Body = m.r.Body[3:]
		}}},
		{"indented by 2", "standard", bodyIndented},
		{"indented by 4", "standard", bodyFour},
		{"indented by tabs", "standard", bodyTab},
		{"minified from 2", "standard", bodyMinified},
		{"minified from 4", "standard", damage{explain.BodyReformatted, write(func(m *message) []byte { return indented("    ")(m.body) }), func(m *message) {
			m.r.Body = minified(m.r.Body)
		}}},
		{"minified from tabs", "standard", damage{explain.BodyReformatted, write(func(m *message) []byte { return indented("\t")(m.body) }), func(m *message) {
			m.r.Body = minified(m.r.Body)
		}}},
		{"minified from Python's spaces", "standard", damage{
			explain.BodyReformatted, write(func(*message) []byte { return []byte(`{"a": 1, "b": [1, 2, {}], "c": "x:y, z"}`) }),
			func(m *message) { m.r.Body = minified(m.r.Body) },
		}},
		{"indented by 2 from 4", "standard", damage{explain.BodyReformatted, write(func(m *message) []byte { return indented("    ")(m.body) }), func(m *message) {
			m.r.Body = indented("  ")(minified(m.r.Body))
		}}},
		{"non-ASCII escaped", "standard", arrive(explain.BodyEscapes, func(b []byte) []byte { return replace("ß", `\u00df`)(ascii(b)) })},
		{"non-ASCII escaped in upper case", "standard", arrive(explain.BodyEscapes, func(b []byte) []byte { return replace("ß", `\u00DF`)(replace("ü", `\u00FC`)(b)) })},
		{"non-ASCII unescaped", "standard", damage{explain.BodyEscapes, write(func(m *message) []byte { return replace("ß", `\u00df`)(ascii(m.body)) }), func(m *message) {
			m.r.Body = replace(`\u00fc`, "ü")(replace(`\u00df`, "ß")(m.r.Body))
		}}},
		{"an emoji unescaped", "standard", damage{explain.BodyEscapes, write(func(*message) []byte { return []byte(`{"text":"\ud83d\ude00 yes"}`) }), func(m *message) {
			m.r.Body = []byte(`{"text":"😀 yes"}`)
		}}},
		{"slash escaped", "standard", arrive(explain.BodyEscapes, replace("/", `\/`))},
		{"slash unescaped", "standard", damage{explain.BodyEscapes, write(func(m *message) []byte { return replace("/", `\/`)(m.body) }), func(m *message) {
			m.r.Body = replace(`\/`, "/")(m.r.Body)
		}}},
		{"HTML escaped", "standard", arrive(explain.BodyEscapes, func(b []byte) []byte {
			return replace("&", `\u0026`)(replace("<", `\u003c`)(replace(">", `\u003e`)(b)))
		})},
		{"HTML unescaped", "standard", damage{explain.BodyEscapes, write(func(m *message) []byte {
			return replace("&", `\u0026`)(replace("<", `\u003c`)(replace(">", `\u003e`)(m.body)))
		}), func(m *message) { m.r.Body = []byte(jsonBody) }}},
		{"1.0 became 1", "standard", damage{explain.BodyNumbers, write(func(m *message) []byte { return replace(":7,", ":7.0,")(m.body) }), func(m *message) {
			m.r.Body = replace("7.0", "7")(m.r.Body)
		}}},
		{"every 1.0 became 1", "standard", damage{explain.BodyNumbers, write(func(m *message) []byte { return replace(":3,", ":3.0,")(replace(":7,", ":7.0,")(m.body)) }), func(m *message) {
			m.r.Body = replace("3.0", "3")(replace("7.0", "7")(m.r.Body))
		}}},
		{"1 became 1.0", "standard", arrive(explain.BodyNumbers, replace(":7,", ":7.0,"))},
		{"12.50 became 12.5", "standard", damage{explain.BodyNumbers, write(func(m *message) []byte { return replace("12.5", "12.50")(m.body) }), func(m *message) {
			m.r.Body = replace("12.50", "12.5")(m.r.Body)
		}}},
		{"1e3 became 1000", "standard", arrive(explain.BodyNumbers, replace(":7,", ":7e0,"))},
		{"the members were sorted", "standard", damage{
			explain.BodyKeyOrder, write(func(*message) []byte {
				return []byte(`{"type":"a","id":"b","data":{"z":1,"y":2,"x":{"q":[{"n":1,"m":2}]}}}`)
			}),
			func(m *message) { m.r.Body = reserialised(m.r.Body) },
		}},
		{"the sorted members were reordered", "standard", damage{explain.BodyKeyOrder, write(func(m *message) []byte {
			return []byte(`{"data":{"x":{"a":1},"y":2},"id":"b","type":"a"}`)
		}), func(m *message) { m.r.Body = []byte(`{"type":"a","id":"b","data":{"y":2,"x":{"a":1}}}`) }}},
		{"UTF-8 became Latin-1", "standard", arrive(explain.BodyCharset, latin1)},
		{"Latin-1 became UTF-8", "standard", damage{explain.BodyCharset, write(func(m *message) []byte { return latin1(m.body) }), func(m *message) {
			m.r.Body = fromLatin1(m.r.Body)
		}}},
		{"Windows-1252 became UTF-8", "standard", damage{explain.BodyCharset, write(func(*message) []byte { return []byte("{\"price\":\"5 \x80\"}") }), func(m *message) {
			m.r.Body = []byte(`{"price":"5 €"}`)
		}}},
		{"UTF-8 became Windows-1252", "standard", damage{explain.BodyCharset, write(func(*message) []byte { return []byte(`{"price":"5 €"}`) }), func(m *message) {
			m.r.Body = []byte("{\"price\":\"5 \x80\"}")
		}}},
		{"UTF-8 was encoded twice", "standard", bodyDouble},
		{"the body is still compressed", "standard", bodyGzip},
		{"the body was decompressed", "standard", damage{explain.BodyDecompressed, write(func(m *message) []byte {
			asMap(m.r.Header).Set("Content-Encoding", "gzip")
			return gzipped(m.body)
		}), func(m *message) { m.r.Body = []byte(jsonBody) }}},
		{"the body of another compressor was decompressed", "standard", damage{explain.BodyDecompressed, write(func(m *message) []byte {
			asMap(m.r.Header).Set("Content-Encoding", "gzip")
			b := gzipped(m.body)
			b[9] = 3 // another operating system
			return b
		}), func(m *message) { m.r.Body = []byte(jsonBody) }}},
		{"the body is base64", "standard", bodyBase64},
		{"the body is base64 without padding", "standard", arrive(explain.BodyBase64, func(b []byte) []byte { return []byte(base64.RawURLEncoding.EncodeToString(b)) })},
		{"the body is a JSON string", "standard", arrive(explain.BodyWrapped, func(b []byte) []byte { return []byte(strconv.Quote(string(b))) })},
		{"the body is an envelope", "standard", arrive(explain.BodyWrapped, func(b []byte) []byte {
			out, _ := json.Marshal(map[string]any{"isBase64Encoded": true, "body": base64.StdEncoding.EncodeToString(b), "path": "/hook"})
			return out
		})},
		{"the body was truncated", "standard", damage{explain.BodyTruncated, write(func(m *message) []byte {
			return []byte(`{"text":"` + strings.Repeat("long ", 300) + `"}`)
		}), func(m *message) { m.r.Body = m.r.Body[:1024] }}},
		{"the body is shorter than announced", "standard", damage{word: explain.BodyTruncated, after: func(m *message) {
			asMap(m.r.Header).Set("Content-Length", strconv.Itoa(len(m.body)))
			m.r.Body = m.r.Body[:70]
		}}},
		{"the body is empty", "standard", damage{word: explain.BodyConsumed, after: func(m *message) {
			asMap(m.r.Header).Set("Content-Length", strconv.Itoa(len(m.body)))
			m.r.Body = nil
		}}},
		{"the body was consumed, as the verifier says", "standard", damage{word: explain.BodyConsumed, after: func(m *message) {
			m.r.Body, m.err = nil, &core.Error{Reason: core.ErrBodyConsumed}
		}}},
		{"the body is too large", "standard", damage{explain.BodyTooLarge, write(func(*message) []byte { return bytes.Repeat([]byte("x"), 1<<20+1) }), nil}},
		{"the timestamp is in milliseconds", "standard", millis},
		{"the timestamp became milliseconds on the way", "standard", header(explain.TimestampUnit, func(h http.Header) { h["Webhook-Timestamp"][0] += "000" })},
		{"the timestamp is in microseconds", "standard", damage{word: explain.TimestampUnit, before: func(m *message) { m.stamp = strconv.FormatInt(now.UnixMicro(), 10) }}},
		{"the timestamp is in nanoseconds", "standard", damage{word: explain.TimestampUnit, before: func(m *message) { m.stamp = strconv.FormatInt(now.UnixNano(), 10) }}},
		{"the timestamp is ISO 8601", "standard", iso},
		{"the timestamp became ISO 8601 on the way", "standard", header(explain.TimestampFormat, func(h http.Header) { h["Webhook-Timestamp"] = []string{now.Format(time.RFC3339)} })},
		{"the clock is behind", "standard", behind},
		{"the message is late", "standard", late},
		{"the id has a dot", "standard", dotted},
		{"the id has a number after a dot", "standard", damage{word: explain.IDDot, before: func(m *message) { m.id = "msg.1760000000" }}},
		{"a header has an underscore", "standard", underscored},
		{"a header has an X", "standard", forwarded},
		{"a header's name is that of CGI", "standard", header(explain.HeaderRenamed, func(h http.Header) { rename(h, "Webhook-Id", "HTTP_WEBHOOK_ID") })},
		{"a header's name is not canonical", "standard", header(explain.HeaderRenamed, func(h http.Header) { rename(h, "Webhook-Id", "webhook-id") })},
		{"the families are mixed", "standard", mixedFamily},
		{"another family", "standard", otherFamily},
		{"a header is missing", "standard", header(explain.HeaderMissing, func(h http.Header) { delete(h, "Webhook-Timestamp") })},
		{"a header is repeated", "standard", doubled},
		{"a header is repeated, joined", "standard", joined},
		{"a header is folded", "standard", folded},
		{"a header has a space", "standard", header(explain.HeaderFolded, func(h http.Header) {
			v := h["Webhook-Signature"][0]
			h["Webhook-Signature"] = []string{v[:20] + " " + v[20:]}
		})},
		{"a header has a trailing newline", "standard", header(explain.HeaderFolded, func(h http.Header) { h["Webhook-Timestamp"][0] += "\r\n" })},
		{"the signature is cut", "standard", cut},
		{"the signature has no label", "standard", header(explain.SignatureLabel, func(h http.Header) { h["Webhook-Signature"][0] = h["Webhook-Signature"][0][3:] })},
		{"the signature has another label", "standard", header(explain.SignatureLabel, func(h http.Header) { h["Webhook-Signature"][0] = "v1=" + h["Webhook-Signature"][0][3:] })},
		{"the signature is hexadecimal", "standard", header(explain.SignatureEncoding, func(h http.Header) {
			raw, _ := base64.StdEncoding.DecodeString(h["Webhook-Signature"][0][3:])
			h["Webhook-Signature"][0] = "v1," + hex.EncodeToString(raw)
		})},
		{"the signature is in the URL alphabet", "standard", header(explain.SignatureEncoding, func(h http.Header) {
			raw, _ := base64.StdEncoding.DecodeString(h["Webhook-Signature"][0][3:])
			h["Webhook-Signature"][0] = "v1," + base64.RawURLEncoding.EncodeToString(raw)
		})},
		{"another provider's message", "standard", damage{word: explain.OtherScheme, after: func(m *message) {
			g := send(senders()["github"])
			m.r, m.body = g.r, g.body
		}}},
		{"another provider's message, with its secret", "stripe", damage{word: explain.OtherScheme, after: func(m *message) { m.scheme = schemes.Slack() }}},

		{"the secret has a newline", "github", secretNewline},
		{"the secret is quoted", "github", secretQuoted},
		{"the secret is the text in base64", "github", secretBase64},
		{"the secret is the text in hexadecimal", "github", secretHex},
		{"the secret has a prefix", "github", prefixKept},
		{"indented", "github", bodyIndented},
		{"an extra newline", "github", bodyNewline},
		{"the signature is in upper case", "github", header(explain.SignatureEncoding, func(h http.Header) {
			h["X-Hub-Signature-256"][0] = "sha256=" + strings.ToUpper(h["X-Hub-Signature-256"][0][7:])
		})},
		{"the signature is base64", "github", header(explain.SignatureEncoding, func(h http.Header) {
			raw, _ := hex.DecodeString(h["X-Hub-Signature-256"][0][7:])
			h["X-Hub-Signature-256"][0] = "sha256=" + base64.StdEncoding.EncodeToString(raw)
		})},
		{"the signature is cut", "github", header(explain.SignatureCut, func(h http.Header) { h["X-Hub-Signature-256"][0] = h["X-Hub-Signature-256"][0][:47] })},
		{"the signature has no label", "github", header(explain.SignatureLabel, func(h http.Header) { h["X-Hub-Signature-256"][0] = h["X-Hub-Signature-256"][0][7:] })},
		{"the header has an underscore", "github", header(explain.HeaderRenamed, func(h http.Header) { rename(h, "X-Hub-Signature-256", "X_hub_signature_256") })},
		{"the form's spaces", "github", damage{explain.BodyForm, write(func(*message) []byte { return []byte("payload=%7B%22a%22%3A+1%7D&x=y%2fz") }), func(m *message) {
			m.r.Body = replace("+", "%20")(m.r.Body)
		}}},
		{"the form's hexadecimal", "github", damage{explain.BodyForm, write(func(*message) []byte { return []byte("payload=%7b%22a%22%3a+1%7d") }), func(m *message) {
			m.r.Body = []byte("payload=%7B%22a%22%3A+1%7D")
		}}},
		{"the form's order", "github", damage{explain.BodyForm, write(func(*message) []byte { return []byte("payload=x&b=1&a=2") }), func(m *message) {
			m.r.Body = []byte("a=2&b=1&payload=x")
		}}},
		{"the form's encoder", "github", damage{explain.BodyForm, write(func(*message) []byte { return []byte("a=(x)~*'&b=%20y") }), func(m *message) {
			m.r.Body = []byte("a=%28x%29~%2A%27&b=+y")
		}}},
		{"the form's payload", "github", damage{explain.BodyWrapped, write(func(*message) []byte { return []byte("payload=%7B%22a%22%3A%221%22%7D") }), func(m *message) {
			m.r.Body = []byte(`{"a":"1"}`)
		}}},

		{"the prefix is missing", "stripe", prefixMissing},
		{"the secret has a newline", "stripe", secretNewline},
		{"the timestamp is in milliseconds", "stripe", millis},
		{"the message is late", "stripe", late},
		{"the clock is behind", "stripe", behind},
		{"indented", "stripe", bodyIndented},
		{"the timestamp is ISO 8601", "slack", iso},
		{"the timestamp is in milliseconds", "slack", millis},
		{"the secret has a newline", "slack", secretNewline},
		{"the message is late", "slack", late},
		{"indented", "slack", bodyIndented},
		{"the header is renamed", "slack", header(explain.HeaderRenamed, func(h http.Header) { rename(h, "X-Slack-Signature", "Slack-Signature") })},
		{"the secret has a newline", "shopify", secretNewline},
		{"the body is base64", "shopify", bodyBase64},
		{"the header is renamed", "shopify", header(explain.HeaderRenamed, func(h http.Header) { rename(h, "X-Shopify-Hmac-Sha256", "Http-X-Shopify-Hmac-Sha256") })},
		{"each + became a space", "shopify", damage{explain.SignatureEncoding, write(func(m *message) []byte { return []byte(`{"n":"4"}`) }), func(m *message) {
			for i := 0; !strings.Contains(asMap(m.r.Header).Get("X-Shopify-Hmac-Sha256"), "+"); i++ {
				m.body = []byte(`{"n":"` + strconv.Itoa(i) + `"}`)
				m.sender.sign(m)
			}
			m.r.Body = m.body
			asMap(m.r.Header).Set("X-Shopify-Hmac-Sha256", strings.ReplaceAll(asMap(m.r.Header).Get("X-Shopify-Hmac-Sha256"), "+", " "))
		}}},

		{"the URL has another scheme", "square", addressed("http://example.com/hook")},
		{"the URL has a port", "square", addressed("https://example.com:443/hook")},
		{"the URL has a slash", "square", addressed("https://example.com/hook/")},
		{"the URL has www", "square", addressed("https://www.example.com/hook")},
		{"the URL has a query", "square", damage{explain.URL, func(m *message) { m.address = publicURL + "?a=1&b=2"; m.r.URL = "/hook?a=1&b=2" }, nil}},
		{"the URL has another host", "square", damage{explain.URL, func(m *message) {
			m.address = "https://hooks.example.net/hook"
			asMap(m.r.Header).Set("X-Forwarded-Host", "hooks.example.net")
		}, nil}},
		{"the URL has another path", "square", damage{explain.URL, func(m *message) { m.address = "https://example.com/v2/hook"; m.r.URL = "/v2/hook" }, nil}},
		{"the secret has a newline", "square", secretNewline},
		{"the body has a newline", "square", bodyNewline},
		{"the URL has another scheme", "twilio", addressed("http://example.com/hook")},
		{"the URL has another port", "twilio", damage{explain.URL, func(m *message) {
			m.address = "https://example.com:8443/hook"
			asMap(m.r.Header).Set("X-Forwarded-Port", "8443")
		}, nil}},
		{"the URL has a slash", "twilio", addressed("https://example.com/hook/")},
		{"the query has another order", "twilio", damage{explain.URL, func(m *message) { m.address = publicURL + "?b=2&a=1"; m.r.URL = "/hook?a=1&b=2" }, nil}},
		{"the secret has a newline", "twilio", secretNewline},
		{"the URL has another scheme", "hubspot", addressed("http://example.com/hook")},
		{"the URL has a slash", "hubspot", addressed("https://example.com/hook/")},
		{"the method was changed", "hubspot", damage{word: explain.Method, after: func(m *message) { m.r.Method = http.MethodGet }}},
		{"the URL has another path", "contentful", damage{explain.URL, func(m *message) { m.address = "https://example.com/v2/hook"; m.r.URL = "/v2/hook" }, nil}},
		{"the URL has a slash", "contentful", addressed("https://example.com/hook/")},
		{"the key is base64", "adyen-platform", configure(explain.SecretBase64, func(s string) string {
			raw, _ := hex.DecodeString(s)
			return base64.StdEncoding.EncodeToString(raw)
		})},
		{"the sender takes the hexadecimal as text", "adyen-platform", damage{explain.SecretHex, func(m *message) { m.sender = &sender{key: verbatim} }, nil}},
		{"the key is base64", "discord", configure(explain.SecretBase64, func(s string) string {
			raw, _ := hex.DecodeString(s)
			return base64.StdEncoding.EncodeToString(raw)
		})},
		{"the key has a newline", "discord", secretNewline},
		{"indented", "discord", bodyIndented},
		{"the message is late", "discord", late},
		{"the members were sorted", "discord", damage{explain.BodyKeyOrder, write(func(*message) []byte { return []byte(`{"type":2,"id":"7","data":1}`) }), func(m *message) {
			m.r.Body = reserialised(m.r.Body)
		}}},
	}
	for _, tt := range rows {
		t.Run(tt.sender+": "+tt.name, func(t *testing.T) {
			t.Parallel()
			m := send(senders()[tt.sender], tt.damage)
			e := m.input().explain(t.Context())
			if !names(e, tt.damage.word) || e.Authentic {
				t.Errorf("want %s, got:\n%s", tt.damage.word, e)
			}
			encoded, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			withoutLeak(t, m, e.String())
			withoutLeak(t, m, string(encoded))
			for _, f := range e.Findings {
				if f.What == "" || f.Remedy == "" || f.Look == "" {
					t.Errorf("%s does not say what to do", f.Mistake)
				}
			}
		})
	}
	t.Logf("%d single mistakes", len(rows))
}

// The most common pairs, for Standard Webhooks: one mistake of the receiver or sender, and one on
// the way.
func pairs() [][2]damage {
	var all [][2]damage
	cross := func(a, b []damage) {
		for _, x := range a {
			for _, y := range b {
				all = append(all, [2]damage{x, y})
			}
		}
	}
	secrets := []damage{secretNewline, secretQuoted, secretLabel, prefixMissing, secretURL}
	bodies := []damage{bodyNewline, bodyTrimmed, bodyIndented, bodyFour, bodyMinified, bodyUnicode, bodyBOM, bodyBase64, bodyGzip, bodyDouble}
	cross(secrets, bodies)
	cross(secrets, []damage{behind, late, millis, iso, dotted, underscored, mixedFamily, otherFamily, doubled, folded, cut})
	cross([]damage{behind, late, millis, iso}, []damage{bodyNewline, bodyIndented, bodyMinified, bodyUnicode, bodyBase64})
	cross([]damage{behind, late, millis, iso}, []damage{underscored, otherFamily, doubled, folded, cut, expired})
	cross([]damage{underscored, mixedFamily, otherFamily, doubled, folded, cut}, []damage{bodyNewline, bodyIndented, bodyMinified, bodyBase64})
	cross([]damage{tenant, expired, early}, []damage{bodyNewline, bodyIndented, behind, late, underscored})
	cross([]damage{doubled, folded, cut, dotted}, []damage{underscored, otherFamily})
	all = append(
		all,
		[2]damage{secretNewline, secretQuoted},
		[2]damage{prefixMissing, secretNewline},
		[2]damage{prefixMissing, secretQuoted},
		[2]damage{secretLabel, secretQuoted},
		[2]damage{secretURL, prefixMissing},
		[2]damage{bodyUnicode, bodyIndented},
		[2]damage{bodySlash, bodyIndented},
		[2]damage{bodyIndented, bodyNewline},
		[2]damage{bodyUnicode, bodyNewline},
		[2]damage{bodyIndented, bodyBase64},
		[2]damage{bodyNewline, bodyBase64},
		[2]damage{bodyIndented, bodyGzip},
		[2]damage{bodyBOM, bodyNewline},
		[2]damage{bodyIndented, bodyBOM},
		[2]damage{bodyGzip, bodyBase64},
	)
	return all
}

func TestFourOfFivePairsOfMistakesAreNamedOnTheFirstLine(t *testing.T) {
	t.Parallel()
	standard := senders()["standard"]
	named, all := 0, pairs()
	for _, p := range all {
		m := send(standard, p[0], p[1])
		e := m.input().explain(t.Context())
		withoutLeak(t, m, e.String())
		if names(e, p[0].word, p[1].word) {
			named++
		} else {
			t.Logf("%s and %s: %s", p[0].word, p[1].word, firstLine(e))
		}
	}
	t.Logf("%d of %d pairs are named", named, len(all))
	if named*5 < len(all)*4 {
		t.Errorf("only %d of %d pairs are named", named, len(all))
	}
}

// asMap returns the header of a request that a test made as an http.Header.
func asMap(h core.Header) http.Header {
	m, _ := h.(http.Header)
	return m
}
