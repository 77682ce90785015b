package core_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// fuzzSecret is fixed, so findings are reproducible.
const fuzzSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func headers(id, stamp, signature string) http.Header {
	return http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
}

// FuzzTimestamp checks that only canonical texts are accepted, so no two texts
// give one time.
func FuzzTimestamp(f *testing.F) {
	for _, s := range []string{"1614265330", "0", "", "+1", "01", "1e9", "-1", "9999999999999999", "99999999999999999", " 1", "1 ", "1.0", "１", "1_000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a core.Attempt
		err := core.StandardWebhooks{}.ReadHeader(&core.Request{Header: headers("msg_1", text, "v1,x")}, &a)
		n, perr := strconv.ParseInt(text, 10, 64)
		canonical := perr == nil && n > 0 && len(text) <= 16 && strconv.FormatInt(n, 10) == text
		if (err == nil) != canonical {
			t.Fatalf("%q: %v", text, err)
		}
		if err == nil && a.Timestamp.Unix() != n {
			t.Fatalf("%q is %v", text, a.Timestamp)
		}
	})
}

// FuzzSignatures checks that the list is bounded, and that every kept entry was
// in the header.
func FuzzSignatures(f *testing.F) {
	for _, s := range []string{"v1,abc", "v1,a v1a,b", "v1", ",", " ", "  v1,a  ", "v1,a,b", strings.Repeat("v1,a ", 17), strings.Repeat("a", 5000), "v1,\x00", "v1"} {
		f.Add(s, "")
		f.Add("v1", s)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		h := headers("msg_1", "1", first)
		if second != "" {
			h["Webhook-Signature"] = []string{first, second}
		}
		var a core.Attempt
		err := core.StandardWebhooks{}.ReadHeader(&core.Request{Header: h}, &a)
		if err == nil && len(a.Signatures) == 0 || len(a.Signatures) > 16 {
			t.Fatalf("%d signatures, %v", len(a.Signatures), err)
		}
		all := first + "," + second
		for _, s := range a.Signatures {
			if !strings.Contains(all, s.Text) || !strings.Contains(all, s.Label) || strings.Contains(s.Text, " ") {
				t.Fatalf("%+v out of %q and %q", s, first, second)
			}
		}
		if err == nil && len(first)+len(second) > 4<<10+1 {
			t.Fatalf("%d bytes are accepted", len(first)+len(second))
		}
	})
}

// FuzzJoinedSignatures checks that joined lines give the same entries as the
// lines, and that no entry appears that splitting could not give.
func FuzzJoinedSignatures(f *testing.F) {
	for _, s := range [][2]string{
		{"v1,A", "v1,B"}, {"v1,A v1a,B", "v2,C"}, {"v1,A,", ",v1,B"}, {"v1,A,B", "v1"}, {",", ",,"}, {"v1,A , v1,B", " "}, {",v1,A", "v1,"}, {"0 ,,,", "0"},
	} {
		f.Add(s[0], s[1])
	}
	read := func(lines ...string) []core.Signature {
		var a core.Attempt
		h := headers("msg_1", "1", "")
		h["Webhook-Signature"] = lines
		if err := (core.StandardWebhooks{}).ReadHeader(&core.Request{Header: h}, &a); err != nil {
			return nil
		}
		return a.Signatures
	}
	wellFormed := func(line string) bool {
		for entry := range strings.SplitSeq(line, " ") {
			if label, text, ok := strings.Cut(entry, ","); !ok || label == "" || text == "" || strings.Contains(text, ",") {
				return false
			}
		}
		return true
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if wellFormed(first) && wellFormed(second) {
			want := read(first, second)
			for _, between := range []string{",", ", ", " ,", " , "} {
				joined := first + between + second
				if got := read(joined); !slices.Equal(got, want) && len(joined) <= 4<<10 && len(want) < 16 {
					t.Fatalf("%q is read as %q, its two lines as %q", joined, got, want)
				}
			}
		}
		plain := strings.Split(first, " ") // the entries of a value that nobody joined
		for _, s := range read(first) {
			entry := s.Label + "," + s.Text
			if slices.Contains(plain, entry) {
				continue
			}
			// Otherwise the entry is between commas or spaces, and contains one comma.
			if strings.Count(entry, ",") != 1 || !strings.Contains(strings.ReplaceAll(","+first+",", " ", ","), ","+entry+",") {
				t.Fatalf("%q: the signature %q cannot be had by undoing a join", first, entry)
			}
		}
	})
}

// FuzzSecret checks that no text causes a panic, that no error quotes it, and
// that a key verifies what the same text signs.
func FuzzSecret(f *testing.F) {
	for _, s := range []string{
		fuzzSecret, "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=", "", "whsec_", "v1,whsec_AA==", "_", "changeme",
		"whsec_\n", "\"whsec_AA==\"", "whsec_" + strings.Repeat("A", 44), "é", "whpk_AA==", "sk_live", "...",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := core.New(core.Secrets(text), &memory{}, &core.Config{Clock: at(now)})
		if err != nil {
			if len(text) > 24 && strings.Contains(err.Error(), text) {
				t.Fatalf("quotes the secret: %v", err)
			}
			if !errors.Is(err, core.ErrMisconfigured) {
				t.Fatal(err)
			}
			return
		}
		s, err := core.NewSigner(text)
		if err != nil {
			if !strings.HasPrefix(text, "whpk_") {
				t.Fatalf("verifies but does not sign: %v", err)
			}
			return
		}
		h := http.Header{}
		if err := s.Sign(h, "msg_1", time.Unix(now, 0), []byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), &core.Request{Header: h, Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzValueState checks that no bytes cause a panic, and that the public parts
// agree.
func FuzzValueState(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Add(append([]byte{0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0, 1, 0xc3, 0, 200}, make([]byte, 28)...))
	f.Add(append([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0x40}, make([]byte, 30)...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v core.Value
		copy(v[:], raw)
		state := v.State()
		if known := state != 0; known != (state.String() != "none") || known && v == (core.Value{}) || v.Handled() != (state == core.Done) {
			t.Fatalf("%s, handled %t", state, v.Handled())
		}
	})
}

// FuzzRequestPath checks that no request target causes a panic.
func FuzzRequestPath(f *testing.F) {
	for _, s := range []string{"", "/", "/a%20b?c#d", "%", "http://h/p", "//h/p", "*", "h:443", "/%2e%2e/", "/\x00", "http://[::1", "/é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		p := (&core.Request{URL: target}).Path()
		if strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//") && p != "" && p[0] != '/' {
			t.Fatalf("%q has the path %q", target, p)
		}
	})
}

// textbook verifies v1 by the text of the specification, in the simplest way.
func textbook(id, stamp, list string, body []byte, at int64) bool {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(fuzzSecret, "whsec_"))
	if err != nil {
		panic(err)
	}
	n, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != stamp || n < at-300 || n > at+300 {
		return false
	}
	if id == "" || len(id) > 256 || strings.Contains(id, ".") {
		return false
	}
	for _, c := range []byte(id) {
		if c < 0x21 || c > 0x7e {
			return false
		}
	}
	entries := strings.FieldsFunc(list, func(r rune) bool { return r == ' ' })
	if len(list) > 4096 || len(entries) > 16 {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + stamp + "." + string(body)))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return slices.Contains(entries, want)
}

// FuzzVerifyAgainstTextbook checks that the verifier and the textbook agree on
// every request. genuine replaces each "*" in the list by a valid signature,
// because no fuzzer finds one.
func FuzzVerifyAgainstTextbook(f *testing.F) {
	for _, list := range []string{"*", "v1,x *", "*  ", "v1a,x *", "* *", "*,", ",*", "v1,*", "", "v1", strings.Repeat("a,b ", 15) + "*", strings.Repeat("a,b ", 16) + "*"} {
		f.Add("msg_1", "1700000000", list, []byte(`{"a":1}`))
	}
	f.Add("a.b", "1700000000", "*", []byte{})
	f.Add("msg_1", "1700000300", "*", []byte{0})
	f.Add("msg_1", "1700000301", "*", []byte("x"))
	f.Add("msg_1", "1699999700", "*", []byte("x"))
	f.Add("msg_1", "1699999699", "*", []byte("x"))
	f.Add("msg_1", "+1700000000", "*", []byte("x"))
	f.Add("msg_1\n", "1700000000", "*", []byte("x"))
	f.Add(strings.Repeat("a", 257), "1700000000", "*", []byte("x"))
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(fuzzSecret, "whsec_"))
	if err != nil {
		f.Fatal(err)
	}
	v := newVerifier(f, core.Secrets(fuzzSecret), &core.Config{Clock: at(now)})
	f.Fuzz(func(t *testing.T, id, stamp, list string, body []byte) {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + stamp + "." + string(body)))
		list = strings.ReplaceAll(list, "*", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		m, err := v.Verify(t.Context(), &core.Request{Method: http.MethodPost, URL: "/", Header: headers(id, stamp, list), Body: body})
		if want := textbook(id, stamp, list, body, now); (err == nil) != want {
			t.Fatalf("id %q, timestamp %q, signatures %q: %v, the textbook says %t", id, stamp, list, err, want)
		}
		if err == nil && (m.ID != id || strconv.FormatInt(m.Timestamp.Unix(), 10) != stamp || !bytes.Equal(m.Body, body)) {
			t.Fatalf("got %+v", m)
		}
	})
}
