internal import CGnuTLS
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// One certificate of the path that GnuTLS examined.
struct VerificationStep {
    let certificate: [UInt8]
    let status: VerificationStatus
}

/// Collects what GnuTLS's verification reports on its way. Its callback has no argument of the caller's, but runs on the
/// caller's thread, so the list under way is kept in that thread.
enum VerificationSteps {
    typealias Callback =
        @convention(c) (
            gnutls_x509_crt_t?, gnutls_x509_crt_t?, gnutls_x509_crl_t?, UInt32
        ) -> Int32

    static func collecting(_ verify: (Callback) -> Int32) -> (result: Int32, steps: [VerificationStep]) {
        var steps: [VerificationStep] = []
        let result = withUnsafeMutablePointer(to: &steps) { steps in
            let outer = pthread_getspecific(key)
            pthread_setspecific(key, steps)
            defer { pthread_setspecific(key, outer) }
            return verify { certificate, _, _, status in
                guard let der = VerificationSteps.exported(certificate) else { return 0 }
                pthread_getspecific(VerificationSteps.key)?.assumingMemoryBound(to: [VerificationStep].self).pointee
                    .append(VerificationStep(certificate: der, status: VerificationStatus(rawValue: status)))
                return 0
            }
        }
        return (result, steps)
    }

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    private static func exported(_ certificate: gnutls_x509_crt_t?) -> [UInt8]? {
        guard let certificate else { return nil }
        return try? takingBytes("") { gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, $0) }
    }
}
