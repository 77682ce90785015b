package inspect

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/redact"
)

// mask removes secrets and signatures from the page. Signatures are MACs. A
// copied or saved request contains the sender's signatures, but the page does
// not.
type mask struct {
	hide       redact.List
	signatures []string
}

// newMask returns a mask for the signatures in a request.
func newMask(hide redact.List, all ...*core.Attempt) mask {
	m := mask{hide: hide}
	for _, a := range all {
		if a == nil {
			continue
		}
		for _, s := range a.Signatures {
			if len(s.Text) >= 8 { // shorter texts occur in any text
				m.signatures = append(m.signatures, s.Text)
			}
		}
	}
	return m
}

func (m mask) text(text string) string {
	for _, signature := range m.signatures {
		text = strings.ReplaceAll(text, signature, length(signature))
	}
	return m.hide.Replace(text)
}

// header masks a credential and keeps its form: labels, white space, quotes.
func (m mask) header(name, value string) string {
	value = m.hide.Header(m.text(value))
	if !credential.MatchString(name) {
		return likeMAC.ReplaceAllStringFunc(value, length)
	}
	return run.ReplaceAllStringFunc(value, func(text string) string {
		if strings.Trim(text, "0123456789") == "" {
			return text // a timestamp
		}
		return length(text)
	})
}

func length(text string) string { return fmt.Sprintf("‹%d characters›", len(text)) }

// A header may arrive under another name, so every text that looks like a MAC
// counts as one.
var (
	credential = regexp.MustCompile(`(?i)sig|mac|digest|token|secret|auth|cookie|key|password|jwt|credential`)
	run        = regexp.MustCompile(`[A-Za-z0-9+/_.~-]{12,}={0,2}`)
	likeMAC    = regexp.MustCompile(`[A-Fa-f0-9]{40,}|[A-Za-z0-9+/]{26,}={1,2}|[A-Za-z0-9_-]{43,}`)
)
