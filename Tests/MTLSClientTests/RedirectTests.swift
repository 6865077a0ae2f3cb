import DevPKI
import MTLSClient
import MTLSTestKit
import Testing

@Suite struct RedirectTests {
    /// Follows redirects.
    static func settings(_ redirects: RedirectSettings = .follow()) -> ClientSettings {
        var settings = ClientSettings()
        settings.redirects = redirects
        return settings
    }

    /// A server that redirects every path but `/end`.
    private func redirecting(
        _ world: World, _ clients: MTLSServer.Clients, _ status: Int = 302, to location: String
    ) async throws -> MTLSServer {
        try await world.server(clients) { request in
            guard request.path != "/end" else {
                return .response(body: "\(request.method.rawValue) \(request.client.certificate?.subject ?? "nobody")")
            }
            return .response(.init(code: status), headerFields: [.location: location], body: "moved")
        }
    }

    private func code(_ body: () async throws -> Void) async -> MTLSError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? MTLSError)?.code
        }
    }

    @Test func withoutTheSettingARedirectIsAnAnswer() async throws {
        let world = try World()
        let server = try await redirecting(world, .ignored, to: "/end")
        let client = try Client(server.url, trust: world.trust)
        let response = try await client.get("/start")
        #expect(response.status == .found && response.redirects.isEmpty)
        await client.shutdown()
    }

    @Test func aRedirectIsFollowedOverTheSameConnection() async throws {
        let world = try World()
        let server = try await redirecting(world, .required, to: "end")
        let client = try Client(
            server.url, identity: try world.identity("alice"), trust: world.trust, settings: Self.settings())
        let response = try await client.get("/start")
        #expect(response.redirects == [server.url + "/end"])
        #expect(try await response.body.text(upTo: .kibibytes(1)) == "GET CN=alice")
        #expect(server.connectionCount == 1)
        await client.shutdown()
    }

    @Test func aBodyInMemoryIsSentAgainWhereTheStatusSaysSo() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { request in
            request.path == "/end"
                ? .response(body: "\(request.method.rawValue) \(request.body.text)")
                : .response(.init(code: Int(request.path.dropFirst()) ?? 0), headerFields: [.location: "/end"])
        }
        let client = try Client(server.url, trust: world.trust, settings: Self.settings())
        for (status, expected) in [("307", "POST text"), ("308", "POST text"), ("302", "GET "), ("303", "GET ")] {
            let response = try await client.post("/\(status)", body: .text("text"))
            #expect(try await response.body.text(upTo: .kibibytes(1)) == expected)
        }
        await client.shutdown()
    }

    @Test func aBodyThatIsGoneIsAnErrorThatSaysSo() async throws {
        let world = try World()
        let server = try await redirecting(world, .ignored, 307, to: "/end")
        let client = try Client(server.url, trust: world.trust, settings: Self.settings())
        let once = AsyncStream<[UInt8]> { continuation in
            continuation.yield([1])
            continuation.finish()
        }
        #expect(await code { _ = try await client.post("/start", body: .stream(once)) } == .requestBodySpent)
        let again = RequestBody.restartable { AsyncStream<[UInt8]> { $0.finish() } }
        #expect(try await client.post("/start", body: again).status == .ok)
        await client.shutdown()
    }

    // MARK: Other origins

    @Test func anIdentityWithoutAScopeIsNotShownToWhomARedirectNames() async throws {
        let world = try World()
        let target = try await redirecting(world, .requested, to: "/end")
        let server = try await redirecting(world, .required, to: target.url + "/end")
        let agent = Agent(identity: try world.identity("alice"), trust: world.trust, settings: Self.settings())
        // The caller names the target as well: those connections are others.
        #expect(
            try await agent.get(target.url + "/end").body.text(upTo: .kibibytes(1)) == "GET CN=alice")
        let response = try await agent.get(server.url + "/start")
        #expect(try await response.body.text(upTo: .kibibytes(1)) == "GET nobody")
        #expect(response.connection.handshake?.clientCertificate == nil)
        #expect(server.requests.map(\.client.authorized) == [true])
        #expect(target.requests.map(\.client.authorized) == [true, false])
        #expect(target.connectionCount == 2)
        #expect(
            try await agent.get(target.url + "/end").body.text(upTo: .kibibytes(1)) == "GET CN=alice")
        await agent.shutdown()
    }

    @Test func anIdentityIsShownToARedirectsTargetThatARuleNames() async throws {
        let world = try World()
        let target = try await redirecting(world, .required, to: "/end")
        let server = try await redirecting(world, .required, to: target.url + "/end")
        let agent = Agent(
            identity: .perHost([
                "localhost:\(server.port)": try world.identity("alice"),
                "127.0.0.1:\(server.port)": try world.identity("alice"),
                "localhost:\(target.port)": try world.identity("bob"),
                "127.0.0.1:\(target.port)": try world.identity("bob"),
            ]), trust: world.trust, settings: Self.settings())
        let response = try await agent.get(server.url + "/start")
        #expect(try await response.body.text(upTo: .kibibytes(1)) == "GET CN=bob")
        await agent.shutdown()
    }

    @Test func aTargetThatDemandsAnIdentityFailsWithTheRemedy() async throws {
        let world = try World()
        let target = try await redirecting(world, .required, to: "/end")
        let server = try await redirecting(world, .required, to: target.url + "/end")
        let agent = Agent(identity: try world.identity("alice"), trust: world.trust, settings: Self.settings())
        do {
            _ = try await agent.get(server.url + "/start")
            Issue.record("the target was content without an identity")
        } catch let error as MTLSError {
            #expect(error.code == .identityWithheld)
            #expect(error.advice?.contains("Identity.perHost") == true)
        }
        await agent.shutdown()
    }

    @Test func onTheWayBackToTheCallersOriginTheIdentityIsShown() async throws {
        let world = try World()
        let home = Box("")
        let detour = try await world.server(.requested) { _ in
            .response(.found, headerFields: [.location: home.value + "/end"])
        }
        let server = try await redirecting(world, .required, to: detour.url + "/")
        home.value = server.url
        let agent = Agent(identity: try world.identity("alice"), trust: world.trust, settings: Self.settings())
        let response = try await agent.get(server.url + "/start")
        #expect(try await response.body.text(upTo: .kibibytes(1)) == "GET CN=alice")
        #expect(response.redirects == [detour.url + "/", server.url + "/end"])
        #expect(detour.requests.map(\.client.certificate?.subject) == [nil])
        await agent.shutdown()
    }

    @Test func credentialsAreNotSentToAnotherOrigin() async throws {
        let world = try World()
        let target = try await redirecting(world, .ignored, to: "/end")
        let server = try await redirecting(world, .ignored, to: target.url + "/start")
        let agent = Agent(trust: world.trust, settings: Self.settings())
        let fields: HTTPFields = [.authorization: "Bearer x", .cookie: "a=b", .accept: "text/plain"]
        _ = try await agent.get(server.url + "/start", headerFields: fields)
        #expect(server.requests.map { $0.headerFields[.authorization] } == ["Bearer x"])
        #expect(target.requests.map { $0.headerFields[.authorization] } == [nil, nil])
        #expect(target.requests.map { $0.headerFields[.cookie] } == [nil, nil])
        #expect(target.requests.map { $0.headerFields[.accept] } == ["text/plain", "text/plain"])
        await agent.shutdown()
    }

    @Test func aClientAsksNoOtherOrigin() async throws {
        let world = try World()
        let server = try await redirecting(world, .ignored, to: "https://b.example/")
        let client = try Client(server.url, trust: world.trust, settings: Self.settings())
        #expect(await code { _ = try await client.get("/start") } == .redirectInvalid)
        await client.shutdown()
    }

    // MARK: Limits

    @Test func fromHTTPSToHTTPIsAnError() async throws {
        let world = try World()
        let server = try await redirecting(world, .ignored, to: "http://127.0.0.1/")
        let agent = Agent(trust: world.trust, settings: Self.settings())
        #expect(await code { _ = try await agent.get(server.url) } == .redirectInsecure)
        await agent.shutdown()
    }

    @Test func tooManyAreAnError() async throws {
        let world = try World()
        let server = try await world.server(.ignored) {
            .response(.found, headerFields: [.location: "\($0.path)x"])
        }
        let agent = Agent(trust: world.trust, settings: Self.settings(.follow(maximum: 3)))
        #expect(await code { _ = try await agent.get(server.url) } == .redirectLimit)
        #expect(server.requests.count == 4)
        await agent.shutdown()
    }

    @Test func whoIsToldMayForbidIt() async throws {
        struct No: Error {}
        let world = try World()
        let server = try await redirecting(world, .ignored, to: "/end")
        let told = Box<[String]>([])
        let client = try Client(
            server.url, trust: world.trust,
            settings: Self.settings(
                .follow { redirect in
                    told.value.append("\(redirect.source) \(redirect.response.status.code) \(redirect.target)")
                    throw No()
                }))
        await #expect(throws: No.self) { try await client.get("/start") }
        #expect(told.value == ["\(server.url)/start 302 \(server.url)/end"])
        #expect(server.requests.count == 1)
        await client.shutdown()
    }

    /// One limit for all of them: each of the server's answers alone would be in time.
    @Test func theTimeOfTheWholeRequestIsNotGivenAnewToEachRedirect() async throws {
        let world = try World()
        let server = try await world.server(.ignored) {
            var answer = ServerAnswer.response(.found, headerFields: [.location: "\($0.path)x"])
            answer.delay = .milliseconds(60)
            return answer
        }
        let agent = Agent(trust: world.trust, settings: Self.settings(.follow(maximum: 1000)))
        let limit = Duration.milliseconds(500)
        do {
            _ = try await agent.execute(
                server.url, HTTPRequest(method: .get, scheme: nil, authority: nil, path: nil),
                timeouts: Timeouts(request: limit))
            Issue.record("it ended")
        } catch let error as MTLSError {
            #expect(error.code == .timeoutRequest)
            #expect(error.message.contains("500 ms"))
        }
        await agent.shutdown()
    }

    @Test(arguments: [true, false])
    func aBodyThatIsLeftUnreadIsDrainedWhenSmall(isSmall: Bool) async throws {
        let connections = Tally()
        let server = try await RawServer { peer in
            connections.add()
            while let head = try await peer.readHead() {
                guard head.hasPrefix("GET /start") else {
                    try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    continue
                }
                let size = isSmall ? 3000 : 3_000_000
                try await peer.send("HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: \(size)\r\n\r\n")
                for _ in 0..<3 { try await peer.send(String(repeating: "x", count: size / 3)) }
            }
        }
        let client = try Client(server.url, settings: Self.settings())
        #expect(try await client.get("/start").status == .ok)
        #expect(connections.value == (isSmall ? 1 : 2))
        await client.shutdown()
    }
}
