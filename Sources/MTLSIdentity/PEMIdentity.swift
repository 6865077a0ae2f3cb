import GnuTLS
import Glibc
import MTLSCore
import SecretMemory

/// An identity in PEM files or bytes, loaded when it is first wanted.
struct PEMIdentity: IdentitySource {
    enum Place: Sendable {
        case file(String)
        case bytes([UInt8])

        var name: String {
            switch self {
            case .file(let path): "\"\(path)\""
            case .bytes: "the PEM bytes given"
            }
        }

        func read() throws -> [UInt8] {
            switch self {
            case .file(let path): try IdentityFile.read(path)
            case .bytes(let bytes): bytes
            }
        }
    }

    private let loaded: AsyncOnce<ClientIdentity>

    init(certificate: Place, key: Place, passphrase: SecretSource?) {
        loaded = AsyncOnce { try await Self.load(certificate: certificate, key: key, passphrase: passphrase) }
    }

    func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity] { [try await loaded.value()] }

    private static func load(
        certificate: Place, key: Place, passphrase: SecretSource?
    ) async throws -> ClientIdentity {
        let chain = try IdentityFile.chain(try certificate.read(), name: certificate.name)
        var pem = try key.read()
        defer { pem.withUnsafeMutableBytes { SecretBytes.wipe($0) } }
        let privateKey = try await unlock(pem, place: key, passphrase: passphrase)
        guard let leaf = chain.first, leaf.publicKey == privateKey.publicKey else {
            throw MTLSError(
                .keyMismatch, phase: .identity, fault: .caller,
                "the key in \(key.name) does not belong to the certificate \"\(chain.first?.subject ?? "")\" in \(certificate.name)"
            )
        }
        do {
            return ClientIdentity(
                certifiedKey: try CertifiedKey(chain: chain, key: .software(privateKey)), source: key.name,
                isInToken: false)
        } catch {
            throw MTLSError(
                .identityMalformed, phase: .identity, fault: .caller,
                "the certificates in \(certificate.name) cannot be used: \(error)", underlying: error)
        }
    }

    private static func unlock(_ pem: [UInt8], place: Place, passphrase: SecretSource?) async throws -> PrivateKey {
        do {
            return try PrivateKey.read(pem: pem)
        } catch .passphraseMissing {
            guard let passphrase else {
                throw MTLSError(
                    .passphraseMissing, phase: .identity, fault: .caller, "the key in \(place.name) is encrypted",
                    advice: "say where its passphrase comes from")
            }
            guard let secret = try await passphrase.read(.init(subject: place.name, name: "passphrase")) else {
                throw MTLSError(
                    .passphraseMissing, phase: .identity, fault: .caller,
                    "the key in \(place.name) is encrypted and its passphrase was not given")
            }
            do {
                return try PrivateKey.read(pem: pem, passphrase: secret)
            } catch {
                throw refusal(error, place)
            }
        } catch {
            throw refusal(error, place)
        }
    }

    private static func refusal(_ error: PrivateKeyError, _ place: Place) -> MTLSError {
        switch error {
        case .passphraseIncorrect:
            MTLSError(
                .passphraseIncorrect, phase: .identity, fault: .caller,
                "the passphrase does not open the key in \(place.name)")
        case .notAKey:
            MTLSError(
                .identityMalformed, phase: .identity, fault: .caller, "\(place.name) holds no private key in PEM")
        default:
            MTLSError(
                .identityMalformed, phase: .identity, fault: .caller,
                "the private key in \(place.name) cannot be read: \(error)", underlying: error)
        }
    }
}

/// Files of certificates and keys.
enum IdentityFile {
    /// The file's bytes; keys and certificates are small, so what is larger than 4 MiB is refused.
    static func read(_ path: String) throws(MTLSError) -> [UInt8] {
        do {
            return try SmallFile.read(path, limit: 4 << 20)
        } catch {
            throw MTLSError(
                .identityFileUnreadable, phase: .identity, fault: .caller,
                "the file \"\(path)\" cannot be read: \(error)")
        }
    }

    static func chain(_ pem: [UInt8], name: String) throws(MTLSError) -> [Certificate] {
        do {
            return try Certificate.chain(pem: pem)
        } catch {
            throw MTLSError(
                .identityMalformed, phase: .identity, fault: .caller, "\(name) holds no usable certificate: \(error)",
                underlying: error)
        }
    }
}

/// Reads whole files of limited size.
package enum SmallFile {
    /// Why a file was not read, for people.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    package static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Failure(description: String(cString: strerror(errno))) }
        defer { _ = Glibc.close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
            throw Failure(description: "it is a directory")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        defer { chunk.withUnsafeMutableBytes { SecretBytes.wipe($0) } }
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Failure(description: String(cString: strerror(errno))) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= limit else { throw Failure(description: "it is larger than \(limit) bytes") }
        }
    }
}
