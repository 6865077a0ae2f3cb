import MTLSClient
import Testing

@Suite struct SOCKS5ProxyTests {
    private static let opened: [UInt8] = [5, 0, 0, 1, 127, 0, 0, 1, 0, 80]

    private struct Fixed: Resolver {
        let addresses: [String]

        func addresses(of endpoint: Endpoint) async throws -> [IPAddress] { addresses.compactMap { IPAddress($0) } }
    }

    private func credentials(_ password: String) -> Proxy.Credentials {
        .init(
            user: "alice",
            password: .closure { _ in
                var bytes = Array(password.utf8)
                return SecretBytes(wiping: &bytes)
            })
    }

    @Test func userAndPasswordAreSaidAndTheNameIsLeftToTheProxy() async throws {
        let server = try await ScriptedServer([[5, 2], [1, 0], Self.opened + Array("hello".utf8)])
        let proxy = try Proxy("socks5h://127.0.0.1:\(server.port)", credentials: credentials("wonder"))
        #expect(try await Reading.text(of: SOCKS5Connector(proxy), count: 5) == "hello")
        #expect(
            server.received == [
                [5, 2, 0, 2], [1, 5] + Array("alice".utf8) + [6] + Array("wonder".utf8),
                [5, 1, 0, 3, 14] + Array("origin.example".utf8) + [1, 187],
            ])
    }

    @Test func addressesAreTriedInTurnWhileTheProxyCannotReachThem() async throws {
        let server = try await ScriptedServer([[5, 0], [5, 4, 0, 1, 0, 0, 0, 0, 0, 0]])
        let proxy = try Proxy("socks5://127.0.0.1:\(server.port)")
        let connector = try SOCKS5Connector(proxy, resolver: Fixed(addresses: ["10.0.0.1", "10.0.0.2"]))
        let context = try Reading.context()
        let error = await #expect(throws: MTLSError.self) {
            try await connector.connect(to: Endpoint("origin.example", 443), context: context)
        }
        #expect(error?.code == .proxyRefused)
        #expect(
            server.received.map { $0.dropFirst(4).prefix(4) }.filter { !$0.isEmpty } == [
                [10, 0, 0, 1], [10, 0, 0, 2],
            ])
    }

    @Test func refusedCredentialsCostOneAttemptAndAreNotTold() async throws {
        let server = try await ScriptedServer([[5, 2], [1, 1]])
        let proxy = try Proxy("socks5h://127.0.0.1:\(server.port)", credentials: credentials("hunter2"))
        let client = try Client("http://origin.example", connector: SOCKS5Connector(proxy))
        let error = await #expect(throws: MTLSError.self) { try await client.get() }
        #expect(error?.code == .proxyAuthenticationRequired && error?.isPermanent == true)
        #expect(error?.description.contains("hunter2") == false)
        #expect(server.received.count == 2)
        await client.shutdown()
    }

    @Test(arguments: ["", String(repeating: "x", count: 256)])
    func aPasswordThatSOCKSHasNoRoomForIsAnError(password: String) async throws {
        let proxy = try Proxy("socks5h://127.0.0.1:1", credentials: credentials(password))
        let client = try Client("http://origin.example", connector: SOCKS5Connector(proxy))
        let error = await #expect(throws: MTLSError.self) { try await client.get() }
        #expect(error?.code == .proxyAuthenticationRequired)
        await client.shutdown()
    }
}
