package reqtarget_test

import (
	"testing"

	"github.com/hookonce/hookonce/internal/reqtarget"
)

func TestATargetInAbsoluteFormLosesItsSchemeAndHost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ target, want string }{
		{"/", "/"},
		{"/?x=1", "/?x=1"},
		{"", ""},
		{"*", "*"},
		{"http://proxy", ""},
		{"http://proxy/", "/"},
		{"http://proxy/?x=1", "/?x=1"},
		{"http://proxy?x=1", "?x=1"},
		{"http://proxy?x=/a", "?x=/a"},
		{"http://proxy?x=http://b/c", "?x=http://b/c"},
		{"https://proxy:8443/a%2Fb?x=%20", "/a%2Fb?x=%20"},
		{"http://proxy/a://b/c", "/a://b/c"},
		{"/a?next=http://b/c", "/a?next=http://b/c"},
		{"/a/http://b/c", "/a/http://b/c"},
		{"?next=http://b/c", "?next=http://b/c"},
	} {
		if got := reqtarget.PathAndQuery(tt.target); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.target, got, tt.want)
		}
	}
}
