package schemes

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// SNSOptions are the options of [SNS]. The zero value is the secure choice.
type SNSOptions struct {
	// Client fetches certificates, and confirms subscriptions. It never follows
	// redirects. Default: a client of this package that uses the proxy from the
	// environment.
	Client *http.Client
	// Handshake says whether the scheme confirms a genuine
	// SubscriptionConfirmation by fetching its SubscribeURL. Otherwise the
	// handler gets the message.
	Handshake Handshake
	// DangerouslyAcceptSHA1 accepts SignatureVersion 1, which a topic has
	// unless you set version 2. SHA-1 is broken: a publisher may one day
	// construct two messages with one signature. Change the topic instead: aws
	// sns set-topic-attributes --attribute-name SignatureVersion
	// --attribute-value 2.
	DangerouslyAcceptSHA1 bool

	seams seams
}

// SNS returns the scheme for Amazon SNS. The "secrets" are the ARNs of the
// topics that may send. They are required because Amazon signs the messages of
// everyone's topics.
//
// The scheme fetches the signing certificate from the URL in the message. That
// URL must be on the SNS host of the topic's region. The certificate must be
// valid and issued to SNS, and must chain to a root that this machine trusts.
// Amazon omits the intermediate certificates. The scheme fetches those over
// plain HTTP from the URLs in the certificates, at
// http://crt.*.amazontrust.com. A firewall must allow these requests.
//
// The MessageId is signed and identifies the message. The timestamp is the time
// of publication, which may be up to an hour before the last attempt. The
// signature covers Message, MessageId, Subject, Timestamp, TopicArn and Type in
// the body. It covers Token and SubscribeURL in the types that have them. It
// does not cover MessageAttributes, UnsubscribeURL or any header, so anyone who
// captured a message can change those. Handlers must check Type, which can also
// be UnsubscribeConfirmation. Turn off raw message delivery, because Amazon
// does not sign raw messages. This scheme has not been tested against an
// official library or a published test vector.
//
// Source: aws/aws-js-sns-message-validator, index.js at commit 04505b5, as of
// November 2026.
func SNS(o SNSOptions) core.Scheme {
	client := fetchClient(o.Client)
	return &sns{o, newCertificates(client, o.seams), client, &cache[struct{}]{now: o.seams.clock()}, newFetches(o.seams.clock())}
}

type sns struct {
	o         SNSOptions
	certs     *certificates
	client    *http.Client
	confirmed *cache[struct{}]
	confirms  *fetches // for trusted topics, a budget for each
}

const (
	snsSHA256 = "sns"
	snsSHA1   = "sns-sha1"
)

func (*sns) Name() string            { return "sns" }
func (*sns) Stamping() core.Stamping { return core.StampedOnce }

// Facts implements [core.Describer]. Amazon retries for at most an hour after
// publication. Five more minutes allow for clock differences.
func (s *sns) Facts() core.Facts {
	return core.Facts{Past: time.Hour + 5*time.Minute, Future: 5 * time.Minute, PublicKeys: true, Fetches: true, Challenge: s.confirm}
}

// ParseKey implements [core.Scheme].
func (s *sns) ParseKey(arn string) (core.VerifyKey, error) {
	const want = "give the topic's ARN, such as arn:aws:sns:REGION:ACCOUNT:NAME"
	parts := strings.Split(arn, ":")
	// A subscription's ARN has seven parts.
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" {
		return nil, errors.New("this is not the ARN of an SNS topic: " + want)
	}
	suffix := "amazonaws.com"
	switch parts[1] {
	case "aws", "aws-us-gov":
	case "aws-cn":
		suffix = "amazonaws.com.cn"
	default:
		return nil, errors.New("the ARN is not in the partition aws, aws-cn or aws-us-gov: " + want)
	}
	// The region becomes part of a host name, so allow only safe characters.
	region := parts[3]
	switch {
	case len(region) < 3 || len(region) > 32 || !only(region, "-0123456789abcdefghijklmnopqrstuvwxyz"):
		return nil, errors.New("the ARN has no valid region in its fourth part: " + want)
	case len(parts[4]) != 12 || !only(parts[4], "0123456789"):
		return nil, errors.New("the fifth part of the ARN is not a 12-digit account ID: " + want)
	case !isTopicName(parts[5]):
		return nil, errors.New("the ARN does not end with a valid topic name: " + want)
	}
	k := &snsKey{topic: arn, host: "sns." + region + "." + suffix, certs: s.certs, sha1: s.o.DangerouslyAcceptSHA1}
	// The names in SNS certificates, in order: in older regions, in newer regions, and in other
	// partitions.
	k.names = []string{"sns.amazonaws.com", k.host, "sns-signing." + region + "." + suffix, "sns-" + region + "." + suffix}
	if parts[1] == "aws-us-gov" {
		k.names = append(k.names, "sns-us-gov-west-1."+suffix)
	}
	return k, nil
}

func only(text, of string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(of, r) })
}

func isTopicName(name string) bool {
	if name == "" || len(name) > 256 {
		return false
	}
	for i := range len(name) {
		if !isToken(name[i : i+1]) {
			return false
		}
	}
	return true
}

// ReadHeader implements [core.Scheme].
func (*sns) ReadHeader(r *core.Request, _ *core.Attempt) error {
	if slices.Contains(r.Header.Values("X-Amz-Sns-Rawdelivery"), "true") {
		return malformed("the subscription has raw message delivery, so SNS signs nothing: turn raw message delivery off")
	}
	return nil
}

// snsMessage holds the signed part of a body, and the certificate's URL.
type snsMessage struct {
	kind, topic, certURL string
	fields               []string // alternating names and values, in signed order
}

// ReadBody implements [core.Scheme].
func (s *sns) ReadBody(r *core.Request, a *core.Attempt) error {
	o, err := parseObject(r.Body)
	if err != nil {
		return malformed("the body is not a valid SNS message: " + err.Error())
	}
	m, err := readSNS(o)
	if err != nil {
		return err
	}
	stamp, _ := o.text("Timestamp")
	if a.Timestamp, err = RFC3339.parse(stamp); err != nil {
		return err
	}
	a.ID, _ = o.text("MessageId")
	if !visible(a.ID) {
		return malformed("the MessageId must be 1 to 256 printable ASCII characters without spaces")
	}
	a.IDSigned = true
	var label string
	switch version, _ := o.text("SignatureVersion"); version {
	case "2":
		label = snsSHA256
	case "1":
		// Use another label, so that a key without SHA-1 never verifies the signature.
		label = snsSHA1
	default:
		return malformed("SignatureVersion is neither \"1\" nor \"2\"")
	}
	signature, ok := o.text("Signature")
	if !ok {
		return malformed("Signature in the body is missing or is not a string")
	}
	a.Signatures = append(a.Signatures, core.Signature{Label: label, Text: signature})
	for _, text := range m.fields {
		a.Content.WriteString(text)
		a.Content.WriteString("\n")
	}
	a.State = m
	a.Unmatched = s.certs.fetches.name(m.certURL)
	return nil
}

// readSNS reads the signed fields of a body.
//
// The signed text has each name and each value on a separate line. Only Message
// may have several lines, and it comes first. So, from its end, the text splits
// into values in only one way. That is why the MessageId can identify the
// message, and why no other value may contain a line break.
func readSNS(o object) (*snsMessage, error) {
	kind, _ := o.text("Type")
	var names []string
	switch kind {
	case "Notification":
		names = []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	case "SubscriptionConfirmation", "UnsubscribeConfirmation":
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	default:
		return nil, malformed("the body's Type is missing or is not one that SNS sends. If the subscription has raw message delivery, turn it off, because SNS then signs nothing")
	}
	// A handler must not find a name that is signed only in another type, because here it is
	// unsigned.
	all := []string{"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	for _, name := range all {
		if _, there := o[name]; there && !slices.Contains(names, name) {
			return nil, malformed("the body has " + name + ", which SNS does not sign in this type of message")
		}
	}
	if o.misspells(all) {
		return nil, malformed("the body has the name of a signed field in the wrong case, such as message for Message")
	}
	m := &snsMessage{kind: kind}
	for _, name := range names {
		value, ok := o.text(name)
		switch _, there := o[name]; {
		case name == "Subject" && !there:
			continue
		case !ok:
			return nil, malformed(name + " in the body is missing or is not a string")
		case name != "Message" && strings.Contains(value, "\n"):
			return nil, malformed(name + " contains a line break, so one signature would fit two messages")
		case name == "TopicArn":
			m.topic = value
		}
		m.fields = append(m.fields, name, value)
	}
	m.certURL, _ = o.text("SigningCertURL")
	if u, ok := plainHTTPS(m.certURL); !ok || !isSNSHost(u.Host) || u.RawQuery != "" || !isPEMPath(u.Path) {
		return nil, malformed("SigningCertURL in the body must be the address of an SNS certificate")
	}
	return m, nil
}

// isSNSHost rejects hosts that cannot belong to SNS in any region. The key then
// checks for its topic's region.
func isSNSHost(host string) bool {
	region, ok := strings.CutPrefix(strings.TrimSuffix(host, ".cn"), "sns.")
	region, end := strings.CutSuffix(region, ".amazonaws.com")
	return ok && end && len(region) >= 3 && !strings.Contains(region, ".")
}

// isPEMPath accepts only a file at the top level, where Amazon keeps its SNS
// certificates.
func isPEMPath(path string) bool {
	name, ok := strings.CutSuffix(strings.TrimPrefix(path, "/"), ".pem")
	return ok && isToken(name)
}

// snsKey is the key for one topic.
type snsKey struct {
	topic, host string
	names       []string
	certs       *certificates
	sha1        bool
}

// Verify implements [core.VerifyKey].
func (k *snsKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	m, ok := a.State.(*snsMessage)
	if !ok || m.topic != k.topic || len(a.Signatures) == 0 {
		return false, nil
	}
	if u, ok := plainHTTPS(m.certURL); !ok || u.Host != k.host {
		return false, noMatch("SigningCertURL is not on the host of the topic's region, %s", k.host)
	}
	// Give the reason, because otherwise the refusal would look like a wrong signature.
	if !k.sha1 && !slices.ContainsFunc(a.Signatures, func(s core.Signature) bool { return s.Label == snsSHA256 }) {
		return false, noMatch("the message is signed with SHA-1: set the topic's SignatureVersion to 2")
	}
	named := func(name string) bool { return slices.Contains(k.names, name) }
	return k.certs.verify(ctx, k.topic, m.certURL, named, func(public *rsa.PublicKey) (bool, error) {
		ok, err := verifyRSA(ctx, snsSHA256, core.Base64, public, crypto.SHA256, a)
		if !ok && err == nil && k.sha1 {
			return verifyRSA(ctx, snsSHA1, core.Base64, public, crypto.SHA1, a)
		}
		return ok, err
	})
}

// confirm confirms a subscription to a trusted topic.
func (s *sns) confirm(ctx context.Context, r *core.Request, _ *core.Message, key core.VerifyKey) *core.Answer {
	if s.o.Handshake != AnswerHandshakes {
		return nil
	}
	o, err := parseObject(r.Body)
	if err != nil {
		return nil
	}
	if kind, _ := o.text("Type"); kind != "SubscriptionConfirmation" {
		return nil
	}
	k, ok := key.(*snsKey)
	address, _ := o.text("SubscribeURL")
	if !ok || !k.confirms(address) {
		return refused(http.StatusBadRequest)
	}
	// Because of the cache, this happens only once, so a replay causes no fetch.
	_, err = s.confirmed.get(ctx, address, loading[struct{}]{
		spend: func() error { return s.confirms.spend(k.topic, address) },
		load: func(ctx context.Context) (struct{}, time.Time, error) {
			_, err := getOK(ctx, s.client, address)
			return struct{}{}, s.confirmed.now().Add(maxFresh), err
		},
	})
	if err != nil {
		answer := refused(http.StatusServiceUnavailable)
		answer.Header.Set("Retry-After", strconv.Itoa(int(keepFailure/time.Second))) // the cache keeps the failure for this long
		return answer
	}
	return plain("confirmed")
}

// confirms reports whether fetching the address can only confirm a subscription
// to this topic. The host also serves the rest of the SNS API.
func (k *snsKey) confirms(address string) bool {
	u, ok := plainHTTPS(address)
	if !ok || u.Host != k.host || u.Path != "" && u.Path != "/" {
		return false
	}
	q, err := url.ParseQuery(u.RawQuery)
	return err == nil && slices.Equal(q["Action"], []string{"ConfirmSubscription"}) && slices.Equal(q["TopicArn"], []string{k.topic})
}
