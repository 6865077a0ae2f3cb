import GnuTLS
import MTLSCore
import SecretMemory

/// An identity in PEM files or bytes.
enum PEMIdentity {
    enum Place: Sendable {
        case file(String)
        case bytes(SecretBytes)

        var path: String? { if case .file(let path) = self { path } else { nil } }

        var name: String {
            switch self {
            case .file(let path): "\"\(path)\""
            case .bytes: "the PEM bytes given"
            }
        }

        func read() throws(MTLSError) -> SecretBytes {
            switch self {
            case .file(let path): try IdentityFile.read(path)
            case .bytes(let bytes): bytes
            }
        }
    }

    /// An identity that is loaded when it is first wanted, and anew when its files change.
    static func source(
        certificate: Place, key: Place, passphrase: SecretSource?, pace: RotatingIdentity.Pace? = nil
    ) -> RotatingIdentity {
        let files = Set([certificate.path, key.path].compactMap(\.self))
        let load: @Sendable () async throws -> [ClientIdentity] = {
            [try await Self.load(certificate: certificate, key: key, passphrase: passphrase)]
        }
        guard files.isEmpty else {
            return RotatingIdentity(files: files.sorted(), pace: pace) { _ in try await load() }
        }
        // Bytes do not change, and are let go of when they were read.
        let once = AsyncOnce(load)
        return RotatingIdentity(files: []) { _ in try await once.value() }
    }

    private static func load(
        certificate: Place, key: Place, passphrase: SecretSource?
    ) async throws -> ClientIdentity {
        let (chain, pem) = try await BlockingWork.run {
            (try IdentityFile.chain(certificate.read(), name: certificate.name), try key.read())
        }
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

    private static func unlock(_ pem: SecretBytes, place: Place, passphrase: SecretSource?) async throws -> PrivateKey {
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
                .identityMalformed, phase: .identity, fault: .caller, "\(place.name) holds no private key in PEM",
                advice: "its BEGIN and END have to stand in lines of their own")
        default:
            MTLSError(
                .identityMalformed, phase: .identity, fault: .caller,
                "the private key in \(place.name) cannot be read: \(error)", underlying: error)
        }
    }
}
