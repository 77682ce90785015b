package capture

import (
	"bytes"
	"errors"
	"regexp"
)

// unreadable names forms that cannot be read, and what to use instead.
func unreadable(text []byte) error {
	for _, f := range []struct{ start, what string }{
		{"\xff\xfe", utf16},
		{"\xfe\xff", utf16},
		{"\x1f\x8b", "the input is compressed with gzip: decompress it"},
		{"PK\x03\x04", "the input is a zip file: extract the capture"},
		{"\xd4\xc3\xb2\xa1", packets},
		{"\xa1\xb2\xc3\xd4", packets},
		{"\x4d\x3c\xb2\xa1", packets},
		{"\x0a\x0d\x0d\x0a", packets},
		{"\x89PNG", "the input is an image: give the text"},
		{"\xff\xd8\xff", "the input is an image: give the text"},
		{"PRI * HTTP/2.0", "the input is binary HTTP/2: give the headers and the body as text"},
		{"\x16\x03", "the input is encrypted (TLS): capture the request where it is decrypted"},
		{"== Info:", traced},
		{"=> Send header", traced},
		{"HTTP/", "line 1 belongs to a response: give the request that was sent to the endpoint"},
		{"http://", address},
		{"https://", address},
		{"<", "the input is HTML or XML: give the request with its headers and body"},
	} {
		if bytes.HasPrefix(text, []byte(f.start)) {
			return errors.New(f.what)
		}
	}
	start := bytes.TrimSpace(text[:min(len(text), 64<<10)])
	if groups := other.FindSubmatchIndex(start); groups != nil {
		for i, what := range []string{
			"the input is JavaScript (Copy as fetch): " + take,
			"the input is PowerShell: " + take,
			"the input is a command for cmd.exe: " + take,
			"the input is a command for PowerShell: " + take,
			"the input is a command for a program other than curl: have that program print the request, or " + take,
			"header names and values are on separate lines: write each header as \"Name: value\", or " + take,
			"the input is a program: give the request that it sends",
		} {
			if groups[2*i+2] >= 0 {
				return errors.New(what)
			}
		}
	}
	return nil
}

// other has a group for each form that unreadable names.
var other = regexp.MustCompile(`(?s)^(?:((?:await )?fetch\()` +
	`|((?i:invoke-webrequest|invoke-restmethod|iwr |irm |\$session *=))` +
	`|((?:\$ )?curl(?:\.exe)? (?:(?:--?[a-z-]+ )*\^"|[^']* \^\r?\n))` +
	"|((?:\\$ )?curl(?:\\.exe)? [^']*`\r?\n)" +
	`|((?:\$ )?(?:wget|http|https|xh|httpie) )` +
	`|((?:Request URL|Request Headers|General|:authority|:method)\r?\n)` +
	`|(import |require\(|using |package |#!))`)

const (
	take    = "use Copy as cURL (bash)"
	utf16   = "the input is UTF-16, as PowerShell writes with >. Save it as UTF-8, but not with PowerShell, which changes the bytes of the body"
	packets = "the input is a packet capture: follow the HTTP stream in Wireshark, and save the request"
	traced  = "the input is the output of curl --trace, which is not supported: use curl -v, or the command itself"
	address = "the input is only a URL: give the request with its headers and body"
)
