internal import CGnuTLS

/// What a function of GnuTLS returned when it failed. It never holds a secret or text of a peer.
package struct GnuTLSError: Error, Sendable, Equatable {
    /// The negative number.
    package let code: Int32
    /// What was being done, such as "reading a certificate".
    package let operation: String

    package init(code: Int32, operation: String) {
        self.code = code
        self.operation = operation
    }

    static let readingPublicKey = "reading the public key of a certificate"
    /// Whether the key of a certificate is of a kind that GnuTLS does not take.
    package var concernsPublicKey: Bool { operation == Self.readingPublicKey }

    /// The number's name, such as `GNUTLS_E_DECRYPTION_FAILED`.
    package var name: String { gnutls_strerror_name(code).map { String(cString: $0) } ?? "GNUTLS_E_\(code)" }
    /// GnuTLS's sentence for it.
    package var message: String { gnutls_strerror(code).map { String(cString: $0) } ?? "Unknown error." }
}

extension GnuTLSError: CustomStringConvertible {
    package var description: String { "\(operation): \(message) (\(name))" }
}

/// Passes a result that is not negative on, and throws one that is.
@discardableResult
func check(_ result: Int32, _ operation: @autoclosure () -> String) throws(GnuTLSError) -> Int32 {
    guard result < 0 else { return result }
    throw GnuTLSError(code: result, operation: operation())
}
