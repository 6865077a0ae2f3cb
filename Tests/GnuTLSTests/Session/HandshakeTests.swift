import Glibc
import Testing

@testable import GnuTLS

/// Handshakes between two sessions in memory.
struct HandshakeTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let version: TLSVersion
        let kind: KeyKind
        let demand: ClientCertificateDemand
        var testDescription: String { "\(version.rawValue), \(kind), \(demand)" }

        static let all = TLSVersion.allCases.flatMap { version in
            SessionWorld.kinds.flatMap { kind in
                [ClientCertificateDemand.required, .requested, .ignored].map {
                    Case(version: version, kind: kind, demand: $0)
                }
            }
        }
    }

    @Test(arguments: Case.all)
    func softwareKeysShakeHands(_ it: Case) throws {
        let world = try SessionWorld.with(it.kind)
        let pair = try world.pair(it.version, demand: it.demand, client: world.client)
        pair.shake()
        #expect(pair.client.isDone && pair.server.isDone)
        #expect(pair.client.session.version == it.version)
        #expect(pair.client.judged == [world.server.chain[0].der])
        let shown = it.demand == .ignored ? nil : world.client.chain[0]
        #expect(pair.client.session.shownCertificate?.der == shown?.der)
        #expect(pair.server.session.peerChain == (shown.map { [$0.der] } ?? []))
        #expect(pair.client.session.wasAskedForCertificate == (it.demand != .ignored))
        #expect(pair.client.session.timeToSign == .zero)
    }

    @Test(arguments: TLSVersion.allCases)
    func aRequestedCertificateMayBeAbsent(_ version: TLSVersion) throws {
        let pair = try SessionWorld.with(.ecdsaP256).pair(version, demand: .requested)
        pair.shake()
        #expect(pair.client.isDone && pair.server.isDone)
        #expect(pair.server.session.peerChain.isEmpty)
        #expect(pair.client.session.shownCertificate == nil)
        #expect(pair.client.session.wasAskedForCertificate)
    }

    @Test(arguments: TLSVersion.allCases)
    func theRequestNamesIssuersAndSchemes(_ version: TLSVersion) throws {
        let world = try SessionWorld.with(.ecdsaP256)
        var requests: [CertificateRequest] = []
        let pair = try world.pair(version) { request in
            requests.append(request)
            return world.client
        }
        pair.shake()
        #expect(pair.server.isDone)
        #expect(requests.count == 1)
        #expect(requests.first?.acceptedIssuers == [world.client.chain[0].rawIssuer])
        #expect(requests.first?.schemes.contains(.ecdsaSECP256R1SHA256) == true)
    }

    @Test(arguments: TLSVersion.allCases)
    func aChoiceThatThrowsEndsBothSides(_ version: TLSVersion) throws {
        let pair = try SessionWorld.with(.ecdsaP256).pair(version) { _ in throw Marked(mark: "no shared scheme") }
        pair.shake()
        guard case .choice(let error) = try #require(pair.client.failure).kind else {
            Issue.record("\(String(describing: pair.client.failure))")
            return
        }
        #expect(error as? Marked == Marked(mark: "no shared scheme"))
        try expectAlert(80, at: pair.server, version)
    }

    @Test(arguments: TLSVersion.allCases)
    func aRefusalIsToldToThePeer(_ version: TLSVersion) throws {
        let world = try SessionWorld.with(.ecdsaP256)
        let pair = try world.pair(version, client: world.client)
        pair.client.verdict = .failure(Marked(mark: "not him"))
        pair.shake()
        guard case .refused(let reason) = try #require(pair.client.failure).kind else {
            Issue.record("\(String(describing: pair.client.failure))")
            return
        }
        #expect(reason as? Marked == Marked(mark: "not him"))
        try expectAlert(42, at: pair.server, version)
    }

    @Test(arguments: TLSVersion.allCases)
    func aServerMayRefuseToo(_ version: TLSVersion) throws {
        let world = try SessionWorld.with(.ecdsaP256)
        let pair = try world.pair(version, client: world.client)
        pair.server.verdict = .failure(Marked(mark: "not you"))
        pair.shake()
        guard case .refused = try #require(pair.server.failure).kind else {
            Issue.record("\(String(describing: pair.server.failure))")
            return
        }
        // Under TLS 1.3 the client learns it only when it reads.
        #expect(pair.client.isDone == (version == .v1_3))
        let failure = pair.client.failure ?? #expect(throws: TLSFailure.self) { try pair.client.receive() }
        guard case .alert(let alert) = try #require(failure).kind else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(alert.number == 42)
    }

    @Test func aMissingCertificateReachesTheClientAfterItsHandshake() throws {
        let pair = try SessionWorld.with(.ecdsaP256).pair(.v1_3, demand: .required)
        pair.shake()
        #expect(pair.client.isDone)
        #expect(pair.server.failure != nil)
        let failure = #expect(throws: TLSFailure.self) { try pair.client.receive() }
        guard case .alert(let alert) = try #require(failure).kind else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(alert.number == 116)
    }

    @Test func aMissingCertificateFailsTheHandshakeUnderTLS12() throws {
        let pair = try SessionWorld.with(.ecdsaP256).pair(.v1_2, demand: .required)
        pair.shake()
        #expect(!pair.client.isDone && !pair.server.isDone)
        #expect(pair.client.failure != nil && pair.server.failure != nil)
    }

    @Test func aCertificateThatCannotBeSentIsAnError() throws {
        let world = try SessionWorld.with(.rsa(bits: 2048))
        let signer = RecordingSigner(
            world.clientKey, refusing: [.rsaPSSRSAESHA256, .rsaPSSRSAESHA384, .rsaPSSRSAESHA512])
        let pair = try world.pair(.v1_3, demand: .requested, client: world.external(signer))
        pair.shake()
        guard case .certificateNotSent = try #require(pair.client.failure).kind else {
            Issue.record("\(String(describing: pair.client.failure))")
            return
        }
        #expect(signer.inputs.isEmpty)
    }

    @Test(arguments: TLSVersion.allCases)
    func versionsThatDoNotMeetFailBothSides(_ version: TLSVersion) throws {
        let world = try SessionWorld.with(.ecdsaP256)
        let other: TLSVersion = version == .v1_2 ? .v1_3 : .v1_2
        let pair = SessionPair(
            client: try Side(world.context(.client, version)) { _ in nil },
            server: try Side(world.context(.server, other)) { _ in world.server })
        pair.shake()
        #expect(pair.client.failure != nil && pair.server.failure != nil)
    }

    @Test func aVersionBelow12IsRefusedWhateverThePrioritiesSay() throws {
        let world = try SessionWorld.with(.rsa(bits: 2048))
        let old = "-VERS-ALL:+VERS-TLS1.1:%UNSAFE_RENEGOTIATION:+SHA1:+SIGN-ALL"
        let pair = SessionPair(
            client: try Side(world.context(.client, .v1_2, priority: old)) { _ in nil },
            server: try Side(world.context(.server, .v1_2, priority: old)) { _ in world.server })
        pair.shake()
        #expect(!pair.client.isDone)
        #expect(pair.client.failure != nil)
    }

    // MARK: What is said in the hello

    @Test(arguments: TLSVersion.allCases)
    func theServersFirstCommonProtocolIsAgreed(_ version: TLSVersion) throws {
        let pair = try SessionWorld.with(.ecdsaP256)
            .pair(version, demand: .ignored, clientALPN: ["h2", "http/1.1"], serverALPN: ["http/1.1"])
        pair.shake()
        #expect(pair.client.session.applicationProtocol == "http/1.1")
        #expect(pair.server.session.applicationProtocol == "http/1.1")
    }

    @Test(arguments: [(["h2"], []), ([], ["h2"]), ([], [])] as [([String], [String])])
    func withoutCommonProtocolsNoneIsAgreed(_ clients: [String], _ servers: [String]) throws {
        let pair = try SessionWorld.with(.ecdsaP256)
            .pair(.v1_3, demand: .ignored, clientALPN: clients, serverALPN: servers)
        pair.shake()
        #expect(pair.client.isDone && pair.server.isDone)
        #expect(pair.client.session.applicationProtocol == nil)
    }

    @Test(
        arguments: [
            ("api.example.com", "api.example.com"), ("192.0.2.1", nil), ("2001:db8::1", nil), (nil, nil),
        ] as [(String?, String?)])
    func namesAreSentAndAddressesAreNot(_ name: String?, _ sent: String?) throws {
        let pair = try SessionWorld.with(.ecdsaP256).pair(.v1_3, demand: .ignored, serverName: name)
        pair.shake()
        #expect(pair.client.isDone)
        #expect(pair.server.session.requestedServerName == sent)
    }

    /// In a process of its own: GnuTLS reads the variable once, and `setenv` is not for many threads.
    @Test func theEnvironmentCannotHaveSecretsWrittenDown() async {
        await #expect(processExitsWith: .success) {
            let path = "/tmp/mtls-keylog-\(getpid())"
            setenv("SSLKEYLOGFILE", path, 1)
            defer { unlink(path) }
            for version in TLSVersion.allCases {
                let pair = try SessionWorld.with(.ecdsaP256).connected(version)
                #expect(pair.client.isDone && pair.server.isDone)
            }
            #expect(access(path, F_OK) != 0)
        }
    }

    @Test(arguments: TLSVersion.allCases, 0..<4)
    func aSessionCanBeFreedInAnyPhase(_ version: TLSVersion, _ flights: Int) throws {
        let world = try SessionWorld.with(.ecdsaP256)
        weak var freed: TLSSession?
        do {
            let signer = RecordingSigner(world.clientKey)
            let pair = try world.pair(version, client: world.external(signer))
            pair.shake { flight, size in flight < flights ? [size] : [] }
            freed = pair.client.session
            #expect(freed != nil)
        }
        #expect(freed == nil)
    }
}

/// A server of GnuTLS that waits for a certificate under TLS 1.2 takes any alert for "there is none".
func expectAlert(_ number: UInt8, at side: Side, _ version: TLSVersion) throws {
    switch try #require(side.failure).kind {
    case .alert(let alert): #expect(alert.number == number)
    case .gnutls(let error) where version == .v1_2: #expect(error.name == "GNUTLS_E_NO_CERTIFICATE_FOUND")
    case let other: Issue.record("\(other)")
    }
}
