package cli_test

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

var update = flag.Bool("update", false, "write what the commands print into docs/troubleshooting.md")

const document = "../../docs/troubleshooting.md"

// entry matches an entry of the document: the heading, what was typed and what was printed.
var entry = regexp.MustCompile("(?ms)^### ([^\n]*)$|^```sh\n(hookonce [^\n]*)\n```\n\n```text\n(.*?)^```$")

// TestTroubleshooting makes the mistake of each entry of the document on purpose. It runs exactly
// the commands shown there, and compares their output with the output shown.
func TestTroubleshooting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	all, heading, from := mistakes(), "", 0
	shown := make(map[string]*scene)
	for _, m := range entry.FindAllSubmatchIndex(text, -1) {
		if m[2] >= 0 {
			heading = string(text[m[2]:m[3]])
			if all[heading] == nil {
				t.Errorf("the test does not make the mistake of the entry %q", heading)
			}
			continue
		}
		command, want := string(text[m[4]:m[5]]), string(text[m[6]:m[7]])
		mistake := all[heading]
		if mistake == nil {
			continue
		}
		if shown[heading] == nil {
			shown[heading] = newScene(t)
			mistake(shown[heading])
		}
		got := shown[heading].run(command)
		lines := strings.SplitAfter(got, "\n")
		written.Write(text[from:m[6]])
		written.WriteString(strings.Join(lines[:min(3, len(lines))], ""))
		from = m[7]
		if !*update && (want == "" || !strings.HasPrefix(uncounted(got), uncounted(want))) {
			t.Errorf("%s:\n$ %s\nprints\n%s\nand the document says\n%s", heading, command, got, want)
		}
	}
	written.Write(text[from:])
	for heading := range all {
		if shown[heading] == nil {
			t.Errorf("the document has no entry %q with a command", heading)
		}
	}
	if *update {
		if err := os.WriteFile(document, written.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// uncounted removes the number of variants, which grows with package schemes.
func uncounted(text string) string {
	return regexp.MustCompile(`of \d+ variants`).ReplaceAllString(text, "of some variants")
}

// TestEveryReasonHasAnEntry looks for the reasons of docs/answers.md.
func TestEveryReasonHasAnEntry(t *testing.T) {
	t.Parallel()
	answers, err := os.ReadFile("../../docs/answers.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile("(?m)^\\| `([a-z-]+)`").FindAllSubmatch(answers, -1)
	if len(reasons) < 18 {
		t.Fatalf("only %d reasons found", len(reasons))
	}
	for _, m := range reasons {
		if string(m[1]) != string(core.Handled) && !bytes.Contains(text, []byte("`"+string(m[1])+"`")) {
			t.Errorf("docs/troubleshooting.md says nothing of %s", m[1])
		}
	}
}

// at is the time at which the messages are signed and arrive.
const at = 1_760_000_000

// scene is a directory with a secret and a captured request, like the reader's.
type scene struct {
	t      *testing.T
	dir    string
	env    []string
	secret string
	// The request on the way.
	target string
	header http.Header
	body   []byte
}

const body = `{"type":"order.paid","id":"evt_1","data":{"note":"paid","total":12.5}}`

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir(), secret: "whsec_b3VyIHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVzISE=", target: "/hook", body: []byte(body)}
	s.write("secret.txt", s.secret+"\n")
	s.sign(s.secret, at)
	return s
}

// sign has the sender sign the current body, and captures the request as it is then.
func (s *scene) sign(secret string, stamp int64) {
	signer, err := core.NewSigner(secret)
	if err != nil {
		s.t.Fatal(err)
	}
	s.header = http.Header{"Host": {"example.com"}, "Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(s.body))}}
	if err := signer.Sign(s.header, "msg_2tVqQNoBzGJ4", time.Unix(stamp, 0), s.body); err != nil {
		s.t.Fatal(err)
	}
	s.capture()
}

// mac signs as a sender of another scheme.
func (s *scene) mac(content string) []byte {
	h := hmac.New(sha256.New, []byte(s.secret))
	h.Write([]byte(content))
	return h.Sum(nil)
}

func (s *scene) write(name, text string) {
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) capture() {
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\n", s.target)
	for _, name := range slices.Sorted(maps.Keys(s.header)) {
		fmt.Fprintf(&b, "%s: %s\r\n", name, s.header[name][0])
	}
	s.write("request.txt", b.String()+"\r\n"+string(s.body))
}

// arrives changes the body on the way.
func (s *scene) arrives(body string) {
	s.body = []byte(body)
	s.capture()
}

// passes changes the headers on the way.
func (s *scene) passes(change func(h http.Header)) {
	change(s.header)
	s.capture()
}

// run runs a shell command with the program on the path.
func (s *scene) run(command string) string {
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = s.dir
	cmd.Env = append([]string{"PATH=" + programs + string(os.PathListSeparator) + os.Getenv("PATH")}, s.env...)
	out, _ := cmd.CombinedOutput() // the status is that of a refusal
	return string(out)
}

func (s *scene) variable(text string) { s.env = []string{"WEBHOOK_SECRET=" + text} }

// square uses a scheme that signs the public URL.
func (s *scene) square(url string) {
	s.secret = "square-signature-key-4Q7rVb2n"
	s.write("secret.txt", s.secret)
	s.header = http.Header{"Host": {"example.com"}, "X-Square-Hmacsha256-Signature": {base64.StdEncoding.EncodeToString(s.mac(url + string(s.body)))}}
	s.capture()
}

// httpSigned uses a scheme that signs a digest of the body.
func (s *scene) httpSigned() {
	s.secret = "a secret of thirty-two bytes, !!"
	s.write("secret.txt", "hmac-sha256:"+base64.StdEncoding.EncodeToString([]byte(s.secret)))
	sum := sha256.Sum256(s.body)
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	const params = `("@method" "@authority" "content-digest" "content-type");created=1760000000`
	content := "\"@method\": POST\n\"@authority\": example.com\n\"content-digest\": " + digest + "\n\"content-type\": application/json\n\"@signature-params\": " + params
	s.header = http.Header{
		"Host": {"example.com"}, "Content-Type": {"application/json"}, "Content-Digest": {digest}, "Signature-Input": {"sig1=" + params},
		"Signature": {"sig1=:" + base64.StdEncoding.EncodeToString(s.mac(content)) + ":"},
	}
	s.capture()
}

func (s *scene) read(name string) string {
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func rename(from, to string) func(http.Header) {
	return func(h http.Header) {
		h[to] = h[from]
		delete(h, from)
	}
}

const (
	stranger = "whsec_YW5vdGhlciBlbmRwb2ludCdzIHNlY3JldCwgYXMgbG9uZw=="
	rarely   = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdCBlbnZpcm9ubWVudCE="
)

// mistakes makes the mistakes of the document, by heading.
func mistakes() map[string]func(s *scene) {
	return map[string]func(s *scene){
		"The log has the body as JSON within JSON": func(s *scene) {
			h, err := json.Marshal(s.header)
			if err != nil {
				s.t.Fatal(err)
			}
			s.write("event.json", fmt.Sprintf(`{"httpMethod": "POST", "path": "/hook", "multiValueHeaders": %s, "body": {
  "type": "order.paid", "id": "evt_1", "data": {"note": "paid", "total": 12.5}
}, "isBase64Encoded": false}`, h))
		},
		"The capture has only headers": func(s *scene) {
			s.write("body.json", body)
			var b strings.Builder
			b.WriteString("* Connected to example.com (192.0.2.1) port 443 (#0)\n* SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384\n> POST /hook HTTP/1.1\n")
			for _, name := range slices.Sorted(maps.Keys(s.header)) {
				b.WriteString("> " + name + ": " + s.header[name][0] + "\n")
			}
			s.write("sent.txt", b.String()+"> \n< HTTP/1.1 401 Unauthorized\n")
		},
		"A capture that is not read": func(s *scene) {
			s.write("copied.txt", "curl ^\"https://example.com/hook^\" ^\r\n  -H ^\"Webhook-Id: msg_1^\" ^\r\n")
		},
		"`v1,` or `WEBHOOK_SECRET=` was pasted with the secret": func(s *scene) { s.variable("v1," + s.secret) },
		"Quotes around the secret":                              func(s *scene) { s.variable(`"` + s.secret + `"`) },
		"A newline or a space at the end of the secret":         func(s *scene) { s.variable(s.secret + "\n") },
		"The prefix `whsec_` is missing":                        func(s *scene) { s.variable(strings.TrimPrefix(s.secret, "whsec_")) },
		"An unknown secret":                                     func(s *scene) { s.sign(stranger, at) },
		"The secret of another tenant or endpoint": func(s *scene) {
			s.write("globex.txt", stranger)
			s.sign(stranger, at)
		},
		"The test secret in production, or the reverse": func(s *scene) {
			s.write("live.txt", s.secret)
			s.write("test.txt", rarely)
			s.sign(rarely, at)
		},
		"The signing key instead of the public one": func(s *scene) {
			signing := "whsk_" + base64.StdEncoding.EncodeToString([]byte("a seed of thirty-two bytes, ours"))
			s.sign(signing, at)
			s.write("secret.txt", signing)
		},
		"The public key instead of the signing one": func(s *scene) {
			s.write("public.txt", "whpk_"+base64.StdEncoding.EncodeToString([]byte("thirty-two bytes of a public key")))
		},
		"The body was parsed and re-encoded": func(s *scene) {
			var v any
			if err := json.Unmarshal(s.body, &v); err != nil {
				s.t.Fatal(err)
			}
			text, err := json.Marshal(v)
			if err != nil {
				s.t.Fatal(err)
			}
			s.arrives(string(text))
		},
		"The JSON was formatted":           func(s *scene) { s.arrives(strings.NewReplacer(`,"`, `, "`, `":`, `": `).Replace(body)) },
		"A newline at the end of the body": func(s *scene) { s.arrives(body + "\n") },
		"The body is empty":                func(s *scene) { s.arrives("") },
		"The body was cut":                 func(s *scene) { s.arrives(body[:60]) },
		"The body was compressed after signing": func(s *scene) {
			s.passes(func(h http.Header) { h.Set("Content-Encoding", "gzip") })
			s.arrives(gzipped(body))
		},
		"The body was decompressed on the way": func(s *scene) {
			s.body = []byte(gzipped(body))
			s.sign(s.secret, at)
			s.passes(func(h http.Header) { h.Set("Content-Encoding", "gzip") })
			s.arrives(body)
		},
		"The body is base64": func(s *scene) { s.arrives(base64.StdEncoding.EncodeToString([]byte(body))) },
		"The timestamp is in milliseconds": func(s *scene) {
			key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.secret, "whsec_"))
			s.secret = string(key)
			s.header["Webhook-Timestamp"] = []string{"1760000000000"}
			s.header["Webhook-Signature"] = []string{"v1," + base64.StdEncoding.EncodeToString(s.mac("msg_2tVqQNoBzGJ4.1760000000000."+body))}
			s.capture()
		},
		"The clock here is behind":           func(s *scene) { s.sign(s.secret, at+17*60) },
		"The message arrives late":           func(s *scene) { s.sign(s.secret, at-3*3600) },
		"A header was renamed":               func(s *scene) { s.passes(rename("Webhook-Signature", "X-Webhook-Signature")) },
		"A header is missing":                func(s *scene) { s.passes(func(h http.Header) { delete(h, "Webhook-Signature") }) },
		"`svix-*` and `webhook-*` are mixed": func(s *scene) { s.passes(rename("Webhook-Signature", "Svix-Signature")) },
		"The message is from another provider": func(s *scene) {
			s.header = http.Header{"Host": {"example.com"}, "X-Github-Event": {"push"}, "X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(s.mac(body))}}
			s.capture()
		},
		"An id, a URL or a token instead of the secret": func(s *scene) {
			s.write("secret.txt", "we_1NG8Du2eZvKYlo2CUI79vXWy")
			s.header = http.Header{"Stripe-Signature": {"t=1760000000,v1=" + hex.EncodeToString(s.mac("1760000000."+body))}}
			s.capture()
		},
		"The body does not match its signed digest": func(s *scene) {
			s.httpSigned()
			s.arrives(strings.Replace(body, "paid", "owed", 1))
		},
		"JSON was re-encoded irreversibly": func(s *scene) {
			s.body = []byte(`{"type":"paid","id":"evt_1","total":12.50,"note":"n","at":1,"by":"x","for":"y","to":"z"}`)
			s.sign(s.secret, at)
			var v map[string]any
			if err := json.Unmarshal(s.body, &v); err != nil {
				s.t.Fatal(err)
			}
			text, err := json.Marshal(v)
			if err != nil {
				s.t.Fatal(err)
			}
			s.header.Set("Content-Length", strconv.Itoa(len(text))) // it was sent on
			s.arrives(string(text))
		},
		"The body was copied from a log":        func(s *scene) { s.arrives(strings.ReplaceAll(body, `"`, `\x22`)) },
		"The body is `[object Object]` or `{}`": func(s *scene) { s.arrives("[object Object]") },
		"A header was cut at its comma": func(s *scene) {
			s.header = http.Header{"Stripe-Signature": {"t=1760000000"}}
			s.capture()
		},
		"All signatures are of an unknown version": func(s *scene) {
			s.passes(func(h http.Header) { h["Webhook-Signature"][0] = "v2," + h["Webhook-Signature"][0][3:] + "A" })
		},
		"The path or query was rewritten": func(s *scene) { s.square("https://example.com/api/v2/hook") },
		"POST became GET": func(s *scene) {
			s.arrives("")
			s.write("request.txt", strings.Replace(s.read("request.txt"), "POST", "GET", 1))
		},
		"Amazon SNS asks for a confirmation of the subscription": func(s *scene) {
			const topic = "arn:aws:sns:eu-central-1:123456789012:orders"
			s.write("topic.txt", topic)
			s.header = http.Header{"X-Amz-Sns-Message-Type": {"SubscriptionConfirmation"}}
			s.arrives(`{"Type":"SubscriptionConfirmation","MessageId":"165545c9-2a5c-472c-8df2-7ff2be2b3b1b","Token":"2336412f37fb687f5d51e6e2425c464cefc3029d36d5ce50",` +
				`"TopicArn":"` + topic + `","Message":"You have chosen to subscribe","SubscribeURL":"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription",` +
				`"Timestamp":"2025-10-09T08:53:20.000Z","SignatureVersion":"2","Signature":"` + strings.Repeat("QUJD", 85) + `QQ==",` +
				`"SigningCertURL":"https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"}`)
		},
		"`http` or `https`":                 func(s *scene) { s.square("http://example.com/hook") },
		"A port in the address, or none":    func(s *scene) { s.square("https://example.com:443/hook") },
		"A slash at the end of the address": func(s *scene) { s.square("https://example.com/hook/") },
		"413, and the log says `body-too-large`": func(s *scene) {
			s.body = []byte(`{"text":"` + strings.Repeat("lorem ipsum ", 100_000) + `"}`)
			s.sign(s.secret, at)
		},
		"500, and the log says `body-consumed`":                                    func(s *scene) { s.arrives("") },
		"408, and the log says `body-too-slow`":                                    genuine,
		"200 with `Webhook-Redelivery: acknowledged`, and the handler did not run": genuine,
		"409, and the log says `replay`":                                           genuine,
		"503, and the log says `in-flight`":                                        genuine,
		"500, and the log says `misconfigured`: mounted twice, or another address": genuine,
		"503, and the log says `repeated`":                                         genuine,
		"503, and the log says `id-reused`":                                        genuine,
		"503, and the log says `store-unavailable` or `store-full`":                genuine,
		"503, and the log says `keys-unavailable`":                                 genuine,
		"503, and the log says `cold-start`":                                       genuine,
		"The sender tries again and again although the handler ran":                genuine,
	}
}

// genuine makes no mistake: the signature is fine.
func genuine(*scene) {}
