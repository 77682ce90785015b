package explain

import "slices"

// Mistake is a name from a closed set, such as "body-newline".
// docs/troubleshooting.md explains the most common ones. A name never changes,
// so logs and alerts can depend on it.
type Mistake string

// Mistakes in the receiver's secrets.
const (
	// secretNewline: white space or a newline around the secret, or inside it.
	secretNewline Mistake = "secret-newline"
	// secretQuoted: the quotes of a configuration file are part of the secret.
	secretQuoted Mistake = "secret-quoted"
	// secretLabel: other text was copied with the secret, such as "v1," or
	// "NAME=".
	secretLabel Mistake = "secret-label"
	// secretPrefix: whsec_ is missing, or was added to a secret that has no
	// prefix.
	secretPrefix Mistake = "secret-prefix"
	// secretHex: a hexadecimal secret is used as text, or text as hexadecimal.
	secretHex Mistake = "secret-hex"
	// secretBase64: a base64 secret is used as text, text is used as base64, or
	// the padding is missing.
	secretBase64 Mistake = "secret-base64"
	// secretBase64URL: the secret is written in the URL alphabet of base64.
	secretBase64URL Mistake = "secret-base64url" //nolint:gosec // no credential
	// secretKind: a key of another kind, such as a public key where a shared
	// secret is needed, or the sender's private key.
	secretKind Mistake = "secret-kind"
	// secretRefused: a configured secret is not valid under this scheme.
	secretRefused Mistake = "secret-refused"
	// otherKey: the message is signed with the key of another tenant, endpoint
	// or environment.
	otherKey Mistake = "other-key"
	// keyExpired: the key that verifies is past its NotAfter.
	keyExpired Mistake = "key-expired"
	// keyNotYetValid: the key that verifies is before its NotBefore.
	keyNotYetValid Mistake = "key-not-yet-valid"
	// unknownSource: the key source has no keys for the request.
	unknownSource Mistake = "unknown-source"
	// keysUnavailable: the key source failed.
	keysUnavailable Mistake = "keys-unavailable"
	// misconfigured: the verifier refuses its configuration.
	misconfigured Mistake = "misconfigured"
)

// Mistakes in the body, on the way from the sender.
const (
	// bodyNewline: white space at the end or the beginning was added or
	// removed.
	bodyNewline Mistake = "body-newline"
	// bodyLineEnds: CRLF became LF, or the reverse.
	bodyLineEnds Mistake = "body-line-ends"
	// bodyBOM: a byte order mark was added or removed.
	bodyBOM Mistake = "body-bom"
	// bodyReformatted: JSON was indented or minified.
	bodyReformatted Mistake = "body-reformatted"
	// bodyKeyOrder: the members of JSON objects were reordered.
	bodyKeyOrder Mistake = "body-key-order"
	// bodyEscapes: characters in JSON strings were escaped or unescaped.
	bodyEscapes Mistake = "body-escapes"
	// bodyNumbers: JSON numbers were rewritten, such as 1 for 1.0.
	bodyNumbers Mistake = "body-numbers"
	// bodyCharset: the text was converted to another character set, or twice.
	bodyCharset Mistake = "body-charset"
	// bodyCompressed: the body is still compressed, but the sender signed the
	// uncompressed bytes.
	bodyCompressed Mistake = "body-compressed"
	// bodyDecompressed: the body was decompressed, but the sender signed the
	// compressed bytes.
	bodyDecompressed Mistake = "body-decompressed"
	// bodyBase64: the body is the base64 of the signed bytes.
	bodyBase64 Mistake = "body-base64"
	// bodyWrapped: the signed bytes are inside a JSON string, an envelope or a
	// form, or were taken out of one.
	bodyWrapped Mistake = "body-wrapped"
	// bodyForm: a form was encoded again, differently.
	bodyForm Mistake = "body-form"
	// bodyTruncated: the end of the body is missing.
	bodyTruncated Mistake = "body-truncated"
	// bodyConsumed: upstream code read the body, and nothing is left.
	bodyConsumed Mistake = "body-consumed"
	// bodyTooLarge: the body is larger than Config.MaxBody, or than a limit
	// upstream.
	bodyTooLarge Mistake = "body-too-large"
	// bodyDigest: the signature matches the digest in the request, but the body
	// does not.
	bodyDigest Mistake = "body-digest"
	// bodyLogged: the body is escaped as logs and debuggers print it.
	bodyLogged Mistake = "body-logged"
	// bodyParsed: the body is the printed form of a parsed body, such as
	// "[object Object]".
	bodyParsed Mistake = "body-parsed"
)

// Mistakes in the headers and the address, on the way from the sender.
const (
	// headerMissing: a header that the scheme needs is missing.
	headerMissing Mistake = "header-missing"
	// headerRenamed: a header arrived under another name.
	headerRenamed Mistake = "header-renamed"
	// headerFamily: the headers of two families are mixed, such as svix-* and
	// webhook-*, or they are from another family than the scheme's.
	headerFamily Mistake = "header-family"
	// headerFolded: a newline, a space or quotes were added to a header.
	headerFolded Mistake = "header-folded"
	// headerDuplicated: a header or its value is repeated.
	headerDuplicated Mistake = "header-duplicated"
	// signatureLabel: the label before the signature is missing or wrong.
	signatureLabel Mistake = "signature-label"
	// signatureEncoding: the signature is right, but in another encoding.
	signatureEncoding Mistake = "signature-encoding"
	// signatureCut: only the beginning of the right signature is there.
	signatureCut Mistake = "signature-cut"
	// otherScheme: the message is from another provider.
	otherScheme Mistake = "other-scheme"
	// idDot: the message id contains a dot.
	idDot Mistake = "id-dot"
	// wrongURL: the sender signs another address than the configured one.
	wrongURL Mistake = "url"
	// wrongMethod: the sender used another method than the request has.
	wrongMethod Mistake = "method"
	// unconfirmed: the sender wants the endpoint to be confirmed before it
	// sends messages.
	unconfirmed Mistake = "unconfirmed"
)

// Mistakes in the timestamp.
const (
	// timestampUnit: milliseconds instead of seconds, or seconds instead of
	// milliseconds.
	timestampUnit Mistake = "timestamp-unit"
	// timestampFormat: a date instead of a number, or a number instead of a
	// date.
	timestampFormat Mistake = "timestamp-format"
	// timestampFuture: the clock here is slow, or the sender's is fast.
	timestampFuture Mistake = "timestamp-future"
	// timestampPast: the message was sent again too late, arrived late, or the
	// clock here is fast. All three look the same.
	timestampPast Mistake = "timestamp-past"
)

// Findings about the search itself.
const (
	// unexplained: no candidate that was tried verifies.
	unexplained Mistake = "unknown"
	// notFinished: the bound on the work was reached before everything was
	// tried.
	notFinished Mistake = "unfinished"
	// notTried: the sender's keys are fetched over the network, and this
	// package does no network I/O.
	notTried Mistake = "not-tried"
)

// advice is the general text for a mistake. A proposal or observation with more
// details replaces what.
type advice struct {
	mistake            Mistake
	what, remedy, look string
}

// adviceFor returns the advice for a mistake. It panics for a mistake without
// advice, which is a bug that the tests find.
func adviceFor(m Mistake) advice {
	all := table()
	return all[slices.IndexFunc(all, func(a advice) bool { return a.mistake == m })]
}

const (
	// Where to look. Many mistakes have the same place, and the texts must not
	// differ by accident.
	whereSecret = "where the program reads the secret: the environment variable, the .env file or the secret manager"
	whereShown  = "the sender's settings page for this endpoint, which shows the secret"
	whereBody   = "what runs before the verification: middleware that parses the body, a gateway, a proxy, a queue or a tunnel"
	whereProxy  = "the settings of the proxies and gateways on the way, and a request as it arrives at the first one"
	whereClock  = "the clocks: chronyc tracking or timedatectl here, and the sender's record of this attempt"
)

// table is the advice for every mistake. It is a function, not a variable, so
// that nobody can change it.
func table() []advice {
	return []advice{
		{
			// In the receiver's secrets. The texts say what to change, never what the secret is.
			secretNewline, "the configured secret has white space or a newline around or inside it",
			"Trim the white space where the secret is read or stored, for example with strings.TrimSpace.", whereSecret,
		},
		{
			secretQuoted, "the configured secret has quotes around it",
			"Remove the quotes: some .env readers keep them.", whereSecret,
		},
		{
			secretLabel, "something else was copied along with the secret",
			"Copy the secret alone, without anything before or around it.", whereSecret,
		},
		{
			secretPrefix, "the secret's prefix is missing, or the secret has a prefix that does not belong to it",
			"Write the secret with the prefix that this scheme requires.", whereShown,
		},
		{
			secretHex, "the secret is hexadecimal but text is expected, or the reverse",
			"Write the secret in the form that the scheme expects, or set Template.Secret to the form that the secret has.", whereShown,
		},
		{
			secretBase64, "the secret is base64 but text is expected, or the reverse",
			"Write the secret in the form that the scheme expects, or set Template.Secret to the form that the secret has.", whereShown,
		},
		{
			secretBase64URL, "the secret is written in base64url",
			"Write the secret in standard base64: + for -, / for _, and padding.", whereSecret,
		},
		{
			secretKind, "the kind of key does not match the kind of signatures in the request",
			"Configure the key that verifies these signatures: whsec_ for v1, whpk_ for v1a, or the public key if the sender has one.", whereShown,
		},
		{
			secretRefused, "a configured secret is not valid under this scheme",
			"Copy the whole secret again from where the sender shows it.", whereSecret,
		},
		{
			otherKey, "the message is signed with a key that is not configured here",
			"Configure the secret of this endpoint and environment, or send the message to the endpoint that it is meant for.",
			"the sender's list of endpoints, and which secret belongs to which endpoint, in production and in test",
		},
		{
			keyExpired, "the message is signed with a key that is no longer accepted",
			"Accept the key for longer (Secret.NotAfter), or have the sender sign with the new key.", "the key's NotAfter, and the sender's rotation",
		},
		{
			keyNotYetValid, "the message is signed with a key that is not accepted yet",
			"Accept the key from the time at which the sender uses it (Secret.NotBefore).", "the key's NotBefore, and the sender's rotation",
		},
		{
			unknownSource, "the key source has no keys for this request",
			"Register the tenant or endpoint with the program, or correct the URL that is registered with the sender.", "the KeySource, and the path and headers that it reads",
		},
		{
			keysUnavailable, "the key source failed, so nothing can be verified",
			"Restore the key source. Senders retry their messages meanwhile.", "the KeySource's database or service",
		},
		{
			misconfigured, "the verifier's configuration is invalid",
			"Fix what the detail names.", "the call to core.New",
		},
		{
			// In the body. Nearly all have one fix: verify the bytes before other code parses them.
			bodyNewline, "white space was added or removed at the beginning or the end of the body",
			"Verify the bytes as they were received, before anything trims them or adds a newline.", whereBody,
		},
		{
			bodyLineEnds, "the line endings in the body were converted",
			"Treat the body as bytes, not as text.", whereBody,
		},
		{
			bodyBOM, "a byte order mark was added to the body or removed from it",
			"Treat the body as bytes, not as text.", whereBody,
		},
		{
			bodyReformatted, "the white space in the JSON body was changed",
			"Verify the bytes as they were received, never re-encoded JSON.", whereBody,
		},
		{
			bodyKeyOrder, "the members of JSON objects were reordered",
			"Verify the bytes as they were received, never re-encoded JSON.", whereBody,
		},
		{
			bodyEscapes, "characters in the JSON strings were escaped or unescaped",
			"Verify the bytes as they were received, never re-encoded JSON.", whereBody,
		},
		{
			bodyNumbers, "numbers in the JSON were rewritten",
			"Verify the bytes as they were received, never re-encoded JSON.", whereBody,
		},
		{
			bodyCharset, "the body was converted to another character set",
			"Treat the body as bytes, not as text in an assumed character set.", whereBody,
		},
		{
			bodyCompressed, "the body is still compressed, but the signature covers the uncompressed bytes",
			"Decompress the body before it is verified, with a limit on its size.", whereProxy,
		},
		{
			bodyDecompressed, "the body was decompressed, but the signature covers the compressed bytes",
			"Turn off the decompression of requests upstream of the verification.", whereProxy,
		},
		{
			bodyBase64, "the body is the signed bytes in base64",
			"Decode the body before it is verified: gateways mark such bodies, for example with isBase64Encoded.",
			"the gateway's or function's event, and its list of binary media types",
		},
		{
			bodyWrapped, "the signed text is only a part of the body, or the body is only a part of the signed text",
			"Verify exactly the inner or outer text that the sender signed.", "the gateway or queue that passes on the body, and its envelope",
		},
		{
			bodyForm, "the form in the body was re-encoded differently",
			"Verify the bytes as they were received, before the form is parsed.", whereBody,
		},
		{
			bodyTruncated, "the end of the body seems to be missing",
			"Raise the limit that cuts off the body, or refuse larger bodies.", "the body limits of proxies, gateways and body readers",
		},
		{
			bodyConsumed, "something read the body before the verification, so nothing was left",
			"Verify first, or restore the body after it is read.", "middleware that runs before the verification, and the framework's body parsers",
		},
		{
			bodyTooLarge, "the body is larger than Config.MaxBody",
			"Raise Config.MaxBody if messages of this size are expected.", "Config.MaxBody, and limits of proxies and middleware",
		},
		{
			bodyDigest, "the signature is valid for the digest that was sent, so the secret is right, but the body does not match that digest",
			"Verify the bytes as they were received: the body was changed between the sender and here.", whereBody,
		},
		{
			bodyLogged, "the body has the form in which a log writes it",
			"Verify the bytes that were received. For a capture, take them from the wire or use hookonce listen --save.",
			"the log's format, such as nginx's escape=none, and how the capture was made",
		},
		{
			bodyParsed, "the body is a printed form of a parsed body, not what a sender sends",
			"Pass on the bytes as they were received, for example with express.raw() instead of express.json().", whereBody,
		},
		{
			// In the headers and the address.
			headerMissing, "a header that the scheme needs is missing",
			"Let the header through: some proxies drop unknown names and names with an underscore.", whereProxy,
		},
		{
			headerRenamed, "a header arrived under another name",
			"Pass on the header under the sender's name.", whereProxy,
		},
		{
			headerFamily, "the headers do not all belong to one family",
			"Have the sender or the proxy use one family for all headers: the one that the scheme reads.",
			"the sender's settings for header names, and proxies that copy headers",
		},
		{
			headerFolded, "a newline, a space or quotes were added to a header",
			"Pass on header values unchanged, on one line.", whereProxy,
		},
		{
			headerDuplicated, "a header or its value is repeated",
			"Pass on each header once: set the header instead of adding a value.", whereProxy,
		},
		{
			signatureLabel, "the label before the signature is missing or wrong",
			"Pass on the signature with its label, or have the sender write this scheme's label.", whereProxy,
		},
		{
			signatureEncoding, "the signature is right, but in another encoding",
			"Have the sender use the scheme's encoding, or set Template.Encoding to the sender's.", "the sender's code that writes the signature",
		},
		{
			signatureCut, "the signature is only the beginning of the right one",
			"Raise the limit that cuts off the signature.", "limits on the length of header values, including any log or database that the header passes through",
		},
		{
			otherScheme, "the message is signed as another provider signs",
			"Configure that provider's scheme (package schemes), or register the endpoint with the right sender.", "Config.Scheme, and the URL that is " +
				"registered with the sender",
		},
		{
			idDot, "the message id contains a dot, which Standard Webhooks forbids",
			"Have the sender leave dots out of its ids, or see core.StandardWebhooks.DangerouslyAllowDots.", "the sender's code that creates the ids",
		},
		{
			wrongURL, "the sender signs a URL other than the configured one",
			"Configure the whole public URL, with path and query, exactly as it is registered with the sender.", "the scheme's URL, and the URL that is registered with the sender",
		},
		{
			wrongMethod, "the sender signs a method other than the request's",
			"Register the final URL, so that no redirect (301, 302, 303) turns POST into GET. Do not let a cache respond for the endpoint.",
			"redirects from the registered URL to this one, such as to https, to www or for a trailing slash, and caches",
		},
		{
			unconfirmed, "the sender wants the endpoint to be confirmed, and sends nothing else until then",
			"Let the scheme respond (AnswerHandshakes; on the command line, --answer-handshakes), or confirm the endpoint by hand.",
			"the subscription on the sender's side: is it pending?",
		},
		{
			// In the timestamp.
			timestampUnit, "the timestamp is not in the scheme's unit",
			"Have the sender write the timestamp in the scheme's unit.", "the sender's code that writes the timestamp",
		},
		{
			timestampFormat, "the timestamp is not in the scheme's form",
			"Have the sender write the timestamp in the scheme's form.", "the sender's code that writes the timestamp",
		},
		{
			timestampFuture, "the timestamp is in the future: the clock here is behind, or the sender's is ahead",
			"Synchronize the clocks with NTP, here and on the sender's side.", whereClock,
		},
		{
			timestampPast, "the message is older than the tolerance allows: it was re-sent, it arrived late, or the clock here is ahead of the sender's",
			"Have the sender sign each attempt with a new timestamp, or synchronize the clocks with NTP. Raise Config.Past only if a queue on the way is known to be slow.",
			whereClock + "; anything that stores messages and re-sends them",
		},
		{
			// About the search itself.
			unexplained, "the signature matches no variant that was tried",
			"Compare the secret with the one that the sender shows for this endpoint and environment. Then compare the body with the one that the sender sent, " +
				"byte by byte.",
			whereShown + "; then " + whereBody,
		},
		{
			notFinished, "the search reached its limit before it had tried everything",
			"Try again with a smaller message from the same sender.", "the sender's test message, which is usually small",
		},
		{
			notTried, "this sender's keys are fetched over the network, which explain does not do",
			"See the verifier's own error.", "the detail, and whether the program can reach the sender's hosts",
		},
	}
}
