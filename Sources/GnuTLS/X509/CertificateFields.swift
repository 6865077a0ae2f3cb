internal import CGnuTLS

/// A name of the subject alternative name extension, byte for byte as it was issued.
struct AlternativeName: Hashable, Sendable {
    enum Kind: Hashable, Sendable { case dns, ip, email, uri, other }

    let kind: Kind
    let bytes: [UInt8]

    /// For people. An address of any length but 4 and 16 is shown in hexadecimal.
    var text: String { kind == .ip ? ServerName.text(ofAddress: bytes) ?? hexadecimal(bytes) : printable(bytes) }
}

/// Reads the fields of a certificate. What is absent is told apart from what cannot be read.
struct CertificateFields {
    private let handle: gnutls_x509_crt_t

    init(_ handle: gnutls_x509_crt_t) { self.handle = handle }

    func subject() throws(GnuTLSError) -> String {
        try optional { () throws(GnuTLSError) in
            try takingBytes("reading the subject") { gnutls_x509_crt_get_dn3(handle, $0, 0) }
        }.map(printable) ?? ""
    }

    func issuer() throws(GnuTLSError) -> String {
        try optional { () throws(GnuTLSError) in
            try takingBytes("reading the issuer") { gnutls_x509_crt_get_issuer_dn3(handle, $0, 0) }
        }.map(printable) ?? ""
    }

    func serialNumber() throws(GnuTLSError) -> String {
        hexadecimal(try fillingBytes("reading the serial number") { gnutls_x509_crt_get_serial(handle, $0, $1) })
    }

    func basicConstraints() throws(GnuTLSError) -> (isCA: Bool, pathLength: Int?) {
        var critical: UInt32 = 0
        var isCA: UInt32 = 0
        var pathLength: Int32 = -1
        let result = gnutls_x509_crt_get_basic_constraints(handle, &critical, &isCA, &pathLength)
        if result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE { return (false, nil) }
        try check(result, "reading the basic constraints")
        return (isCA != 0, isCA != 0 && pathLength >= 0 ? Int(pathLength) : nil)
    }

    func keyUsage() throws(GnuTLSError) -> KeyUsage? {
        var usage: UInt32 = 0
        var critical: UInt32 = 0
        let result = gnutls_x509_crt_get_key_usage(handle, &usage, &critical)
        if result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE { return nil }
        try check(result, "reading the key usage")
        return KeyUsage(rawValue: usage)
    }

    func keyPurposes() throws(GnuTLSError) -> [String] {
        var purposes: [String] = []
        while true {
            let index = UInt32(purposes.count)
            let purpose = try optional { () throws(GnuTLSError) in
                try fillingBytes("reading the extended key usage") {
                    gnutls_x509_crt_get_key_purpose_oid(handle, index, $0, $1, nil)
                }
            }
            guard let purpose else { return purposes }
            purposes.append(printable(purpose.prefix { $0 != 0 }))
        }
    }

    func alternativeNames() throws(GnuTLSError) -> [AlternativeName]? {
        let operation = "reading the subject alternative name"
        let der = try optional { () throws(GnuTLSError) in
            try takingBytes(operation) {
                gnutls_x509_crt_get_extension_by_oid2(handle, "2.5.29.17", 0, $0, nil)
            }
        }
        guard let der else { return nil }
        let list = try newHandle(operation) { gnutls_subject_alt_names_init($0) }
        defer { gnutls_subject_alt_names_deinit(list) }
        try check(der.withDatum { gnutls_x509_ext_import_subject_alt_names($0, list, 0) }, operation)
        var names: [AlternativeName] = []
        while true {
            var type: UInt32 = 0
            var value = gnutls_datum_t()
            let result = gnutls_subject_alt_names_get(list, UInt32(names.count), &type, &value, nil)
            if result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE { return names }
            try check(result, operation)
            let bytes = [UInt8](UnsafeBufferPointer(start: value.data, count: Int(value.size)))
            names.append(AlternativeName(kind: kind(type), bytes: bytes))
        }
    }

    private func kind(_ type: UInt32) -> AlternativeName.Kind {
        switch type {
        case GNUTLS_SAN_DNSNAME.rawValue: .dns
        case GNUTLS_SAN_IPADDRESS.rawValue: .ip
        case GNUTLS_SAN_RFC822NAME.rawValue: .email
        case GNUTLS_SAN_URI.rawValue: .uri
        default: .other
        }
    }

    private func optional<Value>(_ read: () throws(GnuTLSError) -> Value) throws(GnuTLSError) -> Value? {
        do throws(GnuTLSError) { return try read() } catch {
            guard error.code == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE else { throw error }
            return nil
        }
    }
}
