/// What a peer showed of itself in a handshake. It belongs to one thread at a time, like the session.
package final class PresentedChain {
    /// Its certificates as they were sent, the leaf first.
    package let der: [[UInt8]]
    /// The OCSP responses stapled to them, by position, empty where there is none; nil where there could be none, as in
    /// a session that was resumed.
    package let staples: [[UInt8]]?
    private var parsed: Result<[Certificate], GnuTLSError>?

    package init(_ der: [[UInt8]], staples: [[UInt8]]? = []) {
        self.der = der
        self.staples = staples
    }

    package convenience init(_ certificates: [Certificate], staples: [[UInt8]]? = []) {
        self.init(certificates.map(\.der), staples: staples)
        parsed = .success(certificates)
    }

    /// Its certificates, read once.
    package func certificates() throws(GnuTLSError) -> [Certificate] {
        if let parsed { return try parsed.get() }
        let result = Result { () throws(GnuTLSError) in
            try der.map { (der) throws(GnuTLSError) in try Certificate(der: der) }
        }
        parsed = result
        return try result.get()
    }
}
