package import GnuTLS
internal import MTLSCore

/// What a certificate is to say, beside the key.
package struct LeafRequest: Sendable {
    package enum Subject: Sendable {
        case commonName(String)
        /// In the form of RFC 4514.
        case text(String)
    }

    package var subject: Subject
    package var names = AlternativeNames()
    /// As dotted OIDs; without any the certificate is not restricted.
    package var purposes: [String]
    package var period: Period

    package init(subject: Subject, names: AlternativeNames = .init(), purposes: [String], period: Period) {
        self.subject = subject
        self.names = names
        self.purposes = purposes
        self.period = period
    }

    /// When a certificate is valid, in seconds since 1970 UTC.
    package struct Period: Sendable, Equatable {
        package var notBefore: Int64
        package var notAfter: Int64

        package init(notBefore: Int64, notAfter: Int64) {
            self.notBefore = notBefore
            self.notAfter = notAfter
        }
    }

    func builder(for key: PublicKey) throws(MTLSError) -> CertificateBuilder {
        try check()
        var builder = CertificateBuilder(subject: [], publicKey: key)
        switch subject {
        case .commonName(let name):
            try Self.checkCommonName(name)
            builder.subject = [.commonName(name)]
        case .text(let text):
            do { try DistinguishedName.check(text) } catch { throw Self.invalid("\(error)") }
            builder.subjectText = text
        }
        (builder.notBefore, builder.notAfter) = (period.notBefore, period.notAfter)
        builder.alternativeNames = names
        builder.keyUsage = key.algorithm == .rsa ? [.digitalSignature, .keyEncipherment] : .digitalSignature
        builder.extendedKeyUsages = purposes
        return builder
    }

    /// Sees to it that every name is one: a request may come from anybody.
    private func check() throws(MTLSError) {
        for name in names.dns {
            let rest = name.hasPrefix("*.") ? String(name.dropFirst(2)) : name
            guard case .dns = ServerName(rest) else { throw Self.invalid("\"\(name)\" is not a DNS name") }
        }
        for address in names.addresses where ![4, 16].contains(address.count) {
            throw Self.invalid("an IP address has 4 or 16 bytes, not \(address.count)")
        }
        for text in names.emails + names.uris where !text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw Self.invalid("\"\(text)\" is neither a mail address nor a URI")
        }
        guard period.notBefore < period.notAfter else {
            throw Self.invalid("the certificate would end before it begins")
        }
    }

    /// RFC 5280's ub-common-name.
    static func checkCommonName(_ name: String) throws(MTLSError) {
        guard (1...64).contains(name.unicodeScalars.count) else {
            throw invalid(
                "a common name has 1 to 64 characters", advice: "names of servers may be longer: give --subject")
        }
    }

    static func invalid(_ message: String, advice: String? = nil) -> MTLSError {
        MTLSError(.requestInvalid, phase: .prepare, fault: .caller, message, advice: advice)
    }
}
