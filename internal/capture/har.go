package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// har is what is read of a HAR file.
type har struct {
	Entries []entry `json:"entries"`
}

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

// readHAR takes the only request, or the only one with a body.
func (r *Request) readHAR(text json.RawMessage) error {
	r.Form = "a HAR file"
	var log har
	if err := parse(text, &log); err != nil {
		return err
	}
	all := log.Entries
	with := slices.DeleteFunc(slices.Clone(all), func(e entry) bool {
		return e.Request.PostData == nil
	})
	switch {
	case len(all) == 0:
		return errors.New("the HAR file has no request")
	case len(all) == 1:
	case len(with) == 1:
		all = with
		r.note("the HAR file has %d requests: the only one with a body is taken", len(log.Entries))
	default:
		return fmt.Errorf("the HAR file has %d requests, %d of them with a body: keep the one", len(all), len(with))
	}
	sent := &all[0].Request
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
		r.lose("the HAR file has the body as parts of a form, and not its bytes")
		return nil
	default:
		return r.setBody(data.Text, data.Encoding == "base64")
	}
}
