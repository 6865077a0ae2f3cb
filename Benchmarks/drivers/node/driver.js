'use strict'
// Node's https.Agent. Arguments are key=value, as Benchmarks/README.md lists them.

const fs = require('node:fs')
const https = require('node:https')
const { Readable } = require('node:stream')
const { setTimeout: delay } = require('node:timers/promises')

const options = new Map(process.argv.slice(2).map((argument) => {
  const equals = argument.indexOf('=')
  return [argument.slice(0, equals), argument.slice(equals + 1)]
}))
const number = (key, otherwise) => Number(options.get(key) ?? otherwise)

const mode = options.get('mode')
const url = new URL(options.get('url'))
const requests = number('requests', 1)
const concurrency = mode === 'idle' ? requests : number('concurrency', 1)
const size = mode === 'up' ? number('size', 0) : 0
const fresh = mode === 'full' || mode === 'resumed'

const agent = new https.Agent({
  ca: fs.readFileSync(options.get('ca')),
  cert: fs.readFileSync(options.get('cert')),
  key: fs.readFileSync(options.get('key')),
  keepAlive: !fresh,
  // With a finite limit Node reuses connections even without keepAlive.
  maxSockets: fresh ? Infinity : concurrency,
  maxFreeSockets: 4096,
  maxCachedSessions: mode === 'full' ? 0 : 100
})

let errors = 0
let resumed = 0
let received = 0

function residentKiB () {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1])
}

function letters () {
  const piece = Buffer.alloc(65536, 'a')
  let left = size
  return new Readable({
    highWaterMark: 262144,
    read () {
      const count = Math.min(left, piece.length)
      left -= count
      this.push(count === 0 ? null : piece.subarray(0, count))
    }
  })
}

function exchange () {
  return new Promise((resolve, reject) => {
    const settings = { host: url.hostname, port: url.port, path: url.pathname, agent }
    if (mode === 'up') Object.assign(settings, { method: 'POST', headers: { 'content-length': size } })
    const request = https.request(settings, (response) => {
      let first
      response.on('data', (data) => {
        first ??= data[0]
        received += data.length
      })
      response.on('end', () => {
        if (response.statusCode !== 200) errors++
        if (first === 'r'.charCodeAt(0)) resumed++
        resolve()
      })
      response.on('error', reject)
    })
    request.on('error', reject)
    if (mode === 'up') letters().pipe(request)
    else request.end()
  })
}

async function batch (count, concurrency) {
  const latencies = []
  let left = count
  async function worker () {
    while (left-- > 0) {
      const start = process.hrtime.bigint()
      try {
        await exchange()
      } catch (error) {
        if (errors++ === 0) console.error(error)
      }
      latencies.push(Number(process.hrtime.bigint() - start) / 1000)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return latencies.sort((a, b) => a - b)
}

async function main () {
  if (mode !== 'idle') await batch(number('warm-up', 0), concurrency)
  errors = resumed = received = 0
  const base = residentKiB()
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  const latencies = await batch(requests, concurrency)
  const wall = Number(process.hrtime.bigint() - start) / 1e9
  const used = process.cpuUsage(cpu)
  const result = {
    requests,
    errors,
    wall_s: wall,
    user_s: used.user / 1e6,
    sys_s: used.system / 1e6,
    bytes: received + size * requests,
    handshakes_resumed: resumed,
    p50_us: latencies[Math.floor(latencies.length / 2)],
    p99_us: latencies[Math.floor(latencies.length * 0.99)]
  }
  if (mode === 'idle') {
    await delay(300)
    Object.assign(result, { rss_base_kb: base, rss_kb: residentKiB() })
  }
  console.log(JSON.stringify(result))
  if (mode === 'idle') await delay(number('hold', 0) * 1000)
  process.exit(errors ? 1 : 0)
}

main()
