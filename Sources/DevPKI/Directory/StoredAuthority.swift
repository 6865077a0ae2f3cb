package import GnuTLS
package import MTLSCore
package import MTLSIdentity
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// An authority of an ``AuthorityDirectory``, with its key in memory.
package struct StoredAuthority: Sendable {
    package let directory: AuthorityDirectory
    /// Of its files.
    package let name: String
    package let certificate: Certificate
    /// What has to be sent beside a leaf: this authority and those above it, without the root.
    package let intermediates: [Certificate]
    private let key: PrivateKey

    /// Reads certificate and key.
    ///
    /// - Parameter passphrase: Asked if the key is encrypted.
    package init(_ name: String, in directory: AuthorityDirectory, passphrase: SecretSource?) async throws(MTLSError) {
        let path = directory.certificatePath(name)
        guard SafeFile.exists(path) else {
            throw MTLSError(
                .authorityMissing, phase: .prepare, fault: .caller,
                "there is no authority \"\(name)\" in \"\(directory.path)\"",
                advice: "make one: mtls pki ca --dir \(directory.path)" + (name == "ca" ? "" : " --file \(name)"))
        }
        let loaded: ClientIdentity?
        do {
            loaded = try await Identity.pem(certificate: path, key: directory.keyPath(name), passphrase: passphrase)
                .candidates(for: Endpoint("localhost", 443)).first
        } catch {
            throw error as? MTLSError
                ?? MTLSError(.identityMalformed, phase: .prepare, fault: .caller, "\(error)", underlying: error)
        }
        guard let loaded, let own = loaded.chain.first, case .software(let key) = loaded.certifiedKey.key, own.isCA,
            own.keyUsage?.contains(.keyCertSign) ?? true
        else {
            throw MTLSError(
                .authorityMissing, phase: .prepare, fault: .caller,
                "the certificate in \"\(path)\" is not that of an authority")
        }
        self.directory = directory
        self.name = name
        self.key = key
        certificate = own
        intermediates = loaded.chain.filter { !$0.isSelfIssued }
    }

    /// Certifies a key, and writes that down in the index.
    ///
    /// - Parameter file: The name that the certificate's file will have.
    /// - Throws: ``MTLSError``.
    package func certify(_ leaf: LeafRequest, for publicKey: PublicKey, file: String) throws -> Certificate {
        try sign(leaf.builder(for: publicKey), file: file)
    }

    /// Certifies the key of a request, by names and purposes of the issuer's choice.
    ///
    /// - Throws: `requestInvalid` when the request is not signed by its key, or asks for what `leaf` does not have.
    package func certify(_ request: ReceivedRequest, as leaf: LeafRequest, file: String) throws -> Certificate {
        guard request.isProven else {
            throw LeafRequest.invalid(
                "the request is not signed by the key that it is for: nobody has proved to have it")
        }
        return try certify(leaf, for: request.publicKey, file: file)
    }

    func sign(_ builder: CertificateBuilder, file: String) throws -> Certificate {
        let made: Certificate
        do { made = try builder.sign(issuer: certificate, key: key) } catch {
            throw LeafRequest.invalid("the certificate cannot be made: \(error)")
        }
        try directory.changeIndex(name) { index in
            index.entries.append(
                .init(
                    serialNumber: made.serialNumber, notAfter: made.notAfter, file: "\(file).pem",
                    subject: made.subject))
        }
        return made
    }

    /// Marks what has the serial number as revoked.
    ///
    /// - Returns: The entry; its time is the first revocation's. nil where nothing has the number.
    package func revoke(_ serialNumber: String, now: Int64) throws -> IssuedIndex.Entry? {
        try directory.changeIndex(name) { index in
            guard let place = index.entries.firstIndex(where: { $0.serialNumber == serialNumber }) else { return nil }
            index.entries[place].revokedAt = index.entries[place].revokedAt ?? now
            return index.entries[place]
        }
    }

    /// Writes the list of what is revoked.
    ///
    /// - Parameter nextUpdate: When the next one is due, in seconds since 1970 UTC.
    /// - Returns: The list, which is in `NAME-crl.pem`.
    package func writeList(now: Int64, nextUpdate: Int64) throws -> RevocationList {
        let path = directory.listPath(name)
        return try directory.changeIndex(name) { index in
            let before = try SafeFile.read(path).flatMap { try? RevocationList.all(pem: $0).first?.number() }
            let list = try RevocationList.sign(
                index.entries.compactMap { entry in
                    entry.revokedAt.map { .init(serialNumber: entry.serialNumber, revokedAt: $0) }
                }, number: max(now, (before ?? 0) + 1), issuer: certificate, key: key, thisUpdate: now,
                nextUpdate: nextUpdate)
            try SafeFile.write(list.pemEncoded, to: path, mode: 0o644, replaces: true)
            return list
        }
    }
}
