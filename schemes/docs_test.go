package schemes_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/senders"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// known returns the senders of internal/senders by name.
func known(t *testing.T) map[string]senders.Sender {
	t.Helper()
	groups, err := senders.Groups()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]senders.Sender)
	for _, g := range groups {
		for _, s := range g.Senders {
			all[s.Name] = s
		}
	}
	for _, name := range schemes.Names() {
		if _, ok := all[name]; !ok {
			t.Fatalf("internal/senders/senders.json has no sender %s", name)
		}
	}
	return all
}

// summaries has name, identified by, time, body, tolerance, source, read.
func summaries(t *testing.T) map[string][]string {
	t.Helper()
	rows := make(map[string][]string)
	for name, s := range known(t) {
		rows[name] = []string{name, s.IdentifiedBy, s.Time, s.Body, s.Tolerance, s.Source, s.Read}
	}
	return rows
}

// identities has name, equal, distinguished by, stable, retries, longest gap, retried after,
// covered, source, read.
func identities(t *testing.T) map[string][]string {
	t.Helper()
	rows := make(map[string][]string)
	for name, s := range known(t) {
		rows[name] = []string{name, s.Equal, s.ToldApartBy, s.Stable, s.Retries, s.LongestGap, s.RetriedAfter, s.Covered, s.RetrySource, s.RetryRead}
	}
	return rows
}

// inCode returns the names in a cell that are formatted as code.
func inCode(cell string) []string {
	var names []string
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		names = append(names, found[1])
	}
	return names
}

// TestTheTableOfProvidersIsTrue compares senders.json, the source of
// docs/providers.md, with what each scheme finds in a genuine message.
func TestTheTableOfProvidersIsTrue(t *testing.T) {
	t.Parallel()
	rows, identity := summaries(t), identities(t)
	for _, name := range schemes.Names() {
		wantSource(t, name, rows[name][5], rows[name][6], name == "token")
	}
	now := time.Unix(1_700_000_000, 0).UTC()
	for name, s := range subjects() {
		name = strings.TrimSuffix(name, " form")
		row := rows[name]
		if row == nil {
			continue // one of two subjects of a scheme
		}
		m, err := verifier(t, s.scheme, now, s.secret).Verify(t.Context(), s.sign(s.secret, "msg_1", now, []byte("{}")))
		if err != nil {
			t.Fatal(err)
		}
		body := "yes"
		if !m.BodySigned {
			body = "**no**"
		}
		switch name {
		case "twilio":
			body = "**no** for forms, otherwise yes"
		case "mandrill":
			body = "**no**: only its events"
		case "braintree":
			body = "**no**: only its payload"
		case "stream":
			body = "yes, unless compressed"
		case "mailchannels":
			body = "yes, by its digest"
		}
		if _, ok := jwtSenders()[name]; ok {
			body = "yes, by its hash"
		}
		stamp := map[core.Stamping]string{
			core.NotStamped: "none", core.StampedOnce: "message", core.StampedEachAttempt: "attempt", core.NotIdentified: "none",
		}[s.scheme.Stamping()]
		by := "signed text"
		switch headers := inCode(identity[name][2]); {
		case m.Replayable:
			by = "**nothing**"
		case m.IDSigned:
			by = "id"
		case len(headers) > 0:
			by += " + " + strings.Join(headers, ", ")
		}
		window := "5m"
		if past := past(s.scheme); past != 0 {
			window = strings.TrimSuffix(strings.Replace(past.String(), "m0s", "m", 1), "h0m")
			if past < time.Minute {
				window = fmt.Sprintf("%ds", int(past.Seconds()))
			}
		}
		if stamp == "none" {
			window = "–"
		}
		got := row[1]
		if by == "id" && strings.HasPrefix(got, "body: ") {
			by = got
		}
		if got != by || row[2] != stamp || row[3] != body || row[4] != window {
			t.Errorf("the row of %s is %q, and should say: %s | %s | %s | %s", name, row, by, stamp, body, window)
		}
	}
}

// wantSource checks for a link to the commit that it names, and for the day or
// month of reading.
func wantSource(t *testing.T, name, source, read string, free bool) {
	t.Helper()
	_, day := time.Parse(time.DateOnly, read)
	_, month := time.Parse("2006-01", read)
	if day != nil && month != nil {
		t.Errorf("%s was read at %q, which is no day or month", name, read)
	}
	if !free && !strings.Contains(source, "](https://") {
		t.Errorf("%s has the source %q, which is no link", name, source)
	}
	if _, commit, ok := strings.Cut(source, "@"); ok && strings.Contains(source, "/blob/") {
		if short, _, _ := strings.Cut(commit, "]"); len(short) != 7 || !strings.Contains(source, "/blob/"+short) {
			t.Errorf("%s: the link does not lead to the commit that %q names", name, source)
		}
	}
}

func past(scheme core.Scheme) time.Duration { return core.FactsOf(scheme).Past }

// span parses a duration that may have days.
func span(text string) (d time.Duration, ok bool) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	var n int
	if _, err := fmt.Sscan(days, &n); err != nil {
		return 0, false
	}
	if rest != "" {
		var err error
		if d, err = time.ParseDuration(rest); err != nil {
			return 0, false
		}
	}
	return d + time.Duration(n)*24*time.Hour, true
}

// remembered returns the default of Config.Remember.
func remembered(t *testing.T) time.Duration {
	t.Helper()
	v, err := core.New(core.Secrets(secret), memstore.New(), &core.Config{Scheme: schemes.Stripe()})
	if err != nil {
		t.Fatal(err)
	}
	return v.Inspect(t.Context(), request("{}")).Config.Remember
}

// TestTheDefaultsCoverTheRetriesOfEachSender: no retry is rejected for its age,
// and none counts as another message because the first was forgotten. Otherwise
// the row says that this is unknown.
func TestTheDefaultsCoverTheRetriesOfEachSender(t *testing.T) {
	t.Parallel()
	remember := remembered(t)
	if remember < 24*time.Hour {
		t.Fatalf("Remember is %v", remember)
	}
	for name, row := range identities(t) {
		wantSource(t, name, row[8], row[9], strings.HasPrefix(row[8], "the table above") || name == "token")
		scheme := named(t, name)
		total, totalKnown := span(row[4])
		gap, gapKnown := span(row[5])
		if row[4] == "none" {
			total, totalKnown, gap, gapKnown = 0, true, 0, true
		}
		if !totalKnown && row[4] != "unknown" || !gapKnown && row[5] != "unknown" {
			t.Errorf("%s: %q and %q are no durations", name, row[4], row[5])
		}
		if scheme.Stamping() == core.StampedOnce && (!totalKnown || past(scheme) < total) {
			t.Errorf("%s signs a message once and retries for %s, but its time may be %v old", name, row[4], past(scheme))
		}
		want := "yes"
		switch {
		case scheme.Stamping() == core.NotIdentified:
			want = "–"
		case gapKnown && gap >= remember:
			want = "no"
		case !gapKnown && (!totalKnown || total >= remember):
			want = "unknown"
		}
		if row[7] != want {
			t.Errorf("%s: covered is %q and should be %q: it retries for %s, with gaps of %s", name, row[7], want, row[4], row[5])
		}
	}
}

const withoutID = `{"without":"an id"}`

// claimed is a scheme whose messages are claimed, with requests of its sender.
type claimed struct {
	scheme core.Scheme
	secret string
	sign   func(body string, at time.Time) *core.Request
}

// claimedBy returns nil for a scheme that claims nothing.
func claimedBy(t *testing.T, name string) *claimed {
	t.Helper()
	scheme := named(t, name)
	if scheme.Stamping() == core.NotIdentified {
		return nil
	}
	now := func() time.Time { return remoteNow }
	if p, ok := privateSenders()[name]; ok {
		return &claimed{scheme, p.secret, func(body string, at time.Time) *core.Request { return p.sign("evt_1", body, at) }}
	}
	switch name {
	case "discord":
		return &claimed{scheme, subjects()[name].secret, func(body string, at time.Time) *core.Request { return signDiscord(request(""), body, at) }}
	case "sendgrid":
		s := subjects()[name]
		return &claimed{s.scheme, s.secret, func(body string, at time.Time) *core.Request { return s.sign(s.secret, "", at, []byte(body)) }}
	case "sns":
		s := newSNS(t)
		return &claimed{s.scheme(schemes.SNSOptions{}), snsTopic, func(body string, at time.Time) *core.Request {
			return s.sign(s.notification("id", at, body))
		}}
	case "paypal":
		s := newPayPal(t)
		return &claimed{s.scheme(now), paypalWebhook, func(body string, at time.Time) *core.Request { return s.sign("id", at, []byte(body)) }}
	case "plaid":
		s := newPlaid(t)
		return &claimed{s.scheme(now), plaidSecret, func(body string, at time.Time) *core.Request { return s.sign("", at, []byte(body)) }}
	case "rfc9421":
		s := webhook(msgHMAC(msgSecret))
		return &claimed{schemes.HTTPSignatures(schemes.SignatureProfile{URL: msgURL}), msgKey("hmac-sha256", msgSecret), func(body string, at time.Time) *core.Request {
			return s.request(at, []byte(body))
		}}
	}
	key := hexKey
	if scheme.Name() == "standard" {
		key = core.GenerateSecret()
	}
	return &claimed{scheme, key, func(body string, at time.Time) *core.Request {
		r := request(body, "Content-Type", "application/json")
		id := "evt_1"
		switch {
		case name == "twitch":
			id = "befa7b53-d79d-478f-86b9-120f112b044e"
		case name == "mailgun", body == withoutID:
			id = "" // the one of the body
		}
		if err := schemes.Sign(scheme, r, id, at, key); err != nil {
			t.Fatal(err)
		}
		return r
	}}
}

// TestTheUnsignedHeadersOfARowAndNoOthersTellItsMessagesApart presents the same signed bytes with
// each header of any row.
func TestTheUnsignedHeadersOfARowAndNoOthersTellItsMessagesApart(t *testing.T) {
	t.Parallel()
	rows := identities(t)
	headers := []string{ // what senders have beside their signatures, and schemes must not read
		"X-GitHub-Hook-ID", "X-Hook-UUID", "X-Attempt-Number", "X-Atlassian-Webhook-Retry", "Box-Delivery-Id", "X-Webhook-Id", "X-Webhook-Event",
		"X-Gitlab-Event", "Linear-Delivery", "Linear-Event", "X-Event-Name", "X-Event-Id", "Sentry-Hook-Timestamp", "X-Shopify-Event-Id", "X-Slack-Retry-Num",
		"X-Amz-Sns-Message-Id", "Square-Retry-Number", "Twitch-Eventsub-Message-Retry", "Twitch-Eventsub-Message-Type", "X-Zm-Trackingid",
		"X-WC-Webhook-ID", "X-Contentful-Topic", "Idempotency-Key",
	}
	for _, row := range rows {
		headers = append(headers, inCode(row[2])...)
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := inCode(row[2])
			s := claimedBy(t, name)
			if s == nil {
				if len(own) > 0 || row[7] != "–" {
					t.Errorf("nothing is claimed, but the row says %q", row)
				}
				return
			}
			genuine := s.sign(bodyToSign(t, name), remoteNow)
			later := genuine
			if len(own) > 0 && s.scheme.Stamping() == core.StampedEachAttempt {
				// Under another delivery id, the same timestamp is that of a captured attempt.
				later = s.sign(bodyToSign(t, name), remoteNow.Add(time.Second))
			}
			for _, header := range headers {
				with := func(value string) *core.Request {
					signed := genuine
					if value == "b" && slices.Contains(own, header) {
						signed = later
					}
					r := &core.Request{Method: signed.Method, URL: signed.URL, Header: signed.Header.Clone(), Body: signed.Body}
					asMap(r.Header).Set(header, value)
					return r
				}
				v := verifier(t, s.scheme, remoteNow, s.secret)
				if !runs(v, with("a")) {
					if slices.Contains(own, header) {
						t.Errorf("the row says that %s is not signed, but with it the message does not run", header)
					}
					continue // it is signed
				}
				another := runs(v, with("b"))
				if want := slices.Contains(own, header); another != want {
					t.Errorf("with another %s the message runs: %t, and the row says %t", header, another, want)
				}
				for _, value := range []string{"a", "b"} {
					d := v.Admit(t.Context(), with(value), atHand(genuine.Body))
					switch answer := d.Answer(); {
					case answer == nil:
						t.Errorf("with the same %s the message runs again", header)
					case strings.HasSuffix(row[2], "a repeat is refused"):
						if !errors.Is(d.Err(), core.ErrRepeated) {
							t.Errorf("with the same %s the message is not refused as repeated: %v", header, d.Err())
						}
					case strings.HasSuffix(row[2], "; the sender uses the response"):
						if !errors.Is(d.Err(), core.ErrReplay) {
							t.Errorf("with the same %s the message, whose response is gone, is not refused as a replay: %v", header, d.Err())
						}
					case s.scheme.Stamping() != core.StampedEachAttempt && !d.Err().Acknowledges():
						t.Errorf("with the same %s the message is refused: %v", header, d.Err())
					}
				}
			}
		})
	}
}

// nested returns a JSON object with these values at their paths.
func nested(values map[string]string) string {
	root := map[string]any{}
	for path, value := range values {
		names, at := strings.Split(path, "."), root
		for _, name := range names[:len(names)-1] {
			next, ok := at[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[name] = next
			}
			at = next
		}
		at[names[len(names)-1]] = value
	}
	text, _ := json.Marshal(root)
	return string(text)
}

// TestTheStableMembersOfARowDecideWhetherAnIDIsUsedAgain sends two messages under one signed id.
func TestTheStableMembersOfARowDecideWhetherAnIDIsUsedAgain(t *testing.T) {
	t.Parallel()
	summary, rendered := summaries(t), 0
	for name, row := range identities(t) {
		by := summary[name][1]
		if !strings.HasPrefix(by, "body: ") && by != "id" {
			if row[3] != "–" {
				t.Errorf("%s has the stable members %s, but no id is signed", name, row[3])
			}
			continue
		}
		if name == "mailgun" || name == "sns" || name == "paypal" || name == "mercadopago" {
			continue // whose ids stand among other signed values: they have tests of their own
		}
		stable := inCode(row[3])
		values := map[string]string{"other": "1"}
		if id := inCode(by); len(id) > 0 && !slices.Contains(stable, strings.Split(id[0], ".")[0]) {
			values[id[0]] = "evt_1"
		} else if len(id) > 0 { // the id stands in a stable member
			values[id[0]] = "evt_1"
			stable = []string{strings.Split(id[0], ".")[0] + ".amount"}
		}
		for _, path := range stable {
			values[path] = "a"
		}
		s := claimedBy(t, name)
		now := remoteNow
		v, err := core.New(core.Secrets(s.secret), memstore.New(), &core.Config{
			Scheme: s.scheme, Clock: func() time.Time { return now }, DangerouslyReplayableAfterRestart: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		send := func() *core.Delivery {
			now = now.Add(time.Minute)
			r := s.sign(nested(values), now)
			return v.Admit(t.Context(), r, atHand(r.Body))
		}
		d := send()
		if d.Answer() != nil {
			t.Errorf("%s: the first message: %v", name, d.Err())
			continue
		}
		d.Settle(http.StatusOK)
		values["other"] = "2"
		want := core.ErrIDReused
		if len(stable) > 0 {
			rendered++
			want = core.ErrRedelivery
		}
		if err := send().Err(); !errors.Is(err, want) {
			t.Errorf("%s: another value beside the stable members %q: %v, want %v", name, stable, err, want)
		}
		values["other"] = "1"
		for _, path := range stable {
			values[path] = "b"
			if err := send().Err(); !errors.Is(err, core.ErrIDReused) {
				t.Errorf("%s: another value at %s: %v", name, path, err)
			}
			values[path] = "a"
		}
	}
	if rendered < 8 {
		t.Errorf("only %d rows have stable members", rendered)
	}
}

// TestNoRowLeavesAnEventUnseen tests the column "equal". If two events may have
// the same signed bytes, or if that is unknown, equal bytes are acknowledged
// only if an unsigned value says that they are one event.
func TestNoRowLeavesAnEventUnseen(t *testing.T) {
	t.Parallel()
	possible := 0
	for name, row := range identities(t) {
		equal, body := strings.Trim(row[1], "*"), bodyToSign(t, name)
		switch {
		case equal == "no, with an id; else unknown":
			body = withoutID
		case strings.HasPrefix(equal, "no"):
			continue
		case equal == "unsigned":
			if named(t, name).Stamping() != core.NotIdentified {
				t.Errorf("%s is unsigned, but its messages are claimed", name)
			}
			continue
		case !strings.HasPrefix(equal, "yes") && !strings.HasPrefix(equal, "unknown") && !strings.HasPrefix(equal, "depends"):
			t.Errorf("%s: equal is %q: yes, no or unknown", name, equal)
		}
		possible++
		s := claimedBy(t, name)
		if s == nil {
			continue // nothing is claimed, so each attempt runs
		}
		own := inCode(row[2])
		at := remoteNow
		event := func(delivery string) *core.Request {
			r := s.sign(body, at)
			if len(own) > 0 && s.scheme.Stamping() == core.StampedEachAttempt {
				at = at.Add(time.Second) // each event has its own timestamp
			}
			for i, header := range own {
				value := "topic"
				if i == 0 {
					value = delivery
				}
				if asMap(r.Header).Del(header); value != "" {
					asMap(r.Header).Set(header, value)
				}
			}
			return r
		}
		v := verifier(t, s.scheme, remoteNow, s.secret)
		first := "d1"
		if len(own) == 0 {
			first = ""
		}
		if !runs(v, event(first)) {
			t.Errorf("%s: the first event does not run", name)
		}
		if len(own) > 0 {
			if !runs(v, event("d2")) {
				t.Errorf("%s: the second event, with another %s, does not run", name, own[0])
			}
			if !runs(v, event("")) { // its delivery id was taken out
				t.Errorf("%s: an event without %s does not run", name, own[0])
			}
		}
		unseen := func(what string, second *core.Request) {
			d := v.Admit(t.Context(), second, atHand(second.Body))
			if d.Answer() != nil && d.Err().Acknowledges() {
				t.Errorf("%s: a second event with the same bytes%s is acknowledged: %v", name, what, d.Err())
			}
		}
		unseen("", event(""))
		if len(own) == 0 {
			continue
		}
		bare := event("") // a proxy took all of them out
		for _, header := range own {
			asMap(bare.Header).Del(header)
		}
		if len(own) > 1 && !runs(v, bare) {
			t.Errorf("%s: an event without %s does not run", name, strings.Join(own, " and "))
		}
		unseen(" and no unsigned value", bare)
	}
	if possible < 15 {
		t.Errorf("only in %d rows two events can have the same bytes", possible)
	}
}

// TestEachDeliveryIDOfARowSaysWhetherItIsKept: the first unsigned value
// identifies a retry only if the retry keeps it.
func TestEachDeliveryIDOfARowSaysWhetherItIsKept(t *testing.T) {
	t.Parallel()
	for name, row := range identities(t) {
		if own := inCode(row[2]); len(own) > 0 && !regexp.MustCompile("^`"+own[0]+"` \\((kept|new in each retry|the same within a second)").MatchString(row[2]) {
			t.Errorf("%s: %q does not say whether %s is kept", name, row[2], own[0])
		}
	}
}

// TestNoAnswerThatAsksForARetryStopsIt tests the column "retried after". A
// response that asks for a retry must not have a status after which the sender
// gives up.
func TestNoAnswerThatAsksForARetryStopsIt(t *testing.T) {
	t.Parallel()
	asks := map[string]bool{}
	for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusRequestTimeout, http.StatusConflict} {
		asks[strconv.Itoa(status)] = true
	}
	status := regexp.MustCompile(`\b[1-5](?:\d\d|xx)\b`)
	exceptions := map[string]string{"nylas": "500", "okta": "4xx", "pagerduty": "4xx"} // docs/providers.md says what that means
	checked := 0
	for name, row := range identities(t) {
		for clause := range strings.SplitSeq(row[6], ";") {
			if !strings.Contains(clause, "stop") {
				continue
			}
			for _, stops := range status.FindAllString(clause, -1) {
				checked++
				if (asks[stops] || stops[0] == '5' || stops == "4xx") && exceptions[name] != stops {
					t.Errorf("%s stops after %s, with which a later attempt is asked for", name, stops)
				}
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d statuses stop a sender", checked)
	}
}

// unconfirmed ends the description of a scheme without evidence: see senders.Evidence.
const unconfirmed = "This scheme has not been tested against an official library or a published test vector."

// constructors returns the function that makes the scheme of each name, as
// listed in registry.go. Senders that use Standard Webhooks have none.
func constructors(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "registry.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		entry, ok := n.(*ast.CompositeLit)
		if !ok || len(entry.Elts) < 2 {
			return true
		}
		text, ok := entry.Elts[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		name, err := strconv.Unquote(text.Value)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(entry.Elts[1], func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if n.IsExported() && all[name] == "" {
					all[name] = n.Name
				}
			case *ast.FieldList:
				return false // the settings
			}
			return true
		})
		return true
	})
	all["hook0"] = "Hook0"
	return all
}

// TestASchemeThatNothingConfirmsSaysSo compares the doc comments with the evidence.
func TestASchemeThatNothingConfirmsSaysSo(t *testing.T) {
	t.Parallel()
	docs := make(map[string]string)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				docs[f.Name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
	}
	all, confirmed := known(t), make(map[string]bool)
	made := constructors(t)
	for name, f := range made {
		confirmed[f] = confirmed[f] || !all[name].Evidence.None()
	}
	if len(confirmed) < 100 {
		t.Fatalf("registry.go has only %d constructors", len(confirmed))
	}
	said := 0
	for f, is := range confirmed {
		if f == "DangerouslyReplayableToken" || f == "DangerouslyReplayableBasicAuth" {
			continue // which are of no sender
		}
		says := strings.Contains(docs[f], unconfirmed)
		if says {
			said++
		}
		switch {
		case docs[f] == "":
			t.Errorf("%s has no doc comment", f)
		case !is && !says:
			t.Errorf("%s has no evidence: end its description with %q, or add a vector to testdata and run `go test ./internal/senders -update`", f, unconfirmed)
		case is && says:
			t.Errorf("%s says that nothing confirms it, but something does", f)
		}
	}
	t.Logf("%d constructors, of which %d say that nothing confirms them", len(confirmed), said)
}
