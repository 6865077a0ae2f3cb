internal import CGnuTLS

/// What is said to GnuTLS once per process.
package enum GnuTLSGlobal {
    /// Keeps GnuTLS's own PKCS#11 from loading every module that p11-kit knows, which its first use would do otherwise.
    /// Whatever might touch tokens or the system's trust calls this first; it is cheap.
    package static func prepare() { _ = prepared }

    private static let prepared: Void = {
        VerificationClock.install()
        _ = gnutls_pkcs11_init(UInt32(GNUTLS_PKCS11_FLAG_MANUAL), nil)
    }()

    /// The version of the library that runs, such as "3.7.9".
    package static var version: String { gnutls_check_version(nil).map { String(cString: $0) } ?? "unknown" }
}
