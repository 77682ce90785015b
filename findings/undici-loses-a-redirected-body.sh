#!/usr/bin/env bash
# Node's fetch fails at a 307 or 308 if the body is a Buffer, and follows it if the same
# bytes are a string.
#
# Seen with undici 6.29.1 on Node 20; Node 20 and 22 have that line. The first request
# consumes the array that fetch made of the body. For the second nothing is left, and the
# call ends with "fetch failed"; the cause speaks of a detached ArrayBuffer and
# of no redirect. undici 7.30.2 follows.
#
# Why a receiver of webhooks minds: a sender that signs bytes posts a Buffer. The day the
# receiver redirects to https or to a path with a slash, such senders deliver nothing,
# while a test with curl or a string succeeds.
#
# Needs Node and npm. The script fails if undici behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts undici6@npm:undici@6.29.1 undici7@npm:undici@7.30.2
cat >main.mjs <<'JS'
import http from 'node:http'
import { fetch as fetch6 } from 'undici6'
import { fetch as fetch7 } from 'undici7'

const event = '{"id":"evt_1"}'
let arrived
const server = http.createServer((request, response) => {
  let body = ''
  request.on('data', (data) => { body += data })
  request.on('end', () => {
    if (request.url === '/hook') return response.writeHead(308, { location: '/hook/' }).end()
    arrived = body
    response.end()
  })
})
server.listen(0, '127.0.0.1', async () => {
  let changed = false
  for (const [name, fetch, kind, body, follows] of [
    ['undici 6.29.1', fetch6, 'string', event, true],
    ['undici 6.29.1', fetch6, 'Buffer', Buffer.from(event), false],
    ['undici 7.30.2', fetch7, 'Buffer', Buffer.from(event), true]
  ]) {
    arrived = undefined
    let seen
    try {
      seen = (await fetch(`http://127.0.0.1:${server.address().port}/hook`, { method: 'POST', body })).status
    } catch (error) {
      seen = `${error.message}: ${error.cause.message}`
    }
    console.log(`${name}, 308, ${kind}: ${seen}; the body arrives: ${arrived === event}`)
    changed ||= (arrived === event) !== follows || (seen === 200) !== follows
  }
  server.close()
  if (changed) {
    console.log('this differs from what was seen')
    process.exitCode = 1
  }
})
JS
node main.mjs
