import CountingModule
import Glibc
import MTLSTestKit

// Signatures per second by a token that takes 20 ms for each, as a multiple of what one session gives: full handshakes
// through the library, 32 requests in flight, every connection closed by the server. TokenRate [--json]

private let signatureMilliseconds: UInt = 20
private let inFlight = 32

/// The module lies beside the executable: SwiftPM links it in, and p11-kit loads the same copy by its path.
private func counting(inFrontOf module: String) -> String? {
    guard counting_set_target(module) == 0, let executable = realpath("/proc/self/exe", nil) else { return nil }
    let path = String(cString: executable)
    return path[..<(path.lastIndex(of: "/") ?? path.startIndex)] + "/libCountingModule.so"
}

private func rate(sessions: Int, token: SoftHSMToken, module: String, server: MTLSServer, trust: Trust) async throws
    -> Double
{
    var settings = ClientSettings()
    settings.connectionLimit = inFlight
    let client = try Client(
        server.url, identity: token.identity(object: "client", module: module, sessions: sessions), trust: trust,
        settings: settings)
    _ = try await client.get()
    let count = max(40, sessions * 40)
    let before = counting_count("C_Sign")
    let start = ContinuousClock.now
    try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<count {
            if number >= inFlight { try await group.next() }
            group.addTask { _ = try await client.get().body.collect(upTo: .kibibytes(1)) }
        }
        try await group.waitForAll()
    }
    let elapsed = ContinuousClock.now - start
    let signatures = Double(counting_count("C_Sign") - before)
    await client.shutdown()
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    return signatures / seconds
}

let authority = try CertificateAuthority(commonName: "Benchmark Root")
let token = try await SoftHSMToken(issuedBy: authority)
guard let module = counting(inFrontOf: token.modulePath) else {
    print("the counting module cannot be found")
    exit(1)
}
counting_delay("C_Sign", signatureMilliseconds)
let server = try await MTLSServer(
    identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .required, trusting: [authority.root]
) { _ in .response(then: .close) }

var rates: [(sessions: Int, rate: Double)] = []
for sessions in [1, 2, 4, 8, 16] {
    let trust = Trust.certificates([authority.root])
    rates.append(
        (sessions, try await rate(sessions: sessions, token: token, module: module, server: server, trust: trust)))
}
if CommandLine.arguments.contains("--json") {
    print("{\"rates\": {" + rates.map { "\"\($0.sessions)\": \($0.rate)" }.joined(separator: ", ") + "}}")
} else {
    print("sessions  signatures/s  times one session")
    for (sessions, rate) in rates {
        let times = (rate / rates[0].rate * 100).rounded() / 100
        let columns = [String(sessions), String(Int(rate.rounded())), String(times)]
        print(zip(columns, [10, 14, 0]).map { $0 + String(repeating: " ", count: max(0, $1 - $0.count)) }.joined())
    }
}
SoftHSMToken.removeAll()
