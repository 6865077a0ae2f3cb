/// The fields of a certificate that decide whether it may be trusted, read strictly by RFC 5280 §4, and from the DER
/// itself: GnuTLS passes over some faults that are refused here.
struct CertificateProfile: Sendable {
    let certificate: Certificate
    /// 1, 2 or 3.
    let version: Int
    /// What is signed.
    let signed: ArraySlice<UInt8>
    let signature: ArraySlice<UInt8>
    /// The contents of the serial number's INTEGER, without zeros that say nothing.
    let serial: ArraySlice<UInt8>
    /// In seconds since 1970 UTC.
    let notBefore: Int64
    let notAfter: Int64
    /// The BIT STRING of the SubjectPublicKeyInfo.
    let keyBits: ArraySlice<UInt8>
    private(set) var isAuthority = false
    private(set) var pathLength: Int?
    private(set) var keyUsage: KeyUsage?
    /// nil when the certificate is for all purposes.
    private(set) var purposes: [String]?
    private(set) var names: [GeneralName] = []
    private(set) var nameConstraints: NameConstraints?
    private(set) var subjectKeyID: ArraySlice<UInt8>?
    private(set) var authorityKeyID: ArraySlice<UInt8>?
    /// TLS features that the server has to show (RFC 7633).
    private(set) var features: [Int] = []
    /// Critical extensions that nobody here understands, as dotted OIDs.
    private(set) var unknownCritical: [String] = []

    init(_ certificate: Certificate) throws(MalformedDER) {
        self.certificate = certificate
        var outer = DERReader(certificate.der[...], "the certificate")
        var parts = try outer.sequence()
        try outer.finish()
        let body = try parts.next(0x30)
        let algorithm = try parts.next(0x30).whole
        signature = try parts.bytesOfBitString()
        try parts.finish()
        signed = body.whole

        var fields = body.reader("the certificate")
        if let explicit = try fields.optional(0xA0) {
            var number = explicit.reader("the version")
            version = try number.smallInteger() + 1
            guard (2...3).contains(version) else { throw number.malformed }
            try number.finish()
        } else {
            version = 1
        }
        let serialNumber = try fields.next(0x02).contents
        guard !serialNumber.isEmpty else { throw MalformedDER(what: "the serial number") }
        serial = serialNumber.withoutIdleZeros
        guard try fields.next(0x30).whole == algorithm else { throw MalformedDER(what: "the signature algorithm") }
        _ = try fields.next(0x30)
        var validity = DERReader(try fields.next(0x30).contents, "the validity")
        notBefore = try validity.time()
        notAfter = try validity.time()
        try validity.finish()
        _ = try fields.next(0x30)
        var key = DERReader(try fields.next(0x30).contents, "the public key")
        _ = try key.next(0x30)
        keyBits = try key.bytesOfBitString()
        try key.finish()
        for tag: UInt8 in [0x81, 0x82] where try fields.optional(tag) != nil {
            guard version >= 2 else { throw MalformedDER(what: "a certificate of version 1 with unique identifiers") }
        }
        if let explicit = try fields.optional(0xA3) {
            guard version == 3 else { throw MalformedDER(what: "a certificate before version 3 with extensions") }
            var list = explicit.reader("the extensions")
            try readExtensions(try list.sequence())
            try list.finish()
        }
        try fields.finish()
    }

    private mutating func readExtensions(_ list: DERReader) throws(MalformedDER) {
        var list = list
        var seen: Set<String> = []
        guard !list.isAtEnd else { throw list.malformed }
        while !list.isAtEnd {
            var parts = try list.sequence()
            let oid = try parts.objectIdentifier()
            let isCritical = parts.tag == 0x01 ? try parts.boolean() : false
            let value = try parts.next(0x04).contents
            try parts.finish()
            guard seen.insert(oid).inserted else {
                throw MalformedDER(what: "the extension \(oid), which stands twice")
            }
            try take(oid, value, isCritical)
        }
    }

    private mutating func take(_ oid: String, _ value: ArraySlice<UInt8>, _ isCritical: Bool) throws(MalformedDER) {
        switch oid {
        case "2.5.29.14":
            var reader = DERReader(value, "the subject key identifier")
            subjectKeyID = try reader.next(0x04).contents
            try reader.finish()
        case "2.5.29.15": keyUsage = try Self.keyUsage(value)
        case "2.5.29.17": names = try GeneralName.list(value, "the subject alternative name")
        case "2.5.29.19": try takeBasicConstraints(value)
        case "2.5.29.30": nameConstraints = try NameConstraints(value)
        case "2.5.29.35": authorityKeyID = try AuthorityKeyID.keyID(value)
        case "2.5.29.36":
            // Policies are not processed; without a demand for one they cannot refuse a path (RFC 5280 §6.1).
            if isCritical, try Self.demandsPolicy(value) { unknownCritical.append(oid) }
        case "2.5.29.37":
            var reader = DERReader(value, "the extended key usage")
            var list = try reader.sequence()
            try reader.finish()
            var found: [String] = []
            repeat { found.append(try list.objectIdentifier()) } while !list.isAtEnd
            purposes = found
        case "1.3.6.1.5.5.7.1.24":
            var reader = DERReader(value, "the TLS features")
            var list = try reader.sequence()
            while !list.isAtEnd { features.append(try list.smallInteger()) }
        default:
            if isCritical, !Self.harmless.contains(oid) { unknownCritical.append(oid) }
        }
    }

    /// What may be critical, and says nothing that could refuse a path here: certificate policies,
    /// inhibitAnyPolicy, and where revocation lists are. GnuTLS does not know critical policy mappings.
    private static let harmless: Set<String> = ["2.5.29.31", "2.5.29.32", "2.5.29.54"]

    private mutating func takeBasicConstraints(_ value: ArraySlice<UInt8>) throws(MalformedDER) {
        var reader = DERReader(value, "the basic constraints")
        var fields = try reader.sequence()
        try reader.finish()
        if fields.tag == 0x01 { isAuthority = try fields.boolean() }
        if !fields.isAtEnd { pathLength = try fields.smallInteger() }
        try fields.finish()
        guard isAuthority || pathLength == nil else { throw fields.malformed }
    }

    private static func keyUsage(_ value: ArraySlice<UInt8>) throws(MalformedDER) -> KeyUsage {
        var reader = DERReader(value, "the key usage")
        let bits = Array(try reader.next(0x03).contents)
        try reader.finish()
        guard (2...3).contains(bits.count), bits[0] < 8, bits.dropFirst().contains(where: { $0 != 0 }) else {
            throw reader.malformed
        }
        return KeyUsage(rawValue: UInt32(bits[1]) | (bits.count > 2 ? UInt32(bits[2]) << 8 : 0))
    }

    private static func demandsPolicy(_ value: ArraySlice<UInt8>) throws(MalformedDER) -> Bool {
        var reader = DERReader(value, "the policy constraints")
        let fields = try reader.sequence()
        return fields.tag == 0x80
    }

    /// Whether this certificate's key may have signed `other`, by what the two say of it.
    func mayHaveIssued(_ other: CertificateProfile) -> Bool {
        guard certificate.rawSubject == other.certificate.rawIssuer else { return false }
        guard let named = other.authorityKeyID, let own = subjectKeyID else { return true }
        return named == own
    }
}

/// The authority key identifier of certificates and revocation lists (RFC 5280 §4.2.1.1).
enum AuthorityKeyID {
    static func keyID(_ value: ArraySlice<UInt8>) throws(MalformedDER) -> ArraySlice<UInt8>? {
        var reader = DERReader(value, "the authority key identifier")
        var fields = try reader.sequence()
        try reader.finish()
        return try fields.optional(0x80)?.contents
    }
}

extension ArraySlice<UInt8> {
    /// An INTEGER's contents as DER has them, where a certificate has more zeros than needed.
    var withoutIdleZeros: ArraySlice<UInt8> {
        var rest = self
        while rest.count > 1, rest.first == 0, rest[rest.startIndex + 1] < 0x80 { rest = rest.dropFirst() }
        return rest
    }
}
