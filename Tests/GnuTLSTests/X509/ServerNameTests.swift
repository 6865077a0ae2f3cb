import GnuTLS
import Testing

struct ServerNameTests {
    @Test(arguments: [
        ("example.com", ServerName.dns("example.com")),
        ("EXAMPLE.Com", .dns("example.com")),
        ("example.com.", .dns("example.com")),
        ("localhost", .dns("localhost")),
        ("a_b.example", .dns("a_b.example")),
        ("xn--bcher-kva.example", .dns("xn--bcher-kva.example")),
        ("1.2.3.example", .dns("1.2.3.example")),
        ("127.0.0.1", .ip([127, 0, 0, 1])),
        ("::1", .ip([UInt8](repeating: 0, count: 15) + [1])),
        ("[::1]", .ip([UInt8](repeating: 0, count: 15) + [1])),
        ("::ffff:1.2.3.4", .ip([UInt8](repeating: 0, count: 10) + [255, 255, 1, 2, 3, 4])),
    ])
    func hostsAreReadAsNamesOrAddresses(host: String, expected: ServerName) {
        #expect(ServerName(host) == expected)
    }

    @Test(arguments: [
        "", ".", "..", "a..b", ".example.com", "example.com..", "*.example.com", "a b", "bücher.example", "a\0b",
        "127.0.0.1\0", "example.com\0.evil.example", "127.1", "1.2.3.4.5", "256.1.1.1", "0x7f.1", "[127.0.0.1]",
        "[::1", "::1]", "fe80::1%eth0", "a:b", "a/b", "user@host", String(repeating: "a", count: 64),
        String(repeating: "abcdefghi.", count: 26),
    ])
    func whatIsNeitherIsRefused(host: String) {
        #expect(ServerName(host) == nil)
    }

    @Test func addressesAreShownAsPeopleWriteThem() {
        #expect(ServerName("[::1]")?.description == "::1")
        #expect(ServerName("10.0.0.1")?.description == "10.0.0.1")
        #expect(ServerName.text(ofAddress: [1, 2, 3]) == nil)
    }

    /// A presented DNS name, a host, and whether they match.
    static let table: [(String, String, Bool)] = [
        ("example.com", "example.com", true),
        ("EXAMPLE.com", "example.COM", true),
        ("example.com", "example.com.", true),
        ("example.com", "www.example.com", false),
        ("www.example.com", "example.com", false),
        ("example.com", "example.org", false),
        ("xample.com", "example.com", false),
        ("localhost", "localhost", true),
        ("a_b.example.com", "a_b.example.com", true),
        ("*.example.com", "www.example.com", true),
        ("*.EXAMPLE.com", "WWW.example.com", true),
        ("*.example.com", "xn--bcher-kva.example.com", true),
        ("*.example.com", "a.b.example.com", false),
        ("*.example.com", "example.com", false),
        ("*.example.com", "wwwexample.com", false),
        ("*.b.example.com", "a.b.example.com", true),
        ("*.example.com", "www.example.com.", true),
        ("*.com", "example.com", false),
        ("*.localhost", "a.localhost", false),
        ("*", "localhost", false),
        ("*", "example.com", false),
        ("*.", "example.com", false),
        ("*.*.com", "a.b.com", false),
        ("*.*.example.com", "a.b.example.com", false),
        ("**.example.com", "www.example.com", false),
        ("w*.example.com", "www.example.com", false),
        ("*w.example.com", "www.example.com", false),
        ("www.*.com", "www.example.com", false),
        ("*.example.com.", "www.example.com", false),
        ("example.com.", "example.com", false),
        (".example.com", "www.example.com", false),
        ("*..com", "a..com", false),
        ("example.com\0.evil.example", "example.com", false),
        ("example.com\0", "example.com", false),
        ("\0example.com", "example.com", false),
        ("*.example.com\0", "www.example.com", false),
        ("*\0.example.com", "www.example.com", false),
        ("127.0.0.1", "127.0.0.1", false),
        ("::1", "::1", false),
        ("*.0.0.1", "127.0.0.1", false),
        (" example.com", "example.com", false),
        ("https://example.com", "example.com", false),
    ]

    @Test(arguments: table)
    func presentedNamesMatchByTheRules(presented: String, host: String, matches: Bool) throws {
        let certificate = try certificate { $0.dnsNames = [presented] }
        #expect(ServerName(host).map(certificate.matches) ?? false == matches)
    }

    @Test func aCertificateWithAnEmptyNameIsNotRead() throws {
        #expect(throws: GnuTLSError.self) { try certificate { $0.dnsNames = [""] } }
    }

    @Test func addressesMatchByteForByte() throws {
        let v4 = try certificate { $0.ipAddresses = [[10, 0, 0, 1]] }
        let v6 = try certificate { $0.ipAddresses = [Array(repeating: 0, count: 10) + [255, 255, 10, 0, 0, 1]] }
        let net = try certificate { $0.ipAddresses = [[10, 0, 0, 1, 255, 255, 255, 0]] }
        func matches(_ certificate: Certificate, _ host: String) -> Bool {
            ServerName(host).map(certificate.matches) ?? false
        }
        #expect(matches(v4, "10.0.0.1"))
        #expect(!matches(v4, "10.0.0.2"))
        #expect(!matches(v4, "::ffff:10.0.0.1"))
        #expect(matches(v6, "[::ffff:10.0.0.1]"))
        #expect(!matches(v6, "10.0.0.1"))
        #expect(!matches(net, "10.0.0.1"))
    }

    @Test func theCommonNameNeverCounts() throws {
        let without = try certificate("example.com") { _ in }
        let with = try certificate("example.com") { $0.dnsNames = ["other.example"] }
        let name = try #require(ServerName("example.com"))
        #expect(!without.matches(name))
        #expect(!with.matches(name))
    }

    @Test func oneOfManyNamesIsEnough() throws {
        let certificate = try certificate {
            $0.dnsNames = (0..<200).map { "host\($0).example" }
            $0.ipAddresses = [[1, 2, 3, 4]]
        }
        #expect(certificate.dnsNames.count == 200)
        for host in ["host0.example", "host199.example", "1.2.3.4"] {
            #expect(certificate.matches(try #require(ServerName(host))))
        }
        #expect(!certificate.matches(try #require(ServerName("host200.example"))))
    }

    private func certificate(
        _ commonName: String = "test", _ edit: (inout CertificateBuilder) -> Void
    ) throws -> Certificate {
        let key = try PrivateKey.generate(.ed25519)
        var builder = CertificateBuilder(subject: [.commonName(commonName)], publicKey: key.publicKey)
        edit(&builder)
        return try builder.sign(issuer: nil, key: key)
    }
}
