// Package fasthttpwh is the shared code of adapters for frameworks on fasthttp,
// fiberwh and fiberv3wh. It reads the body, copies memory that fasthttp reuses,
// and keeps connections safe. It makes no decisions: verdicts and statuses come
// from core.
package fasthttpwh
