package schemes

import (
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// DangerouslyReplayableDropbox is the scheme of Dropbox: X-Dropbox-Signature,
// HMAC-SHA256 of the body under the app secret. The body has neither id nor
// time, and honest ones are the same bytes ("something changed in this
// account"), so no message can be told from another: the handler runs for each
// attempt, and for each replay. It should only fetch what is new.
//
// The GET request that asks for the endpoint is answered if handshake says so;
// the route must take GET as well. Neither a library of the sender nor a
// published vector confirms this scheme.
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
