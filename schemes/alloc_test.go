//go:build !race

package schemes_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Under the race detector pools forget at random, so this file is not built then.

func TestVerifyingAllocatesNoMoreForMoreSignatures(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	junk := strings.Repeat("0", 64)
	// The schemes whose messages may have several signatures: their header, and how to write a
	// further signature there.
	lists := map[string][2]string{
		"stripe": {"Stripe-Signature", ",v1="}, "calendly": {"Calendly-Webhook-Signature", ",v1="}, "workos": {"Workos-Signature", ", v1="},
		"elevenlabs": {"Elevenlabs-Signature", ",v0="}, "paddle": {"Paddle-Signature", ";h1="}, "pagerduty": {"X-Pagerduty-Signature", ",v1="},
		"hook0": {"X-Hook0-Signature", ",v1="}, "docusign": {"X-Docusign-Signature-", ""},
		"affirm": {"X-Affirm-Signature", ",v0="}, "buildkite": {"X-Buildkite-Signature", ",signature="}, "circleci": {"Circleci-Signature", ",v1="},
		"cloudflare-stream": {"Webhook-Signature", ",sig1="}, "finch": {"Finch-Signature", " v1,"}, "gr4vy": {"X-Gr4vy-Signature", ","},
		"lettermint": {"X-Lettermint-Signature", ",v1="}, "mercadopago": {"X-Signature", ",v1="},
		"mercadopago in milliseconds": {"X-Signature", ",v1="}, "mux": {"Mux-Signature", ",v1="}, "persona": {"Persona-Signature", ",v1="},
		"polar": {"Webhook-Signature", " v1,"}, "recurly": {"Recurly-Signature", ","}, "revenuecat": {"X-Revenuecat-Webhook-Signature", ",v1="}, "retell": {"X-Retell-Signature", ",d="}, "sanity": {"Sanity-Webhook-Signature", ",v1="},
		"shippo": {"Shippo-Auth-Signature", ",v1="}, "tiktok": {"Tiktok-Signature", ",s="}, "whereby": {"Whereby-Signature", ",v1="}, "whop": {"Webhook-Signature", " v1,"},
	}
	for name, s := range subjects() {
		list, several := lists[name]
		if !isHMAC(name) {
			continue
		}
		v := ready(t, s.scheme, s.secret, now)
		allocations := func(more int) float64 {
			r := s.sign(s.secret, "evt_1", now, kilobyte)
			for i := range more {
				switch {
				case list[1] == "" && several:
					asMap(r.Header)[list[0]+strconv.Itoa(i+3)] = []string{junk}
				case name == "pandadoc": // the URL parameter, again
					_, query, _ := strings.Cut(r.URL, "?")
					r.URL += "&" + query
				case several:
					asMap(r.Header)[list[0]][0] += list[1] + junk
				default: // the one header that the sender has, again
					for header, values := range asMap(r.Header) {
						asMap(r.Header)[header] = append(values, values[0])
					}
				}
			}
			return testing.AllocsPerRun(100, func() {
				if _, err := v.Verify(t.Context(), r); (err == nil) != (several || more == 0) {
					t.Fatalf("%s with %d signatures: %v", name, more+1, err)
				}
			})
		}
		if !several {
			if two, many := allocations(1), allocations(15); many != two {
				t.Errorf("%s: refusing a header that is there twice takes %v allocations, sixteen times %v", name, two, many)
			}
			continue
		}
		one, many := allocations(0), allocations(15)
		if many != one || one > 2 {
			t.Errorf("%s: %v allocations with one signature, %v with sixteen", name, one, many)
		}
	}
}

// isHMAC reports whether the scheme of this subject has an HMAC over headers
// and the whole body.
func isHMAC(name string) bool {
	return !slices.Contains([]string{
		"discord", "sendgrid", "mailgun", "mailgun subaccount", "postmark", "adyen", "twilio form", "twilio json", "gitlab-token", "bearer token", "okta", "graph", "eventgrid",
		"stream compressed", "hygraph", // which signs the body as a JSON string
		"kinde", "wix", "braintree", "payos", // which have no header with a signature
	}, name)
}
