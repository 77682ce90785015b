package schemes

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/hookonce/hookonce/core"
)

// The key and the text are the example of Lark's documentation of encrypted
// events, as nine public implementations quote it (read 2026-11-28).
func TestItDecryptsWhatLarkPublished(t *testing.T) {
	t.Parallel()
	key, err := newLarkKey("test key")
	if err != nil {
		t.Fatal(err)
	}
	k, _ := key.(larkKey)
	if got := k.open("P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="); !bytes.HasPrefix(got, []byte("hello world")) {
		t.Errorf("decrypted %q", got)
	}
	for _, text := range []string{"", "P37w", "P37w+VZImNgPEO1RBhJ6Rg==", "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk", "%"} {
		if got := k.open(text); got != nil {
			t.Errorf("decrypted %q to %q", text, got)
		}
	}
}

// The test moves bytes between timestamp, nonce and body. No two accepted
// requests may have the same text with the key in it.
func TestTheSignedTextOfLarkHasOneReading(t *testing.T) {
	t.Parallel()
	const key = "1a1a"
	seen := make(map[string]string)
	accepted := 0
	for _, stamp := range []string{"1700000000", "1700000001"} {
		for _, nonce := range []string{"1", "a", "1a", "a1", "1a1a", "1a1a1a", "1a1a1a1a", "{", "1{", "1a1a{"} {
			for _, body := range []string{"{", "{}", "{{}", "{1a1a{", "1a1a{}", "1a{}", "{}1a1a{}", "a{", "{1a1a{}"} {
				r := &core.Request{Method: "POST", URL: "/", Body: []byte(body), Header: http.Header{
					"X-Lark-Request-Timestamp": {stamp}, larkNonce: {nonce}, "X-Lark-Signature": {"00"},
				}}
				var a core.Attempt
				s := Lark("")
				if s.ReadHeader(r, &a) != nil || s.ReadBody(r, &a) != nil {
					continue
				}
				accepted++
				sum, message := larkSum(key)(&a.Content), stamp+" "+nonce+" "+body
				if other := seen[sum]; other != "" {
					t.Errorf("one signature fits %q and %q", other, message)
				}
				seen[sum] = message
			}
		}
	}
	if accepted < 50 {
		t.Errorf("only %d requests were accepted", accepted)
	}
	if _, err := Lark("").ParseKey("a{b"); err == nil {
		t.Error("a key with a brace is accepted")
	}
}

// Blocks of another message spliced into an encrypted handshake leave noise.
// Whether that parses as JSON must reveal nothing.
func TestOnlyThreePlainStringsAreAHandshakeOfLark(t *testing.T) {
	t.Parallel()
	k := larkKey{open: func(string) []byte { return nil }}
	allowed := func(token string) bool { return token == "tok" }
	const ask = `{"challenge":"abc","token":"tok","type":"url_verification"}`
	for text, answered := range map[string]bool{
		ask: true, "{\n\t\"challenge\": \"abc\", \"token\": \"tok\", \"type\": \"url_verification\"}\r\n": true,
		`{"cHaLLenge":"abc","token":"tok","type":"url_verification"}`:                 false,
		`{"challenge":"abc","token":"tok","type":"url_verification","more":"x"}`:      false,
		`{"challenge":"abc","token":"tok","type":"url_verification","type":"x"}`:      false,
		`{"challenge":"x","challenge":"abc","token":"tok","type":"url_verification"}`: false,
		`{"challenge":"abc","token":"tok","type":"url_verification","n":1}`:           false,
		`{"challenge":"a\u0062c","token":"tok","type":"url_verification"}`:            false,
		"{\"challenge\":\"ab\x80c\",\"token\":\"tok\",\"type\":\"url_verification\"}": false,
		`{"challenge":"ab c","token":"tok","type":"url_verification"}`:                false,
		`{"challenge":"abc","token":"other","type":"url_verification"}`:               false,
		`{"challenge":"abc","type":"url_verification"}`:                               false,
	} {
		if got := k.verifyURL([]byte(text), allowed) != nil; got != answered {
			t.Errorf("%s: answered %t, want %t", text, got, answered)
		}
	}
}
