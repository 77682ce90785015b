package schemes_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

// fetching is a scheme whose senders name keys that must be fetched, with its
// sender and a stranger.
type fetching struct {
	*world

	scheme  core.Scheme
	secret  string
	genuine func(id string) *core.Request
	forged  func(i int) *core.Request // with a key that does not exist
}

// fetchingSNS is a topic, and a stranger who writes for the topic forged.
func fetchingSNS(s *snsSender, forged string) fetching {
	return fetching{s.world, s.scheme(schemes.SNSOptions{}), snsTopic, func(id string) *core.Request {
		return s.sign(s.notification(id, s.now(), "hello"))
	}, func(i int) *core.Request {
		m := s.notification("msg_"+strconv.Itoa(i), s.now(), "forged")
		m["SigningCertURL"] = "https://sns.us-west-2.amazonaws.com/x" + strconv.Itoa(i) + ".pem"
		m["TopicArn"], m["Signature"] = forged, "AAAA"
		return s.request(m)
	}}
}

// fetchingSchemes creates these schemes, each with a new world.
func fetchingSchemes() map[string]func(testing.TB) fetching {
	return map[string]func(testing.TB) fetching{
		"sns":                   func(tb testing.TB) fetching { tb.Helper(); return fetchingSNS(newSNS(tb), snsTopic) },
		"sns, of another topic": func(tb testing.TB) fetching { tb.Helper(); return fetchingSNS(newSNS(tb), snsTopic+"-of-somebody") },
		"paypal": func(tb testing.TB) fetching {
			tb.Helper()
			s := newPayPal(tb)
			return fetching{s.world, s.scheme(s.now), paypalWebhook, func(id string) *core.Request {
				return s.sign(id, s.now(), []byte(`{}`))
			}, func(i int) *core.Request {
				r := s.sign("id-"+strconv.Itoa(i), s.now(), []byte(`{}`))
				asMap(r.Header).Set("Paypal-Cert-Url", "https://api.paypal.com/v1/notifications/certs/CERT-"+strconv.Itoa(i))
				return r
			}}
		},
		"a key set": func(tb testing.TB) fetching {
			tb.Helper()
			k := testKeys()
			scheme, sign := acmeSet(tb)
			s := newSetSender(tb, published("a", k.rsa.Public(), nil))
			return fetching{s.world, s.scheme(scheme), setAddress, func(id string) *core.Request {
				return sign(k.rsa, "a", id, s.now(), []byte("{}"))
			}, func(i int) *core.Request {
				return sign(k.rsaOther, "no-"+strconv.Itoa(i), "x", s.now(), []byte("{}"))
			}}
		},
		"plaid": func(tb testing.TB) fetching {
			tb.Helper()
			s := newPlaid(tb)
			return fetching{s.world, s.scheme(s.now), plaidSecret, func(id string) *core.Request {
				return s.sign("", s.now(), []byte(`{"id":"`+id+`"}`))
			}, func(i int) *core.Request {
				h := plaidHeader()
				h["kid"] = "no-" + strconv.Itoa(i)
				return plaidRequest(s.token(h, plaidClaims(s.now(), []byte("{}"))), []byte("{}"))
			}}
		},
	}
}

// serve runs an application with the tenant acme. It returns its address and
// the number of handler runs.
func (f fetching) serve(tb testing.TB) (url string, tenants *whtest.Source) {
	tb.Helper()
	tenants = new(whtest.Source)
	tenants.Set("acme", core.Secrets(f.secret))
	v := core.Must(core.New(tenants, memstore.New(), &core.Config{Scheme: f.scheme, Clock: f.now}))
	s := httptest.NewServer(nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })))
	tb.Cleanup(s.Close)
	return s.URL, tenants
}

// present sends r to a path and returns all that its sender sees, except the
// date.
func present(tb testing.TB, url string, r *core.Request) (status int, seen string) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), r.Method, url, bytes.NewReader(r.Body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header = r.Header.Clone()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	res.Header.Del("Date")
	return res.StatusCode, fmt.Sprint(res.StatusCode, res.Header, string(body))
}

func TestStrangersAtAnUnknownEndpointHaveNothingFetched(t *testing.T) {
	t.Parallel()
	for name, makeOne := range fetchingSchemes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := makeOne(t)
			url, _ := f.serve(t)
			for _, before := range []string{"the first genuine message", "the second one"} {
				fetched := f.total()
				for i := range 40 {
					if status, _ := present(t, url+"/nobody", f.forged(i)); status < 400 {
						t.Fatalf("answered %d", status)
					}
				}
				if n := f.total() - fetched; n != 0 {
					t.Errorf("before %s: %d fetches for a tenant that does not exist", before, n)
				}
				if status, seen := present(t, url+"/acme", f.genuine(strings.ReplaceAll(before, " ", "-"))); status != http.StatusAccepted {
					t.Errorf("%s: %s", before, seen)
				}
				f.sleep(25 * time.Hour) // past what is kept of a key
			}
		})
	}
}

func TestForgedMessagesDoNotKeepOutGenuineOnesWithAKnownKey(t *testing.T) {
	t.Parallel()
	for name, makeOne := range fetchingSchemes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := makeOne(t)
			url, _ := f.serve(t)
			if status, seen := present(t, url+"/acme", f.genuine("first")); status != http.StatusAccepted {
				t.Fatal(seen)
			}
			forge := func() {
				before := f.total()
				for i := range 40 {
					if status, _ := present(t, url+"/acme", f.forged(i)); status < 400 {
						t.Fatalf("answered %d", status)
					}
				}
				if n := f.total() - before; n > 30 {
					t.Errorf("%d fetches for 40 forged messages", n)
				}
			}
			forge()
			if status, seen := present(t, url+"/acme", f.genuine("second")); status != http.StatusAccepted {
				t.Errorf("while its key is kept: %s", seen)
			}
			f.sleep(25 * time.Hour)
			forge()
			if status, seen := present(t, url+"/acme", f.genuine("third")); status != http.StatusAccepted {
				t.Errorf("when its key must be fetched again: %s", seen)
			}
		})
	}
}

func TestForgedMessagesToOneTenantKeepOutNobodyElse(t *testing.T) {
	t.Parallel()
	s := newSNS(t)
	f := fetchingSNS(s, snsTopic)
	url, tenants := f.serve(t)
	tenants.Set("beta", core.Secrets(snsTopic+"-of-beta"))
	for i := range 40 {
		present(t, url+"/acme", f.forged(i))
	}
	m := s.notification("first", s.now(), "hello")
	m["TopicArn"] = snsTopic + "-of-beta"
	if status, seen := present(t, url+"/beta", s.sign(m)); status != http.StatusAccepted {
		t.Errorf("another tenant, whose certificate was never fetched: %s", seen)
	}
}

// A page of the sender that is no certificate must not be fetched as one.
// Otherwise known and unknown sources would get different refusals.
func TestPagesBesideTheCertificatesTellNoTenantsApart(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"https://www.paypal.com/",
		"https://api.paypal.com/v1/notifications/certs/",
		"https://api.paypal.com/v1/notifications/certs/a/b",
		"https://api.paypal.com/v1/oauth2/token",
		"https://no-such-host.paypal.com/v1/notifications/certs/C",
		"https://api.paypal.com.paypal.com/v1/notifications/certs/C",
	} {
		s := newPayPal(t)
		s.text(address, "<html>")
		f := fetching{world: s.world, scheme: s.scheme(s.now), secret: paypalWebhook}
		url, _ := f.serve(t)
		forged := func() *core.Request {
			r := s.sign("id", s.now(), []byte("{}"))
			asMap(r.Header).Set("Paypal-Cert-Url", address)
			return r
		}
		_, known := present(t, url+"/acme", forged())
		_, unknown := present(t, url+"/nobody", forged())
		if known != unknown || s.total() != 0 {
			t.Errorf("%s, with %d fetches:\nknown:   %s\nunknown: %s", address, s.total(), known, unknown)
		}
	}
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusGone} {
		f := fetchingSchemes()["paypal"](t)
		f.page("https://api.paypal.com/v1/notifications/certs/CERT-7", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		url, _ := f.serve(t)
		_, known := present(t, url+"/acme", f.forged(7))
		_, unknown := present(t, url+"/nobody", f.forged(7))
		if known != unknown || f.total() != 1 {
			t.Errorf("a certificate with status %d, after %d fetches:\nknown:   %s\nunknown: %s", status, f.total(), known, unknown)
		}
	}
}

// A stranger who names keys that do not exist must not find out by the refusals
// which tenants there are.
func TestRefusalsTellNoTenantsApartWhenABudgetIsOut(t *testing.T) {
	t.Parallel()
	for name, makeOne := range fetchingSchemes() {
		for order, seed := range map[string]bool{"after a start": false, "after a genuine message": true} {
			t.Run(name+" "+order, func(t *testing.T) {
				t.Parallel()
				known, unknown, mixed := makeOne(t), makeOne(t), makeOne(t)
				knownURL, _ := known.serve(t)
				unknownURL, _ := unknown.serve(t)
				mixedURL, _ := mixed.serve(t)
				if seed {
					for i, f := range []fetching{known, unknown, mixed} {
						if status, seen := present(t, []string{knownURL, unknownURL, mixedURL}[i]+"/acme", f.genuine("first")); status != http.StatusAccepted {
							t.Fatal(seen)
						}
					}
				}
				statuses := map[int]int{}
				for i := range 80 {
					at := i
					switch {
					case i%7 == 3:
						at = i - 2 // one that was named a moment ago
					case i%11 == 5:
						for _, f := range []fetching{known, unknown, mixed} {
							f.sleep(3 * time.Second)
						}
					}
					status, a := present(t, knownURL+"/acme", known.forged(at))
					_, b := present(t, unknownURL+"/nobody", unknown.forged(at))
					_, c := present(t, mixedURL+"/"+[]string{"acme", "nobody"}[i%2], mixed.forged(at))
					if a != b || a != c {
						t.Fatalf("attempt %d:\nknown:   %s\nunknown: %s\nmixed:   %s", i, a, b, c)
					}
					statuses[status]++
				}
				switch {
				case name == "a key set": // a key that is not there costs no fetch of its own, so there is no budget to be out
					if statuses[http.StatusUnauthorized] != 80 {
						t.Errorf("the answers were %v, want 401", statuses)
					}
				case statuses[http.StatusUnauthorized] == 0 || statuses[http.StatusServiceUnavailable] == 0:
					t.Errorf("the answers were %v, want 401 and then 503", statuses)
				}
				for _, url := range []string{knownURL, mixedURL} {
					f := map[string]fetching{knownURL: known, mixedURL: mixed}[url]
					_, a := present(t, url+"/acme", f.forged(1000))
					_, b := present(t, url+"/nobody", f.forged(1000))
					if a != b {
						t.Errorf("side by side:\nknown:   %s\nunknown: %s", a, b)
					}
				}
			})
		}
	}
}
