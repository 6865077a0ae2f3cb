internal import CGnuTLS
package import SecretMemory

/// The key of a PKCS#12 file (RFC 7292) with its certificate and the issuers that come with it.
package struct PKCS12: Sendable {
    package let key: PrivateKey
    /// The key's certificate first, then its issuers in order, without the root.
    package let chain: [Certificate]

    /// Reads a file with one key. Nothing in it is looked at, let alone decrypted, before its MAC was verified.
    ///
    /// A key that has no encryption of its own, which is rare, leaves copies in memory that GnuTLS frees.
    ///
    /// - Parameter passphrase: Without one, the empty passphrase is tried in both forms that are in use.
    package static func read(
        _ file: UnsafeRawBufferPointer, passphrase: SecretBytes? = nil
    ) throws(PKCS12Error) -> PKCS12 {
        let container: PKCS12Container
        do { container = try PKCS12Container(file) } catch { throw .malformed("\(error)") }
        // In the file a passphrase is UTF-16, so that other bytes than those of UTF-8 stand for none.
        if let passphrase, !passphrase.withUnsafeBytes(isUTF8) { throw .passphraseIncorrect }
        let given = passphrase.flatMap { $0.count > 0 ? $0 : nil }
        let candidates: [Passphrase?]
        do { candidates = try given.map { [try Passphrase($0)] } ?? [try Passphrase(.empty), nil] } catch {
            throw .unsupported("\(error)")
        }
        var cost = 0
        try cost.add(try container.macIterations() * candidates.count)
        var verified: Passphrase??
        for candidate in candidates where try container.verifyMAC(candidate) {
            verified = .some(candidate)
            break
        }
        guard let right = verified else { throw passphrase == nil ? .passphraseMissing : .passphraseIncorrect }
        let contents = try container.contents(right, &cost)
        guard let entry = contents.keys.first else { throw .noKey }
        guard contents.keys.count == 1 else { throw .severalKeys(contents.keys.count) }
        guard !contents.certificates.isEmpty else { throw .noCertificate }
        let key = try entry.read(right, &cost)
        return PKCS12(key: key, chain: try chain(of: key, among: contents.certificates))
    }

    package static func read(_ file: SecretBytes, passphrase: SecretBytes? = nil) throws(PKCS12Error) -> PKCS12 {
        try file.withUnsafeBytes { (file) throws(PKCS12Error) in try read(file, passphrase: passphrase) }
    }

    package static func read(_ file: [UInt8], passphrase: SecretBytes? = nil) throws(PKCS12Error) -> PKCS12 {
        try file.withRawBytes { (file) throws(PKCS12Error) in try read(file, passphrase: passphrase) }
    }

    private static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue: continue
            case .emptyInput: return true
            case .error: return false
            }
        }
    }

    private static func chain(of key: PrivateKey, among all: [Certificate]) throws(PKCS12Error) -> [Certificate] {
        var rest: [Certificate] = []
        for certificate in all where !rest.contains(certificate) { rest.append(certificate) }
        let leaves = rest.filter { $0.publicKey == key.publicKey }
        guard let leaf = leaves.first else { throw .keyMismatch(rest.map(\.subject)) }
        guard leaves.count == 1 else { throw .severalCertificates(leaves.map(\.description)) }
        var chain = [leaf]
        rest.removeAll { $0 == leaf || $0.isSelfIssued }
        while let last = chain.last, let index = rest.firstIndex(where: { last.isIssued(by: $0) }) {
            chain.append(rest.remove(at: index))
        }
        return chain
    }
}

extension Int {
    /// Adds iterations to those that a file asked for so far.
    mutating func add(_ iterations: Int) throws(PKCS12Error) {
        self += iterations
        guard self <= KeyStretching.limit else { throw .unsupported(KeyStretching.excess(self)) }
    }
}

extension SecretBytes {
    fileprivate static var empty: SecretBytes { SecretBytes(copying: UnsafeRawBufferPointer(start: nil, count: 0)) }
}
