package main

import (
	"flag"

	"github.com/hookonce/hookonce/internal/capture"
)

// captured holds the flags of commands that read a captured request.
type captured struct {
	request, body string
}

func capturedFlags(f *flag.FlagSet) *captured {
	r := new(captured)
	requestFlag(f, r)
	f.StringVar(&r.body, "body", "", "a `FILE` with the body, for a capture that lacks it, such as the output of curl -v")
	return r
}

func requestFlag(f *flag.FlagSet, r *captured) {
	f.StringVar(&r.request, "request", "", "the `FILE` with the captured request, or - for standard input. Recognized forms: "+captureForms)
}

// captureForms lists the recognized forms, for the help of a flag.
const captureForms = "raw HTTP/1.x, as listen --save writes it; headers, a blank line and the body; an AWS Lambda event " +
	"(API Gateway, function URLs, load balancers); a curl command, as browsers copy it (bash); the output of curl -v; " +
	"a HAR file; a JSON object with method, URL, headers and body"

// read reads the capture, and the body if it is in a separate file.
func (r *captured) read(c *console) (*capture.Request, error) {
	if r.request == "" {
		return nil, usageError("the request is missing: give --request FILE, or --request - for standard input")
	}
	text, err := c.read(r.request, "--request")
	if err != nil {
		return nil, err
	}
	req, err := capture.Read(text)
	if err != nil {
		return nil, usageError("--request: " + err.Error())
	}
	if r.body == "" {
		return req, nil
	}
	body, err := c.read(r.body, "--body")
	if err != nil {
		return nil, err
	}
	if err := req.SetBody(body); err != nil {
		return nil, usageError("--body: " + err.Error())
	}
	return req, nil
}

// tell prints the notes of the capture, and its form unless it is a raw
// request.
func (r *captured) tell(c *console, req *capture.Request) {
	if !req.Raw() {
		c.note("note: the capture was read as %s", req.Form)
	}
	for _, note := range req.Notes() {
		c.note("note: %s", note)
	}
}
