package schemes

import (
	"net/http"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// Notion is the scheme of Notion's webhooks: X-Notion-Signature, HMAC-SHA256 of
// the body under the verification token. The id in the body identifies the
// message; attempt_number in it changes, so two attempts must agree in the
// event's type, time, entity and data. No time of an attempt is signed.
//
// Notion hands over the verification token once, when the webhook is made, in a
// request without a signature, and nothing proves who sent it. pending is asked
// whether a webhook is being made now and stores the token, to be pasted into
// Notion; it returns false for no. It must be safe for concurrent use. nil: the
// token is not accepted. Until there is one, give the verifier a secret that
// nobody knows, as [core.GenerateSecret] makes them.
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
	case !strings.HasPrefix(token, "secret_") || !visible(token):
		return nil
	case !n.pending(token):
		return refused(http.StatusForbidden)
	default:
		return received()
	}
}
