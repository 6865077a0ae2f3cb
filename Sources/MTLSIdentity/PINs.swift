import MTLSCore
import PKCS11
import SecretMemory

/// The PIN of one identity: from the source that was configured, else from its URI.
struct PINs: PINProvider {
    private let source: SecretSource?
    private let value: SecretBytes?

    /// - Throws: ``MTLSError`` when the URI's `pin-source` is a command.
    init(source: SecretSource?, uri: PKCS11URI) throws(MTLSError) {
        value = source == nil ? uri.pinValue : nil
        if let source {
            self.source = source
        } else if let text = uri.pinSource {
            self.source = try Self.file(text)
        } else {
            self.source = nil
        }
    }

    func pin(for request: PINRequest) throws -> PINAnswer? {
        if let value { return PINAnswer(value) }
        guard let source else { return nil }
        let question = SecretSource.Request(
            subject: "token \"\(request.tokenLabel)\"", name: "PIN", isFinalTry: request.isFinalTry)
        guard let secret = try source.readBlocking(question) else { return nil }
        return PINAnswer(secret, vouchedFor: source.isInteractive)
    }

    /// A path or a `file:` URI (RFC 7512 §2.4). A command is never run.
    private static func file(_ text: String) throws(MTLSError) -> SecretSource {
        var path = text[...]
        if path.hasPrefix("file:") { path = path.dropFirst(5) }
        if path.hasPrefix("///") { path = path.dropFirst(2) }
        guard path.hasPrefix("/") else {
            throw MTLSError(
                .tokenURIInvalid, phase: .identity, fault: .caller,
                text.hasPrefix("|")
                    ? "the URI's pin-source is a command, and commands are not run"
                    : "the URI's pin-source is not an absolute path or a file: URI",
                advice: "name a file, or give the PIN by another source")
        }
        return .file(String(path))
    }
}
