package schemes

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"net/http"
	"strings"
	"sync"

	"github.com/hookonce/hookonce/core"
)

// Lark returns the scheme for Lark and Feishu events. The X-Lark-Signature
// header holds the hex-encoded SHA-256 of X-Lark-Request-Timestamp (in
// seconds), X-Lark-Request-Nonce, the Encrypt Key and the body, without
// separators. The secret is the Encrypt Key. Without an Encrypt Key, Lark signs
// nothing.
//
// No readable field identifies the event, since its event_id is inside the
// encrypted body. Each attempt therefore counts as a separate message, and the
// handler runs again for a redelivery. The handler must decrypt the body and
// check event_id. Card callbacks with another time format are rejected as
// malformed.
//
// Anyone who captured a message can extend a plain hash. The extension always
// contains a zero byte, and JSON never does, so a body with a zero byte is
// rejected.
//
// verifyToken is the app's Verification Token. The endpoint responds to an
// unsigned url_verification request if the request has that token, in plain
// text or encrypted. If verifyToken is empty, the endpoint responds only to a
// signed request.
//
// Source: larksuite/oapi-sdk-go, event/dispatcher at commit 160d9ae, as of
// November 2026.
func Lark(verifyToken string) core.Scheme {
	return lark{must(Template{
		Name: "lark", Signature: Header("X-Lark-Signature"),
		Timestamp: Header("X-Lark-Request-Timestamp"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}{body}", // only for the checks; nonce and key are added
	}), handshakeToken(verifyToken)}
}

type lark struct {
	*templated

	allowed func(token string) bool
}

const larkNonce = "X-Lark-Request-Nonce"

// Facts implements [core.Describer].
func (s lark) Facts() core.Facts {
	f := s.facts(s, func(to *signing) {
		to.signer = larkSum
		if len(to.header[larkNonce]) == 0 {
			to.header[larkNonce] = []string{to.newID()}
		}
	})
	f.Headers[0] = append(f.Headers[0], larkNonce)
	f.Challenge = answerLark
	f.AwaitsHandshake = func(r *core.Request) bool {
		return s.allowed != nil && r.Method == http.MethodPost && hasType(r.Header, "application/json") && bare(f, r.Header)
	}
	f.AnswerHandshake = s.answer
	return f
}

// ParseKey implements [core.Scheme]. The first brace of the signed text marks
// the beginning of the body, so a key must not contain one.
func (lark) ParseKey(text string) (core.VerifyKey, error) {
	if text == "" {
		return nil, errors.New("the key is empty, so anybody could sign with it")
	}
	if err := notPublic(text); err != nil {
		return nil, err
	}
	if strings.Contains(text, "{") {
		return nil, errors.New("the Encrypt Key contains a brace, so one signature would fit two messages: choose another key")
	}
	return newLarkKey(text)
}

// ReadHeader implements [core.Scheme].
func (s lark) ReadHeader(r *core.Request, a *core.Attempt) error {
	nonce, err := single(r.Header, larkNonce)
	if err != nil {
		return err
	}
	if !visible(nonce) || strings.Contains(nonce, "{") {
		return malformed(larkNonce + " must be 1 to 256 printable ASCII characters without spaces or \"{\"")
	}
	if err := s.templated.ReadHeader(r, a); err != nil {
		return err
	}
	a.Content.WriteString(nonce)
	return nil
}

// ReadBody implements [core.Scheme].
func (s lark) ReadBody(r *core.Request, a *core.Attempt) error {
	if len(r.Body) == 0 || r.Body[0] != '{' || bytes.IndexByte(r.Body, 0) >= 0 {
		return malformed("the body must begin with \"{\", as a JSON object does, and must contain no NUL byte")
	}
	return s.templated.ReadBody(r, a)
}

// answerLark responds to a signed url_verification request, which needs no
// token. Lark does not document whether it sends signed ones.
func answerLark(_ context.Context, r *core.Request, _ *core.Message, key core.VerifyKey) *core.Answer {
	if k, ok := key.(larkKey); ok && len(r.Body) <= maxChallenge {
		return k.verifyURL(r.Body, func(string) bool { return true })
	}
	return nil
}

// answer responds to an unsigned url_verification request.
func (s lark) answer(r *core.Request, key core.VerifyKey) *core.Answer {
	if k, ok := key.(larkKey); ok {
		return k.verifyURL(r.Body, s.allowed)
	}
	return nil
}

// larkKey holds functions, because fmt prints only a function's address.
type larkKey struct {
	matches func(a *core.Attempt) bool
	open    func(text string) []byte
}

func newLarkKey(text string) (core.VerifyKey, error) {
	digest := sha256.Sum256([]byte(text))
	block, err := aes.NewCipher(digest[:])
	if err != nil {
		return nil, err
	}
	return larkKey{larkMatches(text), func(text string) []byte { return larkOpen(block, text) }}, nil
}

// larkHash hashes the content with the key inserted before the body.
func larkHash(h hash.Hash, key []byte, c *core.Content) {
	text := c.Bytes()
	body := max(bytes.IndexByte(text, '{'), 0)
	h.Reset()
	h.Write(text[:body])
	h.Write(key)
	h.Write(text[body:])
}

// larkSum returns the function that signs with key.
func larkSum(key string) func(*core.Content) string {
	return func(c *core.Content) string {
		h := sha256.New()
		larkHash(h, []byte(key), c)
		return hex.EncodeToString(h.Sum(nil))
	}
}

// larkMatches returns the function that verifies. It pools its buffers, so
// verification does not allocate.
func larkMatches(text string) func(*core.Attempt) bool {
	type state struct {
		hash      hash.Hash
		sum, text []byte
	}
	key := []byte(text)
	pool := sync.Pool{New: func() any { return &state{hash: sha256.New()} }}
	return func(a *core.Attempt) bool {
		s, _ := pool.Get().(*state)
		defer pool.Put(s)
		larkHash(s.hash, key, &a.Content)
		s.sum = s.hash.Sum(s.sum[:0])
		s.text = hex.AppendEncode(s.text[:0], s.sum)
		found := 0
		for _, sig := range a.Signatures {
			if sig.Label == "" {
				found |= subtle.ConstantTimeCompare(s.text, []byte(sig.Text))
			}
		}
		return found == 1
	}
}

func (k larkKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	return len(a.Signatures) > 0 && k.matches(a), nil
}

// larkOpen decrypts text, and neither checks nor removes the padding. An error
// for bad padding would make it a padding oracle.
func larkOpen(block cipher.Block, text string) []byte {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < 2*aes.BlockSize || len(raw)%aes.BlockSize != 0 {
		return nil
	}
	plain := raw[aes.BlockSize:]
	cipher.NewCBCDecrypter(block, raw[:aes.BlockSize]).CryptBlocks(plain, plain)
	return plain
}

// verifyURL returns the response to a url_verification request with an allowed
// token, encrypted or not. It returns nil for any other body.
//
// The encryption is not authenticated. An attacker can splice blocks of another
// message into an encrypted request, and each splice leaves a block of noise.
// The plaintext must therefore consist of exactly three strings of printable
// ASCII, and the response repeats only a short token. Noise is accepted as
// rarely as a guessed token of sixteen characters.
func (k larkKey) verifyURL(body []byte, allowed func(token string) bool) *core.Answer {
	if text := textAt(body, "encrypt"); text != "" {
		body = k.open(text)
		// Remove the padding, which is everything after the last brace, without checking it.
		body = body[:bytes.LastIndexByte(body, '}')+1]
	}
	var ask struct {
		Challenge string `json:"challenge"`
		Token     string `json:"token"`
		Type      string `json:"type"`
	}
	if !threeStrings(body) || json.Unmarshal(body, &ask) != nil || ask.Type != "url_verification" || !allowed(ask.Token) || !isToken(ask.Challenge) {
		return nil
	}
	return answerJSON(map[string]string{"challenge": ask.Challenge})
}

// threeStrings reports whether body is a JSON object of exactly three strings:
// challenge, token and type. It accepts no escapes and only printable ASCII.
func threeStrings(body []byte) bool {
	names := map[string]string{}
	if json.Unmarshal(body, &names) != nil || len(names) != 3 || bytes.Count(body, []byte(`"`)) != 12 || bytes.IndexByte(body, '\\') >= 0 {
		return false
	}
	for _, name := range []string{"challenge", "token", "type"} {
		if _, ok := names[name]; !ok {
			return false
		}
	}
	return !bytes.ContainsFunc(body, func(r rune) bool { return r > '~' || r < ' ' && r != '\n' && r != '\r' && r != '\t' })
}
