// Package worstcase has bodies of a mebibyte that are the most expensive for
// package explain. The tests of explain limit the work for each body, and the
// benchmarks measure the time.
package worstcase

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"strings"
)

const mebibyte = 1 << 20

// JSON returns JSON of about a mebibyte, to which every change applies.
func JSON() []byte {
	var b bytes.Buffer
	b.WriteString(`{"type":"report","items":[`)
	for i := 0; b.Len() < mebibyte-300; i++ {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"id":%d,"price":%d.5,"name":"Größe <b>%d</b> \u00e9 a/b","list":[1,2,3],"nested":{"x":"y","a":null}}`, i, i, i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// Bodies returns the bodies by name.
func Bodies() map[string][]byte {
	return map[string][]byte{
		"JSON": JSON(), "text": bytes.Repeat([]byte("lorem ipsum é\r\n"), mebibyte/16),
		"base64": []byte(base64.StdEncoding.EncodeToString(JSON()[:mebibyte*3/4])), "gzip": squeeze(JSON()),
		"a bomb": squeeze(make([]byte, 64<<20)), "brackets": bytes.Repeat([]byte("["), mebibyte), "open objects": bytes.Repeat([]byte(`{"a":`), mebibyte/5),
		"a string": []byte(`"` + strings.Repeat(`\u00e9`, mebibyte/6) + `"`), "form": []byte("a=" + strings.Repeat("%2f+&b=", mebibyte/7)),
		"members": members(mebibyte, ""), "members of long names": members(mebibyte, strings.Repeat("k", 1000)),
		"commas in depth":       []byte(strings.Repeat("[", 250) + strings.Repeat("1,", 500_000) + "1" + strings.Repeat("]", 250)),
		"objects in depth":      []byte(strings.Repeat(strings.Repeat(`{"b":1,"a":`, 200)+"1"+strings.Repeat("}", 200), 400)),
		"escapes that are none": []byte(`{"a":"` + strings.Repeat(`\u00`, 200_000) + `"}`),
		"numbers":               []byte("[" + strings.Repeat("1e999999999,-1e-99999999,1e20,", 30_000) + strings.Repeat("9", 100_000) + "]"),
		"fields":                fields(mebibyte),
	}
}

func members(size int, prefix string) []byte {
	var b bytes.Buffer
	b.WriteString("{")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `"%s%d":%d,`, prefix, size-i, i)
	}
	b.WriteString(`"z":1}`)
	return b.Bytes()
}

func fields(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%d=%%2f&", i)
	}
	return b.Bytes()
}

func squeeze(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}
