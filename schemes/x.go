package schemes

import (
	"encoding/base64"
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// X returns the scheme for X (Twitter) webhooks. The signature is the
// base64-encoded HMAC-SHA256 of the body. The
// X-Twitter-Webhooks-Signature-OAuth2 header holds it under the OAuth 2.0
// client secret, and the X-Twitter-Webhooks-Signature header under the consumer
// secret. One of these signatures is enough. If you configure both secrets,
// list the OAuth 2.0 client secret first. The body identifies the message.
//
// X verifies the endpoint with a GET request that has a crc_token, when the
// webhook is created and about every half hour. The response is the HMAC of the
// token under the first secret, and handshake says whether to send it. The
// route must accept GET as well. An attacker cannot use the token to get the
// signature of a message. Only short tokens of letters, digits, - and _ are
// signed, and a body that does not begin with { is rejected. This scheme has
// not been tested against an official library or a published test vector.
//
// Source: docs.x.com/x-api/webhooks, as of November 2026.
func X(handshake Handshake) core.Scheme {
	return x{must(Template{
		Name: "x", Signature: Header("X-Twitter-Webhooks-Signature-OAuth2"), More: []Field{Header("X-Twitter-Webhooks-Signature")},
		Label: "sha256=", Encoding: core.Base64,
		Content: "{body}",
	}), handshake}
}

type x struct {
	*templated

	handshake Handshake
}

const crcToken = "crc_token"

// Facts implements [core.Describer].
func (s x) Facts() core.Facts {
	f := s.facts(s, nil)
	f.SignsHandshakes = s.handshake == AnswerHandshakes
	f.AwaitsHandshake = func(r *core.Request) bool {
		return f.SignsHandshakes && r.Method == http.MethodGet && tokenOf(r, crcToken) != "" && bare(f, r.Header)
	}
	f.AnswerHandshake = answerToken
	return f
}

func (s x) ParseKey(text string) (core.VerifyKey, error) {
	key, err := s.templated.ParseKey(text)
	if err != nil {
		return nil, err
	}
	return answering(key, text), nil
}

func (s x) ReadBody(r *core.Request, a *core.Attempt) error {
	if len(r.Body) == 0 || r.Body[0] != '{' {
		return malformed("the body does not start with \"{\", so it could be a handshake token that the endpoint signed for a stranger")
	}
	return s.templated.ReadBody(r, a)
}

// answerToken responds with the HMAC of the token in the query.
func answerToken(r *core.Request, key core.VerifyKey) *core.Answer {
	k, ok := key.(answeringKey)
	token := tokenOf(r, crcToken)
	if !ok || len(r.Body) > 0 || token == "" {
		return nil
	}
	return answerJSON(map[string]string{"response_token": "sha256=" + base64.StdEncoding.EncodeToString(k.answer(token))})
}
