package import GnuTLS
package import MTLSCore
import SecretMemory

/// Judges server certificates.
///
/// One evaluator serves every connection of a client: the anchors are loaded once.
package final class TrustEvaluator: Sendable {
    private let list: AsyncOnce<TrustList?>

    package init(_ trust: Trust) {
        list = AsyncOnce {
            switch trust.kind {
            case .anything: nil
            case .anchors(let anchors): try await BlockingWork.run { try Self.load(anchors) }
            }
        }
    }

    /// Loads the anchors, if they have not been.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/trustUnreadable``.
    package func prepare() async throws {
        _ = try await list.value()
    }

    /// Judges `chain`, as the server sent it.
    ///
    /// - Parameters:
    ///   - expected: What the leaf must be for.
    ///   - name: The same as the caller wrote it, for errors.
    /// - Returns: nil when the chain is good.
    package func refusal(of chain: [[UInt8]], for expected: ServerName, name: String) -> MTLSError? {
        guard let made = list.ifMade else {
            return MTLSError(
                .invariantViolated, phase: .verify, fault: .us,
                "a server was judged before the trust anchors were loaded")
        }
        guard let list = made else { return nil }
        do {
            return try judge(chain.map { (der) throws(GnuTLSError) in try Certificate(der: der) }, expected, name, list)
        } catch {
            return MTLSError(
                .certificateInvalid, phase: .verify, fault: .peer,
                "a certificate of \(name) cannot be read: \(error.message)", underlying: error)
        }
    }

    private func judge(
        _ chain: [Certificate], _ expected: ServerName, _ name: String, _ list: TrustList
    ) throws(GnuTLSError) -> MTLSError? {
        guard let leaf = chain.first else {
            return MTLSError(.certificateInvalid, phase: .verify, fault: .peer, "\(name) sent no certificate")
        }
        if case .refused(let refusal) = try list.verify(chain: chain, purpose: KeyPurpose.serverAuth) {
            return TrustRefusal.error(refusal, leaf: leaf, name: name)
        }
        return leaf.matches(expected) ? nil : TrustRefusal.wrongName(leaf, name)
    }

    private static func load(_ anchors: [Trust.Anchors]) throws(MTLSError) -> TrustList {
        var certificates: [Certificate] = []
        var includesSystem = false
        for anchor in anchors {
            switch anchor {
            case .system: includesSystem = true
            case .files(let paths):
                for path in paths { certificates += try read(path) }
            case .bytes(let bytes):
                certificates += try parsing("the PEM bytes given") { try Certificate.chain(pem: bytes) }
            case .certificates(let given): certificates += given
            }
        }
        let list: TrustList
        do {
            list = try TrustList(anchors: certificates, includingSystem: includesSystem)
        } catch {
            throw MTLSError(
                .trustUnreadable, phase: .trust, fault: .us, "the trust anchors cannot be loaded: \(error)",
                underlying: error)
        }
        guard list.anchorCount > 0 else {
            throw MTLSError(
                .trustUnreadable, phase: .trust, fault: .caller, "there are no trust anchors",
                advice: "install the package ca-certificates, or name a file of trust anchors")
        }
        return list
    }

    private static func read(_ path: String) throws(MTLSError) -> [Certificate] {
        let contents: SecretBytes
        do {
            contents = try SmallFile.read(path, limit: 64 << 20)
        } catch {
            throw MTLSError(
                .trustUnreadable, phase: .trust, fault: .caller,
                "the file of trust anchors \"\(path)\" cannot be read: \(error)")
        }
        return try parsing("\"\(path)\"") { try contents.withUnsafeBytes { try Certificate.chain(pem: $0) } }
    }

    private static func parsing(
        _ name: String, _ parse: () throws -> [Certificate]
    ) throws(MTLSError) -> [Certificate] {
        do {
            return try parse()
        } catch {
            throw MTLSError(
                .trustUnreadable, phase: .trust, fault: .caller, "\(name) holds no usable trust anchor: \(error)",
                underlying: error)
        }
    }
}
