// Package httpwh converts requests of net/http for core. Package adapter and
// nethttp.Verify use it.
package httpwh

import (
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Request converts r, without its body.
func Request(r *http.Request) core.Request {
	url := r.RequestURI
	if url == "" { // not from a server, but from Lambda or a test
		url = r.URL.RequestURI()
	}
	return core.Request{Method: r.Method, URL: url, Host: r.Host, Header: r.Header}
}
