package import GnuTLS
package import MTLSCore

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
    /// - Parameter name: The name that the leaf must be for.
    /// - Returns: nil when the chain is good.
    package func refusal(of chain: [[UInt8]], for name: ServerName) -> MTLSError? {
        guard let made = list.ifMade else {
            return MTLSError(
                .invariantViolated, phase: .verify, fault: .us, "a server was judged before the trust anchors were loaded")
        }
        guard let list = made else { return nil }
        do {
            return try judge(chain.map { der throws(GnuTLSError) in try Certificate(der: der) }, name, list)
        } catch {
            return MTLSError(
                .certificateInvalid, phase: .verify, fault: .peer,
                "a certificate of \(name) cannot be read: \(error.message)", underlying: error)
        }
    }

    private func judge(
        _ chain: [Certificate], _ name: ServerName, _ list: TrustList
    ) throws(GnuTLSError) -> MTLSError? {
        guard let leaf = chain.first else {
            return MTLSError(.certificateInvalid, phase: .verify, fault: .peer, "\(name) sent no certificate")
        }
        if case .refused(let status, let certificate, let text) = try list.verify(
            chain: chain, purpose: KeyPurpose.serverAuth)
        {
            return TrustRefusal.error(status, certificate ?? leaf, text: text, name: name)
        }
        guard leaf.matches(name) else { return TrustRefusal.wrongName(leaf, name) }
        return nil
    }

    private static func load(_ anchors: [Trust.Anchors]) throws(MTLSError) -> TrustList {
        do {
            let list = try TrustList()
            for anchor in anchors {
                switch anchor {
                case .system:
                    guard try list.addSystemTrust() > 0 else {
                        throw MTLSError(
                            .trustUnreadable, phase: .trust, fault: .caller, "the system has no trust anchors",
                            advice: "install the package ca-certificates, or name a file of trust anchors")
                    }
                case .files(let paths):
                    for path in paths { try list.add(try read(path)) }
                case .bytes(let bytes):
                    try list.add(try parse(bytes, name: "the PEM bytes given"))
                case .certificates(let certificates):
                    try list.add(certificates)
                }
            }
            return list
        } catch let error as MTLSError {
            throw error
        } catch {
            throw MTLSError(
                .trustUnreadable, phase: .trust, fault: .us, "the trust anchors cannot be loaded: \(error)",
                underlying: error)
        }
    }

    private static func read(_ path: String) throws -> [Certificate] {
        do {
            return try parse(try SmallFile.read(path, limit: 64 << 20), name: "\"\(path)\"")
        } catch let failure as SmallFile.Failure {
            throw MTLSError(
                .trustUnreadable, phase: .trust, fault: .caller,
                "the file of trust anchors \"\(path)\" cannot be read: \(failure)")
        }
    }

    private static func parse(_ bytes: [UInt8], name: String) throws -> [Certificate] {
        do {
            return try Certificate.chain(pem: bytes)
        } catch {
            throw MTLSError(
                .trustUnreadable, phase: .trust, fault: .caller, "\(name) holds no usable trust anchor: \(error)",
                underlying: error)
        }
    }
}
