package schemes

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// object is a JSON object in which no two names are equal, even if case is
// ignored. So a parser that ignores case, such as encoding/json, finds the same
// values as we do.
type object map[string]json.RawMessage

// maxMembers limits the work of parseObject, which compares each name with all
// earlier names.
const maxMembers = 64

func parseObject(text []byte) (object, error) {
	bad := errors.New("the text is not a JSON object in valid UTF-8")
	d := json.NewDecoder(bytes.NewReader(text))
	// Invalid UTF-8 is rejected, because the decoder would replace it, and other parsers might not.
	if open, err := d.Token(); err != nil || open != json.Delim('{') || !utf8.Valid(text) {
		return nil, bad
	}
	o := object{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, bad
		}
		// Compare without regard to case, since parsers differ in whether they ignore case.
		for other := range o {
			if strings.EqualFold(name, other) {
				return nil, errors.New("two names in a JSON object are equal or differ only in case: cannot tell which one counts")
			}
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, bad
		}
		if o[name] = value; len(o) > maxMembers {
			return nil, errors.New("a JSON object has more than " + strconv.Itoa(maxMembers) + " names")
		}
	}
	if _, err := d.Token(); err != nil || len(bytes.Trim(text[d.InputOffset():], " \t\r\n")) != 0 {
		return nil, bad
	}
	return o, nil
}

// text returns the string with this name, unescaped.
func (o object) text(name string) (string, bool) {
	raw, ok := o[name]
	if !ok || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// misspells reports whether one of these names is present in another case.
// Parsers that ignore case would find it, and others would not.
func (o object) misspells(names []string) bool {
	for name := range o {
		for _, known := range names {
			if name != known && strings.EqualFold(name, known) {
				return true
			}
		}
	}
	return false
}

// seconds returns the time with this name, in whole seconds since 1970.
func (o object) seconds(name string) (time.Time, bool) {
	n, ok := digits(string(o[name]))
	return time.Unix(n, 0), ok
}
