import DevPKI
import GnuTLS
import MTLSCore
import MTLSIdentity

extension ChainCase {
    private typealias Tree = (tag: UInt8, contents: [UInt8])

    package static let constraints: [ChainCase] = [
        constrained("a permitted DNS name", nil, permitted: [dns("example")]),
        constrained("the very DNS name that is permitted", nil, permitted: [dns("api.example")]),
        constrained("permitted DNS names below a dot", nil, permitted: [dns(".example")]),
        constrained("a DNS name that is not permitted", .constraintViolated, permitted: [dns("bank.test")]),
        constrained(
            "a DNS name that only ends like a permitted one", .constraintViolated, permitted: [dns("pi.example")]),
        constrained("an excluded DNS name", .constraintViolated, excluded: [dns("example")]),
        constrained(
            "an excluded name beside permitted ones", .constraintViolated, permitted: [dns("example")],
            excluded: [dns("api.example")]),
        constrained("every DNS name excluded", .constraintViolated, excluded: [dns("")]),
        constrained("another DNS name excluded", nil, excluded: [dns("other.example")]),
        constrained(
            "a wildcard that takes in an excluded name", .constraintViolated,
            .differs("OpenSSL compares the wildcard as a name"),
            excluded: [dns("secret.example.org")], names: [dns("*.example.org"), dns("api.example")]),
        constrained(
            "a permitted wildcard", nil, permitted: [dns("example.org"), dns("api.example")],
            names: [dns("*.example.org"), dns("api.example")]),
        constrained("names of another kind are free", nil, permitted: [ip([10, 0, 0, 0, 255, 0, 0, 0])]),
        constrained(
            "a permitted address", nil, permitted: [ip([192, 0, 2, 0, 255, 255, 255, 0])],
            names: [(0x87, [192, 0, 2, 7]), dns("api.example")]),
        constrained(
            "an address that is not permitted", .constraintViolated, permitted: [ip([192, 0, 2, 0, 255, 255, 255, 0])],
            names: [(0x87, [192, 0, 3, 7]), dns("api.example")]),
        constrained(
            "an excluded address", .constraintViolated, excluded: [ip([192, 0, 2, 0, 255, 255, 255, 0])],
            names: [(0x87, [192, 0, 2, 7]), dns("api.example")]),
        constrained(
            "an IPv6 address, and IPv4 permitted", .constraintViolated,
            permitted: [ip([192, 0, 2, 0, 255, 255, 255, 0])],
            names: [(0x87, [UInt8](repeating: 1, count: 16)), dns("api.example")]),
        constrained("a permitted directory name", nil, permitted: [organization("Bank")], subject: "Bank"),
        constrained(
            "a directory name that is not permitted", .constraintViolated, permitted: [organization("Bank")],
            subject: "Other"),
        constrained(
            "an excluded directory name", .constraintViolated, excluded: [organization("Bank")], subject: "Bank"),
        constrained(
            "a mailbox that is not permitted", .constraintViolated, permitted: [(0x81, Array("bank.example".utf8))],
            names: [dns("api.example"), (0x81, Array("a@other.example".utf8))]),
        constrained(
            "a URI that is not permitted", .constraintViolated, permitted: [(0x86, Array(".bank.example".utf8))],
            names: [dns("api.example"), (0x86, Array("https://other.example/".utf8))]),
        constrained(
            "a name of a kind that cannot be compared", .constraintViolated, excluded: [(0x88, [0x2A, 0x03])],
            names: [dns("api.example"), (0x88, [0x2A, 0x03])]),
        constrained(
            "an address mask with holes", .certificateMalformed, .differs("OpenSSL applies it"),
            permitted: [ip([192, 0, 2, 0, 255, 0, 255, 0])]),
        constrained(
            "constraints of three bytes", .certificateMalformed, .differs("no address is there to be compared"),
            permitted: [ip([192, 0, 2])]),
        .init("constraints of the root", .constraintViolated) {
            try ThreeParties(root: { $0.set(.nameConstraints(permitted: [dns("bank.test")])) }).input
        },
        .init("constraints of the upper of two authorities", .constraintViolated) {
            let root = try ForgedParty.root()
            let upper = try root.authority("Upper") { $0.set(.nameConstraints(excluded: [dns("example")])) }
            let lower = try upper.authority("Lower")
            return ChainInput(try lower.server(), [lower, upper], trusting: root)
        },
        .init("constraints that the lower of two authorities would widen", .constraintViolated) {
            let root = try ForgedParty.root()
            let upper = try root.authority("Upper") { $0.set(.nameConstraints(permitted: [dns("bank.test")])) }
            let lower = try upper.authority("Lower") { $0.set(.nameConstraints(permitted: [dns("example")])) }
            return ChainInput(try lower.server(), [lower, upper], trusting: root)
        },
    ]

    private static func dns(_ name: String) -> Tree { (0x82, Array(name.utf8)) }
    private static func ip(_ bytes: [UInt8]) -> Tree { (0x87, bytes) }
    private static func organization(_ name: String) -> Tree {
        (0xA4, CertificateForge.Name.of([("2.5.4.10", name)]))
    }

    private static func constrained(
        _ description: String, _ code: MTLSError.Code?, _ oracle: Oracle = .agrees, permitted: [Tree] = [],
        excluded: [Tree] = [], names: [Tree] = [dns("api.example")], subject: String? = nil
    ) -> ChainCase {
        .init("constraints: \(description)", code, oracle) {
            try ThreeParties(
                middle: { $0.set(.nameConstraints(permitted: permitted, excluded: excluded)) },
                leaf: {
                    $0.set(.names(names))
                    if let subject {
                        $0.subject = CertificateForge.Name.of([("2.5.4.10", subject), ("2.5.4.3", "api")])
                    }
                }
            ).input
        }
    }
}
