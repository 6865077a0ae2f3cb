import GnuTLS
import MTLSCore
import SecretMemory

/// A key with its certificates in PKCS#12.
struct PKCS12Identity: FileIdentity {
    let place: IdentityPlace
    let passphrase: SecretSource?
    let policy: KeyFilePolicy

    var paths: [String] { [place].compactMap(\.path) }

    func load() async throws -> ClientIdentity {
        let (contents, warnings) = try await BlockingWork.run { try place.readKey(policy) }
        return try await load(contents, warnings)
    }

    fileprivate func load(_ contents: SecretBytes, _ warnings: [String]) async throws -> ClientIdentity {
        let outcome = try await place.unlock(
            with: passphrase,
            { (passphrase) throws(PKCS12Error) in try PKCS12.read(contents, passphrase: passphrase) },
            isLocked: { $0 == .passphraseMissing })
        switch outcome {
        case .success(let read):
            return try place.identity(key: read.key, chain: read.chain, in: place.name, warnings: warnings)
        case .failure(let error): throw refusal(error)
        }
    }

    private func refusal(_ error: PKCS12Error) -> MTLSError {
        let code: MTLSError.Code =
            switch error {
            case .passphraseMissing, .passphraseIncorrect: .passphraseIncorrect
            case .unsupported: .identityUnsupported
            case .noKey: .notAKey
            case .keyMismatch: .keyMismatch
            case .malformed, .severalKeys, .noCertificate, .severalCertificates: .identityMalformed
            }
        let advice: String? =
            switch error {
            case .unsupported: "convert it: openssl pkcs12 -in FILE -out NEW, and use NEW as PEM"
            case .severalKeys, .severalCertificates: "write the one to be used to a file of its own"
            default: nil
            }
        return MTLSError(
            code, phase: .identity, fault: .caller,
            code == .passphraseIncorrect
                ? "the passphrase does not open \(place.name)" : "\(place.name) cannot be used as PKCS#12: \(error)",
            advice: advice, underlying: error)
    }
}

/// A whole identity in one file, which shows by its contents whether it is PKCS#12 or PEM.
struct SingleFileIdentity: FileIdentity {
    let path: String
    let passphrase: SecretSource?
    let policy: KeyFilePolicy

    var paths: [String] { [path] }

    func load() async throws -> ClientIdentity {
        let place = IdentityPlace.file(path)
        let (contents, warnings) = try await BlockingWork.run { try place.readKey(policy) }
        if contents.withUnsafeBytes({ DERKind($0) }) == .pkcs12 {
            return try await PKCS12Identity(place: place, passphrase: passphrase, policy: policy)
                .load(contents, warnings)
        }
        return try await PEMIdentity(certificates: [place], key: place, passphrase: passphrase, policy: policy)
            .load(IdentityFile.chain(contents, name: place.name), contents, warnings)
    }
}
