package schemes

import (
	"net/http"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// Notion returns the scheme for Notion's webhooks. The X-Notion-Signature
// header holds the hex-encoded HMAC-SHA256 of the body. The key is the
// verification token. The id in the body identifies the message. attempt_number
// differs between attempts, so attempts with the same id need only have the
// same type, timestamp, entity and data. Attempts have no signed timestamp.
//
// Notion sends the verification token once, when you create the webhook. The
// request has no signature, and nothing proves who sent it. pending must store
// the token, for you to paste into Notion, and return true. If you are not
// creating a webhook, it must return false. pending must be safe for concurrent
// use. If pending is nil, the token is not accepted. Until you have a token,
// give the verifier a random secret from [core.GenerateSecret].
//
// Source: developers.notion.com/reference/webhooks, as of November 2026.
func Notion(pending func(token string) bool) core.Scheme {
	return notion{must(Template{
		Name: "notion", Signature: Header("X-Notion-Signature"), Label: "sha256=",
		ID: JSON("id"), Stable: []Field{JSON("type"), JSON("timestamp"), JSON("entity"), JSON("data")},
		Content: "{body}",
	}), pending}
}

type notion struct {
	*templated

	pending func(token string) bool
}

// Facts implements [core.Describer].
func (n notion) Facts() core.Facts {
	f := n.facts(n, nil)
	f.AwaitsHandshake = func(r *core.Request) bool {
		return n.pending != nil && r.Method == http.MethodPost && hasType(r.Header, "application/json") && bare(f, r.Header)
	}
	f.AnswerHandshake = n.answer
	return f
}

// answer accepts the verification token.
func (n notion) answer(r *core.Request, _ core.VerifyKey) *core.Answer {
	token := textAt(r.Body, "verification_token")
	switch {
	// Anything else is not a handshake, and is treated as a message without a signature.
	case !strings.HasPrefix(token, "secret_") || !visible(token):
		return nil
	case !n.pending(token):
		return refused(http.StatusForbidden)
	default:
		return received()
	}
}
