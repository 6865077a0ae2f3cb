import DevPKI
import Glibc
import GnuTLS
import MTLSCore
import SecretMemory
import Testing

struct IssuedFilesTests {
    /// Calls `body` with a directory that is gone afterwards.
    private func withDirectory(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/devpki-XXXXXX".utf8CString)
        let made = mkdtemp(&template)
        let path = String(cString: try #require(made))
        defer {
            for name in ["alice.pem", "alice-key.pem", "ca.pem"] { unlink("\(path)/\(name)") }
            rmdir(path)
        }
        try body(path)
    }

    private func contents(_ path: String) throws -> [UInt8] {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte >= 0 { bytes.append(UInt8(byte)) }
        return bytes
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test func anIdentityIsReadBackFromItsFiles() throws {
        let authority = try CertificateAuthority(commonName: "Root").intermediate(commonName: "Intermediate")
        let alice = try authority.issueClient(commonName: "alice")
        try withDirectory { directory in
            let files = try alice.write(to: directory, name: "alice")
            #expect(files.certificate == "\(directory)/alice.pem" && files.key == "\(directory)/alice-key.pem")
            #expect(try Certificate.chain(pem: contents(files.certificate)) == alice.chain)
            #expect(try PrivateKey.read(contents(files.key)).publicKey == alice.certificate.publicKey)
            #expect(try Certificate.chain(pem: contents(authority.writeRoot(to: directory))) == [authority.root])
        }
    }

    @Test func onlyTheOwnerReadsTheKey() throws {
        let alice = try CertificateAuthority(commonName: "Root").issueClient(commonName: "alice")
        try withDirectory { directory in
            let open = open("\(directory)/alice-key.pem", O_CREAT | O_WRONLY, 0o666)
            #expect(open >= 0 && fchmod(open, 0o666) == 0)
            close(open)
            let files = try alice.write(to: directory, name: "alice")
            #expect(mode(files.key) == 0o600)
        }
    }

    @Test func aPassphraseEncryptsTheFile() throws {
        let alice = try CertificateAuthority(commonName: "Root").issueClient(commonName: "alice")
        var bytes = Array("right".utf8)
        let passphrase = SecretBytes(wiping: &bytes)
        try withDirectory { directory in
            let pem = try contents(alice.write(to: directory, name: "alice", passphrase: passphrase).key)
            #expect(throws: PrivateKeyError.passphraseMissing) { try PrivateKey.read(pem) }
            let key = try PrivateKey.read(pem, passphrase: passphrase)
            #expect(key.publicKey == alice.certificate.publicKey)
        }
    }

    @Test func aMissingDirectoryIsNamed() throws {
        let alice = try CertificateAuthority(commonName: "Root").issueClient(commonName: "alice")
        #expect {
            try alice.write(to: "/nonexistent", name: "alice")
        } throws: {
            ($0 as? MTLSError)?.message == "cannot write /nonexistent/alice.pem: No such file or directory"
        }
    }
}
