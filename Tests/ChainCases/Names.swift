import DevPKI
import GnuTLS
import MTLSCore
import MTLSIdentity

extension ChainCase {
    /// Names, by RFC 9525.
    package static let names: [ChainCase] = [
        named("another name", .nameMismatch, "other.example", [dns("api.example")]),
        named("the common name alone", .nameMismatch, "server", [dns("api.example")]),
        .init(
            "the common name, and no subject alternative name", .nameMismatch,
            .differs("OpenSSL looks at the common name then")
        ) {
            try ThreeParties(leaf: {
                $0.subject = CertificateForge.Name.common("api.example")
                $0.remove("2.5.29.17")
            }).input
        },
        named("in capitals", nil, "API.Example", [dns("aPi.eXample")]),
        named("with a dot at its end", nil, "api.example.", [dns("api.example")], .cannotTell),
        named("a dot at the end of the certificate's name", .nameMismatch, "api.example", [dns("api.example.")]),
        named("an A-label", nil, "xn--bcher-kva.example", [dns("xn--bcher-kva.example")]),
        named("the second name", nil, "b.example", [dns("a.example"), dns("b.example")]),
        named("the same name twice", nil, "a.example", [dns("a.example"), dns("a.example")]),
        named("a wildcard", nil, "api.bank.example", [dns("*.bank.example")]),
        named("a wildcard for an A-label", nil, "xn--bcher-kva.bank.example", [dns("*.bank.example")]),
        named("a wildcard and the name above it", .nameMismatch, "bank.example", [dns("*.bank.example")]),
        named("a wildcard and two labels", .nameMismatch, "a.b.bank.example", [dns("*.bank.example")]),
        named(
            "a wildcard within a label", .nameMismatch, "api.bank.example", [dns("a*.bank.example")],
            .differs("OpenSSL allows it unless told otherwise")),
        named("a wildcard within an A-label", .nameMismatch, "xn--bcher.bank.example", [dns("xn--*.bank.example")]),
        named("a wildcard that is not first", .nameMismatch, "api.bank.example", [dns("api.*.example")]),
        named("two wildcards", .nameMismatch, "a.b.example", [dns("*.*.example")]),
        named("a wildcard alone", .nameMismatch, "localhost", [dns("*")]),
        named("a wildcard for a top-level domain", .nameMismatch, "bank.example", [dns("*.example")]),
        named("an address", nil, "192.0.2.1", [(0x87, [192, 0, 2, 1])]),
        named("an IPv6 address", nil, "2001:db8::1", [ipv6]),
        named("an IPv6 address in brackets", nil, "[2001:DB8:0::1]", [ipv6], .cannotTell),
        named("another address", .nameMismatch, "192.0.2.2", [(0x87, [192, 0, 2, 1])]),
        named("an address that is written as a DNS name", .nameMismatch, "192.0.2.1", [dns("192.0.2.1")]),
        named("an address and a wildcard", .nameMismatch, "192.0.2.1", [dns("*.0.2.1")]),
        named("an address of five bytes", .nameMismatch, "192.0.2.1", [(0x87, [192, 0, 2, 1, 0])]),
        named(
            "an address as IPv6", .nameMismatch, "192.0.2.1",
            [(0x87, [UInt8](repeating: 0, count: 10) + [255, 255, 192, 0, 2, 1])]),
        named("a NUL byte behind the name", .nameMismatch, "api.example", [dns("api.example\0.evil.example")]),
        named("a NUL byte at the end", .nameMismatch, "api.example", [dns("api.example\0")]),
        named("junk before the right name", nil, "api.example", [(0x82, [0xFF, 0x00, 0x80]), dns("api.example")]),
        named("an empty name", .certificateMalformed, "api.example", [dns("")]),
        named(
            "a mailbox and a URI of that name", .nameMismatch, "api.example",
            [(0x81, Array("a@api.example".utf8)), (0x86, Array("https://api.example".utf8))]),
        named("bytes in UTF-8 that look alike", .nameMismatch, "api.example", [dns("аpi.example")]),
    ]

    private static func dns(_ name: String) -> (tag: UInt8, contents: [UInt8]) { (0x82, Array(name.utf8)) }

    private static let ipv6: (tag: UInt8, contents: [UInt8]) =
        (0x87, [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1])

    private static func named(
        _ description: String, _ code: MTLSError.Code?, _ host: String, _ names: [(tag: UInt8, contents: [UInt8])],
        _ oracle: Oracle = .agrees
    ) -> ChainCase {
        .init("name: \(description)", code, oracle) {
            try ThreeParties(leaf: { $0.set(.names(names)) }).input.with { $0.host = host }
        }
    }
}
