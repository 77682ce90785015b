// Package senders contains what is known about each sender in the registry of
// package schemes, apart from its scheme. It says what the signature protects,
// how that is known, and how the sender retries. It also guesses the sender of
// a request from its headers.
//
// senders.json is written by hand. `go test ./internal/senders -update` writes
// evidence.json and the tables of docs/providers.md. A program that does not
// import this package links none of it.
package senders

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

//go:embed senders.json
var sendersJSON []byte

//go:embed evidence.json
var evidenceJSON []byte

// Group contains the senders of one industry, sorted by name.
type Group struct {
	Name    string   `json:"group"`
	Senders []Sender `json:"senders"`
}

// EveryID is a body with the id evt_1 in every place where a sender without a
// Sample puts an id.
const EveryID = `{"id":"evt_1","event_id":"evt_1","type":"a.b","event":{"id":"evt_1"},"data":{"id":"evt_1"},"notificationId":"evt_1","originalDeliveryId":"evt_1",` +
	`"events":[{"webhookEventId":"evt_1"}]}`

// Sender holds what is known about one name in the registry. The texts are
// Markdown for the cells of docs/providers.md, which explains them.
type Sender struct {
	Name         string `json:"name"`
	IdentifiedBy string `json:"identifiedBy"`
	Time         string `json:"time"`
	Body         string `json:"body"`
	Tolerance    string `json:"tolerance"` // default: –
	Source       string `json:"source"`
	Read         string `json:"read"`

	// Sample is a body that can be signed, with placeholders for the values
	// that the sender signs in it. Empty: [EveryID] can be signed.
	Sample string `json:"sample"`

	// When two requests are one message.
	Equal        string `json:"equal"`
	ToldApartBy  string `json:"toldApartBy"`
	Stable       string `json:"stable"`       // default: –
	Retries      string `json:"retries"`      // default: unknown
	LongestGap   string `json:"longestGap"`   // default: unknown
	RetriedAfter string `json:"retriedAfter"` // default: unknown
	Covered      string `json:"covered"`      // default: unknown
	RetrySource  string `json:"retrySource"`  // default: the table above
	RetryRead    string `json:"retryRead"`    // default: Read

	Evidence Evidence `json:"-"`
}

// Evidence holds what confirms a scheme, apart from its source.
type Evidence struct {
	// Judged are the sender's own libraries that accept what the scheme signs,
	// as "npm name@version" or "Go path@version".
	Judged []string `json:"judged,omitempty"`
	// Vectors are the sources of published requests that the scheme accepts.
	Vectors []string `json:"vectors,omitempty"`
}

// None reports whether neither a library nor a vector confirms the scheme.
func (e Evidence) None() bool { return len(e.Judged) == 0 && len(e.Vectors) == 0 }

// Groups returns the senders of every name in the registry.
func Groups() ([]Group, error) {
	var groups []Group
	if err := strictly(sendersJSON, &groups); err != nil {
		return nil, fmt.Errorf("senders.json: %w", err)
	}
	var evidence map[string]Evidence
	if err := strictly(evidenceJSON, &evidence); err != nil {
		return nil, fmt.Errorf("evidence.json: %w", err)
	}
	for _, g := range groups {
		for i := range g.Senders {
			s := &g.Senders[i]
			s.Evidence = evidence[s.Name]
			for _, d := range []struct {
				cell  *string
				value string
			}{
				{&s.Tolerance, "–"},
				{&s.Stable, "–"},
				{&s.Retries, "unknown"},
				{&s.LongestGap, "unknown"},
				{&s.RetriedAfter, "unknown"},
				{&s.Covered, "unknown"},
				{&s.RetrySource, "the table above"},
				{&s.RetryRead, s.Read},
			} {
				if *d.cell == "" {
					*d.cell = d.value
				}
			}
		}
	}
	return groups, nil
}

func strictly(text []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// Proof summarizes the evidence for the scheme: what confirms it, what was
// read, and when.
func (s *Sender) Proof() string {
	known := slices.Clone(s.Evidence.Judged)
	if len(s.Evidence.Vectors) > 0 {
		known = append(known, "vector")
	}
	read := "documentation"
	switch {
	case strings.Contains(s.Source, "(third party)"):
		read = "third party"
	case strings.Contains(s.Source, "@") || strings.Contains(s.Source, "://www.npmjs.com/") || strings.Contains(s.Source, "://pkg.go.dev/"):
		read = "code"
	}
	return strings.Join(append(known, read+" "+s.Read), ", ")
}

// Headers returns the headers that the scheme of a name reads, one list for
// each family of headers. It returns nil if everything is in the body, or in
// headers that settings name.
func Headers(name string) [][]string {
	scheme := scheme(name)
	if scheme == nil {
		return nil
	}
	return core.FactsOf(scheme).Headers
}

// HeaderText returns the headers of a name for a table, each passed through
// write. Numbered headers are shortened. The result is empty if there are no
// headers.
func HeaderText(name string, write func(string) string) string {
	families := Headers(name)
	texts := make([]string, 0, len(families))
	for _, family := range families {
		var cells []string
		for i, header := range family {
			if i == 2 && len(family) > 8 {
				cells = append(cells, "…")
				break
			}
			cells = append(cells, write(header))
		}
		texts = append(texts, strings.Join(cells, ", "))
	}
	return strings.Join(texts, " or ")
}

// scheme creates the scheme of a name, only to read its headers. It returns nil
// if settings name the header.
func scheme(name string) core.Scheme {
	s, err := schemes.New(name, schemes.Settings{URL: "https://example.com/hook", Audience: "https://example.com", DangerouslyReplayable: true})
	if err != nil && name == "hook0" {
		return schemes.Hook0("X-Event-Id")
	}
	if err != nil {
		return nil
	}
	return s
}
