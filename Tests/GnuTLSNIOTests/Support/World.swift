import DevPKI
import GnuTLS
import GnuTLSNIO

/// A refusal or failure that a test can recognise.
struct Marked: Error, Equatable {
    let mark: String
}

/// An authority with a server's key and a client's, made once: the tests only read them.
struct World: Sendable {
    let authority: CertificateAuthority
    let server: CertifiedKey
    let client: CertifiedKey
    let clientKey: PrivateKey

    private init() throws {
        authority = try CertificateAuthority(commonName: "Test Root")
        let server = try authority.issue(.server(names: ["localhost"]))
        let client = try authority.issueClient(commonName: "alice")
        self.server = try CertifiedKey(chain: server.chain, key: .software(server.privateKey))
        self.client = try CertifiedKey(chain: client.chain, key: .software(client.privateKey))
        clientKey = client.privateKey
    }

    private static let made = Result { try World() }
    static func shared() throws -> World { try made.get() }

    func external(_ signer: TestSigner) throws -> CertifiedKey {
        try CertifiedKey(chain: client.chain, key: .external(signer))
    }
}

/// What a test varies; the rest is a handshake that succeeds.
struct Setup {
    var version = TLSVersion.v1_3
    /// What the client offers, if not `version` alone.
    var clientVersions: ClosedRange<TLSVersion>?
    var demand = ClientCertificateDemand.ignored
    var clientKey: CertifiedKey?
    var clientProtocols: [String] = []
    var serverProtocols: [String] = []
    var clientJudge: HandshakeConfiguration.Judge = { _, _ in .success(()) }
    var serverJudge: HandshakeConfiguration.Judge = { _, _ in .success(()) }
    var handshakeTimeout: Duration?
    var signatureTimeout: Duration?
    var priority: String?
    /// Whether the client lets itself be asked for a certificate after the handshake.
    var authenticatesLater = false

    func client() throws -> HandshakeConfiguration {
        let context = try TLSContext(role: .client, options: options(clientProtocols, clientVersions))
        var configuration = HandshakeConfiguration(context: context, peerName: "localhost", judge: clientJudge)
        let key = clientKey
        configuration.serverName = "localhost"
        configuration.choose = { _ in key }
        configuration.lane = key?.lane
        configuration.authenticatesLater = authenticatesLater
        configuration.handshakeTimeout = handshakeTimeout
        configuration.signatureTimeout = signatureTimeout
        return configuration
    }

    func server() throws -> HandshakeConfiguration {
        let world = try World.shared()
        let context = try TLSContext(
            role: .server, options: options(serverProtocols), acceptedIssuers: [world.authority.certificate])
        var configuration = HandshakeConfiguration(context: context, peerName: "a client", judge: serverJudge)
        configuration.clientCertificate = demand
        configuration.authenticatesLater = true
        configuration.choose = { _ in world.server }
        return configuration
    }

    private func options(_ protocols: [String], _ versions: ClosedRange<TLSVersion>? = nil) -> TLSOptions {
        TLSOptions(
            minimumVersion: versions?.lowerBound ?? version, maximumVersion: versions?.upperBound ?? version,
            applicationProtocols: protocols, priority: priority, allowsRenegotiation: authenticatesLater)
    }
}
