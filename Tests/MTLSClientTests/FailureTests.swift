import DevPKI
import MTLSClient
import MTLSTestKit
import Testing

/// Requests that fail, each in its own way.
@Suite struct FailureTests {
    private func error(of body: () async throws -> Void) async -> MTLSError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? MTLSError
        }
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aServerThatRejectsTheClientCertificateIsReportedAsSuch(version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.required)
        let stranger = try World()
        let client = try Client(
            server.url, identity: try stranger.identity("mallory"), trust: world.trust,
            tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .clientCertificateRejected)
        #expect(error?.message.contains("CN=mallory") == true)
        #expect(server.connectionCount == 1)
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aServerThatDemandsACertificateSaysSo(version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.required)
        let client = try Client(
            server.url, trust: world.trust, tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .clientCertificateRequired)
        await client.shutdown()
    }

    @Test func aRequestedCertificateMayBeLeftOut() async throws {
        let world = try World()
        let server = try await world.server(.requested)
        let client = try Client(server.url, trust: world.trust)
        #expect(try await client.get().status == .ok)
        #expect(server.requests.first?.client.authorized == false)
        #expect(server.requests.first?.client.reason == "the client sent no certificate")
        await client.shutdown()
    }

    @Test func aRequestedCertificateThatIsBadIsToldWithTheReason() async throws {
        let world = try World()
        let server = try await world.server(.requested)
        let client = try Client(server.url, identity: try World().identity("mallory"), trust: world.trust)
        #expect(try await client.get().status == .ok)
        #expect(server.requests.first?.client.authorized == false)
        #expect(server.requests.first?.client.reason?.contains("issuer") == true)
        await client.shutdown()
    }

    @Test func aBodyThatIsCutWithoutCloseNotifyAndWithoutLengthIsAnError() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .raw("HTTP/1.1 200 OK\r\n\r\nhalf of it", then: .cut) }
        let client = try Client(server.url, trust: world.trust)
        let error = await error { _ = try await client.get().body.collect(upTo: .kibibytes(1)) }
        #expect(error?.code == .responseTruncated)
        await client.shutdown()
    }

    @Test func aBodyThatEndsWithCloseNotifyIsWhole() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .raw("HTTP/1.1 200 OK\r\n\r\nall of it", then: .close) }
        let client = try Client(server.url, trust: world.trust)
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "all of it")
        await client.shutdown()
    }

    @Test func aBodyOfKnownLengthIsWholeHoweverTheConnectionEnds() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in
            .raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole", then: .cut)
        }
        let client = try Client(server.url, trust: world.trust)
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "whole")
        await client.shutdown()
    }

    @Test func aBodyShorterThanItsLengthIsAnError() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in
            .raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", then: .close)
        }
        let client = try Client(server.url, trust: world.trust)
        let error = await error { _ = try await client.get().body.collect(upTo: .kibibytes(1)) }
        #expect(error?.code == .responseTruncated)
        await client.shutdown()
    }

    @Test func aConnectionThatClosesWithoutAResponseIsAnEmptyResponse() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .nothing(then: .close) }
        let client = try Client(server.url, trust: world.trust)
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .responseEmpty)
        await client.shutdown()
    }

    @Test func garbageIsAMalformedResponse() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .raw("SSH-2.0-OpenSSH_9.2\r\n\r\n", then: .close) }
        let client = try Client(server.url, trust: world.trust)
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .responseMalformed)
        await client.shutdown()
    }

    @Test func aRequestLostOnAReusedConnectionIsSentOnceMore() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { request in
            request.connection == 1 && request.number == 2
                ? .nothing(then: .cut) : .response(body: "\(request.connection)")
        }
        let client = try Client(server.url, trust: world.trust)
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "1")
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "2")
        #expect(server.requests.count == 3)
        await client.shutdown()
    }

    @Test func aPOSTLostOnAReusedConnectionIsNotSentAgain() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { request in
            request.number == 2 ? .nothing(then: .cut) : .response()
        }
        let client = try Client(server.url, trust: world.trust)
        _ = try await client.get()
        let error = await error { _ = try await client.post("/", body: .text("once")) }
        #expect(error?.code == .responseEmpty)
        #expect(server.requests.count == 2)
        await client.shutdown()
    }

    @Test func anUnreachablePortIsAConnectError() async throws {
        let client = try Client("https://127.0.0.1:1")
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .connectFailed)
        #expect(error?.message.contains("127.0.0.1:1") == true)
        await client.shutdown()
    }

    @Test func aHostThatDoesNotExistIsAResolveError() async throws {
        let client = try Client("https://no-such-host.invalid")
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .resolveFailed)
        #expect(error?.message.contains("no-such-host.invalid") == true)
        await client.shutdown()
    }

    @Test func aClientThatWasShutDownRefusesRequests() async throws {
        let client = try Client("https://127.0.0.1:1")
        await client.shutdown()
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .clientClosed)
    }
}
