internal import CGnuTLS

/// A certificate revocation list (RFC 5280 §5): a full one, of one authority. A list with a critical extension, such as
/// that of an indirect or a delta list, is not half understood: it says nothing.
package struct RevocationList: Sendable {
    package let der: [UInt8]
    /// In the form of RFC 4514.
    package let issuer: String
    /// When it was issued, in seconds since 1970 UTC.
    package let thisUpdate: Int64
    /// When the next one is due, in seconds since 1970 UTC; `nil` where the list does not say.
    package let nextUpdate: Int64?
    /// The issuer's distinguished name in DER.
    let rawIssuer: [UInt8]
    let contents: Contents
    let signatureIdentifier: gnutls_sign_algorithm_t

    package init(der: [UInt8]) throws(GnuTLSError) {
        let operation = "reading a revocation list"
        let handle = try newHandle(operation) { gnutls_x509_crl_init($0) }
        defer { gnutls_x509_crl_deinit(handle) }
        try check(der.withDatum { gnutls_x509_crl_import(handle, $0, GNUTLS_X509_FMT_DER) }, operation)
        do throws(MalformedDER) { contents = try Contents(der) } catch {
            throw GnuTLSError(code: GNUTLS_E_PARSING_ERROR, operation: operation)
        }
        self.der = der
        issuer = printable(try takingBytes(operation) { gnutls_x509_crl_get_issuer_dn3(handle, $0, 0) })
        thisUpdate = contents.thisUpdate
        nextUpdate = contents.nextUpdate
        rawIssuer = contents.issuer
        signatureIdentifier = gnutls_sign_algorithm_t(
            UInt32(clamping: gnutls_x509_crl_get_signature_algorithm(handle)))
    }

    /// All `X509 CRL` blocks of PEM text, which must hold one at least.
    package static func all(pem: [UInt8]) throws -> [RevocationList] {
        let blocks = try PEM.blocks(in: pem).filter { $0.label == "X509 CRL" }
        guard !blocks.isEmpty else { throw CertificateError.noneFound("X509 CRL") }
        return try blocks.map { block in
            let der = try block.contents(of: pem)
            do throws(GnuTLSError) { return try RevocationList(der: der) } catch {
                throw CertificateError.malformed(line: block.line, error)
            }
        }
    }

    /// One list in DER, or all of PEM text.
    package static func all(_ bytes: [UInt8]) throws -> [RevocationList] {
        bytes.first == 0x30 ? [try RevocationList(der: bytes)] : try all(pem: bytes)
    }

    package var pemEncoded: [UInt8] { PEM.encode(label: "X509 CRL", der: der) }
}

extension RevocationList: Hashable {
    package static func == (left: Self, right: Self) -> Bool { left.der == right.der }
    package func hash(into hasher: inout Hasher) { hasher.combine(der) }
}

extension RevocationList {
    /// What is in a list.
    struct Contents: Sendable {
        let issuer: [UInt8]
        let signed: [UInt8]
        let signature: [UInt8]
        let thisUpdate: Int64
        let nextUpdate: Int64?
        /// By serial number, as ``CertificateProfile/serial`` has it.
        private(set) var revoked: [ArraySlice<UInt8>: Revocation] = [:]
        private(set) var authorityKeyID: ArraySlice<UInt8>?
        /// A critical extension, of the list or of an entry, by its OID.
        private(set) var unknownCritical: String?

        init(_ der: [UInt8]) throws(MalformedDER) {
            var outer = DERReader(der[...], "the revocation list")
            var parts = try outer.sequence()
            try outer.finish()
            let body = try parts.next(0x30)
            let algorithm = try parts.next(0x30).whole
            signed = Array(body.whole)
            signature = Array(try parts.bytesOfBitString())
            try parts.finish()

            var fields = body.reader("the revocation list")
            if fields.tag == 0x02 {
                guard try fields.smallInteger() == 1 else { throw fields.malformed }
            }
            guard try fields.next(0x30).whole == algorithm else { throw fields.malformed }
            issuer = Array(try fields.next(0x30).whole)
            thisUpdate = try fields.time()
            nextUpdate = fields.tag == 0x17 || fields.tag == 0x18 ? try fields.time() : nil
            if fields.tag == 0x30 { try readEntries(try fields.sequence()) }
            if let explicit = try fields.optional(0xA0) {
                var list = explicit.reader("the extensions of the revocation list")
                try Self.extensions(try list.sequence()) { (oid, value, isCritical) throws(MalformedDER) in
                    if oid == "2.5.29.35" {
                        authorityKeyID = try AuthorityKeyID.keyID(value)
                    } else if isCritical || oid == "2.5.29.27" || oid == "2.5.29.28" {
                        unknownCritical = unknownCritical ?? oid
                    }
                }
                try list.finish()
            }
            try fields.finish()
        }

        private mutating func readEntries(_ list: DERReader) throws(MalformedDER) {
            var list = list
            while !list.isAtEnd {
                var entry = try list.sequence()
                let serial = try entry.next(0x02).contents
                let date = try entry.time()
                var reason: Int?
                if !entry.isAtEnd {
                    try Self.extensions(try entry.sequence()) { (oid, value, isCritical) throws(MalformedDER) in
                        if oid == "2.5.29.21" {
                            var code = DERReader(value, "the reason of a revocation")
                            reason = try code.smallInteger(0x0A)
                        } else if isCritical {
                            unknownCritical = unknownCritical ?? oid
                        }
                    }
                }
                try entry.finish()
                revoked[serial.withoutIdleZeros] = Revocation(date: date, reason: reason)
            }
        }

        private static func extensions(
            _ list: DERReader, _ take: (String, ArraySlice<UInt8>, Bool) throws(MalformedDER) -> Void
        ) throws(MalformedDER) {
            var list = list
            while !list.isAtEnd {
                var parts = try list.sequence()
                let oid = try parts.objectIdentifier()
                let isCritical = parts.tag == 0x01 ? try parts.boolean() : false
                try take(oid, try parts.next(0x04).contents, isCritical)
                try parts.finish()
            }
        }
    }
}

extension RevocationList {
    /// Makes a list: for tests and development authorities.
    ///
    /// - Parameters:
    ///   - revoked: Certificates of `issuer`.
    ///   - thisUpdate: In seconds since 1970 UTC.
    ///   - nextUpdate: In seconds since 1970 UTC.
    package static func sign(
        revoked: [Certificate], issuer: Certificate, key: PrivateKey, thisUpdate: Int64, nextUpdate: Int64
    ) throws(GnuTLSError) -> RevocationList {
        try sign(
            revoked.map { Entry(serialNumber: $0.serialNumber, revokedAt: thisUpdate) }, number: 1, issuer: issuer,
            key: key, thisUpdate: thisUpdate, nextUpdate: nextUpdate)
    }
}
