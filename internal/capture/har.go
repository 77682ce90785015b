package capture

import (
	"encoding/json"
	"errors"
	"fmt"
)

// entry holds the parts of a HAR entry that are read.
type entry struct {
	Request struct {
		Method   string          `json:"method"`
		URL      string          `json:"url"`
		Headers  json.RawMessage `json:"headers"`
		BodySize int             `json:"bodySize"`
		PostData *struct {
			Text     json.RawMessage `json:"text"`
			Encoding string          `json:"encoding"`
		} `json:"postData"`
	} `json:"request"`
}

// readHAR reads the only request, or the only request with a body.
func (r *Request) readHAR(text json.RawMessage) error {
	r.Form = "a HAR file"
	var log object
	if err := parse(text, &log); err != nil {
		return err
	}
	all, with := 0, 0
	var first, body entry
	if err := each(log["entries"], func(item json.RawMessage) error {
		var e entry
		if err := parse(item, &e); err != nil {
			return err
		}
		if all++; all == 1 {
			first = e
		}
		if e.Request.PostData != nil {
			with++
			body = e
		}
		return nil
	}); err != nil {
		return err
	}
	sent := &first.Request
	switch {
	case all == 0:
		return errors.New("the HAR file has no request")
	case all == 1:
	case with == 1:
		sent = &body.Request
		r.note("the HAR file has %d requests: the only one with a body is used", all)
	default:
		return fmt.Errorf("the HAR file has %d requests, %d of them with a body: keep one", all, with)
	}
	if err := r.setMethod(sent.Method); err != nil {
		return err
	}
	if err := r.setHeaders(sent.Headers); err != nil {
		return err
	}
	if err := r.setURL(sent.URL); err != nil {
		return err
	}
	switch data := sent.PostData; {
	case data == nil && sent.BodySize > 0:
		r.lose("the HAR file was saved without bodies")
		return nil
	case data == nil:
		return r.setBody(nil, false)
	case len(data.Text) == 0:
		r.lose("the HAR file has the body as form parts, not as bytes")
		return nil
	default:
		return r.setBody(data.Text, data.Encoding == "base64")
	}
}
