package proxies_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	fiberlambda "github.com/awslabs/aws-lambda-go-api-proxy/fiber"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
)

// What stands in front of a Lambda function cannot be had here, so the events are
// made in this file, as AWS documents them. What makes requests of them is what
// receivers use, in their own process.

// restEvent is that of a REST API (1.0): the query is a map of decoded values.
func restEvent(t *testing.T, to *receiver) string {
	t.Helper()
	serve := httpadapter.New(to.handler).ProxyWithContext
	if to.app != nil {
		serve = fiberlambda.New(to.app).ProxyWithContext
	}
	return gateway(t, func(ctx context.Context, r *http.Request, body string) (int, error) {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		response, err := serve(ctx, events.APIGatewayProxyRequest{
			HTTPMethod: r.Method, Path: path, Headers: single(r.Header), MultiValueHeaders: r.Header,
			QueryStringParameters: single(r.URL.Query()), MultiValueQueryStringParameters: r.URL.Query(),
			Body: body, IsBase64Encoded: true,
		})
		return response.StatusCode, err
	})
}

// httpEvent is that of an HTTP API or a function URL (2.0): lines of one header are
// joined by commas, and the query stays as it is.
func httpEvent(t *testing.T, to *receiver) string {
	t.Helper()
	serve := httpadapter.NewV2(to.handler).ProxyWithContext
	if to.app != nil {
		serve = fiberlambda.New(to.app).ProxyWithContextV2
	}
	return gateway(t, func(ctx context.Context, r *http.Request, body string) (int, error) {
		path, query, _ := strings.Cut(r.RequestURI, "?")
		event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path, RawQueryString: query, Headers: make(map[string]string), Body: body, IsBase64Encoded: true}
		event.RequestContext.HTTP.Method = r.Method
		for name, values := range r.Header {
			event.Headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
		response, err := serve(ctx, event)
		return response.StatusCode, err
	})
}

// single has the last value of each.
func single[M http.Header | url.Values](all M) map[string]string {
	one := make(map[string]string)
	for name, values := range all {
		one[name] = values[len(values)-1]
	}
	return one
}

// gateway is a server that calls a function for each request, with the body in base64.
func gateway(t *testing.T, call func(ctx context.Context, r *http.Request, body string) (int, error)) string {
	t.Helper()
	ln := listen(t)
	srv := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.Header.Set("Host", r.Host)
		status, err := call(r.Context(), r, base64.StdEncoding.EncodeToString(body))
		if err != nil {
			status = http.StatusBadGateway
		}
		w.WriteHeader(status)
	})}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	return ln.Addr().String()
}
