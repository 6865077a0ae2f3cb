import AsyncHTTPClient
import Glibc
import NIOCore
import NIOPosix
import NIOSSL

// AsyncHTTPClient, by its async interface, on one event loop.

private func makeClient(_ options: Options, connections: Int) throws -> HTTPClient {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.trustRoots = .file(options.text("ca"))
    tls.certificateChain = try NIOSSLCertificate.fromPEMFile(options.text("cert")).map { .certificate($0) }
    tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: options.text("key"), format: .pem))
    var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
    configuration.httpVersion = .http1Only
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
    configuration.connectionPool.idleTimeout = .seconds(600)
    configuration.timeout.connect = .seconds(60)
    let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    return HTTPClient(eventLoopGroupProvider: .shared(loops), configuration: configuration)
}

private func line(_ tally: Tally, _ measurement: Measurement, count: Int, bytes: Int, memory: (base: Int, now: Int)?)
    -> String
{
    let latencies = tally.latencies.sorted()
    var line = #"{"requests":\#(count),"errors":\#(tally.errors),"bytes":\#(bytes)"#
    line += #","wall_s":\#(measurement.wall),"user_s":\#(measurement.user),"sys_s":\#(measurement.system)"#
    line += #","handshakes_resumed":\#(tally.resumed)"#
    if !latencies.isEmpty {
        line += #","p50_us":\#(latencies[latencies.count / 2]),"p99_us":\#(latencies[latencies.count * 99 / 100])"#
    }
    if let memory { line += #","rss_base_kb":\#(memory.base),"rss_kb":\#(memory.now)"# }
    return line + "}"
}

let options = Options(Array(CommandLine.arguments.dropFirst()))
let mode = options.text("mode")
let count = options.number("requests", 1)
let concurrency = mode == "idle" ? count : options.number("concurrency", 1)
let size = mode == "up" ? options.number("size") : 0
let base = residentKiB()
let client = try makeClient(options, connections: concurrency)
let exchange = Exchange(
    client: client, url: options.text("url"), closing: mode == "full" || mode == "resumed",
    upload: mode == "up" ? Letters(size: size, piece: ByteBuffer(repeating: UInt8(ascii: "a"), count: 65536)) : nil)

if mode != "idle" { _ = await exchange.batch(options.number("warm-up"), concurrency: concurrency) }
var tally = Tally()
let measurement = await Measurement.of { tally = await exchange.batch(count, concurrency: concurrency) }
var memory: (base: Int, now: Int)?
if mode == "idle" {
    try await Task.sleep(for: .milliseconds(300))
    memory = (base, residentKiB())
}
print(line(tally, measurement, count: count, bytes: tally.bytes + size * count, memory: memory))
fflush(nil)
if mode == "idle" { try await Task.sleep(for: .seconds(options.number("hold"))) }
exit(tally.errors == 0 ? 0 : 1)
