package explain

import (
	"context"

	"github.com/hookonce/hookonce/core"
)

// Budget bounds the work in a body of a mebibyte, in bytes. It includes what the last piece of work
// may add: the output of a compressed body.
const Budget = budget + 4*maxInflated

// Work is Request, and also returns the work spent.
func Work(ctx context.Context, r core.Refused, others map[string]*core.Keys) (Explanation, int64) {
	return explain(ctx, r, others)
}

// Mistakes lists the words, in the order of the documentation.
func Mistakes() []Mistake {
	var words []Mistake
	for _, a := range table() {
		words = append(words, a.mistake)
	}
	return words
}

// Names for the mistakes, for the tests.
const (
	BodyBOM           = bodyBOM
	BodyBase64        = bodyBase64
	BodyCharset       = bodyCharset
	BodyCompressed    = bodyCompressed
	BodyConsumed      = bodyConsumed
	BodyDecompressed  = bodyDecompressed
	BodyDigest        = bodyDigest
	BodyEscapes       = bodyEscapes
	BodyForm          = bodyForm
	BodyKeyOrder      = bodyKeyOrder
	BodyLineEnds      = bodyLineEnds
	BodyLogged        = bodyLogged
	BodyNewline       = bodyNewline
	BodyNumbers       = bodyNumbers
	BodyParsed        = bodyParsed
	BodyReformatted   = bodyReformatted
	BodyTooLarge      = bodyTooLarge
	BodyTruncated     = bodyTruncated
	BodyWrapped       = bodyWrapped
	HeaderDuplicated  = headerDuplicated
	HeaderFamily      = headerFamily
	HeaderFolded      = headerFolded
	HeaderMissing     = headerMissing
	HeaderRenamed     = headerRenamed
	IDDot             = idDot
	KeyExpired        = keyExpired
	KeyNotYetValid    = keyNotYetValid
	KeysUnavailable   = keysUnavailable
	Method            = wrongMethod
	Misconfigured     = misconfigured
	NotTried          = notTried
	OtherKey          = otherKey
	OtherScheme       = otherScheme
	SecretBase64      = secretBase64
	SecretBase64URL   = secretBase64URL
	SecretHex         = secretHex
	SecretKind        = secretKind
	SecretLabel       = secretLabel
	SecretNewline     = secretNewline
	SecretPrefix      = secretPrefix
	SecretQuoted      = secretQuoted
	SecretRefused     = secretRefused
	SignatureCut      = signatureCut
	SignatureEncoding = signatureEncoding
	SignatureLabel    = signatureLabel
	TimestampFormat   = timestampFormat
	TimestampFuture   = timestampFuture
	TimestampPast     = timestampPast
	TimestampUnit     = timestampUnit
	URL               = wrongURL
	Unconfirmed       = unconfirmed
	Unfinished        = notFinished
	Unknown           = unexplained
	UnknownSource     = unknownSource
)
