import DevPKI
import GnuTLS
import MTLSCore
import MTLSIdentity

extension ChainCase {
    /// Which certificates there are, and which are trusted.
    package static let paths: [ChainCase] = [
        .init("right below the root", nil) {
            let root = try ForgedParty.root()
            return ChainInput(try root.server(), trusting: root)
        },
        .init("with an intermediate", nil) { try ThreeParties().input },
        .init("with the root sent as well", nil) {
            let parties = try ThreeParties()
            return ChainInput(parties.leaf, [parties.middle, parties.root], trusting: parties.root)
        },
        .init("in the wrong order", nil) {
            let root = try ForgedParty.root()
            let upper = try root.authority("Upper")
            let lower = try upper.authority("Lower")
            return ChainInput(try lower.server(), [root, upper, lower], trusting: root)
        },
        .init("among strangers", nil) {
            let parties = try ThreeParties()
            let strangers = try (0..<20).map { try ForgedParty.root("Stranger \($0)") }
            return ChainInput(parties.leaf, strangers + [parties.middle] + strangers, trusting: parties.root)
        },
        .init("each certificate twice", nil) {
            let parties = try ThreeParties()
            return ChainInput(
                parties.leaf, [parties.leaf, parties.middle, parties.middle], trusting: parties.root)
        },
        .init("cross-signed, and the first path has expired", nil) {
            let (old, new) = (try ForgedParty.root("Old Root"), try ForgedParty.root("New Root"))
            let middle = try new.authority("Middle")
            let expired = try old.authority("Middle", privateKey: middle.key) { $0.isValid(from: -7200, until: -3600) }
            var input = ChainInput(try middle.server(), [expired, middle], trusting: old, new)
            input.anchors = [old, new]
            return input
        },
        .init(
            "cross-signed, and the first path leads nowhere", nil,
            .differs("OpenSSL follows the first issuer that fits, and tries no other")
        ) {
            let (unknown, known) = (try ForgedParty.root("Unknown Root"), try ForgedParty.root("Known Root"))
            let middle = try known.authority("Middle")
            let useless = try unknown.authority("Middle", privateKey: middle.key)
            return ChainInput(try middle.server(), [useless, middle], trusting: known)
        },
        .init(
            "below a root that an expired one has cross-signed", nil
        ) {
            let (old, new) = (try ForgedParty.root("Old Root"), try ForgedParty.root("New Root"))
            let cross = try old.authority("New Root", privateKey: new.key) { $0.isValid(from: -7200, until: -3600) }
            let middle = try new.authority("Middle")
            return ChainInput(try middle.server(), [middle, cross], trusting: new)
        },
        .init(
            "below one of two authorities of the same name", nil,
            .differs("OpenSSL takes the first of a name and key identifier, and tries no other")
        ) {
            let root = try ForgedParty.root()
            let wrong = try root.authority("Middle") { $0.remove("2.5.29.14") }
            let right = try root.authority("Middle") { $0.remove("2.5.29.14") }
            let leaf = try right.server { $0.remove("2.5.29.35") }
            return ChainInput(leaf, [wrong, right], trusting: root)
        },
        .init("an intermediate is the anchor", nil) {
            let parties = try ThreeParties()
            return ChainInput(parties.leaf, [parties.middle], trusting: parties.middle)
        },
        .init("the leaf is the anchor", nil) {
            let parties = try ThreeParties()
            return ChainInput(parties.leaf, [parties.middle], trusting: parties.leaf)
        },
        .init("signed by itself, and the anchor", nil) {
            let leaf = try ForgedParty.root("server") {
                $0.set(.dns("api.example"))
                $0.set(.keyUsage([.digitalSignature, .keyCertSign]))
            }
            return ChainInput(leaf, trusting: leaf)
        },
        .init("the anchor's signature on itself is wrong", nil) {
            let root = try ForgedParty.root { $0.breaksSignature = true }
            return ChainInput(try root.server(), trusting: root)
        },
        .init("signed by itself, and unknown", .issuerUnknown) {
            let leaf = try ForgedParty.root("server") { $0.set(.dns("api.example")) }
            return ChainInput(leaf, trusting: try .root())
        },
        .init("an unknown root", .issuerUnknown) {
            let parties = try ThreeParties()
            return ChainInput(parties.leaf, [parties.middle, parties.root], trusting: try .root("Another Root"))
        },
        .init("a missing intermediate", .issuerUnknown) {
            let parties = try ThreeParties()
            return ChainInput(parties.leaf, trusting: parties.root)
        },
        .init("an impostor with the root's name and another key", .issuerUnknown) {
            ChainInput(try ForgedParty.root().server(), trusting: try .root())
        },
        .init("an impostor with the root's name, and no key identifiers", .certificateSignatureInvalid) {
            let impostor = try ForgedParty.root()
            let leaf = try impostor.server { $0.remove("2.5.29.35") }
            return ChainInput(leaf, trusting: try .root { $0.remove("2.5.29.14") })
        },
        .init("a leaf whose signature is broken", .certificateSignatureInvalid) {
            try ThreeParties(leaf: { $0.breaksSignature = true }).input
        },
        .init("an intermediate whose signature is broken", .certificateSignatureInvalid) {
            try ThreeParties(middle: { $0.breaksSignature = true }).input
        },
        .init("an authority key identifier that is another's", .issuerUnknown) {
            try ThreeParties(leaf: { $0.set(.authorityKeyID([1, 2, 3, 4])) }).input
        },
        .init("authorities that have signed each other, and no root", .issuerUnknown) {
            let (one, two) = (try ForgedParty.root("One"), try ForgedParty.root("Two"))
            let crossOne = try two.authority("One", privateKey: one.key)
            let crossTwo = try one.authority("Two", privateKey: two.key)
            return ChainInput(try one.server(), [crossOne, crossTwo, one, two], trusting: try .root())
        },
        .init("a hundred authorities of the same name, of which none signed", .certificateSignatureInvalid) {
            let root = try ForgedParty.root()
            let many = try (0..<100).map { _ in try root.authority("Middle") { $0.remove("2.5.29.14") } }
            let leaf = try ForgedParty.root("Middle").server { $0.remove("2.5.29.35") }
            return ChainInput(leaf, many, trusting: root)
        },
        .init("deeper than allowed", .chainTooDeep) { try deep(5).with { $0.depth = 4 } },
        .init("as deep as allowed", nil) { try deep(5).with { $0.depth = 5 } },
        .init("deeper than anybody needs", .chainTooDeep, .differs("OpenSSL goes down to 100")) { try deep(40) },
    ]

    private static func deep(_ count: Int) throws -> ChainInput {
        let root = try ForgedParty.root()
        var authorities: [ForgedParty] = []
        for level in 0..<count {
            authorities.insert(try (authorities.first ?? root).authority("Level \(level)", key: .ed25519), at: 0)
        }
        return ChainInput(try authorities[0].server(), authorities, trusting: root)
    }
}
