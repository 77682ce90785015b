package inspect

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// view holds everything that the page shows of a delivery. It contains no
// secret and no signature.
type view struct {
	summary

	Sentence    string       `json:"sentence"` // the verifier's
	Notes       []string     `json:"notes"`
	Found       *Found       `json:"found"`
	Whole       bool         `json:"whole"` // the request is kept
	Target      string       `json:"target"`
	Host        string       `json:"host"`
	Headers     []header     `json:"headers"`
	Body        body         `json:"body"`
	Differences []difference `json:"differences"`
	Parts       []part       `json:"parts"`
	Proven      bool         `json:"proven"` // Parts are those of the request as signed
	Signed      *signedTime  `json:"signed"`
}

// header is one line. Mark is read, missing, renamed or changed, or empty if
// the scheme does not read it.
type header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Mark  string `json:"mark"`
	As    string `json:"as,omitempty"` // the sender's name of a renamed header
}

type body struct {
	Bytes int    `json:"bytes"`
	Shown []byte `json:"shown"`
	Cut   bool   `json:"cut"`
	Type  string `json:"type"`
}

const maxBody = 128 << 10 // bytes that are shown

// signedTime is the timestamp and the tolerance, in seconds.
type signedTime struct {
	At     time.Time `json:"at"`
	Age    float64   `json:"age"` // at arrival; negative if the timestamp is in the future
	Past   float64   `json:"past"`
	Future float64   `json:"future"`
	Inside bool      `json:"inside"`
	Proven bool      `json:"proven"` // the signature verifies
}

func (d *Delivery) view() *view {
	v := &view{
		summary: d.summary(), Sentence: d.Hide.Replace(sentence(&d.Event)), Notes: slices.Clone(d.Notes), Found: d.Found,
		Headers: []header{}, Differences: []difference{}, Parts: []part{},
	}
	for i, note := range v.Notes {
		v.Notes[i] = d.Hide.Replace(note)
	}
	if d.Request == nil {
		return v
	}
	v.Whole = true
	read := d.read()
	var proven *core.Attempt
	if d.Found != nil && d.Found.Signed != nil {
		proven = d.Found.Attempt
	}
	m := newMask(d.Hide, read, proven)
	v.Target, v.Host = visible(m.text(d.Request.URL)), visible(m.text(d.Request.Host))
	v.Headers = d.headers(m)
	shown := m.text(string(d.Request.Body))
	v.Body = body{Bytes: len(d.Request.Body), Shown: []byte(shown[:min(len(shown), maxBody)]), Cut: len(shown) > maxBody, Type: lines(d.Request).Get("Content-Type")}
	url := core.FactsOf(d.Config.Scheme).URL
	switch {
	case proven != nil:
		v.Differences = append(v.Differences, differences(d.Request, d.Found.Signed, m)...)
		v.Parts, v.Proven = parts(d.Found.Signed, proven, slices.Sorted(maps.Keys(lines(d.Found.Signed))), url, m), true
	case read != nil:
		v.Parts = parts(d.Request, read, slices.Sorted(maps.Keys(lines(d.Request))), url, m)
	}
	v.Signed = d.time(read, proven)
	return v
}

// sentence returns the verifier's verdict in words.
func sentence(e *core.Event) string {
	switch {
	case e.Err != nil:
		return strings.TrimPrefix(e.Err.Error(), "hookonce: ")
	case e.Reason == "":
		return "authentic: the signature verifies with " + e.KeyID + "; whether the message is new was not checked"
	case e.Handshake:
		return "handshake: the sender checked the endpoint, and no message was handled"
	default:
		return "handled: the signature verifies with " + e.KeyID + ", the timestamp is within the tolerance, and the message is new"
	}
}

func (d *Delivery) time(read, proven *core.Attempt) *signedTime {
	at := d.Event.Timestamp
	for _, a := range []*core.Attempt{read, proven} {
		if a != nil && !a.Timestamp.IsZero() {
			at = a.Timestamp
		}
	}
	if at.IsZero() || at.Year() > 9999 {
		return nil
	}
	age := d.At.Sub(at)
	return &signedTime{
		At: at.UTC(), Age: age.Seconds(), Past: d.Config.Past.Seconds(), Future: d.Config.Future.Seconds(),
		Inside: age <= d.Config.Past && age >= -d.Config.Future, Proven: d.Event.Verified || proven != nil,
	}
}

// headers returns the headers that the scheme reads, and then the others.
func (d *Delivery) headers(m mask) []header {
	h, all := lines(d.Request), []header{}
	var signed http.Header
	if d.Found != nil && d.Found.Signed != nil {
		signed = lines(d.Found.Signed)
	}
	told := map[string]bool{}
	add := func(name, mark, as string) {
		told[name] = true
		for _, value := range h.Values(name) {
			all = append(all, header{visible(name), visible(m.header(name, value)), mark, as})
		}
	}
	for _, name := range d.family() {
		switch received := h.Values(name); {
		case len(received) > 0 && signed != nil && !slices.Equal(received, signed[name]):
			add(name, "changed", "")
		case len(received) > 0:
			add(name, "read", "")
		case d.renamedFrom(h, signed, name) != "":
			add(d.renamedFrom(h, signed, name), "renamed", name)
		default:
			all = append(all, header{Name: name, Mark: "missing"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !told[name] {
			add(name, "", "")
		}
	}
	return all
}

// renamedFrom returns the name under which the header name arrived.
func (d *Delivery) renamedFrom(received, signed http.Header, name string) string {
	values := signed[name]
	if len(values) == 0 {
		return ""
	}
	for _, other := range slices.Sorted(maps.Keys(received)) {
		if !slices.Contains(d.family(), other) && slices.Equal(received[other], values) {
			return other
		}
	}
	return ""
}
