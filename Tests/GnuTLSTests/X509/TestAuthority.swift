import Glibc
import GnuTLS

/// An authority made for one test.
struct TestAuthority {
    let key: PrivateKey
    let certificate: Certificate

    init(
        _ name: String = "Test Root", _ kind: KeyKind = .ecdsaP256, below issuer: TestAuthority? = nil,
        edit: (inout CertificateBuilder) -> Void = { _ in }
    ) throws {
        key = try PrivateKey.generate(kind)
        var builder = CertificateBuilder(subject: [.commonName(name)], publicKey: key.publicKey)
        builder.isCA = true
        builder.keyUsage = [.keyCertSign, .crlSign]
        edit(&builder)
        certificate = try builder.sign(issuer: issuer?.certificate, key: issuer?.key ?? key)
    }

    func leaf(
        _ name: String = "leaf", _ kind: KeyKind = .ecdsaP256, edit: (inout CertificateBuilder) -> Void = { _ in }
    ) throws -> Certificate {
        var builder = CertificateBuilder(
            subject: [.commonName(name)], publicKey: try PrivateKey.generate(kind).publicKey)
        builder.extendedKeyUsages = [KeyPurpose.serverAuth]
        edit(&builder)
        return try builder.sign(issuer: certificate, key: key)
    }
}

/// Keys that take long to make, made once.
enum SlowKeys {
    static let rsa2048 = Result { try PrivateKey.generate(.rsa(bits: 2048)) }
    static let rsaPSS2048 = Result { try PrivateKey.generate(.rsaPSS(bits: 2048)) }
    static let rsa1024 = Result { try PrivateKey.generate(.rsa(bits: 1024)) }

    static func key(_ kind: KeyKind) throws -> PrivateKey {
        switch kind {
        case .rsa(bits: 2048): try rsa2048.get()
        case .rsa(bits: 1024): try rsa1024.get()
        case .rsaPSS(bits: 2048): try rsaPSS2048.get()
        default: try PrivateKey.generate(kind)
        }
    }

    static let kinds: [KeyKind] = [
        .rsa(bits: 2048), .rsaPSS(bits: 2048), .ecdsaP256, .ecdsaP384, .ecdsaP521, .ed25519, .ed448,
    ]
}

/// What the `openssl` command of the machine writes: key formats that GnuTLS reads but does not write.
enum OpenSSL {
    static let isInstalled = access("/usr/bin/openssl", X_OK) == 0

    static func output(_ command: String) -> [UInt8] {
        guard let pipe = popen("(\(command)) 2>/dev/null", "r") else { return [] }
        defer { pclose(pipe) }
        var output: [UInt8] = []
        while case let byte = fgetc(pipe), byte >= 0 { output.append(UInt8(byte)) }
        return output
    }
}
