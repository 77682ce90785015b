package proxies_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
)

// The share on the page is worth as much as this: a word is right only for what
// became of the request.
func TestAWordIsRightOnlyForWhatHappened(t *testing.T) {
	t.Parallel()
	const text = `{"a":1,"b":"x"}`
	sent := &core.Request{Body: []byte(text), Header: http.Header{"X-Signature": {"aa, bb"}}}
	rotated := &core.Request{Body: []byte(text), Header: http.Header{"X-Signature": {"aa", "bb"}}}
	packed := &core.Request{Body: squeeze([]byte(text)), Header: http.Header{"Content-Encoding": {"gzip"}}}
	fields := &core.Request{Body: []byte("a=1&b=x"), Header: http.Header{}}
	altered := changes{altered: []string{"X-Signature"}}
	signed := func(lines ...string) *arrival {
		return &arrival{body: []byte(text), header: http.Header{"X-Signature": lines}}
	}
	arrived := func(body string) *arrival { return &arrival{body: []byte(body)} }
	for name, c := range map[string]struct {
		changed changes
		sent    *core.Request
		arrived *arrival
		right   []explain.Mistake
	}{
		"POST became GET":              {changes{method: true, body: true, lost: []string{"Content-Type"}}, sent, arrived(""), []explain.Mistake{"method"}},
		"and the path was rewritten":   {changes{method: true, path: true, body: true}, sent, arrived(""), []explain.Mistake{"url", "method"}},
		"the body was read":            {changes{body: true}, sent, arrived(""), []explain.Mistake{"body-consumed"}},
		"the body was cut":             {changes{body: true}, sent, arrived(text[:5]), []explain.Mistake{"body-truncated"}},
		"JSON was indented":            {changes{body: true}, sent, arrived(`{"a": 1,"b":"x"}`), []explain.Mistake{"body-reformatted"}},
		"members changed places":       {changes{body: true}, sent, arrived(`{"b":"x","a":1}`), []explain.Mistake{"body-key-order"}},
		"a number was written anew":    {changes{body: true}, sent, arrived(`{"a":1.0,"b":"x"}`), []explain.Mistake{"body-numbers"}},
		"gzip was undone":              {changes{body: true}, packed, arrived(text), []explain.Mistake{"body-decompressed"}},
		"gzip was undone and indented": {changes{body: true}, packed, arrived(`{"a": 1,"b":"x"}`), []explain.Mistake{"body-decompressed", "body-reformatted"}},
		"a form became JSON":           {changes{body: true}, fields, arrived(`{"a":"1","b":"x"}`), []explain.Mistake{"body-form"}},
		"a header was split":           {altered, sent, signed("aa", "bb"), []explain.Mistake{"header-folded"}},
		"a header was repeated":        {altered, sent, signed("aa, bb", "aa, bb"), []explain.Mistake{"header-duplicated"}},
		"a header was cut":             {altered, sent, signed("aa"), []explain.Mistake{"signature-cut"}},
		"a line was dropped":           {altered, rotated, signed("aa"), []explain.Mistake{"header-missing"}},
		"a header is another one":      {altered, sent, signed("cc"), nil},
	} {
		if got := c.changed.right(c.sent, c.arrived); !slices.Equal(got, c.right) {
			t.Errorf("%s: right are %v, want %v", name, got, c.right)
		}
	}
}
