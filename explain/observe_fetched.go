package explain

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// observeFetched reports observations if the keys are fetched over the network.
// No signature can be tried, so it checks the time, the digest of the body, and
// the envelope of SNS.
func (s *search) observeFetched(_ error, add func(Mistake, string)) {
	if !s.facts.Fetches {
		return
	}
	// SNS first: raw delivery and a wrong topic also explain a missing or wrong time.
	if s.scheme.Name() == "sns" && s.observeSNS(add) {
		return
	}
	r := s.req
	a := new(core.Attempt)
	if s.scheme.ReadHeader(&r, a) != nil {
		return
	}
	// ReadBody checks the digest, which needs no key.
	err := s.scheme.ReadBody(&r, a)
	switch {
	case errors.Is(err, core.ErrNoMatch):
		_, text := s.say(err)
		add(bodyDigest, strings.TrimPrefix(strings.TrimPrefix(text, "hookonce: "), "no-match: "))
	// The time is not evidently wrong.
	case err != nil || a.Timestamp.IsZero() || s.inside(a.Timestamp):
	case a.Timestamp.After(s.now):
		d := a.Timestamp.Sub(s.now)
		add(timestampFuture, "the message's time is "+span(d)+" in the future, but only "+span(s.config.Future)+" are allowed"+zone(d))
	default:
		d := s.now.Sub(a.Timestamp)
		add(timestampPast, "the message is "+span(d)+" old, but only "+span(s.config.Past)+" are allowed: it was re-sent later, a queue held it, or the clock here is ahead of the sender's"+zone(d))
	}
	// An old confirmation has expired, so only a recent one can still be acted on.
	if s.scheme.Name() == "sns" && err == nil && a.Timestamp.After(s.now.Add(-s.config.Past)) {
		s.observeConfirmation(add)
	}
}

// observeSNS compares an SNS envelope with the configured topics. It reports
// whether it found a mistake.
func (s *search) observeSNS(add func(Mistake, string)) bool {
	body := s.req.Body
	// Raw delivery drops the envelope, including the signature: such a message cannot be verified.
	if slices.Contains(s.req.Header.Values("X-Amz-Sns-Rawdelivery"), "true") || looksLikeJSON(body) && memberOf(body, "TopicArn") == nil {
		add(bodyWrapped, "the body is not in the envelope that SNS signs: if SNS sent it, turn off raw message delivery for the subscription")
		return true
	}
	topic := string(memberOf(body, "TopicArn"))
	// The topic is not secret, so the text may say which part of it differs.
	region, differs := "", ""
	for _, secret := range s.secrets {
		if secret.Reveal() == topic {
			// One matching topic is enough, even if others differ.
			region = arnPart(topic, 3)
			differs = ""
			break
		}
		differs = differingPart(secret.Reveal(), topic)
	}
	if differs != "" {
		add(otherKey, "the message is from a topic that is not configured: its ARN has a different "+differs)
		return true
	}
	// SNS serves its certificates from the region of the topic.
	host := "sns." + region + ".amazonaws.com"
	if u, err := url.Parse(string(memberOf(body, "SigningCertURL"))); region != "" && err == nil && u.Host != host && u.Host != host+".cn" {
		add(otherKey, "the certificate's URL is not on the SNS host of the topic's region, so somebody else may have signed the message")
		return true
	}
	return false
}

// observeConfirmation reports a subscription that waits to be confirmed.
func (s *search) observeConfirmation(add func(Mistake, string)) {
	if kind := string(memberOf(s.req.Body, "Type")); kind == "SubscriptionConfirmation" {
		add(unconfirmed, "the message asks to confirm an SNS subscription: it is not a notification")
	}
}

// differingPart names the first part in which two ARNs of topics differ. A
// wrong region or account is hard to spot in a long name.
func differingPart(configured, got string) string {
	// The form is arn:partition:service:region:account:name.
	for i, name := range []string{"arn", "partition", "service", "region", "account", "name"} {
		if arnPart(configured, i) != arnPart(got, i) {
			return name
		}
	}
	return ""
}

// arnPart returns the nth part of an ARN, or "" if there is none.
func arnPart(arn string, n int) string {
	parts := strings.Split(arn, ":")
	if n >= len(parts) {
		return ""
	}
	return parts[n]
}
