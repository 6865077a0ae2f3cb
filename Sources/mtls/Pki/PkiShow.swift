import ArgumentParser
import GnuTLS
import MTLSClient

/// `mtls pki show`.
struct PkiShow: PkiSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Tell what is in files: certificates, requests, revocation lists, keys.",
        discussion: "Of a private key only the kind and the pin of its public half are shown.")

    @Argument(help: "PEM, or a certificate in DER; - is standard input.") var files: [String]
    @Flag(name: .long, help: "Write JSON: an array.") var json = false

    func perform() async throws -> Int32 {
        var (lines, elements): ([String], [JSON]) = ([], [])
        for file in files {
            var bytes = try Files.read(file)
            defer { bytes.withUnsafeMutableBytes { SecretBytes.wipe($0) } }
            do { try Self.describe(bytes, &lines, &elements) } catch {
                throw MTLSError(
                    .identityMalformed, phase: .prepare, fault: .caller, "\"\(file)\" cannot be read: \(error)")
            }
        }
        if json { Answer.write(.array(elements)) } else { Answer.write(lines) }
        return 0
    }

    private static func describe(_ bytes: [UInt8], _ lines: inout [String], _ elements: inout [JSON]) throws {
        if bytes.first == 0x30 {
            let certificate = try Certificate(der: bytes)
            lines += PkiDescription.lines(certificate)
            return elements.append(PkiDescription.json(certificate))
        }
        let blocks = try PEM.blocks(in: bytes)
        guard !blocks.isEmpty else { throw CertificateError.noneFound("CERTIFICATE") }
        for block in blocks {
            switch block.label {
            case "CERTIFICATE", "X509 CERTIFICATE":
                let certificate = try Certificate(der: block.contents(of: bytes))
                lines += PkiDescription.lines(certificate)
                elements.append(PkiDescription.json(certificate))
            case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
                let request = try ReceivedRequest(der: block.contents(of: bytes))
                lines += PkiDescription.lines(request)
                elements.append(PkiDescription.json(request))
            case "X509 CRL":
                let list = try RevocationList(der: block.contents(of: bytes))
                lines += try PkiDescription.lines(list)
                elements.append(try PkiDescription.json(list))
            case let label where label.hasSuffix("PRIVATE KEY"):
                let key = try publicHalf(bytes, block)
                lines += PkiDescription.lines(key)
                elements.append(PkiDescription.json(key))
            default:
                lines.append("a block \"\(block.label)\"")
                elements.append(.object([("type", .string(block.label))]))
            }
        }
    }

    /// nil when the key is encrypted.
    private static func publicHalf(_ bytes: [UInt8], _ block: PEM.Block) throws -> PublicKey? {
        try bytes.withUnsafeBytes { bytes in
            do throws(PrivateKeyError) {
                return try PrivateKey.read(pem: UnsafeRawBufferPointer(rebasing: bytes[block.range])).publicKey
            } catch .passphraseMissing {
                return nil
            }
        }
    }
}
