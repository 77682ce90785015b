package schemes

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// CloudEvents returns scheme extended with a response to the OPTIONS request
// that a CloudEvents sender uses to ask for permission to deliver. See section
// 4 of the CloudEvents specification "HTTP 1.1 Web Hooks for Event Delivery".
// origins lists the permitted senders, as they name themselves in
// WebHook-Request-Origin. Others get a 403. The route must accept OPTIONS as
// well.
func CloudEvents(scheme core.Scheme, origins ...string) core.Scheme {
	if scheme == nil || len(origins) == 0 {
		return unusable{"cloudevents", errors.New("pass the scheme of the messages, and the origins that may deliver them")}
	}
	return cloudEvents{scheme, slices.Clone(origins)}
}

type cloudEvents struct {
	core.Scheme

	origins []string
}

// Facts implements [core.Describer].
func (c cloudEvents) Facts() core.Facts {
	f := core.FactsOf(c.Scheme)
	if at := f.At; at != nil {
		f.At = func(url string) core.Scheme { return CloudEvents(at(url), c.origins...) }
	}
	// The scheme may have a handshake of its own.
	next := f.Handshake
	f.Handshake = func(r *core.Request) *core.Answer {
		switch answer := c.answer(r); {
		case answer != nil:
			return answer
		case next != nil:
			return next(r)
		default:
			return nil
		}
	}
	return f
}

// answer returns the response to a request for permission, or nil for any other
// request.
func (c cloudEvents) answer(r *core.Request) *core.Answer {
	origin := r.Header.Values("Webhook-Request-Origin")
	if r.Method != http.MethodOptions || len(origin) == 0 {
		return nil
	}
	if len(origin) != 1 || !slices.ContainsFunc(c.origins, func(o string) bool { return strings.EqualFold(o, origin[0]) }) {
		return refused(http.StatusForbidden)
	}
	return &core.Answer{Status: http.StatusOK, Header: http.Header{
		"Allow": {"POST, OPTIONS"}, "Webhook-Allowed-Origin": {origin[0]}, "Webhook-Allowed-Rate": {"*"}, "Cache-Control": {"no-store"},
	}}
}
