import ArgumentParser
import Glibc
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
            let contents = try Self.read(file)
            do { try contents.withUnsafeBytes { try Self.describe($0, &lines, &elements) } } catch {
                throw MTLSError(
                    .identityMalformed, phase: .prepare, fault: .caller, "\"\(file)\" cannot be read: \(error)")
            }
        }
        if json { Answer.write(.array(elements)) } else { Answer.write(lines) }
        return 0
    }

    /// Reads what may be a key, of 4 MiB at most, into locked memory.
    private static func read(_ path: String) throws(FileFailure) -> SecretBytes {
        let file = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .last(path) }
        defer { if file != STDIN_FILENO { close(file) } }
        return try SecretBytes(capacity: 4 << 20) { (memory) throws(FileFailure) in
            var count = 0
            while count < memory.count {
                let result = Glibc.read(file, memory.baseAddress?.advanced(by: count), memory.count - count)
                if result == 0 { return count }
                if result < 0, errno != EINTR { throw .last(path) }
                count += max(0, result)
            }
            throw FileFailure(path: path, code: EFBIG)
        }
    }

    private static func describe(
        _ bytes: UnsafeRawBufferPointer, _ lines: inout [String], _ elements: inout [JSON]
    ) throws {
        if bytes.first == 0x30 {
            let certificate = try Certificate(der: Array(bytes))
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
    private static func publicHalf(_ bytes: UnsafeRawBufferPointer, _ block: PEM.Block) throws -> PublicKey? {
        do throws(PrivateKeyError) {
            return try PrivateKey.read(UnsafeRawBufferPointer(rebasing: bytes[block.range])).publicKey
        } catch .passphraseMissing {
            return nil
        }
    }
}
