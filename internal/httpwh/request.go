// Package httpwh converts net/http requests for core. Package adapter and
// nethttp.Verify use it.
package httpwh

import (
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Request converts r, without its body.
func Request(r *http.Request) core.Request {
	url := r.RequestURI
	if url == "" { // the request comes not from a server, but from Lambda or a test
		url = r.URL.RequestURI()
	}
	return core.Request{Method: r.Method, URL: url, Host: r.Host, Header: r.Header}
}
