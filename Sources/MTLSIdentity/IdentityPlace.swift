import Glibc
import GnuTLS
import MTLSCore
import SecretMemory

/// Where a certificate or key is.
enum IdentityPlace: Sendable, Equatable {
    case file(String)
    /// Bytes in memory, with what to call them.
    case bytes(SecretBytes, String)

    /// For errors.
    var name: String {
        switch self {
        case .file(let path): "\"\(path)\""
        case .bytes(_, let name): name
        }
    }

    var path: String? {
        if case .file(let path) = self { path } else { nil }
    }

    func read() throws(MTLSError) -> SecretBytes {
        switch self {
        case .file(let path): try IdentityFile.read(path)
        case .bytes(let bytes, _): bytes
        }
    }

    func readKey(_ policy: KeyFilePolicy) throws(MTLSError) -> (SecretBytes, warnings: [String]) {
        switch self {
        case .file(let path): try IdentityFile.read(key: path, policy)
        case .bytes(let bytes, _): (bytes, [])
        }
    }
}

/// An identity that is read from files, or from bytes as files have them.
protocol FileIdentity: Sendable {
    /// The files that ``load()`` reads, the passphrase's excepted.
    var paths: [String] { get }

    /// Reads the files, asks for the passphrase if one is needed, and checks that key and certificate belong together
    /// and are valid today. May be called any number of times, and keeps nothing.
    func load() async throws -> ClientIdentity
}

extension FileIdentity {
    /// An identity that is loaded when it is first wanted, and anew when its files change.
    func rotating(pace: RotatingIdentity.Pace? = nil) -> RotatingIdentity {
        guard paths.isEmpty else {
            return RotatingIdentity(files: Set(paths).sorted(), pace: pace) { _ in [try await load()] }
        }
        // Bytes do not change, and are let go of when they were read.
        let once = AsyncOnce { [try await load()] }
        return RotatingIdentity(files: []) { _ in try await once.value() }
    }
}

extension IdentityPlace {
    /// Reads what may be locked: first without a passphrase, and then, if that is needed, with the one that `source`
    /// gives. Deriving a key from it may take seconds.
    ///
    /// - Parameters:
    ///   - read: Reads with the passphrase, or without one.
    ///   - isLocked: Whether the error says that a passphrase is missing.
    func unlock<Value: Sendable, Failure: Error>(
        with source: SecretSource?, _ read: @escaping @Sendable (SecretBytes?) throws(Failure) -> Value,
        isLocked: (Failure) -> Bool
    ) async throws -> Result<Value, Failure> {
        @Sendable func attempt(_ passphrase: SecretBytes?) -> Result<Value, Failure> {
            do throws(Failure) { return .success(try read(passphrase)) } catch { return .failure(error) }
        }
        let first = try await BlockingWork.run { attempt(nil) }
        guard case .failure(let error) = first, isLocked(error) else { return first }
        guard let source else {
            throw MTLSError(
                .passphraseMissing, phase: .identity, fault: .caller, "the key in \(name) is encrypted",
                advice: "say where its passphrase comes from")
        }
        guard let passphrase = try await source.read(.init(subject: name, name: "passphrase")) else {
            throw MTLSError(
                .passphraseMissing, phase: .identity, fault: .caller,
                "the key in \(name) is encrypted and its passphrase was not given")
        }
        return try await BlockingWork.run { attempt(passphrase) }
    }

    /// The identity of a key that stands here and its chain, which stands in `certificates`.
    ///
    /// - Parameter now: In seconds since 1970 UTC.
    func identity(
        key: PrivateKey, chain: [Certificate], in certificates: String, warnings: [String],
        now: Int64 = Int64(time(nil))
    ) throws(MTLSError) -> ClientIdentity {
        func refusal(_ code: MTLSError.Code, _ message: String, _ advice: String? = nil) -> MTLSError {
            MTLSError(code, phase: .identity, fault: .caller, message, advice: advice)
        }
        let subject = "\"\(chain.first?.subject ?? "")\""
        guard let leaf = chain.first, leaf.publicKey == key.publicKey else {
            let place = chain.firstIndex { $0.publicKey == key.publicKey }
            throw refusal(
                .keyMismatch, "the key in \(name) does not belong to the certificate \(subject) in \(certificates)",
                place.map { "it belongs to certificate number \($0 + 1) there, which has to come first" })
        }
        guard leaf.notAfter >= now else {
            throw refusal(
                .identityExpired,
                "the certificate \(subject) in \(certificates) expired on \(Calendar.text(leaf.notAfter))",
                "have it renewed")
        }
        guard leaf.notBefore <= now else {
            throw refusal(
                .identityNotYetValid,
                "the certificate \(subject) in \(certificates) is not valid before \(Calendar.text(leaf.notBefore))",
                "check this computer's clock (now: \(Calendar.text(now))), or wait")
        }
        do {
            return ClientIdentity(
                certifiedKey: try CertifiedKey(chain: chain, key: .software(key)), source: name, isInToken: false,
                warnings: warnings)
        } catch {
            throw MTLSError(
                .identityMalformed, phase: .identity, fault: .caller,
                "the certificates in \(certificates) cannot be used: \(error)", underlying: error)
        }
    }
}
