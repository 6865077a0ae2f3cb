internal import CGnuTLS

/// A request for a certificate (PKCS#10, RFC 2986) as somebody else made it: nothing in it is to be trusted, and only
/// ``isProven`` says that whoever made it has the key.
package struct ReceivedRequest: Sendable {
    package let der: [UInt8]
    /// In the form of RFC 4514, as it stands: not for a terminal.
    package let subject: String
    package let publicKey: PublicKey
    /// The alternative names that are asked for.
    package let names: AlternativeNames
    /// Whether names of other kinds are asked for, too.
    package let hasOtherNames: Bool
    /// The purposes that are asked for, as dotted OIDs.
    package let purposes: [String]
    /// Whether the request is signed by the key that it is for: proof of possession.
    package let isProven: Bool

    package init(der: [UInt8]) throws(GnuTLSError) {
        let operation = "reading a request"
        let handle = try newHandle(operation) { gnutls_x509_crq_init($0) }
        defer { gnutls_x509_crq_deinit(handle) }
        try check(der.withDatum { gnutls_x509_crq_import(handle, $0, GNUTLS_X509_FMT_DER) }, operation)
        self.der = der
        var text = gnutls_datum_t()
        let result = gnutls_x509_crq_get_dn3(handle, &text, 0)
        if result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE {
            subject = ""
        } else {
            let bytes = try takingBytes(operation) {
                $0.pointee = text
                return result
            }
            subject = String(decoding: bytes, as: UTF8.self)
        }
        publicKey = try PublicKey("reading the public key of a request") {
            gnutls_pubkey_import_x509_crq($0, handle, 0)
        }
        (names, hasOtherNames) = try Self.names(handle)
        purposes = try Self.purposes(handle)
        isProven = gnutls_x509_crq_verify(handle, 0) >= 0
    }

    /// The one request in PEM text.
    package static func read(pem: [UInt8]) throws -> ReceivedRequest {
        let labels = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"]
        guard let block = try PEM.blocks(in: pem).first(where: { labels.contains($0.label) }) else {
            throw CertificateError.noneFound("CERTIFICATE REQUEST")
        }
        let der = try block.contents(of: pem)
        do throws(GnuTLSError) { return try ReceivedRequest(der: der) } catch {
            throw CertificateError.malformed(line: block.line, error)
        }
    }

    private static func names(_ handle: gnutls_x509_crq_t) throws(GnuTLSError) -> (AlternativeNames, Bool) {
        let operation = "reading the names of a request"
        var (names, hasOthers) = (AlternativeNames(), false)
        var extensionValue = gnutls_datum_t()
        let found = gnutls_x509_crq_get_extension_by_oid2(handle, AlternativeNames.oid, 0, &extensionValue, nil)
        guard found != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE else { return (names, false) }
        let der = try takingBytes(operation) {
            $0.pointee = extensionValue
            return found
        }
        let list = try newHandle(operation) { gnutls_subject_alt_names_init($0) }
        defer { gnutls_subject_alt_names_deinit(list) }
        try check(der.withDatum { gnutls_x509_ext_import_subject_alt_names($0, list, 0) }, operation)
        for index in 0... {
            var type: UInt32 = 0
            var value = gnutls_datum_t()
            let result = gnutls_subject_alt_names_get(list, UInt32(index), &type, &value, nil)
            if result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE { break }
            try check(result, operation)
            let bytes = [UInt8](UnsafeBufferPointer(start: value.data, count: Int(value.size)))
            let text = String(decoding: bytes, as: UTF8.self)
            switch type {
            case GNUTLS_SAN_DNSNAME.rawValue: names.dns.append(text)
            case GNUTLS_SAN_IPADDRESS.rawValue: names.addresses.append(bytes)
            case GNUTLS_SAN_RFC822NAME.rawValue: names.emails.append(text)
            case GNUTLS_SAN_URI.rawValue: names.uris.append(text)
            default: hasOthers = true
            }
        }
        return (names, hasOthers)
    }

    private static func purposes(_ handle: gnutls_x509_crq_t) throws(GnuTLSError) -> [String] {
        var purposes: [String] = []
        while true {
            let index = UInt32(purposes.count)
            do throws(GnuTLSError) {
                let purpose = try fillingBytes("reading the purposes of a request") {
                    gnutls_x509_crq_get_key_purpose_oid(handle, index, $0, $1, nil)
                }
                purposes.append(printable(purpose.prefix { $0 != 0 }))
            } catch {
                guard error.code == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE else { throw error }
                return purposes
            }
        }
    }
}
