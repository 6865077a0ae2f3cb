import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// Servers that ask for certificates when the first request has come.
@Suite struct ServerAfterHandshakeTests {
    private let authority: CertificateAuthority

    init() throws {
        authority = try CertificateAuthority(commonName: "Test Root")
    }

    private func server(_ version: TLSVersion) async throws -> MTLSServer {
        try await MTLSServer(
            identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .requestedAfterHandshake,
            trusting: [authority.root], versions: version...version
        ) { .response(body: $0.client.certificate?.subject ?? $0.client.reason ?? "") }
    }

    private func client(_ server: MTLSServer, _ identity: Identity?, renegotiates: Bool = true) throws -> Client {
        var tls = TLSSettings()
        tls.allowsRenegotiation = renegotiates
        return try Client(server.url, identity: identity, trust: .certificates([authority.root]), tls: tls)
    }

    private func identity(_ issued: IssuedIdentity) throws -> Identity {
        .pem(certificate: issued.certificatePEM, key: try issued.keyPEM().withUnsafeBytes { Array($0) })
    }

    @Test(arguments: TLSVersion.allCases)
    func theCertificateIsKnownFromTheFirstRequestOn(_ version: TLSVersion) async throws {
        let server = try await server(version)
        let client = try client(server, identity(authority.issueClient(commonName: "alice")))
        for count in 1...2 {
            let response = try await client.get()
            #expect(try await response.body.text(upTo: .kibibytes(1)) == "CN=alice")
            #expect(response.connection.requestCount == count)
            #expect(response.connection.handshake?.clientCertificate?.subject == "CN=alice")
        }
        #expect(server.requests.map(\.client.authorized) == [true, true])
        await client.shutdown()
    }

    @Test(arguments: TLSVersion.allCases)
    func aKeyInATokenSignsOncePerConnection(_ version: TLSVersion) async throws {
        let server = try await server(version)
        let token = try await SoftHSMToken(issuedBy: authority, commonName: "bob")
        let client = try client(server, token.identity)
        let first = try await client.get()
        #expect(try await first.body.text(upTo: .kibibytes(1)) == "CN=bob")
        let signed = try #require(first.connection.handshake?.signatureDuration)
        #expect(signed > .zero)
        let second = try await client.get()
        #expect(second.connection.id == first.connection.id)
        #expect(second.connection.handshake?.signatureDuration == signed)
        await client.shutdown()
    }

    @Test(arguments: TLSVersion.allCases)
    func aBadCertificateIsToldByTheVerdict(_ version: TLSVersion) async throws {
        let server = try await server(version)
        let stranger = try CertificateAuthority(commonName: "Stranger").issueClient(commonName: "mallory")
        let client = try client(server, identity(stranger))
        _ = try await client.get()
        let seen = try #require(server.requests.first?.client)
        #expect(!seen.authorized && seen.reason != nil && seen.certificate == stranger.certificate)
        await client.shutdown()
    }

    @Test(arguments: TLSVersion.allCases)
    func whoHasNoneIsServedWithoutOne(_ version: TLSVersion) async throws {
        let server = try await server(version)
        let client = try client(server, nil)
        let response = try await client.get()
        #expect(try await response.body.text(upTo: .kibibytes(1)) == "the client sent no certificate")
        await client.shutdown()
    }

    @Test func whoDoesNotRenegotiateIsToldWhy() async throws {
        let server = try await server(.v1_2)
        let client = try client(
            server, identity(authority.issueClient(commonName: "alice")), renegotiates: false)
        let error = await #expect(throws: MTLSError.self) { try await client.get() }
        #expect(error?.code == .renegotiationDeclined)
        #expect(server.requests.isEmpty)
        await client.shutdown()
    }
}
