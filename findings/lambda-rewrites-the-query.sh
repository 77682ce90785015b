#!/usr/bin/env bash
# The Go adapter for AWS Lambda writes another query string than the client sent, and
# another one each time.
#
# Seen with aws-lambda-go-api-proxy 0.16.2 and aws-lambda-go 1.50.0 on Go 1.26. An
# event of API Gateway in format 1.0 has the parameters as a map, without their order.
# The adapter writes them in the order in which Go ranges over the map, which
# changes from call to call. A space that was sent as %20 comes as +.
#
# Why a receiver of webhooks minds: some senders sign the whole URL. The same request
# verifies now and fails a second later.
#
# The script fails if the adapter behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module lambdaquery

go 1.26.0

require (
	github.com/aws/aws-lambda-go v1.50.0
	github.com/awslabs/aws-lambda-go-api-proxy v0.16.2
)
MOD
cat >main.go <<'GO'
package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
)

func main() {
	// What API Gateway makes of ?team=north%20east&shop=12&lang=en.
	event := events.APIGatewayProxyRequest{
		HTTPMethod: http.MethodPost, Path: "/hook",
		QueryStringParameters:           map[string]string{"team": "north east", "shop": "12", "lang": "en"},
		MultiValueQueryStringParameters: map[string][]string{"team": {"north east"}, "shop": {"12"}, "lang": {"en"}},
	}
	seen, plus := map[string]int{}, 0
	var accessor core.RequestAccessor
	for range 600 {
		r, err := accessor.EventToRequest(event)
		if err != nil {
			panic(err)
		}
		seen[r.URL.RawQuery]++
		if strings.Contains(r.URL.RawQuery, "team=north+east") {
			plus++
		}
	}
	fmt.Println("one event, 600 times:")
	for query, times := range seen {
		fmt.Printf("\t%3d times %s\n", times, query)
	}
	if len(seen) < 2 || plus != 600 {
		fmt.Println("this differs from what was seen: several orders, and + for the space")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
