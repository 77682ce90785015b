package schemes

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// DangerouslyReplayableToken returns a scheme for a sender that sends a secret
// in a header instead of signing. header names that header, and prefix is the
// text before the secret, such as "Bearer ". name is as in [Template].
//
// Anyone who captures one request has the secret. Neither the body nor the time
// is signed. Nothing distinguishes messages, so the handler runs for each
// attempt. If the sender also offers signatures, use those.
func DangerouslyReplayableToken(name, header, prefix string) core.Scheme {
	t := token{name: name, field: Header(header), prefix: prefix}
	if name == "" || header == "" {
		return unusable{name, errors.New("pass a name for the scheme, and the name of the header with the token")}
	}
	return t
}

// DangerouslyReplayableBasicAuth returns a scheme for a sender that uses HTTP
// basic authentication, as Postmark and Chargebee do: see
// [DangerouslyReplayableToken]. The secret is the user name and the password,
// as in "name:password". name is as in [Template].
func DangerouslyReplayableBasicAuth(name string) core.Scheme {
	if name == "" {
		return unusable{name, errors.New("pass a name for the scheme")}
	}
	return basicAuth{token{name: name, field: Header("Authorization"), prefix: "Basic "}}
}

type basicAuth struct{ token }

func (basicAuth) ParseKey(text string) (core.VerifyKey, error) {
	name, password, ok := strings.Cut(text, ":")
	if !ok || name == "" || password == "" {
		return nil, errors.New("the secret must be a name and a password, as name:password")
	}
	if err := notPublic(password); err != nil {
		return nil, err
	}
	return tokenKey{tokenEquals(base64.StdEncoding.EncodeToString([]byte(text)))}, nil
}

// DangerouslyReplayableGitLabToken returns the scheme for GitLab's secret token
// in X-Gitlab-Token: see [DangerouslyReplayableToken]. With a signing token,
// GitLab uses the Standard Webhooks scheme, which is core's default. Prefer a
// signing token where GitLab offers it. This scheme has not been tested against
// an official library or a published test vector.
func DangerouslyReplayableGitLabToken() core.Scheme {
	return token{name: "gitlab-token", field: Header("X-Gitlab-Token"), id: Header("Idempotency-Key")}
}

// DangerouslyReplayableOkta returns the scheme for Okta event hooks, which send
// a secret in the Authorization header: see [DangerouslyReplayableToken]. The
// secret is the whole value of the header. handshake says whether the endpoint
// responds to the GET request that Okta uses to verify it. The route must
// accept GET as well. This scheme has not been tested against an official
// library or a published test vector.
func DangerouslyReplayableOkta(handshake Handshake) core.Scheme {
	return okta{token{name: "okta", field: Header("Authorization")}, handshake}
}

type okta struct {
	token

	handshake Handshake
}

// Facts implements [core.Describer].
func (o okta) Facts() core.Facts {
	f := o.token.Facts()
	f.Handshake = o.answer
	return f
}

func (o okta) answer(r *core.Request) *core.Answer {
	challenge := r.Header.Values("X-Okta-Verification-Challenge")
	if o.handshake != AnswerHandshakes || r.Method != http.MethodGet || len(challenge) != 1 || !visible(challenge[0]) {
		return nil
	}
	return answerJSON(map[string]string{"verification": challenge[0]})
}

// DangerouslyReplayableGraph returns the scheme for Microsoft Graph change
// notifications, in which each item repeats the secret as clientState: see
// [DangerouslyReplayableToken]. All items must have the secret. handshake says
// whether the endpoint responds to the validation request, which has a
// validationToken. This scheme has not been tested against an official library
// or a published test vector.
func DangerouslyReplayableGraph(handshake Handshake) core.Scheme {
	return graph{token{name: "graph"}, handshake}
}

type graph struct {
	token

	handshake Handshake
}

// Facts implements [core.Describer].
func (g graph) Facts() core.Facts {
	f := g.token.Facts()
	f.Handshake = g.answer
	return f
}

func (g graph) answer(r *core.Request) *core.Answer {
	q, ok := query(r)
	if g.handshake != AnswerHandshakes || r.Method != http.MethodPost || !ok || !q.Has("validationToken") {
		return nil
	}
	if len(q["validationToken"]) != 1 || len(q.Get("validationToken")) > maxChallenge {
		return refused(http.StatusBadRequest)
	}
	return plain(q.Get("validationToken"))
}

func (graph) ReadHeader(*core.Request, *core.Attempt) error { return nil }

func (graph) ReadBody(r *core.Request, a *core.Attempt) error {
	var body struct {
		Value []struct {
			ClientState string `json:"clientState"`
		} `json:"value"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil || len(body.Value) == 0 {
		return malformed("the body is not a JSON object with notifications in \"value\"")
	}
	// Every item must have the token, so that no item vouches for another.
	for _, item := range body.Value {
		if item.ClientState == "" || item.ClientState != body.Value[0].ClientState {
			return malformed("a notification has no clientState, or a different clientState than the first notification")
		}
	}
	a.Signatures = append(a.Signatures, core.Signature{Label: tokenLabel, Text: body.Value[0].ClientState})
	return nil
}

// DangerouslyReplayableEventGrid returns the scheme for Azure Event Grid, whose
// requests have the secret in a parameter of the registered URL: see
// [DangerouslyReplayableToken]. The endpoint responds to the validation request
// for a new subscription, which also has the secret. This scheme has not been
// tested against an official library or a published test vector.
func DangerouslyReplayableEventGrid(parameter string) core.Scheme {
	if parameter == "" {
		return unusable{"eventgrid", errors.New("pass the name of the URL parameter with the secret")}
	}
	return eventGrid{token{name: "eventgrid"}, parameter}
}

type eventGrid struct {
	token

	parameter string
}

func (e eventGrid) ReadHeader(r *core.Request, a *core.Attempt) error {
	q, ok := query(r)
	if !ok {
		return malformed("the URL's query has invalid URL encoding")
	}
	if values := q[e.parameter]; len(values) != 1 {
		return malformed("the parameter " + e.parameter + " occurs " + strconv.Itoa(len(values)) + " times in the URL, but must occur exactly once")
	}
	a.Signatures = append(a.Signatures, core.Signature{Label: tokenLabel, Text: q.Get(e.parameter)})
	return nil
}

// Facts implements [core.Describer].
func (e eventGrid) Facts() core.Facts {
	f := e.token.Facts()
	f.Challenge = answerEventGrid
	return f
}

func answerEventGrid(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
	if !slices.Equal(r.Header.Values("Aeg-Event-Type"), []string{"SubscriptionValidation"}) {
		return nil
	}
	var events []struct {
		EventType string `json:"eventType"`
		Data      struct {
			ValidationCode string `json:"validationCode"`
		} `json:"data"`
	}
	if json.Unmarshal(r.Body, &events) != nil || len(events) != 1 || events[0].EventType != "Microsoft.EventGrid.SubscriptionValidationEvent" ||
		!visible(events[0].Data.ValidationCode) {
		return refused(http.StatusBadRequest)
	}
	return answerJSON(map[string]string{"validationResponse": events[0].Data.ValidationCode})
}

// token is the scheme for a sender that sends the secret itself.
type token struct {
	name   string
	field  Field
	prefix string
	id     Field // unsigned, for logs only
}

const tokenLabel = "token"

func (t token) Name() string          { return t.name }
func (token) Stamping() core.Stamping { return core.NotIdentified }

// Facts implements [core.Describer].
func (t token) Facts() core.Facts {
	f := core.Facts{FreeText: true}
	if !t.field.none() {
		f.Headers = [][]string{{t.field.header}}
		if t.id.header != "" {
			f.Headers[0] = append(f.Headers[0], t.id.header)
		}
	}
	return f
}

func (token) ParseKey(text string) (core.VerifyKey, error) {
	if text == "" {
		return nil, errors.New("the key is empty, so anybody could present it")
	}
	if err := notPublic(text); err != nil {
		return nil, err
	}
	return tokenKey{tokenEquals(text)}, nil
}

func (t token) ReadHeader(r *core.Request, a *core.Attempt) error {
	text, err := t.field.inHeader(r.Header, "")
	if err != nil {
		return err
	}
	text, ok := strings.CutPrefix(text, t.prefix)
	if !ok {
		return malformed(t.field.header + " does not start with " + strconv.Quote(t.prefix))
	}
	a.Signatures = append(a.Signatures, core.Signature{Label: tokenLabel, Text: text})
	if !t.id.none() {
		if id, err := t.id.inHeader(r.Header, ""); err == nil && visible(id) {
			a.ID = id
		}
	}
	return nil
}

func (token) ReadBody(*core.Request, *core.Attempt) error { return nil }

// tokenKey compares tokens in a time that does not depend on them. The field is
// a function, because fmt prints only a function's address.
type tokenKey struct{ equal func(text string) bool }

// tokenEquals compares hashes, so the time does not depend on the token's
// length either.
func tokenEquals(token string) func(string) bool {
	want := sha256.Sum256([]byte(token))
	return func(text string) bool {
		got := sha256.Sum256([]byte(text))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1
	}
}

func (k tokenKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	// Compare with all tokens, so the time does not depend on which one matched.
	found := false
	for _, sig := range a.Signatures {
		if sig.Label == tokenLabel && k.equal(sig.Text) {
			found = true
		}
	}
	return found, nil
}
