internal import Synchronization

/// The paths that chains led to, as far as that depends on bytes alone: that each certificate was signed by the next
/// one's key, and that neither ``PathRules`` nor GnuTLS found anything against them.
///
/// A path from here spares the search and the verification of its signatures, nothing else: dates, rules and revocation
/// are examined whenever it is used, and what does not hold any more is searched for anew.
final class KnownPaths: Sendable {
    /// What decides about a path, but for the anchors and the time.
    struct Question: Hashable {
        /// The leaf first.
        let chain: [Certificate]
        let purpose: String?
        let depth: Int

        /// Whether it is short enough to be kept: whoever is trusted may show a chain of any length, a new one each time.
        var isShort: Bool { chain.count <= 8 && chain.reduce(0) { $0 + $1.der.count } <= 1 << 15 }
    }

    private struct Answer {
        let path: [CertificateProfile]
        let since: ContinuousClock.Instant
    }

    private static let limit = 64
    /// After which the signatures are verified again: GnuTLS's configuration of what is weak may change.
    private static let maximumAge = Duration.seconds(300)

    private let answers = Mutex<[Question: Answer]>([:])

    func path(for question: Question) -> [CertificateProfile]? {
        guard let answer = answers.withLock({ $0[question] }), answer.since.duration(to: .now) < Self.maximumAge else {
            return nil
        }
        return answer.path
    }

    func remember(_ path: [CertificateProfile], for question: Question) {
        guard question.isShort else { return }
        let answer = Answer(path: path, since: .now)
        answers.withLock { answers in
            if answers.count >= Self.limit, answers[question] == nil { answers.removeAll() }
            answers[question] = answer
        }
    }
}
