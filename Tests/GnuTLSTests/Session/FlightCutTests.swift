import Testing

@testable import GnuTLS

/// Flights that arrive in pieces.
struct FlightCutTests {
    /// The group and key that cost least, since there are thousands of handshakes.
    private static let cheap = "-GROUP-ALL:+GROUP-X25519"

    @Test(arguments: TLSVersion.allCases, SessionWorld.kinds)
    func flightsMayArriveByteByByte(_ version: TLSVersion, _ kind: KeyKind) throws {
        let world = try SessionWorld.with(kind)
        let pair = try world.pair(version, client: world.client)
        pair.shake { _, size in Array(repeating: 1, count: size) }
        #expect(pair.client.isDone && pair.server.isDone)
        #expect(pair.client.pauses == 1 && pair.server.pauses == 1)
    }

    @Test(arguments: TLSVersion.allCases)
    func flightsMayBeCutAtEveryOffset(_ version: TLSVersion) throws {
        let world = try SessionWorld.with(.ed25519)
        let contexts = (
            client: try world.context(.client, version, priority: Self.cheap),
            server: try world.context(.server, version, priority: Self.cheap)
        )
        func run(_ cut: (Int, Int) -> [Int]) throws -> SessionPair {
            let pair = SessionPair(
                client: try Side(contexts.client) { _ in world.client },
                server: try Side(contexts.server, clientCertificate: .required) { _ in world.server })
            pair.shake(cut: cut)
            return pair
        }
        let flights = try run { _, size in [size] }.flights
        #expect(flights.count == (version == .v1_3 ? 3 : 4))
        for (number, size) in flights.enumerated() {
            for offset in 1..<size {
                let pair = try run { flight, size in
                    flight == number && offset < size ? [offset, size - offset] : [size]
                }
                guard pair.client.isDone, pair.server.isDone else {
                    Issue.record("flight \(number) cut at \(offset): \(String(describing: pair.client.failure))")
                    return
                }
            }
        }
    }
}
