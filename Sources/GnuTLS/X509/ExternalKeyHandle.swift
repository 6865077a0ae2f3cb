import CGnuTLS

/// A key of GnuTLS's whose signatures an ``ExternalSigner`` makes, to sign certificates and requests with.
final class ExternalKeyHandle {
    let handle: gnutls_privkey_t
    private let calls: Calls

    /// What the callbacks see.
    private final class Calls {
        let signer: any ExternalSigner
        var failure: (any Error)?

        init(_ signer: any ExternalSigner) { self.signer = signer }

        static func of(_ pointer: UnsafeMutableRawPointer?) -> Calls? {
            pointer.map { Unmanaged<Calls>.fromOpaque($0).takeUnretainedValue() }
        }

        func sign(
            _ algorithm: gnutls_sign_algorithm_t, _ data: UnsafePointer<gnutls_datum_t>?, isDigest: Bool,
            _ signature: UnsafeMutablePointer<gnutls_datum_t>?
        ) -> Int32 {
            guard let data, let signature else { return GNUTLS_E_INTERNAL_ERROR }
            do {
                try signer.sign(algorithm, data.pointee, isDigest: isDigest, into: signature)
                return 0
            } catch {
                failure = error
                return GNUTLS_E_PK_SIGN_FAILED
            }
        }
    }

    private init(_ signer: any ExternalSigner) throws(GnuTLSError) {
        calls = Calls(signer)
        handle = try newHandle("using a key elsewhere") { gnutls_privkey_init($0) }
        try check(
            gnutls_privkey_import_ext4(
                handle, Unmanaged.passUnretained(calls).toOpaque(),
                { _, algorithm, pointer, _, data, signature in
                    Calls.of(pointer)?.sign(algorithm, data, isDigest: false, signature) ?? GNUTLS_E_INTERNAL_ERROR
                },
                { _, algorithm, pointer, _, hash, signature in
                    Calls.of(pointer)?.sign(algorithm, hash, isDigest: true, signature) ?? GNUTLS_E_INTERNAL_ERROR
                },
                nil, nil, { _, flags, pointer in Calls.of(pointer)?.signer.information(flags) ?? -1 }, 0),
            "using a key elsewhere")
    }

    deinit { gnutls_privkey_deinit(handle) }

    /// Lends a handle to `body`. The signer is called on the same thread, which must be of its lane.
    ///
    /// - Throws: What the signer threw, where it did; else what `body` throws.
    static func with<Result>(
        _ signer: any ExternalSigner, _ body: (gnutls_privkey_t) throws(GnuTLSError) -> Result
    ) throws -> Result {
        let key = try ExternalKeyHandle(signer)
        return try withExtendedLifetime(key) {
            do throws(GnuTLSError) { return try body(key.handle) } catch { throw key.calls.failure ?? error }
        }
    }
}
