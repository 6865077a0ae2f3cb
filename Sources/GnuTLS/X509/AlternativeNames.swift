/// The names of a subject alternative name extension (RFC 5280 §4.2.1.6) that is to be made.
package struct AlternativeNames: Sendable, Hashable {
    /// Written as they are, even when they are no names.
    package var dns: [String]
    /// Four or sixteen bytes each, but others are written as well.
    package var addresses: [[UInt8]]
    package var emails: [String]
    package var uris: [String]

    package init(dns: [String] = [], addresses: [[UInt8]] = [], emails: [String] = [], uris: [String] = []) {
        self.dns = dns
        self.addresses = addresses
        self.emails = emails
        self.uris = uris
    }

    package var isEmpty: Bool { dns.isEmpty && addresses.isEmpty && emails.isEmpty && uris.isEmpty }

    static let oid = "2.5.29.17"

    /// The extension's value, made here because GnuTLS maps names and ends them at a NUL.
    var der: [UInt8] {
        func names(_ tag: UInt8, _ texts: [String]) -> [UInt8] {
            texts.flatMap { DER.element(tag: tag, Array($0.utf8)) }
        }
        return DER.element(
            tag: 0x30,
            names(0x81, emails) + names(0x82, dns) + names(0x86, uris)
                + addresses.flatMap { DER.element(tag: 0x87, $0) })
    }
}
