package whtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// earlyCases test informational responses, which some frameworks mistake for
// the response.
func earlyCases() []adapterCase {
	const why = "103 is not a final response. A framework that takes it for one sends 200 regardless of what follows, and the sender of a failed " +
		"message does not retry"
	after := func(then handle) handle {
		return func(c *AdapterCall) error {
			c.EarlyHints()
			return then(c)
		}
	}
	fails := func(*AdapterCall) error { return errSuite }
	crashes := func(*AdapterCall) error { panic(errSuite) }
	outside := func(m *AdapterMount) { m.RecoverOutside = true }
	return []adapterCase{
		{name: "103 and then a status is recorded as that status", why: why, early: true, run: func(t *adapterRun) {
			for _, status := range []int{http.StatusOK, http.StatusNoContent, http.StatusInternalServerError, http.StatusNotFound} {
				t.agrees(nil, after(answerWith(status)))
			}
		}},
		{name: "103 and then nothing commits", why: why, early: true, run: func(t *adapterRun) {
			t.settlesAs(core.Done, after(func(*AdapterCall) error { return nil }))
		}},
		{name: "103 and then an error releases", why: why, early: true, errors: true, run: func(t *adapterRun) { t.releases(after(fails)) }},
		{name: "103 and then a panic releases", why: why, early: true, run: func(t *adapterRun) { t.releases(after(crashes), outside) }},
		{name: "103 and no time left is recorded as it is responded to", why: why, early: true, run: func(t *adapterRun) {
			t.patiently(400*time.Millisecond, func(t *adapterRun, lease time.Duration) {
				t.runsOut(&core.Config{Lease: lease}, after(t.waits(nil)))
			})
		}},
	}
}

// outsideCases test the adapter together with other middleware, which it must
// not disturb.
func outsideCases() []adapterCase {
	return []adapterCase{
		{
			name: "a timeout outside agrees with what is recorded", why: "the middleware outside responds for a handler that did not respond. If that " +
				"response is not recorded, a committed message gets a failure status, or a failed message gets 200",
			run: func(t *adapterRun) {
				t.patiently(100*time.Millisecond, func(t *adapterRun, d time.Duration) {
					timeout := func(m *AdapterMount) { m.Timeout = d }
					t.runsOut(nil, t.waits(nil), timeout)
					if t.adapter.HandlerErrors {
						t.releases(t.waits(context.DeadlineExceeded), timeout)
					}
				})
			},
		},
		{
			name: "a limit outside is too large", streams: true,
			why: "a limit outside cuts off the body. If the rest is verified as if it were complete, its signature is wrong, and people look for " +
				"another secret",
			run: func(t *adapterRun) {
				e := t.serve(nil, answerWith(http.StatusOK), func(m *AdapterMount) { m.BodyLimit = 10 })
				e.want("a body within it", e.send(e.sign("msg_1", 0, "{}")), http.StatusOK)
				for _, chunked := range []bool{false, true} {
					a := e.sign("msg_2", 0, "more than ten bytes")
					a.chunked = chunked
					what := fmt.Sprintf("a body over it, chunked %v", chunked)
					got := e.send(a)
					if e.want(what, got, http.StatusRequestEntityTooLarge); strings.Contains(got.body, "urn:hookonce") { // it may be the framework's response
						e.wantProblem(what, got, http.StatusRequestEntityTooLarge, "too-large")
					}
				}
				e.wantRuns(1)
			},
		},
		{
			name: "loggers outside see the status that is sent",
			why:  "access logs and metrics that show 200 for refusals hide every configuration mistake",
			run:  runLogged,
		},
		{
			name: "a dispatched request passes through, or reports that", dispatches: true,
			why: "a message that waits for its own claim gets 503 until the sender gives up. The handler's context must carry the delivery wherever the " +
				"framework passes the request",
			run: func(t *adapterRun) { runTwice(t, func(m *AdapterMount) { m.DispatchAgain = true }) },
		},
		{
			name: "temporary files of a form are removed", files: true,
			why: "the server removes only the files of its own request. Files of the handler's copy would fill the disk with uploads",
			run: func(t *adapterRun) {
				for _, crash := range []bool{false, true} {
					t.removesFiles(crash)
				}
			},
		},
	}
}

// waits returns a handler that returns err without responding, a moment after
// its context ends. Upstream middleware has seen the end of the context by
// then.
func (t *adapterRun) waits(err error) handle {
	return func(c *AdapterCall) error {
		select {
		case <-c.Context.Done():
			time.Sleep(20 * time.Millisecond)
		case <-time.After(2 * t.patience):
			t.Errorf("the handler's context does not end")
		}
		return err
	}
}

// settlesAs sends one message to h, and checks its record and the outcome of
// the next attempt.
func (t *adapterRun) settlesAs(state core.State, h handle, mount ...func(*AdapterMount)) answered {
	t.Helper()
	e := t.serve(nil, h, mount...)
	first := e.send(e.sign("msg_1", 0, "{}"))
	e.settled(state)
	next := e.send(e.sign("msg_1", 1, "{}"))
	if state == core.Done {
		e.wantAcknowledged("next attempt", next, first.status)
		e.wantRuns(1)
	} else {
		e.wantRuns(2)
	}
	return first
}

// agrees checks that a message is recorded as handled if and only if its sender
// gets a success.
func (t *adapterRun) agrees(config *core.Config, h handle, mount ...func(*AdapterMount)) {
	t.Helper()
	e := t.serve(config, h, mount...)
	if got := e.send(e.sign("msg_1", 0, "{}")); isSuccess(got.status) {
		e.settled(core.Done)
	} else {
		e.settled(core.Released)
	}
}

// runsOut checks that a handler that gave up without responding releases its
// message for the next attempt.
func (t *adapterRun) runsOut(config *core.Config, h handle, mount ...func(*AdapterMount)) {
	t.Helper()
	if t.adapter.SilenceIs200 {
		t.agrees(config, h, mount...)
		return
	}
	e := t.serve(config, h, mount...)
	if got := e.send(e.sign("msg_1", 0, "{}")); isSuccess(got.status) {
		t.Errorf("a handler that ran out of time and wrote nothing got status %d", got.status)
	}
	e.settled(core.Released)
}

func runLogged(t *adapterRun) {
	logged := make(chan int, 16)
	status := http.StatusAccepted
	e := t.serve(nil, func(c *AdapterCall) error {
		if status != 0 {
			c.Status(status)
		}
		return nil
	}, func(m *AdapterMount) { m.Log = func(status int) { logged <- status } })
	unsigned, replayed := e.sign("msg_1", 0, "{}"), e.sign("msg_1", 0, "{}")
	unsigned.header.Del("Webhook-Signature")
	tampered := e.sign("msg_2", 0, "{}")
	tampered.body = []byte("[]")
	for _, c := range []struct {
		what     string
		attempt  *attempt
		answers  int // of the handler; zero: it writes nothing
		expected int
	}{
		{"handled", replayed, http.StatusAccepted, http.StatusAccepted},
		{"a replay", replayed, 0, http.StatusConflict},
		{"acknowledged", e.sign("msg_1", 1, "{}"), 0, http.StatusAccepted},
		{"unsigned", unsigned, 0, http.StatusBadRequest},
		{"tampered", tampered, 0, http.StatusUnauthorized},
		{"nothing written", e.sign("msg_3", 0, "{}"), 0, http.StatusOK},
		{"failed", e.sign("msg_4", 0, "{}"), http.StatusInternalServerError, http.StatusInternalServerError},
	} {
		status = c.answers
		e.want(c.what, e.send(c.attempt), c.expected)
		select {
		case got := <-logged:
			if got != c.expected {
				t.Errorf("%s: a logger outside got status %d, want %d", c.what, got, c.expected)
			}
		case <-time.After(t.patience):
			t.Fatalf("%s: nothing was logged: Serve must mount what AdapterMount.Log asks for", c.what)
		}
	}
}

// removesFiles has a handler parse a form into files, and looks for them
// afterwards.
func (t *adapterRun) removesFiles(crash bool) {
	t.Helper()
	var names []string
	e := t.serve(nil, func(c *AdapterCall) error {
		form, err := c.Form()
		if err != nil {
			t.Errorf("the form could not be parsed: %v", err)
			return nil
		}
		names = filesOf(form)
		if crash {
			panic(errSuite)
		}
		c.Status(http.StatusOK)
		return nil
	}, func(m *AdapterMount) { m.RecoverOutside = true })
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", "large")
	if err != nil {
		t.Fatalf("the suite's own form: %v", err)
	}
	_, _ = part.Write(make([]byte, 500_000))
	_ = w.Close()
	a := e.sign("msg_1", 0, body.String())
	a.header.Set("Content-Type", w.FormDataContentType())
	e.send(a)
	e.fence()
	if len(names) == 0 {
		t.Errorf("the form was not parsed into files, so this case tests nothing")
	}
	deadline := time.Now().Add(t.patience) //nolint:forbidigo // the server may remove them after the answer
	for slices.ContainsFunc(names, exists) {
		if time.Now().After(deadline) { //nolint:forbidigo // see above
			t.Errorf("crash %v: temporary files remain: %s", crash, strings.Join(names, ", "))
			break
		}
		time.Sleep(time.Millisecond)
	}
	for _, name := range names {
		_ = os.Remove(name) // of a broken adapter
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// filesOf returns the names of the files into which a form was parsed.
func filesOf(form *multipart.Form) (names []string) {
	for _, headers := range form.File {
		for _, h := range headers {
			f, err := h.Open()
			if err != nil {
				continue
			}
			if file, ok := f.(*os.File); ok {
				names = append(names, file.Name())
			}
			_ = f.Close()
		}
	}
	return names
}
