import DevPKI
import GnuTLS
import MTLSCore
import MTLSIdentity

extension ChainCase {
    /// By lists.
    package static let revocations: [ChainCase] = [
        listed("a list that does not name it", nil) { _, _ in },
        listed("a list that names it", .certificateRevoked) { list, parties in
            list.revoked = [(try serial(parties.leaf), [])]
        },
        listed("a list that names it as on hold", .certificateRevoked) { list, parties in
            list.revoked = [(try serial(parties.leaf), [.init("2.5.29.21", [0x0A, 0x01, 0x06])])]
        },
        listed("a list that is out of date", .revocationUnknown) { list, _ in
            list.nextUpdate = DER.time(secondsSince1970() - 60)
        },
        listed("a list that is out of date and names it", .certificateRevoked) { list, parties in
            list.nextUpdate = DER.time(secondsSince1970() - 60)
            list.revoked = [(try serial(parties.leaf), [])]
        },
        listed("a list of tomorrow", .revocationUnknown) { list, _ in
            list.thisUpdate = DER.time(secondsSince1970() + 3600)
        },
        listed("a list without an end", nil) { list, _ in list.nextUpdate = nil },
        listed("a list whose signature is broken", .revocationUnknown) { list, _ in list.breaksSignature = true },
        listed("a list with a critical extension", .revocationUnknown) { list, _ in
            list.extensions.append(.init("1.2.3.4.5", critical: true, [0x05, 0x00]))
        },
        listed("a delta list", .revocationUnknown, .differs("OpenSSL takes a delta for a whole list")) { list, _ in
            list.extensions.append(.init("2.5.29.27", critical: true, [0x02, 0x01, 0x01]))
        },
        listed("an indirect list", .revocationUnknown) { list, _ in
            list.extensions.append(.init("2.5.29.28", critical: true, DER.sequence([0x84, 0x01, 0xFF])))
        },
        listed("an entry with a critical extension", .revocationUnknown) { list, _ in
            list.revoked = [([0x01], [.init("1.2.3.4.5", critical: true, [0x05, 0x00])])]
        },
        .init(
            "a whole list, and a delta list that names it", .revocationUnknown,
            .differs("OpenSSL passes over the delta")
        ) {
            let parties = try ThreeParties()
            return try parties.input.with {
                let whole = RevocationForge(issuer: parties.middle)
                var delta = whole
                delta.revoked = [(try serial(parties.leaf), [])]
                delta.extensions.append(.init("2.5.29.27", critical: true, [0x02, 0x01, 0x01]))
                $0.lists = [try whole.signed(by: parties.middle.key), try delta.signed(by: parties.middle.key)]
            }
        },
        .init("no list, and one is demanded", .revocationUnknown, .cannotTell) {
            try ThreeParties().input.with { $0.revocation = .required }
        },
        .init("a list of the leaf's issuer alone, and all are demanded", .revocationUnknown) {
            let parties = try ThreeParties()
            return try parties.input.with {
                $0.lists = [try RevocationForge(issuer: parties.middle).signed(by: parties.middle.key)]
                $0.revocation = .required
            }
        },
        .init("a list of each issuer, and all are demanded", nil) {
            let parties = try ThreeParties()
            return try parties.input.with {
                $0.lists = [
                    try RevocationForge(issuer: parties.middle).signed(by: parties.middle.key),
                    try RevocationForge(issuer: parties.root).signed(by: parties.root.key),
                ]
                $0.revocation = .required
            }
        },
        .init("a list that names the intermediate", .certificateRevoked, .cannotTell) {
            let parties = try ThreeParties()
            return try parties.input.with {
                var list = RevocationForge(issuer: parties.root)
                list.revoked = [(try serial(parties.middle), [])]
                $0.lists = [try list.signed(by: parties.root.key)]
            }
        },
        .init("an issuer that may not sign lists", .revocationUnknown, .cannotTell) {
            let parties = try ThreeParties(middle: { $0.set(.keyUsage(.keyCertSign)) })
            return try parties.input.with {
                $0.lists = [try RevocationForge(issuer: parties.middle).signed(by: parties.middle.key)]
            }
        },
        .init("a list of a stranger, which says nothing", nil, .cannotTell) {
            let stranger = try ForgedParty.root("Stranger")
            return try ThreeParties().input.with {
                $0.lists = [try RevocationForge(issuer: stranger).signed(by: stranger.key)]
            }
        },
    ]

    /// By staples.
    package static let staples: [ChainCase] = [
        stapled("a good staple", nil),
        stapled("a good staple, where it is demanded", nil, ocsp: .required),
        stapled("a staple that revokes", .certificateRevoked) { staple, _ in staple.status = .revoked },
        stapled("a staple that revokes, and nobody looks at it", nil, ocsp: .off) { staple, _ in
            staple.status = .revoked
        },
        stapled("a staple that does not know it", .revocationUnknown) { staple, _ in staple.status = .unknown },
        stapled("a staple that is out of date", .revocationUnknown) { staple, _ in staple.nextUpdate = -60 },
        stapled("a staple without an end", nil) { staple, _ in staple.nextUpdate = nil },
        stapled("an old staple without an end", .revocationUnknown) { staple, _ in
            (staple.thisUpdate, staple.nextUpdate) = (-4 * 86_400, nil)
        },
        stapled("a staple of tomorrow", .revocationUnknown) { staple, _ in staple.thisUpdate = 3600 },
        stapled("a staple whose signature is broken", .stapleInvalid) { staple, _ in staple.breaksSignature = true },
        stapled("a staple about another certificate", .stapleInvalid) { staple, _ in staple.serial = [1] },
        stapled("a staple about a certificate of another issuer", .stapleInvalid) { staple, parties in
            staple.issuerKey = parties.root.key.publicKey.spkiDER.suffix(65)
        },
        stapled(
            "a staple of a responder that the issuer appointed", nil,
            delegate: { parties in
                try parties.middle.server("Responder") { $0.set(.purposes("1.3.6.1.5.5.7.3.9")) }
            }),
        stapled(
            "a staple of a responder that nobody appointed", .stapleInvalid,
            delegate: { parties in
                try parties.middle.server("Responder")
            }),
        stapled(
            "a staple of a responder of another authority", .stapleInvalid,
            delegate: { parties in
                try parties.root.server("Responder") { $0.set(.purposes("1.3.6.1.5.5.7.3.9")) }
            }),
        stapled(
            "a staple of a responder whose certificate has expired", .stapleInvalid,
            delegate: { parties in
                try parties.middle.server("Responder") {
                    $0.set(.purposes("1.3.6.1.5.5.7.3.9"))
                    $0.isValid(from: -7200, until: -3600)
                }
            }),
        .init("a staple that is none", .stapleInvalid, .cannotTell) {
            try ThreeParties().input.with { $0.staple = [0x30, 0x03, 0x0A, 0x01, 0x06] }
        },
        .init("no staple, and one is demanded", .stapleMissing, .cannotTell) {
            try ThreeParties().input.with { $0.ocsp = .required }
        },
        .init("no staple, and the certificate demands one", .stapleMissing, .cannotTell) {
            try ThreeParties(leaf: { $0.set(.mustStaple) }).input
        },
        .init("no staple, the certificate demands one, and nobody looks", nil, .cannotTell) {
            try ThreeParties(leaf: { $0.set(.mustStaple) }).input.with { $0.ocsp = .off }
        },
    ]

    private static func serial(_ party: ForgedParty) throws -> [UInt8] {
        OCSPForge(about: try Certificate(der: party.der), issuer: party).serial
    }

    private static func listed(
        _ description: String, _ code: MTLSError.Code?, _ oracle: Oracle = .agrees,
        _ edit: @escaping @Sendable (inout RevocationForge, ThreeParties) throws -> Void
    ) -> ChainCase {
        .init("revocation: \(description)", code, oracle) {
            let parties = try ThreeParties()
            return try parties.input.with {
                var list = RevocationForge(issuer: parties.middle)
                try edit(&list, parties)
                $0.lists = [try list.signed(by: parties.middle.key)]
            }
        }
    }

    private static func stapled(
        _ description: String, _ code: MTLSError.Code?, ocsp: OCSPPolicy = .ifStapled,
        _ edit: @escaping @Sendable (inout OCSPForge, ThreeParties) throws -> Void = { _, _ in },
        delegate: (@Sendable (ThreeParties) throws -> ForgedParty)? = nil
    ) -> ChainCase {
        .init("staple: \(description)", code, .cannotTell) {
            let parties = try ThreeParties()
            return try parties.input.with {
                var staple = OCSPForge(about: try Certificate(der: parties.leaf.der), issuer: parties.middle)
                try edit(&staple, parties)
                $0.staple = try staple.signed(by: parties.middle, delegate: try delegate?(parties))
                $0.ocsp = ocsp
            }
        }
    }
}
