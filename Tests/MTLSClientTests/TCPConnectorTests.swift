import Glibc
import MTLSClient
import MTLSTestKit
import NIOCore
import Testing

@Suite struct TCPConnectorTests {
    private let origin = Endpoint("origin.example", 443)

    /// Says what it was told to.
    private struct Answers: Resolver {
        let result: Result<[IPAddress], any Error>

        init(_ addresses: String...) { result = .success(addresses.compactMap { IPAddress($0) }) }
        init(_ error: any Error) { result = .failure(error) }

        func addresses(of endpoint: Endpoint) async throws -> [IPAddress] { try result.get() }
    }

    /// Does not answer, nor notice that it was cancelled, before it is released.
    private struct Deaf: Resolver {
        let release: AsyncStream<Void>

        func addresses(of endpoint: Endpoint) async throws -> [IPAddress] {
            await Task.detached { [release] in for await _ in release {} }.value
            return []
        }
    }

    private func error(_ connector: TCPConnector, _ endpoint: Endpoint, timeouts: Timeouts = Timeouts()) async throws
        -> MTLSError
    {
        let context = try Reading.context(timeouts: timeouts)
        let error = await #expect(throws: MTLSError.self) {
            try await connector.connect(to: endpoint, context: context)
        }
        return try #require(error)
    }

    @Test func addressesThatRefuseArePassedOver() async throws {
        let server = try await PlainServer("")
        let connector = TCPConnector(resolver: Answers("::1", "127.0.0.9", "127.0.0.1"))
        let context = try Reading.context()
        let channel = try await connector.connect(to: Endpoint("x.example", server.port), context: context).channel
        #expect(channel.remoteAddress?.ipAddress == "127.0.0.1")
        #expect(try await channel.getOption(.autoRead).get() == false)
        channel.close(promise: nil)
    }

    @Test func smallPacketsAreNotHeldBack() async throws {
        let server = try await PlainServer("")
        let context = try Reading.context()
        let channel = try await TCPConnector().connect(to: Endpoint("127.0.0.1", server.port), context: context).channel
        #expect(try await channel.getOption(.tcpOption(.tcp_nodelay)).get() == 1)
        channel.close(promise: nil)
    }

    @Test func anAddressThatHangsHoldsUpTheNextForAQuarterOfASecond() async throws {
        let server = try await PlainServer("")
        let hole = try BlackHole("127.0.0.7", port: server.port)
        let connector = TCPConnector(resolver: Answers("127.0.0.7", "127.0.0.1"))
        let context = try Reading.context()
        let channel = try await connector.connect(to: Endpoint("x.example", hole.port), context: context).channel
        #expect(channel.remoteAddress?.ipAddress == "127.0.0.1")
        channel.close(promise: nil)
    }

    @Test func allAddressesThatFailedAreTold() async throws {
        let error = try await error(TCPConnector(resolver: Answers("127.0.0.8", "127.0.0.9")), Endpoint("x.example", 1))
        #expect(error.code == .connectFailed && error.phase == .connect)
        #expect(error.message.contains("127.0.0.8:1: Connection refused; 127.0.0.9:1: Connection refused"))
    }

    @Test func theTimeLimitCoversAllAddresses() async throws {
        let hole = try BlackHole("127.0.0.7")
        let error = try await error(
            TCPConnector(), Endpoint("127.0.0.7", hole.port), timeouts: Timeouts(connect: .milliseconds(200)))
        #expect(error.code == .timeoutConnect && error.phase == .connect)
        #expect(error.message.contains("127.0.0.7:\(hole.port) accepted no connection within 200 ms"))
    }

    @Test func theTimeLimitCoversTheResolverEvenIfItIsDeaf() async throws {
        let (release, released) = AsyncStream.makeStream(of: Void.self)
        defer { released.finish() }
        let error = try await error(
            TCPConnector(resolver: Deaf(release: release)), origin, timeouts: Timeouts(connect: .milliseconds(100)))
        #expect(error.code == .timeoutConnect && error.phase == .resolve)
    }

    @Test func cancellingReturnsAtOnceEvenIfTheResolverIsDeaf() async throws {
        let (release, released) = AsyncStream.makeStream(of: Void.self)
        defer { released.finish() }
        let context = try Reading.context(timeouts: Timeouts(connect: nil))
        let task = Task { [origin] in
            _ = try await TCPConnector(resolver: Deaf(release: release)).connect(to: origin, context: context)
        }
        task.cancel()
        await #expect(throws: (any Error).self) { try await task.value }
    }

    @Test func cancellingReturnsAtOnceWhileAnAddressHangs() async throws {
        let hole = try BlackHole("127.0.0.7")
        let context = try Reading.context(timeouts: Timeouts(connect: nil))
        let task = Task { _ = try await TCPConnector().connect(to: Endpoint("127.0.0.7", hole.port), context: context) }
        try await Task.sleep(for: .milliseconds(20))
        task.cancel()
        await #expect(throws: (any Error).self) { try await task.value }
    }

    @Test func aNameWithoutAddressesIsNotResolved() async throws {
        struct Broken: Error {}
        #expect(try await error(TCPConnector(resolver: Answers()), origin).code == .resolveFailed)
        let broken = try await error(TCPConnector(resolver: Answers(Broken())), origin)
        #expect(
            broken.code == .resolveFailed && broken.underlying is Broken
                && broken.origin == "https://origin.example:443")
    }

    @Test func overridesGoBeforeTheOtherResolver() async throws {
        let one = try #require(IPAddress("10.0.0.1"))
        let two = try #require(IPAddress("10.0.0.2"))
        let resolver = OverridingResolver(
            [Endpoint("a.example", 443): [one], Endpoint("*", 80): [two]], over: Answers("10.0.0.3"))
        #expect(try await resolver.addresses(of: Endpoint("A.example", 443)) == [one])
        #expect(try await resolver.addresses(of: Endpoint("b.example", 80)) == [two])
        #expect(try await resolver.addresses(of: Endpoint("b.example", 443)).description == "[10.0.0.3]")
    }

    @Test func theSystemKnowsItsOwnName() async throws {
        let addresses = try await SystemResolver().addresses(of: Endpoint("localhost", 0))
        #expect(addresses.contains { ["127.0.0.1", "::1"].contains($0.description) })
    }

    @Test func connectionsComeFromTheLocalAddress() async throws {
        let server = try await PlainServer("")
        let options = TCPOptions(localAddresses: [IPAddress("127.0.0.5")].compactMap(\.self))
        let context = try Reading.context()
        let channel = try await TCPConnector(options).connect(to: Endpoint("127.0.0.1", server.port), context: context)
            .channel
        #expect(channel.localAddress?.ipAddress == "127.0.0.5")
        channel.close(promise: nil)
    }

    @Test(arguments: [("192.0.2.1", "192.0.2.1"), ("::1", "IPv4 addresses only")])
    func aLocalAddressThatCannotBeUsedIsAnErrorOfItsOwn(address: String, text: String) async throws {
        let options = TCPOptions(localAddresses: [IPAddress(address)].compactMap(\.self))
        let error = try await error(TCPConnector(options), Endpoint("127.0.0.1", 1))
        #expect(error.code == .localAddressUnavailable && error.fault == .caller)
        #expect(error.message.contains(text))
    }

    @Test func theKernelProbesIdleConnectionsAsTold() async throws {
        let server = try await PlainServer("")
        func values(_ keepAlive: TCPOptions.KeepAlive?) async throws -> [Int] {
            let context = try Reading.context()
            let connector = TCPConnector(TCPOptions(keepAlive: keepAlive))
            let channel = try await connector.connect(to: Endpoint("127.0.0.1", server.port), context: context).channel
            defer { channel.close(promise: nil) }
            var values = [try await channel.getOption(.socketOption(.so_keepalive)).get()]
            for name in [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT] {
                let option = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: name))
                values.append(try await channel.getOption(option).get() & 0xFFFF_FFFF)
            }
            return values
        }
        #expect(try await values(.init(idle: .seconds(30), interval: .seconds(5), count: 3)) == [1, 30, 5, 3])
        #expect(try await values(.init()).prefix(3) == [1, 60, 60])
        #expect(try await values(nil).first == 0)
    }

    @Test(arguments: [0, 65536, -1])
    func anImpossiblePortIsAnError(port: Int) async throws {
        #expect(try await error(TCPConnector(), Endpoint("127.0.0.1", port)).code == .connectFailed)
    }

    @Test func nothingIsLeftBehindByAttemptsThatWereGivenUp() async throws {
        let hole = try BlackHole("127.0.0.7")
        let context = try Reading.context(timeouts: Timeouts(connect: .milliseconds(50)))
        func openToHole() -> Int { Descriptors.connections(to: hole.port) }
        let before = openToHole()
        for _ in 1...5 {
            await #expect(throws: MTLSError.self) {
                try await TCPConnector().connect(to: Endpoint("127.0.0.7", hole.port), context: context)
            }
        }
        #expect(openToHole() == before)
    }
}

/// The sockets of this process.
private enum Descriptors {
    /// How many are connected, or being connected, to a port of the loopback network.
    static func connections(to port: Int) -> Int {
        let hex = String(port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - hex.count) + hex
        guard let file = fopen("/proc/self/net/tcp", "re") else { return -1 }
        defer { fclose(file) }
        var count = 0
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, 512, file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let columns = text.split(separator: " ")
            // Without those that only wait for their last packets: no descriptor is theirs.
            if columns.count > 9, columns[2].hasSuffix(suffix), columns[9] != "0" { count += 1 }
        }
        return count
    }
}
