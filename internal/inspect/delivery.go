package inspect

import (
	"cmp"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/redact"
)

// Delivery is one attempt and its result.
type Delivery struct {
	// Event is the event that the observer received. If it has no reason, the
	// delivery was verified again and is authentic.
	Event core.Event
	// At is when the delivery arrived, on the clock of the verifier.
	At time.Time
	// Request is the request as it arrived, with an [http.Header]. It is nil if
	// only the event is known.
	Request *core.Request
	// Config is the verifier's configuration, with defaults applied, if Request
	// is not nil.
	Config core.Config
	// Type is the type of the event, if it is known.
	Type string
	// Found is the explanation of a refusal, or nil.
	Found *Found
	// Notes are further sentences, such as an application's response.
	Notes []string
	// Hide holds the secrets that are replaced in everything that the page
	// shows.
	Hide redact.List
}

// Found is an explanation.
type Found struct {
	// Mistake is the name of the most likely mistake.
	Mistake string `json:"-"`
	// Findings is a list of objects with mistake, proven, what, remedy and
	// look, passed to the page unchanged.
	Findings any `json:"findings"`

	// Signed is the request as it was signed, if that is proven. Attempt is the
	// result of the scheme that read it.
	Signed  *core.Request `json:"-"`
	Attempt *core.Attempt `json:"-"`
}

// summary is an entry of the list.
type summary struct {
	Number   int64     `json:"number"`
	Revision int64     `json:"revision"`
	Message  string    `json:"message"` // the same for all attempts of a message
	At       time.Time `json:"at"`
	Status   int       `json:"status"`
	Reason   string    `json:"reason"`
	Tone     string    `json:"tone"`
	Verified bool      `json:"verified"`
	Scheme   string    `json:"scheme"`
	Source   string    `json:"source"`
	Key      string    `json:"key"`
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	Bytes    int       `json:"bytes"`
	Mistake  string    `json:"mistake"`
}

// The tones of a verdict: the message is handled, should be retried, or was
// refused.
const (
	good = "good"
	wait = "wait"
	bad  = "bad"
)

func tone(e *core.Event) string {
	switch e.Reason {
	case core.Handled:
		if e.Status >= http.StatusBadRequest { // a handshake that was refused
			return bad
		}
		return good
	case core.ErrRedelivery, "":
		return good
	case core.ErrReplay:
		if e.Status < http.StatusBadRequest {
			return good
		}
		return bad
	case core.ErrInFlight, core.ErrHandlerFailed, core.ErrKeysUnavailable, core.ErrStoreUnavailable, core.ErrStoreFull, core.ErrColdStart, core.ErrRepeated,
		core.ErrIDReused, core.ErrCommitFailed, core.ErrClaimLost:
		return wait
	default:
		return bad
	}
}

func (d *Delivery) summary() summary {
	e := &d.Event
	s := summary{
		At: d.At.UTC(), Status: e.Status, Reason: cmp.Or(string(e.Reason), "authentic"), Tone: tone(e), Verified: e.Verified, Scheme: e.Scheme, Source: e.Source,
		Key: e.KeyID, ID: e.MessageID, Type: d.Type, Method: e.Method, Path: e.Path, Bytes: e.BodyBytes,
	}
	if e.MessageID != "" {
		s.Message = strings.Join([]string{e.Scheme, e.Source, e.MessageID}, "\x00")
	}
	if d.Found != nil {
		s.Mistake = d.Found.Mistake
	}
	for _, text := range []*string{&s.ID, &s.Type, &s.Path, &s.Message} {
		*text = d.Hide.Replace(*text)
	}
	return s
}

// size returns the approximate size of a delivery.
func (d *Delivery) size() int64 {
	const itself = 4 << 10
	size := int64(itself + len(d.Event.Path))
	requests := []*core.Request{d.Request}
	if d.Found != nil {
		requests = append(requests, d.Found.Signed)
		if d.Found.Attempt != nil {
			n, _ := d.Found.Attempt.Content.WriteTo(io.Discard)
			size += n
		}
	}
	for _, r := range requests {
		if r == nil {
			continue
		}
		size += int64(len(r.Body) + len(r.URL))
		for name, values := range lines(r) {
			for _, value := range values {
				size += int64(len(name) + len(value) + 64)
			}
		}
	}
	return size
}

// lines returns the headers as a map. It does not copy headers that are a map
// already.
func lines(r *core.Request) http.Header {
	switch h := r.Header.(type) {
	case nil:
		return nil
	case http.Header:
		return h
	default:
		return h.Clone()
	}
}

// family returns the headers that the scheme reads from such a request.
func (d *Delivery) family() []string {
	families := core.FactsOf(d.Config.Scheme).Headers
	if len(families) == 0 {
		return nil
	}
	h := lines(d.Request)
	there := func(family []string) bool {
		return slices.ContainsFunc(family, func(name string) bool { return len(h.Values(name)) > 0 })
	}
	return families[max(slices.IndexFunc(families, there), 0)]
}

// read returns the result of the verifier's scheme for the request, or nil if
// the scheme cannot read the request.
func (d *Delivery) read() *core.Attempt {
	r := *d.Request
	if r.Header == nil {
		r.Header = http.Header(nil)
	}
	a := new(core.Attempt)
	if d.Config.Scheme.ReadHeader(&r, a) != nil || d.Config.Scheme.ReadBody(&r, a) != nil {
		return nil
	}
	return a
}
