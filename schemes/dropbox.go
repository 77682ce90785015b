package schemes

import (
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// DangerouslyReplayableDropbox returns the scheme for Dropbox webhooks. The
// X-Dropbox-Signature header holds the hex-encoded HMAC-SHA256 of the body. The
// key is the app secret. The body has neither an id nor a time, and genuine
// messages can have the same body ("something changed in this account").
// Nothing distinguishes messages, so the handler runs for each attempt and each
// replay. The handler should only fetch what is new.
//
// handshake says whether to respond to the GET request that verifies the
// endpoint. The route must accept GET as well. This scheme has not been tested
// against an official library or a published test vector.
//
// Source: www.dropbox.com/developers/reference/webhooks, as of August 2026.
func DangerouslyReplayableDropbox(handshake Handshake) core.Scheme {
	return dropbox{must(Template{
		Name: "dropbox", Signature: Header("X-Dropbox-Signature"),
		Content: "{body}",
	}), handshake}
}

type dropbox struct {
	*templated

	handshake Handshake
}

// Stamping overrides the template's, since not even the signed content
// identifies a message.
func (dropbox) Stamping() core.Stamping { return core.NotIdentified }

// Facts implements [core.Describer].
func (d dropbox) Facts() core.Facts {
	f := d.facts(d, nil)
	f.Handshake = d.answer
	return f
}

func (d dropbox) answer(r *core.Request) *core.Answer {
	q, ok := query(r)
	if d.handshake != AnswerHandshakes || r.Method != http.MethodGet || !ok || len(q["challenge"]) != 1 || len(q.Get("challenge")) > maxChallenge {
		return nil
	}
	return plain(q.Get("challenge"))
}
