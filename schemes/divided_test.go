package schemes_test

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // as Braintree does
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/whtest"
)

// dividedSubject is a template whose Body is a part of the body, its sender,
// which is written apart from it, and a body that schemes.Sign can sign.
type dividedSubject struct {
	template schemes.Template
	sign     sender
	body     string
}

// asForm is request for a body that is a form.
func asForm(body string, headers ...string) *core.Request {
	return request(body, append(headers, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8")...)
}

// object puts a text into a JSON object.
func object(content []byte) string { return `{"n":` + strconv.Quote(hex.EncodeToString(content)) + `}` }

func dividedSubjects() map[string]dividedSubject {
	acme := func(change func(*schemes.Template)) schemes.Template {
		t := schemes.Template{Name: "acme", Content: "{body}"}
		change(&t)
		return t
	}
	return map[string]dividedSubject{
		"a member of JSON": {
			acme(func(t *schemes.Template) { t.Signature, t.Body = schemes.JSON("signature"), schemes.JSON("data") }),
			func(secret, _ string, _ time.Time, content []byte) *core.Request {
				data := object(content)
				return request(`{"data":` + data + `,"signature":"` + hexMAC(secret, data) + `"}`)
			},
			`{"signature":"","data":[1.0, "é"]}`,
		},
		"a member of JSON, a time and an id beside it, and a label": {
			acme(func(t *schemes.Template) {
				t.Signature, t.Label, t.Body = schemes.JSON("signature"), "v1=", schemes.JSON("data")
				t.Timestamp, t.Stamping, t.ID = schemes.JSON("time"), core.StampedEachAttempt, schemes.JSON("id")
				t.Content = "{id}.{timestamp}.{body}"
			}),
			func(secret, id string, at time.Time, content []byte) *core.Request {
				data := object(content)
				return request(fmt.Sprintf(`{ "id" : %q, "time": %d, "data": %s, "signature": "v1=%s" }`, id, at.Unix(), data,
					hexMAC(secret, id+"."+seconds(at)+"."+data)))
			},
			`{"data":{},"signature":"","id":"msg_1","time":0}`,
		},
		"a member of JSON with the time and the id": {
			acme(func(t *schemes.Template) {
				t.Signature, t.Body, t.More = schemes.JSON("signature"), schemes.JSON("data"), []schemes.Field{schemes.JSON("old")}
				t.Timestamp, t.Stamping, t.ID = schemes.JSON("data", "time"), core.StampedEachAttempt, schemes.JSON("data", "id")
			}),
			func(secret, id string, at time.Time, content []byte) *core.Request {
				data := fmt.Sprintf(`{"id":%q,"time":%d,"content":%s}`, id, at.Unix(), object(content))
				return request(`{"data":` + data + `,"signature":"` + hexMAC(secret, data) + `"}`)
			},
			`{"signature":"","data":{"time":0,"id":"msg_1"}}`,
		},
		"a member of JSON, with the signature in a header": {
			acme(func(t *schemes.Template) { t.Signature, t.Body = schemes.Header("X-Signature"), schemes.JSON("data") }),
			func(secret, _ string, _ time.Time, content []byte) *core.Request {
				data := object(content)
				return request(`{"data":`+data+`}`, "X-Signature", hexMAC(secret, data))
			},
			`{"data":{}}`,
		},
		"a form field": {
			acme(func(t *schemes.Template) { t.Signature, t.Body = schemes.Form("signature"), schemes.Form("payload") }),
			func(secret, _ string, _ time.Time, content []byte) *core.Request {
				return asForm(url.Values{"payload": {string(content)}, "signature": {hexMAC(secret, string(content))}}.Encode())
			},
			`payload=a%26b`,
		},
		"a form field, and a time and an id beside it": {
			acme(func(t *schemes.Template) {
				t.Signature, t.Body, t.ID = schemes.Form("signature"), schemes.Form("payload"), schemes.Form("id")
				t.Timestamp, t.Stamping, t.Content = schemes.Form("time"), core.StampedEachAttempt, "{id}:{timestamp}:{body}"
			}),
			func(secret, id string, at time.Time, content []byte) *core.Request {
				return asForm(url.Values{
					"payload": {string(content)}, "id": {id}, "time": {seconds(at)},
					"signature": {hexMAC(secret, id+":"+seconds(at)+":"+string(content))},
				}.Encode())
			},
			`payload=&id=msg_1&time=&signature=old`,
		},
		"a sorted form": {
			acme(func(t *schemes.Template) { t.Signature, t.Body = schemes.Form("sign"), schemes.SortedForm() }),
			func(secret, _ string, _ time.Time, content []byte) *core.Request {
				data := hex.EncodeToString(content)
				return asForm("z=1%2B1&sign=" + hexMAC(secret, "a=&data="+data+"&z=1+1") + "&data=" + data + "&a=")
			},
			`b=2&a=1+%26`,
		},
		"a sorted form with the time and the id, and the signature in a header": {
			acme(func(t *schemes.Template) {
				t.Signature, t.Body, t.ID = schemes.Header("X-Signature"), schemes.SortedForm(), schemes.Form("id")
				t.Timestamp, t.Stamping = schemes.Form("time"), core.StampedEachAttempt
			}),
			func(secret, id string, at time.Time, content []byte) *core.Request {
				data := hex.EncodeToString(content)
				return asForm("time="+seconds(at)+"&id="+id+"&zone=&data="+data, "X-Signature",
					hexMAC(secret, "data="+data+"&id="+id+"&time="+seconds(at)+"&zone="))
			},
			`id=msg_1&time=1&z=`,
		},
		"an id in a form that is signed whole": {
			acme(func(t *schemes.Template) { t.Signature, t.ID = schemes.Header("X-Signature"), schemes.Form("id") }),
			func(secret, id string, _ time.Time, content []byte) *core.Request {
				body := url.Values{"id": {id}, "payload": {string(content)}}.Encode()
				return asForm(body, "X-Signature", hexMAC(secret, body))
			},
			`id=msg_1`,
		},
		"a key that is hashed": {
			acme(func(t *schemes.Template) {
				t.Signature = schemes.Header("X-Signature")
				t.DeriveKey = func(secret []byte) ([]byte, error) {
					sum := sha1.Sum(secret) //nolint:gosec // as Braintree does
					return sum[:], nil
				}
			}),
			func(secret, _ string, _ time.Time, content []byte) *core.Request {
				key := sha1.Sum([]byte(secret)) //nolint:gosec // as Braintree does
				return request(string(content), "X-Signature", hex.EncodeToString(mac(sha256.New, string(key[:]), string(content))))
			},
			`{}`,
		},
	}
}

func TestADividedBodyPassesTheSuite(t *testing.T) {
	t.Parallel()
	for name, s := range dividedSubjects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scheme, err := s.template.Scheme()
			if err != nil {
				t.Fatal(err)
			}
			whtest.TestScheme(t, whtest.Subject{Scheme: scheme, Secret: secret, Stranger: stranger, Sign: func(id string, at time.Time, content []byte) *core.Request {
				return s.sign(secret, id, at, content)
			}})
		})
	}
}

func TestADividedBodyIsSignedAsItIsVerified(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_760_000_000, 0)
	for name, s := range dividedSubjects() {
		scheme, err := s.template.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		r := request(s.body)
		for range 2 { // a signed request can be signed again
			if err := schemes.Sign(scheme, r, "", now, secret); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		m, err := verifier(t, scheme, now, secret).Verify(t.Context(), r)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, r.Body)
			continue
		}
		if whole := reflect.DeepEqual(s.template.Body, schemes.Field{}); m.BodySigned != whole {
			t.Errorf("%s: BodySigned is %t", name, m.BodySigned)
		}
	}
}

// What an attacker adds to a captured message must not reach a handler: a
// signature in the body signs only a part of it.
func TestWhatNobodySignedInADividedBodyIsMalformed(t *testing.T) {
	t.Parallel()
	build := func(t schemes.Template) core.Scheme {
		s, err := t.Scheme()
		if err != nil {
			panic(err)
		}
		return s
	}
	inJSON := build(schemes.Template{Name: "acme", Signature: schemes.JSON("signature"), Body: schemes.JSON("data"), Content: "{body}"})
	inForm := build(schemes.Template{Name: "acme", Signature: schemes.Form("signature"), Body: schemes.Form("data"), Content: "{body}"})
	sorted := build(schemes.Template{Name: "acme", Signature: schemes.Form("signature"), Body: schemes.SortedForm(), Content: "{body}"})
	array := hexMAC(secret, "[1]")
	for name, tt := range map[string]struct {
		scheme core.Scheme
		body   string
		want   error
	}{
		"JSON":                                     {inJSON, `{"data":[1],"signature":"` + array + `"}`, nil},
		"another member":                           {inJSON, `{"data":[1],"signature":"` + array + `","admin":true}`, core.ErrMalformed},
		"the member twice":                         {inJSON, `{"data":[1],"data":[2],"signature":"` + array + `"}`, core.ErrMalformed},
		"the member first with another value":      {inJSON, `{"data":[2],"data":[1],"signature":"` + array + `"}`, core.ErrMalformed},
		"the member in another case":               {inJSON, `{"data":[1],"Data":[2],"signature":"` + array + `"}`, core.ErrMalformed},
		"the member with an escape in its name":    {inJSON, `{"data":[1],"d\u0061ta":[2],"signature":"` + array + `"}`, core.ErrMalformed},
		"only a member with an escape in its name": {inJSON, `{"d\u0061ta":[1],"signature":"` + array + `"}`, core.ErrMalformed},
		"text behind the JSON":                     {inJSON, `{"data":[1],"signature":"` + array + `"}{"data":[2]}`, core.ErrMalformed},
		"what is not quite JSON":                   {inJSON, `{"data":[1],"signature":"` + array + `",}`, core.ErrMalformed},
		"an array around it":                       {inJSON, `[{"data":[1],"signature":"` + array + `"}]`, core.ErrMalformed},
		"a string with the same text":              {inJSON, `{"data":"[1]","signature":"` + array + `"}`, core.ErrMalformed},
		"a number":                                 {inJSON, `{"data":1,"signature":"` + hexMAC(secret, "1") + `"}`, core.ErrMalformed},
		"no member":                                {inJSON, `{"signature":"` + hexMAC(secret, "") + `"}`, core.ErrMalformed},
		"no signature":                             {inJSON, `{"data":[1]}`, core.ErrMalformed},
		"white space beside the member":            {inJSON, "{\"data\"\n: [1] ,\t\"signature\":\"" + array + "\"}\n", nil},
		"white space in the member":                {inJSON, `{"data":[ 1],"signature":"` + array + `"}`, core.ErrNoMatch},
		"a form":                                   {inForm, "data=[1]&signature=" + array, nil},
		"a form in another order and spelling":     {inForm, "signature=" + array + "&d%61ta=%5B1%5D", nil},
		"another field":                            {inForm, "data=[1]&admin=1&signature=" + array, core.ErrMalformed},
		"a field without a value":                  {inForm, "data=[1]&admin&signature=" + array, core.ErrMalformed},
		"the field twice":                          {inForm, "data=[1]&data=[2]&signature=" + array, core.ErrMalformed},
		"the signature twice":                      {inForm, "data=[1]&signature=" + array + "&signature=" + array, core.ErrMalformed},
		"a form without the field":                 {inForm, "signature=" + hexMAC(secret, ""), core.ErrMalformed},
		"a form without a signature":               {inForm, "data=[1]", core.ErrMalformed},
		"what is no form":                          {inForm, "data=[1]&signature=" + array + "&%zz", core.ErrMalformed},
		"a sorted form":                            {sorted, "b=2&a=1&signature=" + hexMAC(secret, "a=1&b=2"), nil},
		"a sorted form with one field more":        {sorted, "b=2&a=1&c=3&signature=" + hexMAC(secret, "a=1&b=2"), core.ErrNoMatch},
		"two fields as one":                        {sorted, "a=1%26b=2&signature=" + hexMAC(secret, "a=1&b=2"), core.ErrMalformed},
		"a name with an equals sign":               {sorted, "a%3D1=2&signature=" + hexMAC(secret, "a=1=2"), core.ErrMalformed},
		"a sorted form with a field twice":         {sorted, "a=1&a=2&signature=" + hexMAC(secret, "a=1&a=2"), core.ErrMalformed},
		"an address in a sorted form":              {sorted, "url=http://x/?a=1%26b=2&signature=" + hexMAC(secret, "url=http://x/?a=1&b=2"), nil},
	} {
		if _, err := verifier(t, tt.scheme, remoteNow, secret).Verify(t.Context(), asForm(tt.body)); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestABodyThatCannotBeDividedIsAMistake(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*schemes.Template)
		want   string
	}{
		"a header":                       {func(t *schemes.Template) { t.Body = schemes.Header("X-Body") }, "a member of the body itself"},
		"a member in a member":           {func(t *schemes.Template) { t.Body = schemes.JSON("a", "b") }, "a member of the body itself"},
		"a signature in another member":  {func(t *schemes.Template) { t.Signature = schemes.JSON("meta", "signature") }, "one name"},
		"a signature in the signed part": {func(t *schemes.Template) { t.Signature = schemes.JSON("data") }, "same place"},
		"a signature in a form":          {func(t *schemes.Template) { t.Signature = schemes.Form("signature") }, "both in JSON"},
		"a list of signatures":           {func(t *schemes.Template) { t.List = "," }, "no lists"},
		"an unsigned id":                 {func(t *schemes.Template) { t.ID = schemes.JSON("id") }, "ID is beside the Body and not signed"},
		"an id in an unsigned member":    {func(t *schemes.Template) { t.ID = schemes.JSON("meta", "id") }, "ID is in a member of the body that is not signed"},
		"an id in a form":                {func(t *schemes.Template) { t.ID, t.Content = schemes.Form("id"), "{id}.{body}" }, "both in JSON"},
		"an unsigned time": {func(t *schemes.Template) {
			t.Timestamp, t.Stamping = schemes.JSON("time"), core.StampedOnce
		}, "Timestamp is beside the Body and not signed"},
		"an unsigned stable member": {func(t *schemes.Template) {
			t.ID, t.Stable = schemes.JSON("data", "id"), []schemes.Field{schemes.JSON("type")}
		}, "Stable must be in the Body"},
		"a header, and an id in a member": {func(t *schemes.Template) {
			t.Body, t.ID = schemes.Header("X-Body"), schemes.JSON("data", "id")
		}, "a member of the body itself"},
		"a stable member that is the Body": {func(t *schemes.Template) {
			t.ID, t.Stable = schemes.JSON("data", "id"), []schemes.Field{schemes.JSON("data")}
		}, "Stable and Body are in the same place"},
		"an id that is the Body": {func(t *schemes.Template) { t.ID = schemes.JSON("data") }, "ID and Body are in the same place"},
		"an id in a form and a time in JSON": {func(t *schemes.Template) {
			t.Signature, t.Body, t.ID = schemes.Header("X-Signature"), schemes.Field{}, schemes.Form("id")
			t.Timestamp, t.Stamping = schemes.JSON("time"), core.StampedOnce
		}, "Timestamp and ID must both be in a form, or both in JSON"},
		"a nonce beside the Body": {func(t *schemes.Template) {
			t.Timestamp, t.Stamping, t.Nonce = schemes.JSON("time"), core.StampedEachAttempt, schemes.JSON("nonce")
			t.Content = "{timestamp}.{nonce}.{body}"
		}, "a Nonce beside the Body needs a scheme in code"},
		"gzip":                         {func(t *schemes.Template) { t.Gunzip = true }, "exclude each other"},
		"no body in the content":       {func(t *schemes.Template) { t.Content = "{method}" }, "{body} is missing"},
		"a sorted form as a signature": {func(t *schemes.Template) { t.Signature = schemes.SortedForm() }, "only Body can be that"},
		"a form field with no Body": {func(t *schemes.Template) {
			t.Signature, t.Body = schemes.Form("signature"), schemes.Field{}
		}, "set Body to the part of the"},
		"a time in a form that is signed whole": {func(t *schemes.Template) {
			t.Signature, t.Body, t.Timestamp, t.Stamping = schemes.Header("X-Signature"), schemes.Field{}, schemes.Form("time"), core.StampedOnce
		}, "set Body"},
		"a derived public key": {func(t *schemes.Template) {
			t.Algorithm, t.DeriveKey = schemes.Ed25519, func(b []byte) ([]byte, error) { return b, nil }
		}, "DeriveKey is for shared secrets"},
	} {
		template := schemes.Template{Name: "acme", Signature: schemes.JSON("signature"), Body: schemes.JSON("data"), Content: "{body}"}
		if _, err := template.Scheme(); err != nil {
			t.Fatal(err)
		}
		tt.change(&template)
		if _, err := template.Scheme(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A hash hides what the secret was, so the secret is checked before.
func TestASecretIsCheckedBeforeAKeyIsDerived(t *testing.T) {
	t.Parallel()
	own := errors.New("the secret has no check digit")
	s, err := schemes.Template{
		Name: "acme", Signature: schemes.Header("X-Signature"), Content: "{body}", DeriveKey: func(secret []byte) ([]byte, error) {
			if bytes.Equal(secret, []byte(stranger)) {
				return nil, own
			}
			sum := sha256.Sum256(secret)
			clear(secret) // it is its own
			return sum[:], nil
		},
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	for text, ok := range map[string]bool{secret: true, "": false, stranger: false, "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----": false} {
		if _, err := s.ParseKey(text); (err == nil) != ok || text == stranger && !errors.Is(err, own) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestASortedFormHasOneReading builds each form that could have a text as its
// signed text. The scheme may accept only one of them.
func TestASortedFormHasOneReading(t *testing.T) {
	t.Parallel()
	s, err := schemes.Template{Name: "acme", Signature: schemes.Header("X-Signature"), Body: schemes.SortedForm(), Content: "{body}"}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	accepted := func(form []string, text string) bool {
		r := asForm(strings.Join(form, "&"), "X-Signature", "-")
		var a core.Attempt
		return s.ReadHeader(r, &a) == nil && s.ReadBody(r, &a) == nil && string(a.Content.Bytes()) == text
	}
	read := 0
	for _, text := range allTexts("ab=&", 7) {
		var readings []string
		var divide func(form []string, rest string)
		divide = func(form []string, rest string) {
			for to := 0; to <= len(rest); to++ { // the pair ends here
				if to < len(rest) && rest[to] != '&' {
					continue
				}
				for i := range to { // the name ends here
					if rest[i] != '=' {
						continue
					}
					with := slices.Concat(form, []string{url.QueryEscape(rest[:i]) + "=" + url.QueryEscape(rest[i+1:to])})
					if to < len(rest) {
						divide(with, rest[to+1:])
					} else if accepted(with, text) {
						readings = append(readings, strings.Join(with, " "))
					}
				}
			}
		}
		divide(nil, text)
		if read += len(readings); len(readings) > 1 {
			t.Errorf("%q is the signed text of several forms: %q", text, readings)
		}
	}
	if read < 1_000 {
		t.Errorf("only %d forms were read", read)
	}
}

// A signature in the body cannot be signed itself. So it must be nothing that a
// parser fails on, or that could be read as another part of the body.
func TestASignatureInADividedBodyIsOnlyASignature(t *testing.T) {
	t.Parallel()
	inJSON, err := schemes.Template{
		Name: "acme", Signature: schemes.JSON("signature"), More: []schemes.Field{schemes.JSON("old")}, Label: "v1:", Body: schemes.JSON("data"), Content: "{body}",
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	inForm, err := schemes.Template{
		Name: "acme", Signature: schemes.Form("signature"), More: []schemes.Field{schemes.Form("old")}, Body: schemes.Form("data"), Content: "{body}",
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	sorted, err := schemes.Template{
		Name: "acme", Signature: schemes.Form("signature"), More: []schemes.Field{schemes.Form("old")}, Body: schemes.SortedForm(), Content: "{body}",
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	ofJSON := `{"data":[1],"signature":"v1:` + hexMAC(secret, "[1]") + `"`
	ofForm, ofSorted := "data=1&signature="+hexMAC(secret, "1"), "data=1&signature="+hexMAC(secret, "data=1")
	for _, tt := range []struct {
		r    *core.Request
		with core.Scheme
		want error
	}{
		{request(ofJSON + `}`), inJSON, nil},
		{request(ofJSON + `,"old":"v1:00ff"}`), inJSON, nil},
		{request(ofJSON + `,"old":"v2:+/-_=="}`), inJSON, nil},
		{request(ofJSON + `,"old":"v2=00ff"}`), inJSON, nil},
		{request(ofJSON + `,"old":""}`), inJSON, nil},
		{request(ofJSON + `,"old":null}`), inJSON, nil},
		{request(ofJSON + `,"old":{"admin":true}}`), inJSON, core.ErrMalformed},
		{request(ofJSON + `,"old":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`), inJSON, core.ErrMalformed},
		{request(ofJSON + `,"old":1e999}`), inJSON, core.ErrMalformed},
		{request(ofJSON + `,"old":"\ud800"}`), inJSON, core.ErrMalformed},
		{request(ofJSON + `,"old":"v1:&data=2&"}`), inJSON, core.ErrMalformed},
		{request(`{"data":[1],"signature":1e999,"old":"v1:` + hexMAC(secret, "[1]") + `"}`), inJSON, core.ErrMalformed},
		{asForm(ofForm + "&old=00ff"), inForm, nil},
		{asForm(ofForm + "&old="), inForm, nil},
		{asForm(ofForm + "&old=%26data=2"), inForm, core.ErrMalformed},
		{asForm(ofForm + "&old=%00"), inForm, core.ErrMalformed},
		{asForm(ofSorted + "&old=00ff"), sorted, nil},
		{asForm(ofSorted + "&old=<a>"), sorted, core.ErrMalformed},
	} {
		if _, err := verifier(t, tt.with, remoteNow, secret).Verify(t.Context(), tt.r); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%.200s: %v, want %v", tt.r.Body, err, tt.want)
		}
	}
}

// The signed text is the same for a number and a string. A parser that rounds
// the number would read another id.
func TestAnIDBesideTheBodyIsNoNumberThatParsersRound(t *testing.T) {
	t.Parallel()
	s, err := schemes.Template{
		Name: "acme", Signature: schemes.JSON("signature"), Body: schemes.JSON("data"), ID: schemes.JSON("id"), Content: "{id}.{body}",
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]error{
		`"12345678901234567890"`: nil, `12345678901234567890`: core.ErrMalformed, `"1e3"`: nil, `1e3`: core.ErrMalformed, `1.0`: core.ErrMalformed,
		`-0`: core.ErrMalformed, `0`: nil, `"0"`: nil, `123456789012345`: nil, `-5`: nil,
	} {
		body := `{"id":` + id + `,"data":{},"signature":"` + hexMAC(secret, strings.Trim(id, `"`)+".{}") + `"}`
		if _, err := verifier(t, s, remoteNow, secret).Verify(t.Context(), request(body)); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
}

// Content-Type and the method are not signed, and decide whether a handler
// reads the form. Without it, net/http takes the values from the URL.
func TestAFormIsOnlyReadFromARequestWithAForm(t *testing.T) {
	t.Parallel()
	for name, template := range map[string]schemes.Template{
		"a field":       {Signature: schemes.Form("signature"), Body: schemes.Form("data"), Content: "{body}"},
		"a sorted form": {Signature: schemes.Form("signature"), Body: schemes.SortedForm(), Content: "{body}"},
		"an id":         {Signature: schemes.Header("X-Signature"), ID: schemes.Form("data"), Content: "{body}"},
	} {
		template.Name = "acme"
		s, err := template.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		for what, change := range map[string]func(*core.Request){
			"as it is":               nil,
			"another type":           func(r *core.Request) { asMap(r.Header).Set("Content-Type", "text/plain") },
			"no type":                func(r *core.Request) { asMap(r.Header).Del("Content-Type") },
			"two types":              func(r *core.Request) { asMap(r.Header).Add("Content-Type", "text/plain") },
			"a type in another case": func(r *core.Request) { asMap(r.Header).Set("Content-Type", "Application/x-www-form-urlencoded") },
			"another method":         func(r *core.Request) { r.Method = http.MethodDelete },
			"many ampersands":        func(r *core.Request) { r.Body = append(r.Body, strings.Repeat("&", 10_000)...) },
		} {
			r := &core.Request{Method: http.MethodPost, URL: "/hook?data=2", Header: http.Header{}, Body: []byte("data=1")}
			if err := schemes.Sign(s, r, "", remoteNow, secret); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if change != nil {
				change(r)
			}
			_, err := verifier(t, s, remoteNow, secret).Verify(t.Context(), r)
			if change == nil && err != nil || change != nil && !errors.Is(err, core.ErrMalformed) && !errors.Is(err, core.ErrNoMatch) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
			h, _ := http.NewRequestWithContext(t.Context(), r.Method, r.URL, bytes.NewReader(r.Body))
			h.Header = asMap(r.Header)
			if got := h.FormValue("data"); err == nil && got != "1" {
				t.Errorf("%s, %s: the handler reads %q", name, what, got)
			}
		}
	}
}

// Stable is for a sender that renders its messages again.
func TestTheStableFieldsOfASortedFormAreCompared(t *testing.T) {
	t.Parallel()
	s, err := schemes.Template{
		Name: "acme", Signature: schemes.Form("signature"), Body: schemes.SortedForm(), ID: schemes.Form("id"),
		Stable: []schemes.Field{schemes.Form("type"), schemes.Form("amount")}, Content: "{body}",
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, s, remoteNow, secret)
	for _, tt := range []struct {
		body string
		want error
	}{
		{"id=1&type=paid&amount=&attempt=1", nil},
		{"id=1&type=paid&amount=&attempt=2", nil},
		{"id=1&type=refunded&amount=&attempt=2", core.ErrIDReused},
		{"id=1&type=paid&attempt=2", core.ErrIDReused},
	} {
		r := asForm(tt.body)
		if err := schemes.Sign(s, r, "", remoteNow, secret); err != nil {
			t.Fatal(err)
		}
		d := v.Admit(t.Context(), r, atHand(r.Body))
		if d.Answer() == nil {
			d.Settle(http.StatusOK)
		}
		if got := d.Refusal(); tt.want == nil && got != nil || tt.want != nil && !errors.Is(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.body, got, tt.want)
		}
	}
}

// Anybody can send such a body.
func TestAmpersandsInAValueCostLittle(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	sorted, err := schemes.Template{Name: "acme", Signature: schemes.Form("signature"), Body: schemes.SortedForm(), Content: "{body}"}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := sorted.ReadBody(asForm("%21="+strings.Repeat("%26", size)+"&signature=00"), new(core.Attempt)); err != nil {
		t.Error(err)
	}
	if err := schemes.PayOS().ReadBody(request(`{"data":{"-":"`+strings.Repeat("&", size)+`"},"signature":"00"}`), new(core.Attempt)); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 10*time.Second { // with time that grows with the square of the size: half a minute
		t.Errorf("two bodies took %s", took)
	}
}

func TestSignLeavesNoOlderSignatureInTheBody(t *testing.T) {
	t.Parallel()
	for body, template := range map[string]schemes.Template{
		`{"signature":"","old":"","data":[]}`: {
			Signature: schemes.JSON("signature"), More: []schemes.Field{schemes.JSON("old"), schemes.JSON("older")}, Body: schemes.JSON("data"),
		},
		"data=1": {Signature: schemes.Form("signature"), More: []schemes.Field{schemes.Form("old")}, Body: schemes.Form("data")},
	} {
		template.Name, template.Content = "acme", "{body}"
		s, err := template.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		r := request(body)
		for _, secrets := range [][]string{{secret, stranger}, {secret}} {
			if err := schemes.Sign(s, r, "", remoteNow, secrets...); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := verifier(t, s, remoteNow, stranger).Verify(t.Context(), r); !errors.Is(err, core.ErrNoMatch) {
			t.Errorf("%s: %v", r.Body, err)
		}
		if _, err := verifier(t, s, remoteNow, secret).Verify(t.Context(), r); err != nil {
			t.Errorf("%s: %v", r.Body, err)
		}
	}
}
