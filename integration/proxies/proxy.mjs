// One of the proxies of Node.js: node proxy.mjs NAME PORT UPSTREAM.
import http from 'node:http'
import express from 'express'
import httpProxy from 'http-proxy'
import Fastify from 'fastify'
import fastifyProxy from '@fastify/http-proxy'
import SmeeClient from 'smee-client'

const [name, port, upstream] = process.argv.slice(2)
const target = `http://${upstream}`
const hops = new Set(['connection', 'transfer-encoding', 'expect', 'trailer']) // for the next hop alone
const own = new Set([...hops, 'host', 'content-length'])

// Sends a request on, as applications do that have read it.
async function sendOn(req, res, body) {
  const headers = Object.fromEntries(Object.entries(req.headers).filter(([k]) => !own.has(k)))
  const r = await fetch(target + req.originalUrl, { method: req.method, headers, body })
  res.status(r.status).end(Buffer.from(await r.arrayBuffer()))
}

const maxHeaderSize = 65536
const failed = (err, _req, res) => { res.writeHead?.(502); res.end?.() }
const start = {
  'http-proxy-large': () => {
    const proxy = httpProxy.createProxyServer({ target }).on('error', failed)
    http.createServer({ maxHeaderSize }, (req, res) => proxy.web(req, res)).listen(port, '127.0.0.1')
  },
  'http-proxy': () => httpProxy.createProxyServer({ target }).on('error', failed).listen(port, '127.0.0.1'),
  'express-mount': () => {
    const proxy = httpProxy.createProxyServer({ target }).on('error', failed)
    http.createServer({ maxHeaderSize }, express().use('/hook', (req, res) => proxy.web(req, res))).listen(port, '127.0.0.1')
  },
  'express-json': () => {
    const app = express()
    app.use(express.json({ limit: '8mb' }), express.urlencoded({ extended: true }))
    app.use((req, res) => sendOn(req, res, JSON.stringify(req.body)))
    http.createServer({ maxHeaderSize }, app).listen(port, '127.0.0.1')
  },
  'express-raw': () => {
    const app = express()
    app.use(express.raw({ type: '*/*', limit: '8mb' }))
    app.use((req, res) => sendOn(req, res, req.body))
    http.createServer({ maxHeaderSize }, app).listen(port, '127.0.0.1')
  },
  'express-pipe': () => {
    const app = express()
    const [host, to] = upstream.split(':')
    app.use((req, res) => {
      const on = http.request({ host, port: to, method: req.method, path: req.originalUrl, headers: req.headers }, (r) => { res.status(r.statusCode); r.pipe(res) })
      req.pipe(on.on('error', (err) => failed(err, req, res)))
    })
    http.createServer({ maxHeaderSize }, app).listen(port, '127.0.0.1')
  },
  'fastify-json': async () => {
    const app = Fastify({ bodyLimit: 8 << 20, http: { maxHeaderSize } })
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_req, body, done) => done(null, Object.fromEntries(new URLSearchParams(body))))
    app.all('*', async (request, reply) => {
      const headers = Object.fromEntries(Object.entries(request.headers).filter(([k]) => !own.has(k)))
      const r = await fetch(target + request.raw.url, { method: request.method, headers, body: JSON.stringify(request.body) })
      reply.code(r.status).send(Buffer.from(await r.arrayBuffer()))
    })
    await app.listen({ port: Number(port), host: '127.0.0.1' })
  },
  'fastify-proxy': async () => {
    const app = Fastify()
    await app.register(fastifyProxy, { upstream: target, prefix: '/' })
    await app.listen({ port: Number(port), host: '127.0.0.1' })
  },
  // smee.io parses what arrives and tells its clients; the client sends it on. Here the public address opens when the client has its channel.
  smee: () => {
    const outside = express()
    const channel = http.createServer((_req, client) => {
      client.writeHead(200, { 'Content-Type': 'text/event-stream' })
      client.write('event: ready\ndata: {}\n\n')
      outside.use(express.json({ limit: '8mb' }), express.urlencoded({ extended: true }), (req, res) => {
        const headers = Object.fromEntries(Object.entries(req.headers).filter(([k]) => !hops.has(k)))
        client.write(`data: ${JSON.stringify({ ...headers, body: req.body, query: req.query, timestamp: Date.now() })}\n\n`)
        res.status(200).end()
      })
      http.createServer({ maxHeaderSize }, outside).listen(port, '127.0.0.1')
    })
    channel.listen(0, '127.0.0.1', () => {
      const source = `http://127.0.0.1:${channel.address().port}/channel`
      return new SmeeClient({ source, target: `${target}/hook`, logger: { info() {}, error: console.error } }).start()
    })
  },
}
await start[name]()
