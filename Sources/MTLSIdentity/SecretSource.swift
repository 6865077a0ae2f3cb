import Glibc
import MTLSCore
public import SecretMemory

/// Where a PIN or a passphrase comes from. It is asked for when it is needed, and kept no longer.
///
/// There is no case that holds the secret itself: literals end up in core dumps and logs.
public struct SecretSource: Sendable {
    /// What a secret is wanted for.
    public struct Request: Sendable {
        /// What is locked, for a prompt: the token's label, or the name of the key file.
        public let subject: String
        /// What to call the secret, `PIN` or `passphrase`.
        public let name: String
        /// Whether a wrong answer locks the token.
        public let isFinalTry: Bool

        /// The code of the error that there is none.
        var missing: MTLSError.Code { name == "PIN" ? .pinMissing : .passphraseMissing }

        package init(subject: String, name: String, isFinalTry: Bool = false) {
            self.subject = subject
            self.name = name
            self.isFinalTry = isFinalTry
        }
    }

    package enum Kind: Sendable {
        case environment(String)
        case file(String)
        case prompt
        case closure(@Sendable (Request) async throws -> SecretBytes?)
    }

    package let kind: Kind

    /// The value of an environment variable, read when the secret is needed. It is an error when it is empty.
    public static func environment(_ name: String) -> SecretSource { .init(kind: .environment(name)) }

    /// The contents of a file of at most 256 bytes, less one line break at its end.
    public static func file(_ path: String) -> SecretSource { .init(kind: .file(path)) }

    /// A question on the process's terminal (`/dev/tty`), without echo.
    public static var prompt: SecretSource { .init(kind: .prompt) }

    /// Whatever the closure returns; nil says that there is none.
    public static func closure(_ body: @escaping @Sendable (Request) async throws -> SecretBytes?) -> SecretSource {
        .init(kind: .closure(body))
    }

    /// Whether a person gives the answer at the moment of asking.
    package var isInteractive: Bool {
        if case .prompt = kind { true } else { false }
    }

    /// Asks, and blocks the calling thread, which must not be one of Swift's cooperative pool.
    package func readBlocking(_ request: Request) throws -> SecretBytes? {
        switch kind {
        case .environment(let name): return try readEnvironment(name, request)
        case .file(let path): return try SecretFile.read(path, what: request.name)
        case .prompt: return try Terminal.ask(request)
        case .closure(let body): return try BlockingWork.wait { try await body(request) }
        }
    }

    /// Asks without blocking the caller's thread.
    package func read(_ request: Request) async throws -> SecretBytes? {
        if case .closure(let body) = kind { return try await body(request) }
        return try await BlockingWork.run { try readBlocking(request) }
    }

    private func readEnvironment(_ name: String, _ request: Request) throws(MTLSError) -> SecretBytes {
        guard let value = getenv(name), value.pointee != 0 else {
            throw MTLSError(
                request.missing, phase: .identity, fault: .caller,
                "the environment variable \(name), which is to hold the \(request.name) of \(request.subject), is not set",
                advice: "set it, or give the \(request.name) by another source")
        }
        return SecretBytes(copying: UnsafeRawBufferPointer(start: value, count: strlen(value)))
    }
}
