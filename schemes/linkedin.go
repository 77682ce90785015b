package schemes

import (
	"encoding/hex"
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// LinkedIn returns the scheme for LinkedIn webhooks. The X-LI-Signature header
// holds the hex-encoded HMAC-SHA256 of "hmacsha256=" followed by the body. The
// secret is the application's client secret.
//
// The notificationId in the body identifies the message. Without a
// notificationId, the body identifies the message. It is not known whether two
// such events can have the same body, so a redelivery is refused with
// [core.ErrRepeated]. Attempts have no signed timestamp.
//
// LinkedIn verifies the endpoint with a GET request that has a challengeCode,
// when the webhook is created and then every two hours. The response is the
// HMAC of the code, and handshake says whether to send it. The route must
// accept GET as well. An attacker cannot use the code to get the signature of a
// message. Only short codes of letters, digits, - and _ are signed, and the
// signed text of a message begins with "hmacsha256=". This scheme has not been
// tested against an official library or a published test vector.
//
// Source:
// learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation, as of
// November 2026.
func LinkedIn(handshake Handshake) core.Scheme {
	return linkedIn{must(Template{
		Name: "linkedin", Signature: Header("X-Li-Signature"),
		ID: JSON("notificationId"), IDOptional: true, Indistinct: true,
		Content: "hmacsha256={body}",
	}), handshake}
}

type linkedIn struct {
	*templated

	handshake Handshake
}

// Facts implements [core.Describer].
func (s linkedIn) Facts() core.Facts {
	f := s.facts(s, nil)
	f.SignsHandshakes = s.handshake == AnswerHandshakes
	f.AwaitsHandshake = func(r *core.Request) bool {
		return f.SignsHandshakes && r.Method == http.MethodGet && tokenOf(r, linkedInCode) != "" && bare(f, r.Header)
	}
	f.AnswerHandshake = answerCode
	return f
}

const linkedInCode = "challengeCode"

// ParseKey implements [core.Scheme].
func (s linkedIn) ParseKey(text string) (core.VerifyKey, error) {
	key, err := s.templated.ParseKey(text)
	if err != nil {
		return nil, err
	}
	return answering(key, text), nil
}

// answerCode responds with the HMAC of the code in the query.
func answerCode(r *core.Request, key core.VerifyKey) *core.Answer {
	k, ok := key.(answeringKey)
	code := tokenOf(r, linkedInCode)
	// A handshake has no body. A request with a body could be a message without its signature.
	if !ok || len(r.Body) > 0 || code == "" {
		return nil
	}
	return answerJSON(map[string]string{"challengeCode": code, "challengeResponse": hex.EncodeToString(k.answer(code))})
}
