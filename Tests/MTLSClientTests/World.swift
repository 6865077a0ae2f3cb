import DevPKI
import MTLSClient
import MTLSTestKit

/// An authority with what a test needs of it.
struct World {
    let authority: CertificateAuthority

    init() throws {
        authority = try CertificateAuthority(commonName: "Test Root")
    }

    var trust: Trust { .certificates([authority.root]) }

    func identity(_ name: String) throws -> Identity {
        let issued = try authority.issueClient(commonName: name)
        let key = try issued.keyPEM()
        return .pem(certificate: issued.certificatePEM, key: key.withUnsafeBytes { Array($0) })
    }

    /// A server that answers with the client's subject.
    func server(
        _ clients: MTLSServer.Clients, versions: ClosedRange<TLSVersion> = .v1_2 ... .v1_3, priority: String? = nil,
        resumes: Bool = false,
        respond: @escaping @Sendable (ServerRequest) async -> ServerAnswer = {
            .response(body: $0.client.certificate?.subject ?? "nobody")
        }
    ) async throws -> MTLSServer {
        try await MTLSServer(
            identity: authority.issue(.server(names: ["localhost", "127.0.0.1"])), clients: clients,
            trusting: [authority.root], versions: versions, priority: priority, resumes: resumes,
            respond: respond)
    }
}
