import Synchronization

/// The revocation lists that count, by their issuers.
package final class RevocationStore: Sendable {
    /// What the lists have to say of each certificate of a path but its anchor.
    package enum Policy: String, Sendable, Hashable {
        /// A certificate that no list is about is good.
        case ifAvailable
        /// Each certificate needs a list that is about it.
        case required
    }

    private typealias Numbered = (number: Int, list: RevocationList)

    private let lists: [[UInt8]: [Numbered]]
    private let policy: Policy
    /// Who has signed which list: a list may have megabytes, and is the same at every handshake.
    private let verified = Mutex<[Signature: Bool]>([:])

    private struct Signature: Hashable {
        /// The list's number.
        let list: Int
        let issuer: PublicKey
    }

    init(_ lists: [RevocationList], _ policy: Policy) {
        self.lists = Dictionary(grouping: lists.enumerated().map { ($0, $1) }, by: \.list.rawIssuer)
        self.policy = policy
    }

    /// What the lists hold against `path`, from the leaf to the anchor.
    func fault(of path: [CertificateProfile], at time: Int64) -> PathFault? {
        guard !lists.isEmpty || policy == .required else { return nil }
        for (profile, issuer) in zip(path, path.dropFirst()) {
            if let reason = reason(against: profile, issuer, time) { return PathFault(reason, of: profile.certificate) }
        }
        return nil
    }

    /// A certificate is good when one list of its issuer is in force and none that its issuer signed, in force or not,
    /// understood or not, names it.
    private func reason(
        against profile: CertificateProfile, _ issuer: CertificateProfile, _ time: Int64
    ) -> PathFault.Reason? {
        let about = (lists[profile.certificate.rawIssuer] ?? []).filter { list in
            guard let named = list.list.contents.authorityKeyID, let own = issuer.subjectKeyID else { return true }
            return named == own
        }
        guard !about.isEmpty else {
            return policy == .required ? .revocationUnknown("there is no revocation list of its issuer") : nil
        }
        var trouble: String?
        var isGood = false
        for (number, list) in about {
            if let why = uselessness(of: (number, list), issuer) {
                trouble = trouble ?? why
            } else if let oid = list.contents.unknownCritical {
                let why = "the revocation list has the extension \(oid), which is not understood"
                // A delta beside its base says what has changed since.
                if list.contents.revoked[profile.serial] != nil { return .revocationUnknown(why) }
                trouble = trouble ?? why
            } else if let revocation = list.contents.revoked[profile.serial] {
                return .revoked(revocation)
            } else if time < list.thisUpdate {
                trouble = trouble ?? "the revocation list of its issuer is dated in the future"
            } else if let next = list.nextUpdate, time > next {
                trouble = trouble ?? "the revocation list of its issuer is out of date"
            } else {
                isGood = true
            }
        }
        return isGood ? nil : .revocationUnknown(trouble ?? "no list is in force")
    }

    private func uselessness(of numbered: Numbered, _ issuer: CertificateProfile) -> String? {
        let list = numbered.list
        if let usage = issuer.keyUsage, !usage.contains(.crlSign) {
            return "its issuer may not sign revocation lists"
        }
        if let weakness = KeyStrength.weakness(of: list.signatureIdentifier, named: "that of a revocation list") {
            return "\(weakness) is too weak"
        }
        guard isSigned(numbered, by: issuer.certificate.publicKey) else {
            return "the revocation list was not signed by its issuer"
        }
        return nil
    }

    private func isSigned(_ numbered: Numbered, by issuer: PublicKey) -> Bool {
        let signature = Signature(list: numbered.number, issuer: issuer)
        if let known = verified.withLock({ $0[signature] }) { return known }
        let list = numbered.list
        let result = issuer.hasSigned(
            list.contents.signed, list.contents.signature, list.signatureIdentifier)
        // A server could show any number of authorities of the right name.
        verified.withLock { if $0.count < 1024 { $0[signature] = result } }
        return result
    }
}
