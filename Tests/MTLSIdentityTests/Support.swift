import DevPKI
import Glibc
import GnuTLS
import MTLSCore
import MTLSIdentity
import SecretMemory
import Testing

/// A directory of one test, which goes with it.
final class Scratch: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/mtls-identity-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(directory)
        }
        remove(path)
    }

    func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let path = "\(path)/\(name)"
        let bytes = Array(bytes)
        let file = try #require(fopen(path, "wxe"))
        defer { fclose(file) }
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        return path
    }

    func fifo(_ name: String) throws -> String {
        let path = "\(path)/\(name)"
        try #require(mkfifo(path, 0o600) == 0)
        return path
    }
}

extension IssuedIdentity {
    func key(passphrase: String? = nil) throws -> [UInt8] {
        try keyPEM(passphrase: passphrase.map(secret)).withUnsafeBytes { Array($0) }
    }
}

func secret(_ text: String) -> SecretBytes {
    var bytes = Array(text.utf8)
    return SecretBytes(wiping: &bytes)
}

func text(_ secret: SecretBytes?) -> String? {
    secret?.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
}

let anywhere = Endpoint("api.example", 443)

/// The error of loading `identity`: checked to be one line that says nothing of `hidden`.
func failure(of identity: Identity, hiding hidden: [String] = []) async -> MTLSError? {
    let error = await #expect(throws: MTLSError.self) { try await identity.candidates(for: anywhere) }
    guard let error else { return nil }
    for text in ["\(error)", "\(error.underlying.map { "\($0)" } ?? "")", String(reflecting: error)] {
        #expect(!text.contains("\n"))
        for secret in hidden { #expect(!text.contains(secret)) }
    }
    return error
}

/// Runs a shell command with `input`, and returns what it printed.
func shell(_ command: String, in scratch: Scratch, input: [UInt8]) throws -> [UInt8] {
    let path = try scratch.file("input-\(UInt32.random(in: 0 ... .max))", input)
    let stream = try #require(popen("\(command) < \(path) 2>/dev/null", "re"))
    defer { pclose(stream) }
    var output: [UInt8] = []
    while case let byte = fgetc(stream), byte != EOF { output.append(UInt8(truncatingIfNeeded: byte)) }
    return output
}
