package capture_test

import (
	"errors"
	"testing"

	"github.com/hookonce/hookonce/internal/capture"
)

// A terminal interprets control characters in pasted text: ESC [201~ ends the paste, and the rest
// counts as typed.
func TestACommandHasNothingThatATerminalObeys(t *testing.T) {
	t.Parallel()
	const paste = "\x1b[201~\ntouch owned\n"
	for name, tt := range map[string]struct {
		address string
		lines   []string
		body    string
	}{
		"body":    {"http://localhost/", nil, "{}" + paste},
		"C1":      {"http://localhost/", nil, "\u009b201~"},
		"header":  {"http://localhost/", []string{"X-Note: \x1b[201~"}, "{}"},
		"address": {"http://localhost/\x1b[201~", nil, "{}"},
	} {
		if text, err := capture.Curl("POST", tt.address, tt.lines, []byte(tt.body)); !errors.Is(err, capture.ErrNotText) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := capture.Curl("POST", "http://localhost/", []string{"X-Note: é"}, []byte("{\r\n\t\"a\": \"ü\"\r\n}")); err != nil {
		t.Error(err)
	}
}
