package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

func sendCommand() command {
	return command{
		name: "send", does: "sign a message, send it and show the response",
		example: "hookonce send --to http://127.0.0.1:8080/hook --secret-file secret.txt --data '{\"type\":\"order.paid\"}' --schedule fast",
		more: "send makes one attempt. With --schedule it retries until an attempt succeeds. The standard schedule is that of Standard Webhooks and " +
			"takes three days: now, 5s, 5m, 30m, 2h, 5h, 10h, 14h, 20h, 24h. All attempts have the same message id. Each has its own timestamp and " +
			"signature.\n\nA 2xx response is a success; 410 ends the retries. After 429, 502 and 504 the next longer wait applies. Retry-After is " +
			"honored. A redirect is a failure and is not followed. If the receiver had already handled the message, a success is reported as a " +
			"redelivery.\n\nProgress and response bodies go to standard error. An interrupt ends send immediately: not delivered, exit status 1.",
		setUp: func(f *flag.FlagSet) action {
			s := &sending{message: messageFlags(f)}
			f.StringVar(&s.to, "to", "", "the `URL` to send to. Default: --url")
			f.IntVar(&s.attempts, "attempts", 0, "make at most `N` attempts. Default: as many as the schedule has. With more than one, the schedule defaults to standard")
			f.StringVar(&s.schedule, "schedule", "",
				"the `WAITS` before each attempt: once, standard, fast (0,1s,2s,4s,8s,16s), or a list such as 0,1s,5s,1m. Default: once")
			f.IntVar(&s.jitter, "jitter", 10, "lengthen each wait by a random amount, up to this `PERCENT`. Default: 10")
			f.DurationVar(&s.timeout, "timeout", 20*time.Second, "how long one attempt may take, as a `DURATION` such as 5s. Default: 20s")
			return s.run
		},
	}
}

type sending struct {
	*message

	to, schedule     string
	attempts, jitter int
	timeout          time.Duration
}

// delivery is the result in JSON.
type delivery struct {
	Delivered  bool      `json:"delivered"`
	Redelivery bool      `json:"redelivery,omitempty"` // the receiver had already handled it
	ID         string    `json:"id,omitempty"`
	Attempts   []attempt `json:"attempts"`
	Ended      string    `json:"ended,omitempty"` // why it was not delivered
}

type attempt struct {
	At     time.Time `json:"at"`
	Status int       `json:"status,omitempty"`
	Answer string    `json:"answer,omitempty"` // the class of the refusal
	Error  string    `json:"error,omitempty"`

	Redirect string `json:"redirect,omitempty"` // its target
	Body     string `json:"body,omitempty"`     // of the response, cut at maxShown
	Millis   int64  `json:"ms"`

	retryAfter time.Duration
	redelivery bool
}

func (s *sending) run(ctx context.Context, c *console) error {
	to := cmp.Or(s.to, s.settings.URL)
	name := cmp.Or(s.schedule, "once")
	if s.schedule == "" && s.attempts > 1 {
		name = "standard"
	}
	waits, err := parseSchedule(name)
	switch {
	case err != nil:
		return err
	case to == "":
		return usageError("the address is missing: give --to URL")
	case s.attempts < 0 || s.jitter < 0 || s.jitter > 100 || s.timeout <= 0:
		return usageError("--attempts must not be negative, --jitter must be 0 to 100, and --timeout must be positive")
	}
	m, err := s.signer(c, to)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	d, err := s.deliver(ctx, c, m, waits)
	if err != nil {
		return err
	}
	s.print(c, d)
	if !d.Delivered {
		return errRefused
	}
	return nil
}

func (s *sending) print(c *console, d delivery) {
	switch {
	case s.json:
		c.object(d)
	case d.Redelivery:
		c.say("%s: %s, on attempt %d: the receiver had already handled it, so its handler did not run\n",
			c.good("redelivery"), cmp.Or(d.ID, "a message without an id"), len(d.Attempts))
	case d.Delivered:
		c.say("%s: %s, on attempt %d\n", c.good("delivered"), cmp.Or(d.ID, "a message without an id"), len(d.Attempts))
	default:
		c.say("%s: %s: %s\n", c.bad("not delivered"), cmp.Or(d.ID, "a message without an id"), d.Ended)
	}
}

// deliver makes the attempts of one message.
func (s *sending) deliver(ctx context.Context, c *console, m *signer, waits schedule) (delivery, error) {
	clock := s.clock()
	through := transport()
	defer through.CloseIdleConnections()
	most := cmp.Or(s.attempts, len(waits))
	d := delivery{Attempts: []attempt{}} // never null in JSON
	wait := waits.before(0)
	for i := 1; ; i++ {
		if !sleep(ctx, wait) {
			d.Ended = "interrupted"
			return d, nil
		}
		a, err := m.attempt(ctx, through, s.timeout, clock)
		if err != nil {
			return d, err
		}
		d.ID = m.messageID()
		d.Attempts = append(d.Attempts, a)
		progress := fmt.Sprintf("attempt %d of %d: %s", i, most, a)
		switch {
		case a.Status >= 200 && a.Status <= 299:
			d.Delivered, d.Redelivery = true, a.redelivery
		case a.Status == http.StatusGone:
			d.Ended = "410: the receiver no longer wants messages at this URL"
		case ctx.Err() != nil:
			d.Ended = "interrupted"
		case i == most:
			d.Ended = fmt.Sprintf("no success after attempt %d", i)
			if a.Redirect != "" {
				d.Ended += "; the last one was redirected to " + a.Redirect
			}
		default:
			wait = waits.next(i, a.Status, a.retryAfter, float64(s.jitter)/100)
			c.note("%s; the next one in %s%s", progress, wait.Round(time.Millisecond), a.shown())
			continue
		}
		c.note("%s%s", progress, a.shown())
		if a.Status == http.StatusUnauthorized {
			c.note("note: the status 401 usually means that the receiver could not verify the message. To find out why, send the message to hookonce listen, or run hookonce explain on the request " +
				"that the receiver got")
		}
		return d, nil
	}
}

// sleep reports whether the wait ended without an interrupt.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// attempt signs the message again and sends it. It returns an error if the
// message cannot be signed. A network failure is part of the attempt.
func (s *signer) attempt(ctx context.Context, through *http.Transport, timeout time.Duration, clock func() time.Time) (attempt, error) {
	now := clock()
	if err := s.sign(now); err != nil {
		return attempt{}, err
	}
	a := attempt{At: now.UTC()}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, s.request.Method, s.address(), bytes.NewReader(s.request.Body))
	if err != nil {
		return a, usageError("--method and the URL do not form a valid request")
	}
	req.Header = s.sent()
	sent := clock()
	resp, err := through.RoundTrip(req)
	a.Millis = clock().Sub(sent).Milliseconds()
	if err != nil {
		a.Error = failure(err)
		return a, nil
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	a.Status = resp.StatusCode
	a.retryAfter = parseRetryAfter(resp.Header.Get("Retry-After"), clock())
	a.redelivery = resp.Header.Get(core.RedeliveryHeader) == "acknowledged"
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxShown+1)) // the part that arrived
	a.Answer, a.Body = class(body), s.hidden.body(body)
	if a.Status >= 300 && a.Status <= 399 {
		a.Redirect = s.hidden.replace(place(resp))
	}
	return a, nil
}

// failure describes a network failure.
func failure(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no response in time"
	}
	return err.Error()
}

// class returns the class of a refusal from the response of a hookonce
// receiver.
func class(body []byte) string {
	var problem struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(body, &problem) != nil {
		return ""
	}
	word, ok := strings.CutPrefix(problem.Type, "urn:hookonce:")
	if !ok || len(word) > 32 || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return ""
	}
	return word
}

func (a attempt) String() string {
	if a.Error != "" {
		return a.Error
	}
	text := fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))
	if a.Answer != "" {
		text += " (" + a.Answer + ")"
	}
	if a.Redirect != "" {
		text += " to " + a.Redirect + ", not followed: register the final URL"
	}
	return text
}

// shown returns the response body on separate lines, unless it is a refusal
// that the line above names.
func (a attempt) shown() string {
	if a.Body == "" || a.Answer != "" {
		return ""
	}
	return "\n" + indented(a.Body, "  ")
}

// place returns the target of a redirect, without user, query and fragment,
// which may contain a secret.
func place(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return ""
	}
	return printable(u.Scheme + "://" + u.Host + u.EscapedPath())
}
