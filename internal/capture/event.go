package capture

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// readEvent reads an event of a Lambda function: version 2.0 of API Gateway and
// function URLs, version 1.0, or an Application Load Balancer's.
func (r *Request) readEvent(o object) error {
	context := o.object("requestContext")
	call := context.object("http")
	r.Form = "an API Gateway event, version 1.0"
	switch {
	case context["elb"] != nil:
		r.Form = "an Application Load Balancer event"
	case o["rawPath"] != nil:
		r.Form = "an API Gateway or function URL event, version 2.0"
	}
	given := o.first("multiValueHeaders", "headers")
	if given == nil {
		return errors.New("the event has no headers")
	}
	if err := r.setHeaders(given); err != nil {
		return err
	}
	var cookies []string
	if json.Unmarshal(o["cookies"], &cookies) == nil && len(cookies) > 0 && r.header.Get("Cookie") == "" {
		if err := r.addJSON("Cookie", strings.Join(cookies, "; ")); err != nil {
			return err
		}
	}
	if err := r.setMethod(cmp.Or(call.text("method"), o.text("httpMethod"))); err != nil {
		return err
	}
	if r.header.Get("Host") == "" && context.text("domainName") != "" {
		r.header.Set("Host", context.text("domainName"))
	}
	target := cmp.Or(o.text("rawPath"), context.text("path"), o.text("path"), "/")
	query := o.text("rawQueryString")
	if o["rawPath"] == nil {
		query = r.rebuiltQuery(o, context["elb"] != nil)
	}
	if query != "" {
		target += "?" + query
	}
	if err := r.setURL(cmp.Or(o.text("rawUrl"), target)); err != nil {
		return err
	}
	if o["body"] == nil && (o["methodArn"] != nil || o["routeArn"] != nil) {
		r.lose("the event is for an authorizer, which does not get the body")
		return nil
	}
	return r.setBody(o["body"], o.isTrue("isBase64Encoded"))
}

// rebuiltQuery builds the query of an event that has it as a map. A load
// balancer leaves names and values as they were sent.
func (r *Request) rebuiltQuery(o object, escaped bool) string {
	values := make(map[string][]string)
	if json.Unmarshal(o["multiValueQueryStringParameters"], &values) != nil || len(values) == 0 {
		one := make(map[string]string)
		_ = json.Unmarshal(o["queryStringParameters"], &one)
		for name, value := range one {
			values[name] = []string{value}
		}
	}
	var parts []string
	spelled := true // as sent
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			part := name + "=" + value
			if !escaped {
				part = url.QueryEscape(name) + "=" + url.QueryEscape(value)
				spelled = spelled && part == name+"="+value
			}
			parts = append(parts, part)
		}
	}
	if len(parts) > 1 || !spelled {
		r.note("the event has the query as a map, so the order and the encoding may differ from what was sent: give --url if the scheme signs it")
	}
	return strings.Join(parts, "&")
}
