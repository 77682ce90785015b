package schemes

import (
	"testing"

	"github.com/hookonce/hookonce/core"
)

func TestEverySchemeReadsATargetInAbsoluteFormInTheSameWay(t *testing.T) {
	t.Parallel()
	const origin = "https://example.com"
	at, err := publicURL(origin)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := newHTTPSignatures(SignatureProfile{URL: origin})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ target, address, path, query string }{
		{"/?x=1", origin + "/?x=1", "/", "x=1"},
		{"http://proxy/?x=1", origin + "/?x=1", "/", "x=1"},
		{"http://proxy?x=1", origin + "/?x=1", "/", "x=1"},
		{"http://proxy?x=/a", origin + "/?x=/a", "/", "x=/a"},
		{"http://proxy", origin + "/", "/", ""},
		{"http://proxy/a", origin + "/a", "/a", ""},
		{"/a?next=http://b/c", origin + "/a?next=http://b/c", "/a", "next=http://b/c"},
	} {
		if base, rest, ok := at.of(&core.Request{URL: tt.target}); base+rest != tt.address || !ok {
			t.Errorf("a template reads %q as %q, %t, want %q", tt.target, base+rest, ok, tt.address)
		}
		path, query, _, err := messages.target(tt.target)
		if path != tt.path || query != tt.query || err != nil {
			t.Errorf("RFC 9421 reads %q as path %q and query %q (%v), want %q and %q", tt.target, path, query, err, tt.path, tt.query)
		}
	}
}
