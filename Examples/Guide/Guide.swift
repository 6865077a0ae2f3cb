import Glibc
import MTLSClient

/// Runs one section of the guide: `swift run guide SECTION [URL…]`. Examples/README.md says what it needs.
@main enum Guide {
    private static let sections: [String: @Sendable ([String]) async throws -> Void] = [
        "client": { try await clientCertificate($0[0]) },
        "settings": { try await settings($0[0]) },
        "agent": { try await severalHosts($0) },
        "passphrase": { try await passphrase($0[0]) },
        "connector": { try await connectorPerHost($0) },
        "resolving": { try await identityPerHost($0) },
        "authority": { try await developmentAuthority($0[0]) },
        "unverified": { try await unverified($0[0]) },
        "testing": { _ in try await testing() },
        "token": { try await keyInToken($0[0]) },
        "streaming": { try await streaming($0[0]) },
        "refused": { try await refused($0[0]) },
    ]

    static func main() async {
        let arguments = CommandLine.arguments.dropFirst()
        guard let section = arguments.first.flatMap({ sections[$0] }) else {
            print("usage: guide SECTION [URL...]\nsections: \(sections.keys.sorted().joined(separator: ", "))")
            exit(2)
        }
        let urls = Array(arguments.dropFirst())
        do {
            try await section(urls.isEmpty ? ["https://localhost:8443"] : urls)
        } catch {
            print(error)
            exit(1)
        }
    }
}
