// Package fasthttpwh has what adapters for frameworks over fasthttp share: it
// reads the body, copies what fasthttp uses again, and keeps connections safe.
// fiberwh and fiberv3wh are made with it. It decides nothing: verdicts and
// statuses are core's.
package fasthttpwh
