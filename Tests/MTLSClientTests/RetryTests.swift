import MTLSClient
import MTLSTestKit
import Testing

@Suite struct RetryTests {
    private static func settings(_ maximum: Int = 3) -> ClientSettings {
        var settings = ClientSettings()
        settings.retries = RetrySettings(maximum: maximum)
        settings.retries?.maximumDelay = .zero
        return settings
    }

    /// The error of a request.
    private func failure(_ body: () async throws -> Response) async throws -> MTLSError {
        do {
            _ = try await body()
        } catch let error as MTLSError {
            return error
        }
        throw Unexpected()
    }

    private struct Unexpected: Error {}

    @Test func aStatusThatMayPassIsTriedAgainOverTheSameConnection() async throws {
        let world = try World()
        let server = try await world.server(.required) {
            $0.number < 3 ? .response(.serviceUnavailable, body: "busy") : .response(body: "done")
        }
        let client = try Client(
            server.url, identity: try world.identity("alice"), trust: world.trust, settings: Self.settings())
        let response = try await client.get()
        #expect(try await response.body.text(upTo: .kibibytes(1)) == "done")
        #expect(server.connectionCount == 1)
        await client.shutdown()
    }

    @Test func theLastAnswerIsReturned() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(.badGateway) }
        let client = try Client(server.url, trust: world.trust, settings: Self.settings(2))
        #expect(try await client.get().status == .badGateway)
        #expect(server.requests.count == 3)
        await client.shutdown()
    }

    @Test func theLastErrorTellsHowManyTriesThereWere() async throws {
        let connections = Tally()
        let server = try await RawServer { peer in
            connections.add()
            _ = try await peer.readHead()
        }
        let client = try Client(server.url, settings: Self.settings(2))
        let error = try await failure { try await client.get() }
        #expect(error.code == .responseEmpty)
        #expect(error.message.hasSuffix("there were 3 tries"))
        #expect(connections.value == 3)
        await client.shutdown()
    }

    /// A kept connection turns out dead: the pool sends once more by itself, then each further try is one.
    @Test func theTriesDoNotMultiplyWithThePoolsOwn() async throws {
        let requests = Tally()
        let server = try await RawServer { peer in
            while try await peer.readHead() != nil {
                requests.add()
                guard requests.value == 1 else { return }
                try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let client = try Client(server.url, settings: Self.settings(2))
        #expect(try await client.get().status == .ok)
        _ = try await failure { try await client.get() }
        #expect(requests.value == 1 + 4)
        await client.shutdown()
    }

    @Test func whatMayNotBeRepeatedIsSentOnce() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(.serviceUnavailable) }
        let client = try Client(server.url, trust: world.trust, settings: Self.settings())
        #expect(try await client.post("/", body: .text("x")).status == .serviceUnavailable)
        #expect(server.requests.count == 1)
        let once = RequestBody.stream(AsyncStream<[UInt8]> { $0.finish() })
        let put = HTTPRequest(method: .put, scheme: nil, authority: nil, path: "/")
        #expect(try await client.execute(put, body: once).status == .serviceUnavailable)
        #expect(server.requests.count == 2)
        #expect(try await client.execute(put, body: .text("x")).status == .serviceUnavailable)
        #expect(server.requests.count == 6)
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aRejectedCertificateIsShownOnce(version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.required, versions: version...version)
        let stranger = try World().identity("mallory")
        let client = try Client(server.url, identity: stranger, trust: world.trust, settings: Self.settings())
        let error = try await failure { try await client.get() }
        #expect(error.code == .clientCertificateRejected)
        #expect(server.connectionCount == 1)
        await client.shutdown()
    }

    /// Some servers close without an alert.
    @Test func aSilentRejectionIsTakenForOneAndNotTriedAgain() async throws {
        let world = try World()
        let server = try await world.server(.requested) { _ in .nothing(then: .close) }
        let client = try Client(
            server.url, identity: try world.identity("alice"), trust: world.trust, settings: Self.settings())
        let error = try await failure { try await client.get() }
        #expect(error.code == .responseEmpty)
        #expect(server.connectionCount == 1)
        await client.shutdown()
    }

    @Test func aServerThatIsNotTrustedIsAskedOnce() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, trust: try World().trust, settings: Self.settings())
        #expect(try await failure { try await client.get() }.code == .issuerUnknown)
        #expect(server.connectionCount == 1)
        await client.shutdown()
    }

    @Test func aCallerThatIsCancelledInTheWaitHearsOfItAtOnce() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in
            .response(.serviceUnavailable, headerFields: [.retryAfter: "50"])
        }
        let isWaiting = Gate()
        var settings = Self.settings()
        settings.retries?.willRetry = { _ in isWaiting.open() }
        let client = try Client(server.url, trust: world.trust, settings: settings)
        let task = Task { try await client.get() }
        await isWaiting.wait()
        task.cancel()
        #expect(try await failure { try await task.value }.code == .cancelled)
        await client.shutdown()
    }

    @Test func aWaitThatWouldOutlastTheRequestIsNotBegun() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in
            .response(.serviceUnavailable, headerFields: [.retryAfter: "50"])
        }
        var settings = Self.settings()
        settings.timeouts.request = .seconds(40)
        let client = try Client(server.url, trust: world.trust, settings: settings)
        #expect(try await client.get().status == .serviceUnavailable)
        await client.shutdown()
    }
}
