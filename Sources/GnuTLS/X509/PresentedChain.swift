/// What a peer showed of itself in a handshake. It belongs to one thread at a time, like the session.
package final class PresentedChain {
    /// Its certificates as they were sent, the leaf first.
    package let der: [[UInt8]]
    /// The OCSP responses stapled to them, by position, empty where there is none; nil where there could be none, as in
    /// a session that was resumed.
    package let staples: [[UInt8]]?
    private let known: KnownCertificates?
    private var parsed: Result<[Certificate], GnuTLSError>?

    /// - Parameter known: Where certificates are looked for before they are read.
    package init(_ der: [[UInt8]], staples: [[UInt8]]? = [], known: KnownCertificates? = nil) {
        self.der = der
        self.staples = staples
        self.known = known
    }

    package convenience init(_ certificates: [Certificate], staples: [[UInt8]]? = []) {
        self.init(certificates.map(\.der), staples: staples)
        parsed = .success(certificates)
    }

    /// Its certificates, read once.
    package func certificates() throws(GnuTLSError) -> [Certificate] {
        if let parsed { return try parsed.get() }
        let result = Result { () throws(GnuTLSError) in
            try der.map { [known] (der) throws(GnuTLSError) in
                if let known { try known.certificate(der: der) } else { try Certificate(der: der) }
            }
        }
        parsed = result
        return try result.get()
    }
}
