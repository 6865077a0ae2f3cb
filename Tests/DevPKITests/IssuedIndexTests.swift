import DevPKI
import Testing

struct IssuedIndexTests {
    @Test func anIndexIsReadAsItWasWritten() throws {
        var index = IssuedIndex()
        index.entries = [
            .init(serialNumber: "4a01", notAfter: 1_900_000_000, file: "a.pem", subject: "CN=a,O=Example"),
            .init(
                serialNumber: "ff", notAfter: 2_600_000_000, revokedAt: 1_800_000_000, file: "b.pem", subject: ""),
        ]
        #expect(
            index.text
                == "V\t300317174640Z\t\t4A01\ta.pem\tCN=a,O=Example\nR\t20520522141320Z\t270115080000Z\tFF\tb.pem\t\n")
        #expect(try IssuedIndex(parsing: Array(index.text.utf8)) == index)
        #expect(try IssuedIndex(parsing: []).entries.isEmpty)
    }

    @Test func linesOfOpenSSLAreRead() throws {
        let index = try IssuedIndex(
            parsing: Array(
                "R\t300317174640Z\t270115080000Z,keyCompromise\t1000\tunknown\t/CN=x\nE\t200101000000Z\t\t1001\tunknown\t/CN=y\n"
                    .utf8))
        #expect(index.entries.map(\.revokedAt) == [1_800_000_000, nil])
        #expect(index.entries.map(\.serialNumber) == ["1000", "1001"])
    }

    @Test(arguments: [
        "X\t300317174640Z\t\t4A\ta\tb", "V\t300317174640\t\t4A\ta\tb", "V\t300317174640Z\t\t4\ta\tb",
        "V\t300317174640Z\t\tzz\ta\tb", "V\t300317174640Z\t270115080000Z\t4A\ta\tb", "R\t300317174640Z\t\t4A\ta\tb",
        "V\t300317174640Z\t\t4A\ta", "V\t300317174640Z\t\t4A\ta\tb\tc",
    ])
    func aLineOfAnotherFormIsNamed(line: String) {
        #expect(throws: IssuedIndex.Malformed(line: 2)) {
            try IssuedIndex(parsing: Array("V\t300317174640Z\t\t4A\ta\tb\n\(line)\n".utf8))
        }
    }
}
