#!/usr/bin/env bash
# Crisp's own library refuses every genuine hook until on() has been called and its
# promise is resolved.
#
# Seen with crisp-api 11.3.0 on Node 20. verifyHook needs a secret, a body and a
# signature, and uses nothing else. Before the first listener is bound it returns false
# all the same, as for a forgery, and says nothing. It also hashes the parsed body as
# JSON.stringify writes it, so a genuine body with other white space or escapes is
# refused afterwards, too.
#
# Why a receiver of webhooks minds: a process that only verifies, or that is asked while
# it starts, refuses all events, and the log points to a wrong secret.
#
# Needs Node and npm. The script fails if the library behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts crisp-api@11.3.0
cat >main.cjs <<'JS'
const { createHmac } = require('node:crypto')
const { Crisp } = require('crisp-api')

const secret = 'a secret of this script'
const time = '1764374400000'
let changed = false
const verify = (crisp, when, body, want) => {
  const signature = createHmac('sha256', secret).update(`[${time};${body}]`).digest('hex')
  const got = crisp.verifyHook(secret, JSON.parse(body), time, signature)
  console.log(`crisp-api 11.3.0, ${when}: a genuine hook is ${got ? 'accepted' : 'refused'}: ${body}`)
  changed ||= got !== want
}
const event = '{"event":"message:send"}'

async function main () {
  const crisp = new Crisp()
  crisp.setRtmMode('webhooks')
  verify(crisp, 'before on', event, false)
  const bound = crisp.on('message:send', () => {})
  verify(crisp, 'on was called', event, false)
  await bound
  verify(crisp, 'on is resolved', event, true)
  verify(crisp, 'on is resolved', '{"event": "message:send"}', false)
  if (changed) {
    console.log('this differs from what was seen')
    process.exitCode = 1
  }
}
main()
JS
node main.cjs
