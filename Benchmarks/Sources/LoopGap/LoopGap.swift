import CountingModule
import Glibc
import MTLSTestKit

/// The event loop's longest gap while eight connections are made with a token that takes 300 ms for each signature,
/// against the same loop's with nothing to do. The median of several rounds, each with new connections: one round says
/// more of the machine's other programs than of the loop.
///
///     LoopGap [--json]
@main
struct LoopGap {
    private static let signatureMilliseconds: UInt = 300
    private static let connections = 8
    private static let rounds = 15

    static func main() async throws {
        if CommandLine.arguments.dropFirst().first == ServerProcess.command { return try await ServerProcess.serve() }
        guard let server = ServerProcess() else { return fail("the server does not start") }
        let authority = try CertificateAuthority(commonName: "Benchmark Client Root")
        let token = try await SoftHSMToken(issuedBy: authority)
        guard let module = counting(inFrontOf: token.modulePath) else {
            return fail("the counting module cannot be found")
        }
        counting_delay("C_Sign", signatureMilliseconds)
        let identity = token.identity(object: "client", module: module, sessions: connections)
        var idle: [Duration] = []
        var busy: [Duration] = []
        for round in 0...rounds {
            let gaps = try await gaps(server, identity)
            // The first round loads modules and anchors.
            if round > 0 {
                idle.append(gaps.idle)
                busy.append(gaps.busy)
            }
        }
        SoftHSMToken.removeAll()
        report(idle: median(idle), busy: median(busy))
    }

    private static func gaps(_ server: ServerProcess, _ identity: Identity) async throws -> (
        idle: Duration, busy: Duration
    ) {
        var settings = ClientSettings()
        settings.connectionLimit = connections
        var tls = TLSSettings()
        tls.resumption = .off
        let client = try Client(server.url, identity: identity, trust: server.trust, tls: tls, settings: settings)
        let idle = try await Ticker.longestGap(on: client.executor) {
            try await Task.sleep(for: .milliseconds(signatureMilliseconds + 50))
        }
        let busy = try await Ticker.longestGap(on: client.executor) {
            let count = try await client.warm(connections)
            guard count == connections else { return fail("\(count) connections were made in place of \(connections)") }
        }
        await client.shutdown()
        return (idle, busy)
    }

    /// The module lies beside the executable: SwiftPM links it in, and p11-kit loads the same copy by its path.
    private static func counting(inFrontOf module: String) -> String? {
        guard counting_set_target(module) == 0, let executable = realpath("/proc/self/exe", nil) else { return nil }
        let path = String(cString: executable)
        return path[..<(path.lastIndex(of: "/") ?? path.startIndex)] + "/libCountingModule.so"
    }

    private static func report(idle: Duration, busy: Duration) {
        let (idle, busy) = (microseconds(idle), microseconds(busy))
        if CommandLine.arguments.contains("--json") {
            print("{\"idle_max_us\": \(idle), \"busy_max_us\": \(busy)}")
        } else {
            print("longest gap of the loop, µs: idle \(idle), busy \(busy), difference \(busy - idle)")
        }
    }

    private static func median(_ durations: [Duration]) -> Duration { durations.sorted()[durations.count / 2] }

    private static func microseconds(_ duration: Duration) -> Int {
        Int(duration.components.seconds * 1_000_000 + duration.components.attoseconds / 1_000_000_000_000)
    }

    private static func fail(_ reason: String) {
        print(reason)
        SoftHSMToken.removeAll()
        exit(1)
    }
}
