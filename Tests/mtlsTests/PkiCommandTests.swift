import ArgumentParser
import DevPKI
import GnuTLS
import MTLSClient
import PKCS11
import Testing

@testable import mtls

struct PkiCommandTests {
    private let now: Int64 = 1_800_000_000  // 2027-01-15T08:00:00Z

    private func period(_ arguments: String..., until end: Int64 = .max) throws -> LeafRequest.Period {
        try PkiPeriod.parse(arguments).period(days: 365, until: end, now: now)
    }

    @Test func aCertificateLastsAsLongAsAsked() throws {
        let day: Int64 = 86_400
        #expect(try period() == .init(notBefore: now - 3600, notAfter: now + 365 * day))
        #expect(try period("--days", "2") == .init(notBefore: now - 3600, notAfter: now + 2 * day))
        #expect(try period("--expired").notAfter < now)
        #expect(try period("--not-yet-valid").notBefore > now)
        #expect(
            try period("--not-before", "2027-01-15T08:00:00Z", "--not-after", "2027-01-16T09:00:00+01:00")
                == .init(notBefore: now, notAfter: now + day))
        #expect(
            try period("--not-before", "2027-01-20T08:00:00Z", "--days", "1")
                == .init(notBefore: now + 5 * day, notAfter: now + 6 * day))
    }

    @Test func aCertificateOutlivesItsIssuerOnlyIfAskedFor() throws {
        #expect(try period(until: now + 60).notAfter == now + 60)
        #expect(try period("--days", "1", until: now + 60).notAfter == now + 86_400)
    }

    @Test(arguments: [
        ["--days", "0"], ["--days", "1", "--not-after", "2030-01-01T00:00:00Z"], ["--expired", "--days", "1"],
        ["--expired", "--not-yet-valid"], ["--not-after", "tomorrow"], ["--not-after", "2020-01-01T00:00:00Z"],
        ["--not-after", "2030-02-31T00:00:00Z"], ["--not-after", "2030-01-01T00:00:00"],
        ["--not-after", "2030-01-01T24:00:00Z"], ["--not-after", "2030-01-01T00:00:00+1:00"],
    ])
    func datesThatCannotBeAreUsageErrors(arguments: [String]) throws {
        let options = try PkiPeriod.parse(arguments)
        #expect(throws: UsageError.self) { try options.period(days: 365, now: now) }
    }

    @Test func timesOfRFC3339AreRead() {
        #expect(Timestamp.seconds("2027-01-15T08:00:00Z") == now)
        #expect(Timestamp.seconds("2027-01-15t08:00:00z") == now)
        #expect(Timestamp.seconds("2027-01-15T03:30:00-04:30") == now)
        #expect(Timestamp.seconds("2024-02-29T00:00:00Z") != nil)
        #expect(Timestamp.seconds("2025-02-29T00:00:00Z") == nil)
        #expect(Timestamp.text(now) == "2027-01-15T08:00:00Z")
    }

    @Test func purposesHaveNames() throws {
        #expect(try PkiLeaf.purposes([], standard: KeyPurpose.clientAuth) == [KeyPurpose.clientAuth])
        #expect(try PkiLeaf.purposes(["none"], standard: KeyPurpose.clientAuth) == [])
        #expect(
            try PkiLeaf.purposes(["server", "1.2.3"], standard: KeyPurpose.clientAuth) == [
                KeyPurpose.serverAuth, "1.2.3",
            ])
        for wrong in ["sever", "1", "1..2", ""] {
            #expect(throws: UsageError.self) { try PkiLeaf.purposes([wrong], standard: KeyPurpose.clientAuth) }
        }
    }

    @Test func filesAreCalledAfterTheirSubject() throws {
        let names = ["alice", "Alice Example", "*.api.test", "::1", "../../etc/passwd", "a@b.example"]
        let files = ["alice", "Alice-Example", "wildcard.api.test", "1", "etc-passwd", "a@b.example"]
        #expect(names.map(PkiLeaf.fileName) == files)
        for file in files { try AuthorityDirectory.checkName(file) }
    }

    @Test func aKeyInATokenIsCalledAfterItsSubjectUnlessTheURISaysOtherwise() throws {
        #expect(try PkiClient.uri("pkcs11:token=x", label: "a b") == "pkcs11:token=x;object=a%20b")
        #expect(
            try PkiClient.uri("pkcs11:token=x?pin-source=/p", label: "a") == "pkcs11:token=x;object=a?pin-source=/p")
        #expect(try PkiClient.uri("pkcs11:", label: "a") == "pkcs11:object=a")
        #expect(try PkiClient.uri("pkcs11:token=x;object=b", label: "a") == "pkcs11:token=x;object=b")
        #expect(throws: UsageError.self) { try PkiClient.uri("pkcs11:token=x?pin-value=1", label: "a") }
        #expect(throws: UsageError.self) { try PkiClient.uri("alice", label: "a") }
    }

    @Test func everyKindOfKeyForTokensIsOneForFiles() {
        for kind in KeysGenerate.Kind.allCases { #expect(PkiKeyType(rawValue: kind.rawValue) != nil) }
    }

    @Test func wordsAreQuotedForTheShell() {
        #expect(ShellWord.quoted("pki/ca.pem") == "pki/ca.pem")
        #expect(ShellWord.quoted("it's $x") == #"'it'\''s $x'"#)
        #expect(ShellWord.quoted("") == "''")
    }
}
