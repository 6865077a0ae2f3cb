internal import Synchronization

/// Certificates that were read before, by their bytes: the same servers show the same ones in every handshake, and to
/// read one costs more than to find it here. Reading is all that was done with them. Whether they are to be trusted is not
/// known here.
package final class KnownCertificates: Sendable {
    private static let limit = 64
    /// What is longer is read each time, so that no server has us keep much.
    private static let sizeLimit = 4096

    private struct Key: Hashable {
        let der: [UInt8]

        func hash(into hasher: inout Hasher) { hasher.combine(bytes: der) }
    }

    private let known = Mutex<[Key: Certificate]>([:])

    package init() {}

    /// The certificate that `der` is.
    package func certificate(der: [UInt8]) throws(GnuTLSError) -> Certificate {
        if let certificate = known.withLock({ $0[Key(der: der)] }) { return certificate }
        let certificate = try Certificate(der: der)
        guard der.count <= Self.sizeLimit else { return certificate }
        known.withLock { known in
            if known.count >= Self.limit { known.removeAll() }
            known[Key(der: der)] = certificate
        }
        return certificate
    }
}
