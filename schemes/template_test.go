package schemes_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/whtest"
)

func acme() schemes.Template {
	return schemes.Template{
		Name: "acme", Signature: schemes.Header("Acme-Signature"), List: ",", Label: "v1=",
		Timestamp: schemes.Entry("Acme-Signature", "t"), Stamping: core.StampedEachAttempt,
		ID: schemes.Header("Acme-Id"), Content: "{id}.{timestamp}.{body}",
	}
}

func signAcme(id string, at time.Time, content []byte) *core.Request {
	stamp := seconds(at)
	return request(string(content), "Acme-Id", id, "Acme-Signature", "t="+stamp+",v1="+hexMAC(secret, id+"."+stamp+"."+string(content)))
}

func TestASchemeOfOnesOwnPassesTheSuite(t *testing.T) {
	t.Parallel()
	scheme, err := acme().Scheme()
	if err != nil {
		t.Fatal(err)
	}
	whtest.TestScheme(t, whtest.Subject{Scheme: scheme, Secret: secret, Stranger: stranger, Sign: signAcme})
}

func TestTheMistakesInATemplateComeInAFixedOrder(t *testing.T) {
	t.Parallel()
	wrong := schemes.Template{
		Name: "acme", Signature: schemes.Header("X-Sig"), Content: "{body}",
		Timestamp: schemes.Entry("X-T", "t"), Nonce: schemes.Entry("X-N", "n"), ID: schemes.Entry("X-I", "i"), Topic: schemes.Entry("X-P", "p"),
	}
	_, first := wrong.Scheme()
	if first == nil {
		t.Fatal("a wrong template is accepted")
	}
	last := -1
	for _, field := range []string{"Timestamp", "Nonce", "ID", "Topic"} { // the order of Template's fields
		at := strings.Index(first.Error(), field+" is an entry of a list")
		if at <= last {
			t.Errorf("the mistake of %s is not after those of the fields before it:\n%v", field, first)
		}
		last = at
	}
	for range 100 {
		if _, err := wrong.Scheme(); err.Error() != first.Error() {
			t.Fatalf("one template has two errors:\n%v\n\n%v", first, err)
		}
	}
}

func TestATemplateIsCheckedWhenItIsMade(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*schemes.Template)
		want   string
	}{
		{"no name", func(s *schemes.Template) { s.Name = "" }, "Name is"},
		{"a name with a space", func(s *schemes.Template) { s.Name = "my scheme" }, "Name is"},
		{"no signature", func(s *schemes.Template) { s.Signature = schemes.Field{} }, "Signature or an element of More is empty"},
		{"a signature as an entry", func(s *schemes.Template) { s.Signature = schemes.Entry("Acme-Signature", "v1") }, "List and Label"},
		{"a header that is none", func(s *schemes.Template) { s.ID = schemes.Header("Acme Id") }, "not a valid header name"},
		{"an entry of no list", func(s *schemes.Template) { s.List = "" }, "List"},
		{"a list of another kind", func(s *schemes.Template) { s.List = "|" }, "List is"},
		{"no content", func(s *schemes.Template) { s.Content = "" }, "what the sender signs"},
		{"a part that is none", func(s *schemes.Template) { s.Content = "{time}.{body}" }, "{time"},
		{"a part that does not end", func(s *schemes.Template) { s.Content = "{body" }, "{body"},
		{"a part twice", func(s *schemes.Template) { s.Content = "{id}.{timestamp}.{body}{body}" }, "twice"},
		{"a time that is not signed", func(s *schemes.Template) { s.Content = "{id}.{body}" }, "not signed"},
		{"a time without stamping", func(s *schemes.Template) { s.Stamping = core.NotStamped }, "Stamping"},
		{"stamping without a time", func(s *schemes.Template) { s.Timestamp = schemes.Field{} }, "set Timestamp"},
		{"nothing that identifies", func(s *schemes.Template) { s.Stamping = core.NotIdentified }, "NotIdentified"},
		{"a time from nowhere", func(s *schemes.Template) { s.Timestamp, s.Stamping = schemes.Field{}, core.NotStamped }, "Timestamp does not say"},
		{"an id from nowhere", func(s *schemes.Template) { s.ID = schemes.Field{} }, "ID does not say"},
		{"no body", func(s *schemes.Template) { s.Content = "{id}.{timestamp}" }, "{body}"},
		{"an id that nothing ends", func(s *schemes.Template) { s.Content = "{id}{timestamp}.{body}" }, "IDLength"},
		{"an id behind something else", func(s *schemes.Template) { s.Content = "{timestamp}{id}.{body}" }, "IDLength"},
		{"a URL that is not used", func(s *schemes.Template) { s.URL = "https://example.com" }, "{url}"},
		{"no URL", func(s *schemes.Template) { s.Content = "{url}{id}.{timestamp}.{body}"; s.IDLength = 36 }, "the URL is empty"},
		{"a URL that is none", func(s *schemes.Template) { s.Content = "{url}.{id}.{timestamp}.{body}"; s.URL = "/hook" }, "must be an address"},
		{"an encoding that is none", func(s *schemes.Template) { s.Encoding = 99 }, "Encoding, Secret or Unit has an unknown value"},
		{"a stamping that is none", func(s *schemes.Template) { s.Stamping = 99 }, "Stamping has an unknown value"},
		{"an id of a negative length", func(s *schemes.Template) { s.IDLength = -1 }, "IDLength is -1"},
		{"an id that is too long", func(s *schemes.Template) { s.IDLength = 257 }, "IDLength is 257"},
		{"a negative number of signatures", func(s *schemes.Template) { s.MaxSignatures = -1 }, "MaxSignatures is negative (-1)"},
		{"a label that no entry has", func(s *schemes.Template) { s.Label = "v1," }, "separator in List"},
		{"a label that is the one of the time", func(s *schemes.Template) { s.Label = "t=" }, "Timestamp is the same entry as the signature"},
		{"an id that is the time", func(s *schemes.Template) { s.ID = schemes.Entry("Acme-Signature", "t") }, "Timestamp and ID are in the same place"},
		{"an id that is the signature", func(s *schemes.Template) { s.ID = schemes.Header("Acme-Signature") }, "Signature and ID are in the same place"},
		{"a signature twice", func(s *schemes.Template) { s.More = []schemes.Field{schemes.Header("Acme-Signature")} }, "Signature and More"},
		{"a signature in the signed body", func(s *schemes.Template) { s.Signature = schemes.JSON("signature") }, "cannot sign itself"},
		{"a signature in a signed header", func(s *schemes.Template) { s.Content += "{header:Acme-Signature}" }, "cannot sign itself"},
		{"a further signature in a signed header", func(s *schemes.Template) {
			s.More, s.Content = []schemes.Field{schemes.Header("Acme-More")}, "{header:Acme-More}."+s.Content
		}, "the place of More"},
		{"a signature in a signed parameter", func(s *schemes.Template) {
			s.Signature, s.List, s.Content = schemes.Query("s"), "", "{query:s}."+s.Content
		}, "cannot sign itself"},
		{"a signature in the signed address", func(s *schemes.Template) {
			s.Signature, s.URL, s.Content = schemes.Query("s"), public, "{url}\n"+s.Content
		}, "includes the query"},
		{"a signed header that frameworks take out", func(s *schemes.Template) { s.Content = "{header:Host}." + s.Content }, "which signs the address"},
		{"a signed header with a comma", func(s *schemes.Template) { s.Content = "{header:A,B}." + s.Content }, "not a valid header name"},
		{"a header beyond ASCII", func(s *schemes.Template) { s.ID = schemes.Header("Acme-Ü") }, "not a valid header name"},
	}
	for _, tt := range tests {
		template := acme()
		tt.change(&template)
		_, err := template.Scheme()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	template := acme()
	template.Name, template.List = "", "|"
	if _, err := template.Scheme(); err == nil || !strings.Contains(err.Error(), "Name is") || !strings.Contains(err.Error(), "List is") {
		t.Errorf("not all mistakes are reported: %v", err)
	}
}

func TestAnIDCannotHoldWhatEndsIt(t *testing.T) {
	t.Parallel()
	scheme, err := acme().Scheme()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if _, err := verifier(t, scheme, now, secret).Verify(t.Context(), signAcme("a.b", now, nil)); !errors.Is(err, core.ErrMalformed) {
		t.Errorf("error %v", err)
	}
}

func TestSettingsThatAreWrongAreReportedByNew(t *testing.T) {
	t.Parallel()
	for _, scheme := range []core.Scheme{
		schemes.Square(""), schemes.HubSpot("example.com"), schemes.Twilio("https://user:pw@example.com"), schemes.Contentful("x"),
		schemes.DangerouslyReplayableToken("", "", ""), schemes.DangerouslyReplayableEventGrid(""), schemes.CloudEvents(nil),
		schemes.CloudEvents(schemes.Square(""), "a"), schemes.HTTPSignatures(schemes.SignatureProfile{}),
		schemes.DangerouslyReplayablePubSub(schemes.PubSubOptions{}),
	} {
		if _, err := core.New(core.Secrets(secret), nil, &core.Config{Scheme: scheme}); !errors.Is(err, core.ErrMisconfigured) || !strings.Contains(err.Error(), "Config.Scheme") {
			t.Errorf("%s: %v", scheme.Name(), err)
		}
	}
}

func TestEveryNameMakesAScheme(t *testing.T) {
	t.Parallel()
	settings := schemes.Settings{URL: public, Audience: "https://example.com", Header: "X-Token", DangerouslyReplayable: true}
	for _, name := range schemes.Names() {
		s, err := schemes.New(name, settings)
		if err != nil || s.Name() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"gitlab-token", "dropbox", "paypal", "pubsub", "token"} {
		if _, err := schemes.New(name, schemes.Settings{Header: "X", Audience: "x"}); err == nil || !strings.Contains(err.Error(), "DangerouslyReplayable") {
			t.Errorf("%s without being asked for: %v", name, err)
		}
	}
	if _, err := schemes.New("gitub", settings); err == nil || !strings.Contains(err.Error(), "did you mean github? choose one of ably, ") {
		t.Errorf("a name that is none: %v", err)
	}
}

func TestAnyTakesEitherAndRunsNothingTwice(t *testing.T) {
	t.Parallel()
	now := time.Now()
	moved, err := schemes.Any("github", schemes.LemonSqueezy(), schemes.GitHub())
	if err != nil {
		t.Fatal(err)
	}
	old := func() *core.Request {
		return bodyIn("X-Hub-Signature-256", "sha256=", hexMAC)(secret, "", now, []byte("{}"))
	}
	next := func() *core.Request { return bodyIn("X-Signature", "", hexMAC)(stranger, "", now, []byte("{}")) }
	both := func() *core.Request {
		r := old()
		asMap(r.Header).Set("X-Signature", asMap(next().Header).Get("X-Signature"))
		return r
	}
	v := verifier(t, moved, now, secret, stranger)
	wantSame(t, v, both(), old())
	wantSame(t, verifier(t, moved, now, secret, stranger), both(), next())
	wantSame(t, verifier(t, moved, now, secret, stranger), old(), next())
	forged := both()
	asMap(forged.Header).Set("X-Signature", strings.Repeat("0", 64))
	if _, err := v.Verify(t.Context(), forged); !errors.Is(err, core.ErrNoMatch) {
		t.Errorf("the member in front does not verify, and the other one was tried: %v", err)
	}
	if _, err := v.Verify(t.Context(), &core.Request{Method: http.MethodPost, Header: http.Header{}}); !errors.Is(err, core.ErrMissingHeader) {
		t.Errorf("no headers: %v", err)
	}
	whtest.TestScheme(t, whtest.Subject{Scheme: moved, Secret: secret, Stranger: stranger, Sign: func(_ string, _ time.Time, content []byte) *core.Request {
		return withUnsigned(schemes.GitHub(), bodyIn("X-Hub-Signature-256", "sha256=", hexMAC)(secret, "", now, content))
	}})
}

func TestAnyRefusesMembersThatIdentifyMessagesByDifferentThings(t *testing.T) {
	t.Parallel()
	for name, members := range map[string][]core.Scheme{
		"one":                               {schemes.GitHub()},
		"a nil":                             {schemes.GitHub(), nil},
		"a standard id and the body":        {core.StandardWebhooks{}, schemes.GitHub()},
		"an id in the body and the body":    {schemes.Stripe(), schemes.GitHub()},
		"ids at two places":                 {schemes.Stripe(), schemes.Slack()},
		"a time beside the body":            {schemes.Zoom(), schemes.Webflow()},
		"what is stamped and what is not":   {schemes.Stripe(), schemes.Vercel()},
		"one that leaves the body out":      {schemes.Mailgun(), schemes.GitHub()},
		"one that was made wrongly":         {schemes.Square(""), schemes.Square(public)},
		"one scheme twice, once wrapped":    {narrow{schemes.Stripe()}, schemes.Stripe()},
		"the body and nothing that is told": {schemes.GitHub(), schemes.DangerouslyReplayableDropbox(0)},
	} {
		if _, err := schemes.Any("x", members...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := schemes.Any("", schemes.GitHub(), schemes.Bitbucket()); err == nil {
		t.Error("no name: accepted")
	}
	if _, err := schemes.Any("x", schemes.Stripe(), schemes.WorkOS()); err != nil {
		t.Errorf("two with one id in the body: %v", err)
	}
}
