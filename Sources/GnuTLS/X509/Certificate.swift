internal import CGnuTLS
internal import Synchronization

/// An X.509 certificate (RFC 5280).
///
/// The value is immutable and may be used by many threads at once. Texts in it come from whoever issued it: control
/// characters in them are escaped, and none of them is to be trusted before the chain was verified.
public final class Certificate: @unchecked Sendable {  // safe: GnuTLS only reads the handle after init
    /// The whole certificate in DER.
    public let der: [UInt8]
    /// The subject's distinguished name in the form of RFC 4514; empty when the subject is empty.
    public let subject: String
    /// The issuer's distinguished name in the form of RFC 4514.
    public let issuer: String
    /// The serial number in lower-case hexadecimal digits, two a byte.
    public let serialNumber: String
    /// From when the certificate is valid, in seconds since 1970 UTC.
    public let notBefore: Int64
    /// Until when the certificate is valid, in seconds since 1970 UTC.
    public let notAfter: Int64
    /// Whether the basic constraints make it a certificate authority.
    public let isCA: Bool
    /// How many intermediate authorities may stand below this one (RFC 5280 §4.2.1.9); `nil` for any number.
    public let pathLength: Int?
    /// What the key may be used for; `nil` when the certificate does not restrict it.
    public let keyUsage: KeyUsage?
    /// The purposes the certificate is restricted to, as dotted OIDs, such as `1.3.6.1.5.5.7.3.2` for clients; empty
    /// when it is not restricted.
    public let extendedKeyUsages: [String]
    /// The name of the algorithm that the issuer signed with, such as "ECDSA-SHA256".
    public let signatureAlgorithm: String
    /// The subject's public key.
    public let publicKey: PublicKey
    /// The SHA-256 of ``der``.
    public let sha256Fingerprint: [UInt8]
    /// The subject's distinguished name in DER.
    package let rawSubject: [UInt8]
    /// The issuer's distinguished name in DER.
    package let rawIssuer: [UInt8]
    /// The names of the subject alternative name extension; `nil` when there is no such extension.
    let alternativeNames: [AlternativeName]?
    let signatureIdentifier: gnutls_sign_algorithm_t
    /// What ``demandsStaple`` has found.
    private let stapleDemand = Atomic(StapleDemand.unknown)
    let handle: gnutls_x509_crt_t

    private enum StapleDemand: UInt8, AtomicRepresentable {
        case unknown, no, yes
    }

    /// Reads one certificate in DER.
    package init(der: [UInt8]) throws(GnuTLSError) {
        let handle = try newHandle("reading a certificate") { gnutls_x509_crt_init($0) }
        do throws(GnuTLSError) {
            try check(
                der.withDatum { gnutls_x509_crt_import(handle, $0, GNUTLS_X509_FMT_DER) }, "reading a certificate")
            let fields = CertificateFields(handle)
            subject = try fields.subject()
            issuer = try fields.issuer()
            serialNumber = try fields.serialNumber()
            (isCA, pathLength) = try fields.basicConstraints()
            keyUsage = try fields.keyUsage()
            extendedKeyUsages = try fields.keyPurposes()
            alternativeNames = try fields.alternativeNames()
            rawSubject = try takingBytes("reading the subject") { gnutls_x509_crt_get_raw_dn(handle, $0) }
            rawIssuer = try takingBytes("reading the issuer") { gnutls_x509_crt_get_raw_issuer_dn(handle, $0) }
            publicKey = try PublicKey(GnuTLSError.readingPublicKey) {
                gnutls_pubkey_import_x509($0, handle, 0)
            }
            sha256Fingerprint = try HashAlgorithm.sha256.hash(of: der)
        } catch {
            gnutls_x509_crt_deinit(handle)
            throw error
        }
        notBefore = Int64(gnutls_x509_crt_get_activation_time(handle))
        notAfter = Int64(gnutls_x509_crt_get_expiration_time(handle))
        signatureIdentifier = gnutls_sign_algorithm_t(
            UInt32(clamping: gnutls_x509_crt_get_signature_algorithm(handle)))
        signatureAlgorithm = gnutls_sign_get_name(signatureIdentifier).map { String(cString: $0) } ?? "unknown"
        self.der = der
        self.handle = handle
    }

    deinit { gnutls_x509_crt_deinit(handle) }
}

extension Certificate {
    /// The DNS names of the subject alternative name extension.
    public var dnsNames: [String] { (alternativeNames ?? []).compactMap { $0.kind == .dns ? $0.text : nil } }
    /// The addresses of the subject alternative name extension, as text.
    public var ipAddresses: [String] { (alternativeNames ?? []).compactMap { $0.kind == .ip ? $0.text : nil } }
    /// The mail addresses of the subject alternative name extension.
    public var emailAddresses: [String] { (alternativeNames ?? []).compactMap { $0.kind == .email ? $0.text : nil } }
    /// The URIs of the subject alternative name extension.
    public var uris: [String] { (alternativeNames ?? []).compactMap { $0.kind == .uri ? $0.text : nil } }
    /// Whether there is a subject alternative name extension, even an empty one.
    public var hasSubjectAlternativeName: Bool { alternativeNames != nil }
    /// The SHA-256 of ``der`` in lower-case hexadecimal digits.
    public var sha256FingerprintHex: String { hexadecimal(sha256Fingerprint) }
    /// Whether subject and issuer are the same name.
    public var isSelfIssued: Bool { rawSubject == rawIssuer }
    /// Whether `authority` has the name, and the key identifier where there is one, that this certificate's issuer has.
    package func isIssued(by authority: Certificate) -> Bool {
        gnutls_x509_crt_check_issuer(handle, authority.handle) != 0
    }
    /// Whether the certificate demands an OCSP response from the server that shows it (RFC 7633).
    package var demandsStaple: Bool {
        switch stapleDemand.load(ordering: .relaxed) {
        case .unknown:
            let isDemanded = (try? CertificateProfile(self))?.features.contains(5) ?? false
            stapleDemand.store(isDemanded ? .yes : .no, ordering: .relaxed)
            return isDemanded
        case .no: return false
        case .yes: return true
        }
    }
    /// The serial number as an INTEGER in DER.
    package var serialNumberDER: [UInt8] {
        let digits = serialNumber.utf8.map { $0 < 0x3A ? $0 - 0x30 : $0 - 0x57 }
        return DER.element(
            tag: 0x02, stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }
    /// The certificate as a PEM block, in ASCII.
    public var pemEncoded: [UInt8] { PEM.encode(label: "CERTIFICATE", der: der) }

    /// All certificates of PEM text, in their order; blocks of other kinds, such as a key, are passed over.
    ///
    /// - Throws: `PEMError` or `CertificateError`, which say in which line, and that there is none at all.
    package static func chain(pem: UnsafeRawBufferPointer) throws -> [Certificate] {
        try blocks(pem).map { block in
            let der = try block.contents(of: pem)
            do throws(GnuTLSError) { return try Certificate(der: der) } catch {
                throw CertificateError.malformed(line: block.line, error)
            }
        }
    }

    /// The same, in DER: whether they are certificates that can be read is not looked at.
    package static func encoded(pem: [UInt8]) throws -> [[UInt8]] {
        try pem.withUnsafeBytes { pem in try blocks(pem).map { try $0.contents(of: pem) } }
    }

    private static func blocks(_ pem: UnsafeRawBufferPointer) throws -> [PEM.Block] {
        let blocks = try PEM.blocks(in: pem).filter { ["CERTIFICATE", "X509 CERTIFICATE"].contains($0.label) }
        guard !blocks.isEmpty else { throw CertificateError.noneFound("CERTIFICATE") }
        return blocks
    }

    package static func chain(pem: [UInt8]) throws -> [Certificate] {
        try pem.withUnsafeBytes { try chain(pem: $0) }
    }

    /// One certificate in DER, or all of PEM text.
    package static func all(_ bytes: UnsafeRawBufferPointer) throws -> [Certificate] {
        bytes.first == 0x30 ? [try Certificate(der: Array(bytes))] : try chain(pem: bytes)
    }

    package static func all(_ bytes: [UInt8]) throws -> [Certificate] { try bytes.withUnsafeBytes { try all($0) } }
}

extension Certificate: Hashable, CustomStringConvertible {
    /// Compares byte for byte.
    public static func == (left: Certificate, right: Certificate) -> Bool { left.der == right.der }
    /// Hashes the fingerprint.
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes: sha256Fingerprint) }
    /// The subject and the serial number.
    public var description: String { "\(subject.isEmpty ? "(no subject)" : subject), serial \(serialNumber)" }
}

/// Why PEM text gave no certificates or revocation lists.
package enum CertificateError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no block with this label.
    case noneFound(String)
    /// The block that begins in this line cannot be read.
    case malformed(line: Int, GnuTLSError)

    package var description: String {
        switch self {
        case .noneFound(let label): "there is no BEGIN \(label) line"
        case .malformed(let line, let error): "line \(line): \(error)"
        }
    }
}

/// What a key may be used for (RFC 5280 §4.2.1.3), with the bits in GnuTLS's order.
public struct KeyUsage: OptionSet, Sendable, Hashable {
    /// The bits.
    public let rawValue: UInt32
    /// Makes a set of its bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Signatures, as TLS makes them.
    public static let digitalSignature = Self(rawValue: 128)
    /// Signatures that bind.
    public static let nonRepudiation = Self(rawValue: 64)
    /// The RSA key exchange of TLS 1.2.
    public static let keyEncipherment = Self(rawValue: 32)
    /// Encrypting data itself.
    public static let dataEncipherment = Self(rawValue: 16)
    /// Diffie-Hellman.
    public static let keyAgreement = Self(rawValue: 8)
    /// Signing certificates.
    public static let keyCertSign = Self(rawValue: 4)
    /// Signing revocation lists.
    public static let crlSign = Self(rawValue: 2)
}

/// The purposes of RFC 5280 §4.2.1.12 that TLS knows, as dotted OIDs.
public enum KeyPurpose {
    /// A TLS server.
    public static let serverAuth = "1.3.6.1.5.5.7.3.1"
    /// A TLS client.
    public static let clientAuth = "1.3.6.1.5.5.7.3.2"
    /// Any purpose.
    public static let any = "2.5.29.37.0"
}
