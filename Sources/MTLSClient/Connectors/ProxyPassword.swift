import MTLSCore
import MTLSIdentity
import SecretMemory

/// The password of a proxy's user, as a message needs it.
struct ProxyPassword: Sendable {
    private let credentials: Proxy.Credentials
    private let proxy: String
    private let answer: AsyncOnce<SecretBytes>?

    init(_ credentials: Proxy.Credentials, proxy: String) {
        self.credentials = credentials
        self.proxy = proxy
        // A person is asked once.
        answer = credentials.password.isInteractive ? AsyncOnce { try await Self.read(credentials, proxy) } : nil
    }

    var user: String { credentials.user }

    func read() async throws -> SecretBytes {
        if let answer { return try await answer.value() }
        return try await Self.read(credentials, proxy)
    }

    private static func read(_ credentials: Proxy.Credentials, _ proxy: String) async throws -> SecretBytes {
        let owner = "\(credentials.user) at the proxy \(proxy)"
        do {
            if let password = try await credentials.password.read(.init(subject: owner, name: "password")) {
                return password
            }
        } catch let error as MTLSError {
            // A key's passphrase is something else.
            throw missing(error.message, error)
        }
        throw missing("there is no password of \(owner)")
    }

    private static func missing(_ message: String, _ underlying: MTLSError? = nil) -> MTLSError {
        MTLSError(.proxyAuthenticationRequired, phase: .proxy, fault: .caller, message, underlying: underlying)
    }
}
