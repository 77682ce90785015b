package capture

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// object is a JSON object. If several members have the same name, the last one
// counts.
type object map[string]json.RawMessage

// readJSON recognizes the form of the JSON.
func (r *Request) readJSON(text []byte) error {
	o, err := only(text)
	if err != nil {
		return err
	}
	switch {
	case o["log"] != nil:
		return r.readHAR(o["log"])
	case o["Records"] != nil:
		return errors.New("the input is an event from a queue or a topic, which contains no request: use hookonce listen --save to keep requests as they arrive")
	case o["httpMethod"] != nil || o["rawPath"] != nil:
		return r.readEvent(o)
	case o["request"] != nil && o["headers"] == nil:
		inner := o.object("request")
		if inner == nil {
			break
		}
		o = inner
	}
	return r.readObject(o)
}

// only returns the single object. Some tools write a list of one.
func only(text []byte) (object, error) {
	text = bytes.TrimSpace(text)
	if text[0] == '[' {
		n := 0
		var one json.RawMessage
		if err := each(text, func(item json.RawMessage) error {
			one = item
			n++
			return nil
		}); err != nil {
			return nil, err
		}
		if n != 1 {
			return nil, fmt.Errorf("the input is a JSON array of %d items: keep one request", n)
		}
		text = one
	}
	var o object
	if err := parse(text, &o); err != nil {
		return nil, err
	}
	return o, nil
}

// maxItems bounds the items that are read.
const maxItems = 100_000

// each calls f for each item of an array, decoding one at a time.
func each(text json.RawMessage, do func(item json.RawMessage) error) error {
	switch {
	case len(text) == 0:
		return errKind
	case !json.Valid(text):
		return parse(text, new(json.RawMessage)) // its error has the position
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errKind
	}
	for n := 0; d.More(); n++ {
		var item json.RawMessage
		if err := d.Decode(&item); err != nil {
			return errKind
		}
		if n == maxItems {
			return errors.New("an array in the JSON has more than 100,000 items: keep one request")
		}
		if err := do(item); err != nil {
			return err
		}
	}
	return nil
}

var errKind = errors.New("the input is JSON, but not in a recognized form: hookonce help verify lists the forms")

// parse decodes JSON. An error names the line and quotes nothing.
func parse(text []byte, to any) error {
	err := json.Unmarshal(text, to)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
		return fmt.Errorf("the input starts like JSON, but line %d is invalid. If a program printed the input, print it with JSON.stringify or json.dumps", line)
	default:
		return errKind
	}
}

// object returns the member if it is an object.
func (o object) object(name string) object {
	var inner object
	if json.Unmarshal(o[name], &inner) != nil {
		return nil
	}
	return inner
}

// text returns the first of these members that is a string.
func (o object) text(names ...string) string {
	for _, name := range names {
		var s string
		if json.Unmarshal(o[name], &s) == nil && s != "" {
			return s
		}
	}
	return ""
}

// isTrue reports whether one of these members is true.
func (o object) isTrue(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return string(o[name]) == "true" })
}

// first returns the first of these members that is present.
func (o object) first(names ...string) json.RawMessage {
	for _, name := range names {
		if text := o[name]; text != nil && string(text) != "null" {
			return text
		}
	}
	return nil
}

// setBody sets the body from JSON.
func (r *Request) setBody(text json.RawMessage, encoded bool) error {
	r.Body = []byte{}
	switch {
	case len(text) == 0 || string(text) == "null":
		return nil
	case text[0] != '"':
		r.Body = text
		r.lose("the body is JSON within JSON instead of text, so its bytes may not be those that were sent. They are used as they are")
		return nil
	}
	var s string
	if err := parse(text, &s); err != nil {
		return err
	}
	if encoded {
		body, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return errors.New("the body is marked as base64, but is not valid base64: is it complete?")
		}
		r.Body = body
		return nil
	}
	r.Body = []byte(s)
	if strings.ContainsRune(s, '\ufffd') {
		r.lose("the body contains U+FFFD, which tools write for bytes that are not text, so the original bytes are lost")
	}
	return nil
}

// setHeaders sets the headers from an object, whose members are a value or a
// list of values, or from a list of names with values.
func (r *Request) setHeaders(text json.RawMessage) error {
	if len(text) > 0 && text[0] == '[' {
		return r.listHeaders(text)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errHeaders
	}
	for d.More() { // in order, including repeated names
		name, err := d.Token()
		if err != nil {
			return errHeaders
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return errHeaders
		}
		values, err := texts(value)
		if err != nil {
			return err
		}
		for _, v := range values {
			if err := r.addJSON(fmt.Sprint(name), v); err != nil {
				return err
			}
		}
	}
	return nil
}

var errHeaders = errors.New("the headers must be a JSON object of names and values, or a JSON array of headers. A value must be a string, a number or an array of strings")

func (r *Request) addJSON(name, value string) error {
	if err := r.add(name, value); err != nil {
		return headerError(fmt.Sprintf("header %d", r.lines+1), err)
	}
	return nil
}

// texts returns the values of one header.
func texts(text json.RawMessage) ([]string, error) {
	var one string
	if json.Unmarshal(text, &one) == nil {
		return []string{one}, nil
	}
	var list []string
	if json.Unmarshal(text, &list) == nil {
		return list, nil
	}
	var number json.Number
	if json.Unmarshal(text, &number) == nil {
		return []string{number.String()}, nil
	}
	return nil, errHeaders
}

// listHeaders sets the headers from a list of objects with name (or key) and
// value, of pairs, or of lines.
func (r *Request) listHeaders(text json.RawMessage) error {
	return each(text, func(item json.RawMessage) error {
		var (
			line string
			pair []string
			o    object
		)
		switch {
		case json.Unmarshal(item, &line) == nil:
			name, value, _ := strings.Cut(line, ":")
			return r.addJSON(name, value)
		case json.Unmarshal(item, &pair) == nil && len(pair) == 2:
			return r.addJSON(pair[0], pair[1])
		case json.Unmarshal(item, &o) == nil:
			return r.addJSON(o.text("name", "key"), o.text("value"))
		default:
			return errHeaders
		}
	})
}

// readObject reads an object with method, URL, headers and body, as hookonce
// sign --json and the APIs of request bins write it.
func (r *Request) readObject(o object) error {
	r.Form = "a JSON object with method, URL, headers and body"
	given := o.first("headers", "header")
	if given == nil {
		return errors.New("the input is JSON without headers. If the input is the body alone, put the headers and a blank line before it. hookonce help verify lists " +
			"the recognized forms")
	}
	if err := r.setHeaders(given); err != nil {
		return err
	}
	if method := o.text("method"); method != "" {
		if err := r.setMethod(strings.ToUpper(method)); err != nil {
			return err
		}
	}
	if target := o.text("url", "uri", "rawUrl", "target", "raw_path", "path"); target != "" {
		if query := strings.TrimPrefix(o.text("query", "rawQuery", "query_string"), "?"); query != "" && !strings.Contains(target, "?") {
			target += "?" + query
		}
		if err := r.setURL(target); err != nil {
			return err
		}
	}
	if o.first("bodyBase64", "body_base64") != nil {
		return r.setBody(o.first("bodyBase64", "body_base64"), true)
	}
	body := o.first("rawBody", "raw_body", "body", "content", "payload", "data")
	if body == nil && r.header.Get("Content-Length") != "" && r.header.Get("Content-Length") != "0" {
		r.lose("the JSON has no body")
	}
	return r.setBody(body, o.isTrue("isBase64Encoded", "is_base64_encoded"))
}
