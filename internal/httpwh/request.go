// Package httpwh is a request of net/http as core takes it: for package adapter
// and for nethttp.Verify.
package httpwh

import (
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Request is r without its body.
func Request(r *http.Request) core.Request {
	url := r.RequestURI
	if url == "" { // not from a server: Lambda, or a test
		url = r.URL.RequestURI()
	}
	return core.Request{Method: r.Method, URL: url, Host: r.Host, Header: r.Header}
}
