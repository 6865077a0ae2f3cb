import MTLSCore
import PKCS11
import SecretMemory

/// The PIN of one identity: from the source that was configured, else from its URI.
struct PINs: PINProvider {
    let source: SecretSource?
    let value: SecretBytes?

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

    /// A path or a `file:` URI (RFC 7512 §2.4) without a host or with `localhost`, in which percent-encoding is undone
    /// once more (RFC 8089 §2). A command is never run.
    private static func file(_ text: String) throws(MTLSError) -> SecretSource {
        var path: String? = text
        if text.prefix(5).lowercased() == "file:" {
            var encoded = text.dropFirst(5)
            for authority in ["//localhost/", "///"] where encoded.lowercased().hasPrefix(authority) {
                encoded = encoded.dropFirst(authority.utf8.count - 1)
            }
            path = encoded.hasPrefix("//") ? nil : decoded(encoded)
        }
        guard let path, path.hasPrefix("/") else {
            throw MTLSError(
                .tokenURIInvalid, phase: .identity, fault: .caller,
                text.hasPrefix("|")
                    ? "the URI's pin-source is a command, and commands are not run"
                    : "the URI's pin-source is not an absolute path or a file: URI",
                advice: "name a file, or give the PIN by another source")
        }
        return .file(path)
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let value = UInt8(String(digits) ?? "", radix: 16), value != 0
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
