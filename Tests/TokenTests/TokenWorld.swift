import CountingModuleSupport
import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit

/// A token with one key and its certificate, behind a module that counts, and a server that demands certificates.
struct TokenWorld {
    let authority: CertificateAuthority
    let token: SoftHSMToken
    let counting: CountingModule
    let server: MTLSServer

    init(
        key: KeyKind = .ecdsaP256, server subject: LeafSubject = .server(names: ["localhost", "127.0.0.1"]),
        serverKey: KeyKind = .ecdsaP256, serverValidity: Validity = .hours(24), priority: String? = nil,
        versions: ClosedRange<TLSVersion> = .v1_2 ... .v1_3, resumes: Bool = false,
        then ending: ServerAnswer.Ending = .keepAlive
    ) async throws {
        authority = try CertificateAuthority(commonName: "Test Root")
        token = try await SoftHSMToken(issuedBy: authority, commonName: "alice", key: key)
        counting = try token.countingModule()
        server = try await MTLSServer(
            identity: authority.issue(subject, key: serverKey, validity: serverValidity), clients: .required,
            trusting: [authority.root], versions: versions, priority: priority, resumes: resumes
        ) { _ in .response(then: ending) }
    }

    var trust: Trust { .certificates([authority.root]) }

    /// The token's identity, by way of the module that counts.
    var identity: Identity { token.identity(object: "client", module: counting.path) }

    func client(
        identity: Identity? = nil, trust: Trust? = nil, tls: TLSSettings = TLSSettings(),
        settings: ClientSettings = ClientSettings()
    ) throws -> Client {
        try Client(
            server.url, identity: identity ?? self.identity, trust: trust ?? self.trust, tls: tls, settings: settings)
    }

    /// What became of `count` requests that were started at once.
    func outcomes(of count: Int, with client: Client) async -> [Result<Int, MTLSError>] {
        await withTaskGroup { group in
            for number in 0..<count {
                group.addTask { () -> Result<Int, MTLSError> in
                    do {
                        return .success(try await client.get("/\(number)").status.code)
                    } catch {
                        return .failure(
                            error as? MTLSError
                                ?? MTLSError(.invariantViolated, phase: .prepare, fault: .us, "\(error)"))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}

func error(of body: () async throws -> Void) async -> MTLSError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? MTLSError
    }
}

func secret(_ text: String) -> SecretSource {
    .closure { _ in
        var bytes = Array(text.utf8)
        return SecretBytes(wiping: &bytes)
    }
}

extension SoftHSMToken {
    /// A module of one's own in front of SoftHSM, which shows this token alone: to look for it among those of all tests
    /// would take most of the time.
    func countingModule() throws -> CountingModule {
        let module = try CountingModule(inFrontOf: modulePath)
        module.insertToken(slot, in: slot)
        return module
    }
}
