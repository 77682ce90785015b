package whtest

import (
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// adapterCases is the table that every adapter runs.
func adapterCases() []adapterCase {
	return []adapterCase{
		{
			name: "a genuine message reaches the handler whole", why: "authentic, fresh, new: it must be handled, with the message at hand",
			run: func(t *adapterRun) {
				var got, fromCtx core.Message
				var ok bool
				e := t.serve(nil, func(c *AdapterCall) error {
					got = c.Message
					fromCtx, ok = core.FromContext(c.Context)
					c.Status(http.StatusNoContent)
					return nil
				})
				e.want("genuine", e.send(e.sign("msg_1", 0, `{"a":1}`)), http.StatusNoContent)
				e.wantRuns(1)
				if !ok || got.ID != "msg_1" || fromCtx.ID != "msg_1" || string(got.Body) != `{"a":1}` {
					t.Errorf("the handler saw %+v; FromContext %+v, %v", got, fromCtx, ok)
				}
			},
		},
		{
			name: "a message that was handled is acknowledged", why: "anything but 2xx makes the sender retry for days",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusAccepted))
				e.want("first", e.send(e.sign("msg_1", 0, "{}")), http.StatusAccepted)
				e.wantAcknowledged("redelivery", e.send(e.sign("msg_1", 1, "{}")), http.StatusAccepted)
				e.wantRuns(1)
			},
		},
		{
			name: "an error of the handler releases", why: "the framework renders the error after the adapter: it is a failure although nothing is written yet",
			errors: true, run: func(t *adapterRun) {
				e := t.serve(nil, func(*AdapterCall) error { return errSuite })
				if got := e.send(e.sign("msg_1", 0, "{}")); isSuccess(got.status) {
					t.Errorf("answered %d", got.status)
				}
				e.settled(core.Released)
			},
		},
	}
}
