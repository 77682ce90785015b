package capture

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// isCurl reports whether a curl command begins here.
func isCurl(start []byte) bool { return curlCommand.Match(start) }

var curlCommand = regexp.MustCompile(`^(\$ )?([^\s;|&<>()'"]*/)?curl(\.exe)?([\s\\]|$)`)

// curl is the request that a command sends.
type curl struct {
	*Request

	url, method string
	data, query []byte // of -d and --url-query
	hasData     bool
	json        bool
	get, head   bool
	fromFile    bool
	removed     []string // headers that curl would add
}

// readCommand reads a curl command: a browser's Copy as cURL (bash), or the
// output of hookonce sign --print curl.
func (r *Request) readCommand(text []byte) error {
	args, more, err := words(strings.TrimPrefix(string(bytes.TrimSpace(text)), "$ "))
	if err != nil {
		return err
	}
	c := &curl{Request: r}
	for args = args[min(1, len(args)):]; len(args) > 0; {
		used, err := c.option(args)
		if err != nil {
			return err
		}
		args = args[used:]
	}
	if more {
		r.note("the text after the curl command is ignored: if an & is part of the URL, quote the URL")
	}
	return c.finish()
}

// option applies the first of args, and returns how many it used. A letter may
// be followed by others, or by its value.
func (c *curl) option(args []string) (used int, err error) {
	arg := args[0]
	if !strings.HasPrefix(arg, "-") || arg == "-" {
		return 1, c.setAddress(arg)
	}
	if long, ok := strings.CutPrefix(arg, "--"); ok {
		return c.apply(long, "", args[1:])
	}
	for i := 1; i < len(arg); i++ {
		long := longName(arg[i])
		if !takesValue(long) {
			if _, err := c.apply(long, "", nil); err != nil {
				return 0, err
			}
			continue
		}
		return c.apply(long, arg[i+1:], args[1:])
	}
	return 1, nil
}

func (c *curl) apply(name, value string, rest []string) (used int, err error) {
	used = 1
	if takesValue(name) && value == "" {
		if len(rest) == 0 {
			return 0, fmt.Errorf("the command ends where --%s needs a value", name)
		}
		value, used = rest[0], 2
	}
	return used, c.set(name, value)
}

func (c *curl) setAddress(text string) error {
	if c.url != "" {
		return errors.New("the command has more than one URL: keep one. Quote a URL that has an &")
	}
	c.url = text
	return nil
}

// set applies one option.
func (c *curl) set(name, value string) error {
	switch name {
	case "url":
		return c.setAddress(value)
	case "request":
		c.method = value
	case "header":
		return c.setHeader(value)
	case "data", "data-ascii", "data-binary", "json":
		file := strings.HasPrefix(value, "@")
		c.json = c.json || name == "json"
		c.append(value, name != "json", file)
		if file && (name == "data" || name == "data-ascii") {
			c.note("-d sends a file without its newlines; --data-binary sends it unchanged")
		}
	case "data-raw":
		c.append(value, true, false)
	case "data-urlencode":
		text, file := urlencoded(value)
		c.append(text, true, file)
	case "url-query":
		text, file := urlencoded(value)
		if plain, ok := strings.CutPrefix(value, "+"); ok {
			text, file = plain, false
		}
		if file {
			return errors.New("--url-query names a file, which is not read: replace the name with the file's content")
		}
		c.query = joined(c.query, text, "&")
	case "get":
		c.get = true
	case "head":
		c.head = true
	case "user-agent":
		return c.setHeader("User-Agent: " + value)
	case "referer":
		return c.setHeader("Referer: " + value)
	case "cookie":
		if strings.Contains(value, "=") {
			return c.setHeader("Cookie: " + value)
		}
	case "user":
		return c.setHeader("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(value)))
	case "oauth2-bearer":
		return c.setHeader("Authorization: Bearer " + value)
	case "form", "form-string", "upload-file":
		return fmt.Errorf("--%s creates a body that is not in the command: capture the request where it is received", name)
	case "config", "next":
		return fmt.Errorf("--%s is not supported: the command must contain one complete request", name)
	default:
		if !ignored(name) {
			return unknownOption(name)
		}
	}
	return nil
}

// unknownOption names the option, unless it may be a secret in the wrong place.
func unknownOption(name string) error {
	if !regexp.MustCompile(`^[a-z0-9][a-z-]{0,24}$`).MatchString(name) {
		return errors.New("the command has an option that is not one of curl's")
	}
	return fmt.Errorf("the command has the unknown option --%s: remove the option if it does not change the request", name)
}

// append adds data. curl writes & before the data, except before the data of
// --json.
func (c *curl) append(text string, and, file bool) {
	separator := ""
	if and && c.hasData {
		separator = "&"
	}
	c.hasData = true
	if file {
		c.fromFile, text = true, ""
	}
	c.data = append(append(c.data, separator...), text...)
}

func joined(to []byte, text, separator string) []byte {
	if len(to) > 0 {
		to = append(to, separator...)
	}
	return append(to, text...)
}

// urlencoded encodes a value of --data-urlencode: content, =content or
// name=content, or a file with @.
func urlencoded(value string) (text string, file bool) {
	i := strings.IndexAny(value, "=@")
	if i >= 0 && value[i] == '@' {
		return "", true
	}
	name, content, found := strings.Cut(value, "=")
	if !found {
		return escape(value), false
	}
	if name != "" {
		name += "="
	}
	return name + escape(content), false
}

// escape escapes as curl does.
func escape(text string) string {
	return url.QueryEscape(text)
}

// setHeader applies a value of -H. "Name;" is a header without a value. "Name:"
// removes a header that curl would add.
func (c *curl) setHeader(text string) error {
	if strings.HasPrefix(text, "@") {
		return errors.New("-H names a file, which is not read: replace the name with the file's headers")
	}
	name, value, found := strings.Cut(text, ":")
	if strings.HasPrefix(text, ":") {
		return nil // an HTTP/2 pseudo-header: browsers copy them, curl does not send them
	}
	switch {
	case found && strings.Trim(value, " \t") == "":
		c.removed = append(c.removed, http.CanonicalHeaderKey(name))
		return nil
	case !found:
		name, found = strings.CutSuffix(text, ";")
		if !found {
			return nil // curl does not send it
		}
	}
	if err := c.add(name, value); err != nil {
		return headerError("an -H of the command", err)
	}
	return nil
}

func (c *curl) finish() error {
	target := c.url
	if target == "" {
		return errors.New("the command has no URL")
	}
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	if c.get {
		c.query, c.data, c.hasData = joined(c.query, string(c.data), "&"), nil, false
	}
	target, _, _ = strings.Cut(target, "#")
	if len(c.query) > 0 {
		separator := "?"
		if strings.Contains(target, "?") {
			separator = "&"
		}
		target += separator + string(c.query)
	}
	if u, err := url.Parse(target); err == nil && u.User != nil {
		c.fallback("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.String())))
	}
	if err := c.setURL(target); err != nil {
		return err
	}
	if err := c.setMethod(cmp.Or(c.method, c.usual())); err != nil {
		return err
	}
	switch {
	case c.json:
		c.fallback("Content-Type", "application/json")
		c.fallback("Accept", "application/json")
	case c.hasData:
		c.fallback("Content-Type", "application/x-www-form-urlencoded")
	}
	c.Body = c.data
	if c.Body == nil {
		c.Body = []byte{}
	}
	if c.fromFile {
		c.Body = nil
		c.lose("the body is in a file that the command names")
	}
	return nil
}

// usual returns the method if there is no -X.
func (c *curl) usual() string {
	switch {
	case c.head:
		return http.MethodHead
	case c.hasData:
		return http.MethodPost
	default:
		return http.MethodGet
	}
}

// fallback adds a header that curl sends by default.
func (c *curl) fallback(name, value string) {
	if _, ok := c.header[name]; !ok && !slices.Contains(c.removed, name) {
		c.header.Set(name, value)
	}
}

// longName returns the long form of a one-letter option, or the letter itself
// if it is unknown.
func longName(letter byte) string {
	const pairs = "X=request H=header d=data G=get I=head A=user-agent e=referer b=cookie u=user F=form T=upload-file K=config " +
		":=next o=output w=write-out m=max-time x=proxy U=proxy-user c=cookie-jar D=dump-header E=cert C=continue-at y=speed-time Y=speed-limit " +
		"z=time-cond r=range P=ftp-port Q=quote t=telnet-option h=help"
	for pair := range strings.FieldsSeq(pairs) {
		if pair[0] == letter {
			return pair[2:]
		}
	}
	return string(letter)
}

// takesValue reports whether a value follows the option.
func takesValue(name string) bool {
	const all = " request header data data-ascii data-binary data-raw data-urlencode json url url-query user-agent referer cookie user oauth2-bearer form " +
		"form-string upload-file config " + withValue
	return strings.Contains(all, " "+name+" ")
}

// withValue lists options whose value does not change what is signed.
const withValue = " output write-out max-time proxy proxy-user cookie-jar dump-header cert continue-at speed-time speed-limit time-cond range ftp-port " +
	"quote telnet-option connect-timeout retry retry-delay retry-max-time cacert capath key key-type cert-type pass resolve connect-to interface limit-rate " +
	"trace trace-ascii stderr unix-socket max-redirs max-filesize ciphers tls13-ciphers tls-max local-port dns-servers doh-url noproxy socks5 " +
	"socks5-hostname socks4 socks4a keepalive-time expect100-timeout happy-eyeballs-timeout-ms output-dir create-file-mode "

// withoutValue lists such options without a value, including letters without a
// long form here.
const withoutValue = " s S i v L k f g # N 4 6 0 1 2 3 n O J R q Z j l B a " +
	"silent show-error include verbose location location-trusted insecure fail fail-with-body fail-early globoff progress-bar no-progress-meter no-buffer ipv4 " +
	"ipv6 http0.9 http1.0 http1.1 http2 http2-prior-knowledge http3 http3-only compressed compressed-ssh tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 sslv2 sslv3 " +
	"ssl-no-revoke ssl-reqd path-as-is no-keepalive no-sessionid no-alpn no-npn tcp-nodelay tcp-fastopen tr-encoding remote-name remote-header-name " +
	"remote-time remove-on-error create-dirs disable netrc netrc-optional parallel post301 post302 post303 trace-time raw junk-session-cookies basic anyauth " +
	"retry-connrefused retry-all-errors styled-output suppress-connect-headers xattr no-clobber clobber "

func ignored(name string) bool {
	return strings.Contains(withValue, " "+name+" ") || strings.Contains(withoutValue, " "+name+" ")
}
