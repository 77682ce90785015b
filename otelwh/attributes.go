package otelwh

import (
	"net/http"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"github.com/hookonce/hookonce/core"
)

const (
	reasonKey     = attribute.Key("hookonce.reason")
	schemeKey     = attribute.Key("hookonce.scheme")
	sourceKey     = attribute.Key("hookonce.source")
	keyIDKey      = attribute.Key("hookonce.key.id")
	reportOnlyKey = attribute.Key("hookonce.report_only")
	handshakeKey  = attribute.Key("hookonce.handshake")
	messageIDKey  = attribute.Key("hookonce.message.id")
	timestampKey  = attribute.Key("hookonce.message.timestamp")
	generationKey = attribute.Key("hookonce.message.generation")
	repeatsKey    = attribute.Key("hookonce.message.repeats")
	bodySizeKey   = attribute.Key("hookonce.body.size")
)

// other is the value of the semantic conventions for everything that is not
// counted separately.
const other = "_OTHER"

// method returns m if HTTP defines that method, or other. A client may send any
// word.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	default:
		return other
	}
}

// text makes s valid UTF-8. With one invalid string, exporters drop the whole
// batch or fail the scrape.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// part is a timed step of the pipeline.
type part int

const (
	keys part = iota
	body
	check
	store
	handler
	parts
)

// duration names the part's histogram and span attribute.
func (p part) duration() string {
	return [...]string{
		"hookonce.keys.duration", "hookonce.body.duration", "hookonce.check.duration", "hookonce.store.duration", "hookonce.handler.duration",
	}[p]
}

// culprit returns the part that failed by itself, or parts if none did. A
// refusal is not a failure.
func culprit(r core.Reason) part {
	switch r {
	case core.ErrKeysUnavailable:
		return keys
	case core.ErrBodyTooLarge, core.ErrBodyTooSlow, core.ErrBodyConsumed:
		return body
	case core.ErrStoreUnavailable, core.ErrStoreFull, core.ErrCommitFailed:
		return store
	case core.ErrHandlerFailed, core.ErrClaimLost:
		return handler
	default:
		return parts
	}
}

// cache keeps the result of make for each key. It does not allocate for a known
// key, and is safe for concurrent use.
type cache[K comparable, V any] struct {
	make func(K) V
	mu   sync.RWMutex
	made map[K]V
}

func newCache[K comparable, V any](makes func(K) V) *cache[K, V] {
	return &cache[K, V]{make: makes, made: map[K]V{}}
}

func (c *cache[K, V]) get(key K) V {
	c.mu.RLock()
	v, ok := c.made[key]
	c.mu.RUnlock()
	if ok {
		return v
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.made[key]; ok {
		return v
	}
	v = c.make(key)
	c.made[key] = v
	return v
}

// names keeps only the first names separate. So a tenant or a faulty key source
// that invents names cannot create more series.
type names struct {
	most  int
	mu    sync.RWMutex
	known map[string]string
}

func newNames(most int) *names { return &names{most: most, known: map[string]string{}} }

// of returns the attribute value for a name, or "" for no name.
func (n *names) of(name string) string {
	if name == "" || n.most <= 0 {
		return ""
	}
	n.mu.RLock()
	value, ok := n.known[name]
	n.mu.RUnlock()
	if ok {
		return value
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if value, ok := n.known[name]; ok { // added meanwhile
		return value
	}
	if len(n.known) >= n.most {
		return other
	}
	value = text(name)
	n.known[name] = value
	return value
}
