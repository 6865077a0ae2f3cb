import CommandSupport
import DevPKI
import GnuTLS
import MTLSClient
import Testing

/// Where a key is.
enum Store: CaseIterable { case token, files }

/// One kind of key, in one place, by one version of TLS.
struct IdentityCase: Sendable, CustomTestStringConvertible {
    let key: KeyKind
    let store: Store
    let version: TLSVersion
    var testDescription: String { "\(key), \(store), \(version)" }

    static let all = Parties.kinds.flatMap { key in
        Store.allCases.flatMap { store in
            TLSVersion.allCases.map { IdentityCase(key: key, store: store, version: $0) }
        }
    }

    /// The certificate's.
    var commonName: String { "\(store) \(key)" }

    /// Lends an identity of ``Parties/authority`` whose files, if it has such, are there for the time of `body`.
    func withIdentity(_ body: (Identity) async throws -> Void) async throws {
        let parties = try await Parties.ready()
        switch store {
        case .token: try await body(parties.tokenIdentity(key))
        case .files:
            let directory = try TemporaryDirectory()
            let files = try #require(parties.issued[key]).write(to: directory.path, name: "client")
            try await body(.pem(certificate: files.certificate, key: files.key))
            withExtendedLifetime(directory) {}
        }
    }
}
