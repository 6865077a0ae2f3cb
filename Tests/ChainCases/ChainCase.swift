package import DevPKI
import GnuTLS
package import MTLSCore
package import MTLSIdentity

/// One server's chain, and what is to be said of it.
package struct ChainCase: Sendable, CustomStringConvertible {
    /// What OpenSSL says of it: `openssl verify -x509_strict`.
    package enum Oracle: Sendable, Hashable {
        /// The same.
        case agrees
        /// Something else, for this reason.
        case differs(String)
        /// The same question cannot be put to it.
        case cannotTell
    }

    package let description: String
    /// nil: it is trusted.
    package let code: MTLSError.Code?
    package let oracle: Oracle
    package let make: @Sendable () throws -> ChainInput

    init(
        _ description: String, _ code: MTLSError.Code?, _ oracle: Oracle = .agrees,
        _ make: @escaping @Sendable () throws -> ChainInput
    ) {
        self.description = description
        self.code = code
        self.oracle = oracle
        self.make = make
    }

    package static var all: [ChainCase] {
        paths + names + dates + authorities + purposes + strengths + encodings + constraints + revocations + staples
    }
}

/// What an evaluator is given.
package struct ChainInput: Sendable {
    package var leaf: ForgedParty
    /// Sent behind the leaf, in this order.
    package var others: [ForgedParty] = []
    package var anchors: [ForgedParty]
    package var host = "api.example"
    /// Seconds from now.
    package var offset: Int64?
    package var depth: Int?
    package var lists: [[UInt8]] = []
    package var revocation = RevocationPolicy.ifAvailable
    package var staple: [UInt8]?
    package var ocsp = OCSPPolicy.ifStapled

    init(_ leaf: ForgedParty, _ others: [ForgedParty] = [], trusting anchors: ForgedParty...) {
        self.leaf = leaf
        self.others = others
        self.anchors = anchors
    }

    func with(_ edit: (inout ChainInput) throws -> Void) rethrows -> ChainInput {
        var copy = self
        try edit(&copy)
        return copy
    }

    package var chain: [[UInt8]] { [leaf.der] + others.map(\.der) }

    package func trust() throws -> Trust {
        var trust = Trust.certificates(try anchors.map { try Certificate(der: $0.der) }).ocsp(ocsp)
        for list in lists { trust = trust.revocationLists(bytes: list, policy: revocation) }
        if lists.isEmpty, revocation == .required { trust.revocation = .required }
        if let depth { trust = trust.depth(depth) }
        return trust
    }
}

/// A root, an authority below it, and a server's certificate.
struct ThreeParties {
    var root: ForgedParty
    var middle: ForgedParty
    var leaf: ForgedParty

    init(
        root editRoot: (inout CertificateForge) -> Void = { _ in },
        middle editMiddle: (inout CertificateForge) -> Void = { _ in },
        leaf editLeaf: (inout CertificateForge) -> Void = { _ in }
    ) throws {
        root = try .root(edit: editRoot)
        middle = try root.authority("Middle", edit: editMiddle)
        leaf = try middle.server(edit: editLeaf)
    }

    var input: ChainInput { ChainInput(leaf, [middle], trusting: root) }
}

/// Keys that take long to make, made once.
enum SlowKeys {
    static let rsa2048 = Result { try PrivateKey.generate(.rsa(bits: 2048)) }
    static let rsa1024 = Result { try PrivateKey.generate(.rsa(bits: 1024)) }
}
