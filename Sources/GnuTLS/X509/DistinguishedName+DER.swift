internal import CGnuTLS

extension DistinguishedName {
    /// A name in DER, such as a server lists them in its certificate request, in the form of RFC 4514 and safe for
    /// terminals; in hexadecimal where it is no name.
    package static func text(der: [UInt8]) -> String {
        var text = gnutls_datum_t()
        let result = der.withDatum { gnutls_x509_rdn_get2($0, &text, 0) }
        let bytes = try? takingBytes("reading a name") {
            $0.pointee = text
            return result
        }
        return bytes.map { printable($0.prefix { $0 != 0 }) } ?? "0x" + hexadecimal(der)
    }
}
