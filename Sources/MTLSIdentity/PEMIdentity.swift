import GnuTLS
import MTLSCore
import SecretMemory

/// Certificates and a key in PEM or DER, each in a place of its own or all in one.
struct PEMIdentity: FileIdentity {
    /// The leaf first, then its issuers in order.
    let certificates: [IdentityPlace]
    let key: IdentityPlace
    let passphrase: SecretSource?
    let policy: KeyFilePolicy

    var paths: [String] { (certificates + (certificates.contains(key) ? [] : [key])).compactMap(\.path) }

    func load() async throws -> ClientIdentity {
        let (chain, contents, warnings) = try await BlockingWork.run {
            // What stands in one file is read at once, so that both halves are from one version of it.
            let both = certificates.contains(key) ? try key.readKey(policy) : nil
            let chain = try certificates.flatMap { place in
                try IdentityFile.chain(place == key ? both?.0 ?? place.read() : place.read(), name: place.name)
            }
            let (contents, warnings) = try both ?? key.readKey(policy)
            return (chain, contents, warnings)
        }
        return try await load(chain, contents, warnings)
    }

    /// - Parameter contents: Of the key's place.
    func load(_ chain: [Certificate], _ contents: SecretBytes, _ warnings: [String]) async throws -> ClientIdentity {
        let outcome = try await key.unlock(
            with: passphrase,
            { (passphrase) throws(PrivateKeyError) in try PrivateKey.read(contents, passphrase: passphrase) },
            isLocked: { $0 == .passphraseMissing })
        switch outcome {
        case .success(let privateKey):
            return try key.identity(
                key: privateKey, chain: chain, in: certificates.map(\.name).joined(separator: ", "), warnings: warnings)
        case .failure(let error): throw refusal(error)
        }
    }

    private func refusal(_ error: PrivateKeyError) -> MTLSError {
        let (code, message, advice): (MTLSError.Code, String, String?) =
            switch error {
            case .passphraseMissing, .passphraseIncorrect:
                (.passphraseIncorrect, "the passphrase does not open the key in \(key.name)", nil)
            case .notAKey(let found):
                (
                    .notAKey, "\(key.name) holds \(found.map { "\($0), and " } ?? "")no private key",
                    found == nil ? "in PEM its BEGIN and END have to stand in lines of their own" : nil
                )
            case .malformed: (.identityMalformed, "the private key in \(key.name) cannot be read: \(error)", nil)
            case .unsupported(let what, let command):
                (
                    .identityUnsupported, "the private key in \(key.name) cannot be used: \(what)",
                    command.map { "convert it: \($0)" }
                )
            }
        return MTLSError(code, phase: .identity, fault: .caller, message, advice: advice, underlying: error)
    }
}
