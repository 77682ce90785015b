#!/usr/bin/env bash
# The Go adapter for AWS Lambda makes several header values of one that holds a comma.
#
# Seen with aws-lambda-go-api-proxy 0.16.2 and aws-lambda-go 1.50.0 on Go 1.26. An
# event of API Gateway in format 2.0 has one string for each header. The adapter
# splits it at every comma, whatever the header is. So Header.Get returns what
# precedes the first comma: the time of a signature header, the weekday of a Date.
#
# Why a receiver of webhooks minds: the timestamp arrives and the signature does not.
# A correct request fails verification on Lambda only.
#
# The script fails if the adapter behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module lambdaheaders

go 1.26.0

require (
	github.com/aws/aws-lambda-go v1.50.0
	github.com/awslabs/aws-lambda-go-api-proxy v0.16.2
)
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
)

const (
	signature = "t=1760000000,v1=4f6a2c,v1=98be01"
	date      = "Thu, 09 Oct 2025 08:53:20 GMT"
)

func main() {
	var seen http.Header
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen = r.Header.Clone(); w.WriteHeader(204) })
	headers := map[string]string{"acme-signature": signature, "date": date}

	v2 := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: "/hook", Headers: headers}
	v2.RequestContext.HTTP.Method = http.MethodPost
	if _, err := httpadapter.NewV2(h).ProxyWithContext(context.Background(), v2); err != nil {
		panic(err)
	}
	split := seen
	v1 := events.APIGatewayProxyRequest{HTTPMethod: http.MethodPost, Path: "/hook", Headers: headers}
	var accessor core.RequestAccessor
	r, err := accessor.EventToRequest(v1)
	if err != nil {
		panic(err)
	}
	whole := r.Header

	fmt.Printf("format 1.0: %q, Get(\"Date\") = %q\n", whole.Values("Acme-Signature"), whole.Get("Date"))
	fmt.Printf("format 2.0: %q, Get(\"Date\") = %q\n", split.Values("Acme-Signature"), split.Get("Date"))
	if !slices.Equal(whole.Values("Acme-Signature"), []string{signature}) || whole.Get("Date") != date ||
		!slices.Equal(split.Values("Acme-Signature"), []string{"t=1760000000", "v1=4f6a2c", "v1=98be01"}) || split.Get("Date") != "Thu" {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
