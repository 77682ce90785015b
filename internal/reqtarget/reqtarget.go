// Package reqtarget reads the target of a request line.
package reqtarget

import "strings"

// PathAndQuery returns the part of a request target after the host. That is the
// whole target, unless it is in absolute form, as proxies send it:
// "http://host/path?query". Both parts keep their spelling. The path is empty
// if there is none.
//
// Package core has this rule again in appendEndpoint, because it imports only
// the standard library.
func PathAndQuery(target string) string {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || strings.ContainsAny(scheme, "/?") { // a URL inside the path or the query
		return target
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		return rest[i:]
	}
	return ""
}
