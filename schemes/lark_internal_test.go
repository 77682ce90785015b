package schemes

import (
	"bytes"
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

// A signed text of many cuts: whichever bytes move between time, nonce and
// body, no two requests that are accepted have one text with the key in it.
func TestTheSignedTextOfLarkHasOneReading(t *testing.T) {
	t.Parallel()
	const key = "1a1a"
	seen := make(map[string]string)
	accepted := 0
	for _, stamp := range []string{"1700000000", "1700000001"} {
		for _, nonce := range []string{"1", "a", "1a", "a1", "1a1a", "1a1a1a", "1a1a1a1a", "{", "1{", "1a1a{"} {
			for _, body := range []string{"{", "{}", "{{}", "{1a1a{", "1a1a{}", "1a{}", "{}1a1a{}", "a{", "{1a1a{}"} {
				r := &core.Request{Method: "POST", URL: "/", Body: []byte(body), Header: map[string][]string{
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
