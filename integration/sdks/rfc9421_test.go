package sdks_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/common-fate/httpsig/alg_ed25519"
	"github.com/common-fate/httpsig/inmemory"
	commonfate "github.com/common-fate/httpsig/signer"
	"github.com/common-fate/httpsig/sigparams"
	"github.com/common-fate/httpsig/sigset"
	"github.com/common-fate/httpsig/verifier"
	"github.com/remitly-oss/httpsig-go"
	"github.com/remitly-oss/httpsig-go/keyman"
	"github.com/yaronf/httpsign"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// component is something that a signature covers: a name, and the name of a query parameter.
type component struct {
	Name  string `json:"name"`
	Param string `json:"param,omitempty"`
}

// messageKey is the key with which all libraries sign.
type messageKey struct {
	ID      string `json:"id"`
	Tag     string `json:"tag"`
	Private string `json:"private"` // PKCS #8
	Public  string `json:"public"`  // SPKI

	private ed25519.PrivateKey
}

// message is a request with a signature of RFC 9421, or one to be signed.
type message struct {
	Op         string            `json:"op"`
	Library    string            `json:"library"`
	URL        string            `json:"url"`
	Headers    map[string]string `json:"headers"`
	Components []component       `json:"components"`
	Key        messageKey        `json:"key"`

	body []byte
}

func (m message) http() *http.Request {
	return request{URL: m.URL, Headers: m.Headers, Body: m.body}.http()
}

// messageLibrary signs and verifies messages.
type messageLibrary struct {
	name   string
	sign   func(m message) (map[string]string, error) // nil: it only verifies
	verify func(m message) error
}

func newMessageKey(t testing.TB) messageKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return messageKey{
		ID: "key-1", Tag: "web-bot-auth", Private: base64.StdEncoding.EncodeToString(der), Public: base64.StdEncoding.EncodeToString(spki), private: private,
	}
}

// messages returns the libraries from npm.
func (n *node) messages(t testing.TB) []messageLibrary {
	t.Helper()
	var all []messageLibrary
	for name := range n.list(t).Messages {
		all = append(all, messageLibrary{name, func(m message) (map[string]string, error) {
			var signed struct {
				Headers map[string]string
				Why     string
			}
			m.Op, m.Library = "message-sign", name
			n.ask(t, m, &signed)
			if signed.Why != "" {
				return nil, errors.New(signed.Why)
			}
			return signed.Headers, nil
		}, func(m message) error {
			var verdict struct {
				Accepts bool
				Why     string
			}
			m.Op, m.Library = "message-verify", name
			n.ask(t, m, &verdict)
			if !verdict.Accepts {
				return errors.New(verdict.Why)
			}
			return nil
		}})
	}
	return all
}

func byHookonce(m message) error {
	v, err := core.New(core.Secrets("ed25519:"+m.Key.Public), memstore.New(), &core.Config{
		Scheme: schemes.HTTPSignatures(schemes.SignatureProfile{URL: "https://example.com"}), DangerouslyReplayableAfterRestart: true,
	})
	if err != nil {
		return err
	}
	_, err = v.Verify(context.Background(), request{URL: m.URL, Headers: m.Headers, Body: m.body}.ours())
	return err
}

func withYaronf(m message) *httpsign.Fields {
	fields := httpsign.NewFields()
	for _, c := range m.Components {
		if c.Param != "" {
			fields.AddQueryParam(c.Param)
			continue
		}
		fields.AddHeader(c.Name)
	}
	return fields
}

func withRemitly(m message) []httpsig.SignedField {
	var fields []httpsig.SignedField
	for _, c := range m.Components {
		f := httpsig.SignedField{Name: c.Name, Parameters: map[string]any{}}
		if c.Param != "" {
			f.Parameters["name"] = c.Param
		}
		fields = append(fields, f)
	}
	return fields
}

func setHeaders(r *http.Request) map[string]string {
	return map[string]string{"Signature": r.Header.Get("Signature"), "Signature-Input": r.Header.Get("Signature-Input")}
}

// goMessages returns the Go libraries, and hookonce.
func goMessages() []messageLibrary {
	return []messageLibrary{
		{"hookonce", nil, byHookonce},
		{"yaronf/httpsign", func(m message) (map[string]string, error) {
			config := httpsign.NewSignConfig().SetKeyID(m.Key.ID).SetTag(m.Key.Tag).SetExpires(time.Now().Add(5 * time.Minute).Unix())
			signer, err := httpsign.NewEd25519Signer(m.Key.private, config, *withYaronf(m))
			if err != nil {
				return nil, err
			}
			input, signature, err := httpsign.SignRequest("sig1", *signer, m.http())
			return map[string]string{"Signature-Input": input, "Signature": signature}, err
		}, func(m message) error {
			public, _ := m.Key.private.Public().(ed25519.PublicKey)
			v, err := httpsign.NewEd25519Verifier(public, httpsign.NewVerifyConfig().SetKeyID(m.Key.ID), *withYaronf(m))
			if err != nil {
				return err
			}
			return httpsign.VerifyRequest("sig1", *v, m.http())
		}},
		{"remitly-oss/httpsig-go", func(m message) (map[string]string, error) {
			signer, err := httpsig.NewSigner(httpsig.SigningProfile{
				Algorithm: httpsig.Algo_ED25519, Digest: httpsig.DigestSHA512, Fields: withRemitly(m), Label: "sig1",
				Metadata: []httpsig.Metadata{httpsig.MetaCreated, httpsig.MetaExpires, httpsig.MetaKeyID, httpsig.MetaAlgorithm, httpsig.MetaTag},
			}, httpsig.SigningKey{Key: m.Key.private, MetaKeyID: m.Key.ID, MetaTag: m.Key.Tag})
			if err != nil {
				return nil, err
			}
			r := m.http()
			if err := signer.Sign(r); err != nil {
				return nil, err
			}
			return setHeaders(r), nil
		}, func(m message) error {
			keys := keyman.NewKeyFetchInMemory(map[string]httpsig.KeySpec{
				m.Key.ID: {KeyID: m.Key.ID, Algo: httpsig.Algo_ED25519, PubKey: m.Key.private.Public()},
			})
			_, err := httpsig.Verify(m.http(), keys, httpsig.VerifyProfile{
				SignatureLabel: "sig1", AllowedAlgorithms: []httpsig.Algorithm{httpsig.Algo_ED25519}, RequiredFields: withRemitly(m),
			})
			return err
		}},
		{"common-fate/httpsig", func(m message) (map[string]string, error) {
			var covered []string
			for _, c := range m.Components {
				if c.Param != "" {
					return nil, errors.New("it has no @query-param")
				}
				covered = append(covered, c.Name)
			}
			r := m.http()
			signer := commonfate.Transport{
				KeyID: m.Key.ID, Tag: m.Key.Tag, Alg: &alg_ed25519.Ed25519{PrivateKey: m.Key.private}, CoveredComponents: covered,
			}
			signed, err := signer.Sign(r)
			if err != nil {
				return nil, err
			}
			set, err := sigset.Unmarshal(r)
			if err != nil {
				return nil, err
			}
			set.Add(signed)
			if err := set.Include(r); err != nil {
				return nil, err
			}
			return setHeaders(r), nil
		}, func(m message) error {
			public, _ := m.Key.private.Public().(ed25519.PublicKey)
			v := verifier.Verifier{
				NonceStorage: inmemory.NewNonceStorage(), KeyDirectory: alg_ed25519.SingleKeyDirectory{Key: public}, Tag: m.Key.Tag,
				Validation: sigparams.ValidateOpts{BeforeDuration: time.Minute, AfterDuration: time.Minute}, Scheme: "https", Authority: "example.com",
			}
			_, _, err := v.Parse(nil, m.http(), time.Now())
			return err
		}},
	}
}

// messageTrials returns what is signed: the profile for webhooks, and what RFC 9421 has in
// addition.
func messageTrials() []struct {
	name  string
	url   string
	extra []component
} {
	return []struct {
		name  string
		url   string
		extra []component
	}{
		{"the profile for webhooks", "https://example.com/hook", nil},
		{"@target-uri", "https://example.com/hook?a=1", []component{{Name: "@target-uri"}}},
		{"@query", "https://example.com/hook?a=%20b+c", []component{{Name: "@query"}}},
		{"@query, where there is none", "https://example.com/hook", []component{{Name: "@query"}}},
		{"a path with escapes", "https://example.com/h%20ook/%C3%A9", []component{{Name: "@path"}}},
		{"@query-param", "https://example.com/hook?a=1&q=letters", []component{{"@query-param", "q"}}},
		{"@query-param with a space", "https://example.com/hook?q=a+b", []component{{"@query-param", "q"}}},
		{"@query-param with ~", "https://example.com/hook?q=a~b", []component{{"@query-param", "q"}}},
		{"@query-param with ! ' ( )", "https://example.com/hook?q=%21%27%28%29", []component{{"@query-param", "q"}}},
		{"@query-param with *", "https://example.com/hook?q=a*b", []component{{"@query-param", "q"}}},
	}
}

// inPairs has each library of RFC 9421 verify what each one signs. docs/providers.md has the table.
func inPairs(t *testing.T, n *node) {
	t.Helper()
	libraries := append(n.messages(t), goMessages()...)
	slices.SortFunc(libraries, func(a, b messageLibrary) int { return strings.Compare(a.name, b.name) })
	key := newMessageKey(t)
	body := []byte(`{"id":"evt_1"}`)
	sum := sha512.Sum512(body)
	digest := "sha-512=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	names := make([]string, 0, len(libraries))
	for _, l := range libraries {
		names = append(names, l.name)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| covered | signed by | verifies | refuses |\n|---|---|---|---|\n")
	pairs, verified := 0, 0
	for _, tr := range messageTrials() {
		components := append([]component{{Name: "@method"}, {Name: "@authority"}, {Name: "content-digest"}, {Name: "content-type"}}, tr.extra...)
		verdicts := make(map[string][]string) // by verifiers and refusals, the signers
		for _, signer := range libraries {
			if signer.sign == nil {
				continue
			}
			m := message{URL: tr.url, Headers: map[string]string{"Content-Type": "application/json", "Content-Digest": digest}, Components: components, Key: key, body: body}
			headers, err := signer.sign(m)
			if err != nil {
				verdicts["does not sign it | "] = append(verdicts["does not sign it | "], signer.name)
				t.Logf("%s: %s does not sign: %.160v", tr.name, signer.name, err)
				continue
			}
			maps.Copy(m.Headers, headers)
			var good, bad []string
			for _, v := range libraries {
				pairs++
				if err := v.verify(m); err != nil {
					bad = append(bad, v.name)
					t.Logf("%s: signed by %s, refused by %s: %.200v", tr.name, signer.name, v.name, err)
					continue
				}
				verified++
				good = append(good, v.name)
				changed := m
				changed.Headers = maps.Clone(m.Headers)
				changed.Headers["Content-Digest"] = strings.Replace(digest, "=:", "=:A", 1)
				changed.body = bytes.Replace(body, []byte("1"), []byte("2"), 1)
				if v.verify(changed) == nil {
					t.Errorf("%s: signed by %s, %s accepts another Content-Digest", tr.name, signer.name, v.name)
				}
			}
			verdict := list(good, names) + " | " + list(bad, names)
			verdicts[verdict] = append(verdicts[verdict], signer.name)
		}
		for _, verdict := range slices.Sorted(maps.Keys(verdicts)) {
			fmt.Fprintf(&table, "| %s | %s | %s |\n", tr.name, strings.Join(verdicts[verdict], ", "), verdict)
		}
	}
	t.Logf("%d libraries of RFC 9421, %d pairs, of which %d verify\n%s", len(libraries), pairs, verified, table.String())
	if !t.Failed() {
		wantBlock(t, "rfc9421", table.String())
	}
}

// list names some elements of all.
func list(some, all []string) string {
	switch len(some) {
	case 0:
		return "none"
	case len(all):
		return "all"
	}
	return strings.Join(some, ", ")
}
