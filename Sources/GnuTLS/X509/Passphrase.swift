internal import SecretMemory

/// A passphrase in the form that GnuTLS takes: ending in NUL, in locked memory that is wiped at the end.
struct Passphrase {
    private let terminated: SecretBytes

    /// - Throws: ``PrivateKeyError/unsupported(_:)`` for a passphrase with a NUL byte, where GnuTLS would stop reading.
    init(_ passphrase: SecretBytes) throws(PrivateKeyError) {
        guard passphrase.withUnsafeBytes({ !$0.contains(0) }) else {
            throw .unsupported("a passphrase with a NUL byte")
        }
        terminated = SecretBytes(capacity: passphrase.count + 1) { memory in
            passphrase.withUnsafeBytes { memory.copyMemory(from: $0) }
            return passphrase.count + 1
        }
    }

    func withCString<Result>(_ body: (UnsafePointer<CChar>?) -> Result) -> Result {
        terminated.withUnsafeBytes { body($0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
    }
}

extension Passphrase? {
    func withCString<Result>(_ body: (UnsafePointer<CChar>?) -> Result) -> Result {
        self?.withCString(body) ?? body(nil)
    }
}
