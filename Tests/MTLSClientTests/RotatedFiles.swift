import DevPKI
import Glibc
import MTLSClient
import Testing

/// The files of an identity, in a directory that goes with this object.
final class RotatedFiles: Sendable {
    let certificate: String
    let key: String
    private let directory: String

    init() throws {
        var template = Array("/tmp/mtls-rotation-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        (certificate, key) = (directory + "/client.pem", directory + "/client-key.pem")
    }

    deinit {
        unlink(certificate)
        unlink(key)
        rmdir(directory)
    }

    var identity: Identity { .pem(certificate: certificate, key: key) }

    /// Writes over what is there.
    func write(_ world: World, _ name: String, onlyCertificate: Bool = false) throws {
        let issued = try world.authority.issueClient(commonName: name)
        try overwrite(certificate, issued.certificatePEM)
        if !onlyCertificate { try overwrite(key, issued.keyPEM().withUnsafeBytes { Array($0) }) }
    }

    func overwrite(_ path: String, _ bytes: [UInt8]) throws {
        let file = try #require(fopen(path, "we"))
        defer { fclose(file) }
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }
}
