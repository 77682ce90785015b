// One of the proxies of Node.js: node proxy.mjs NAME PORT UPSTREAM.
import http from 'node:http'
import express from 'express'
import httpProxy from 'http-proxy'
import Fastify from 'fastify'
import fastifyProxy from '@fastify/http-proxy'
import SmeeClient from 'smee-client'

const [name, port, upstream] = process.argv.slice(2)
const target = `http://${upstream}`
const own = new Set(['host', 'content-length', 'connection', 'transfer-encoding', 'expect'])

// Sends a request on, as applications do that have read it.
async function sendOn(req, res, body) {
  const headers = Object.fromEntries(Object.entries(req.headers).filter(([k]) => !own.has(k)))
  const r = await fetch(target + req.originalUrl, { method: req.method, headers, body })
  res.status(r.status).end(Buffer.from(await r.arrayBuffer()))
}

const failed = (err, _req, res) => { res.writeHead?.(502); res.end?.() }
const start = {
  'http-proxy': () => httpProxy.createProxyServer({ target }).on('error', failed).listen(port, '127.0.0.1'),
  'express-mount': () => {
    const proxy = httpProxy.createProxyServer({ target }).on('error', failed)
    express().use('/hook', (req, res) => proxy.web(req, res)).listen(port, '127.0.0.1')
  },
  'express-json': () => {
    const app = express()
    app.use(express.json({ limit: '8mb' }), express.urlencoded({ extended: true }))
    app.use((req, res) => sendOn(req, res, JSON.stringify(req.body)))
    app.listen(port, '127.0.0.1')
  },
  'express-raw': () => {
    const app = express()
    app.use(express.raw({ type: '*/*', limit: '8mb', inflate: false }))
    app.use((req, res) => sendOn(req, res, req.body))
    app.listen(port, '127.0.0.1')
  },
  'fastify-proxy': async () => {
    const app = Fastify()
    await app.register(fastifyProxy, { upstream: target, prefix: '/' })
    await app.listen({ port: Number(port), host: '127.0.0.1' })
  },
  // smee.io is a server that anybody reaches: it parses what arrives and tells its clients. The client sends it on.
  smee: () => {
    const app = express()
    const clients = []
    app.get('/channel', (req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' })
      res.write('event: ready\ndata: {}\n\n')
      clients.push(res)
    })
    app.use(express.json({ limit: '8mb' }), express.urlencoded({ extended: true }), (req, res) => {
      const event = JSON.stringify({ ...req.headers, body: req.body, query: req.query, timestamp: Date.now() })
      for (const c of clients) c.write(`data: ${event}\n\n`)
      res.status(200).end()
    })
    app.listen(port, '127.0.0.1', async () => {
      const smee = new SmeeClient({ source: `http://127.0.0.1:${port}/channel`, target: `${target}/hook`, logger: { info() {}, error() {} } })
      await smee.start()
    })
  },
}
await start[name]()
