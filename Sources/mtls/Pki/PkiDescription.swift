import GnuTLS
import Glibc
import MTLSClient

/// What certificates, requests and lists say, for people and programs.
enum PkiDescription {
    static func lines(_ certificate: Certificate, now: Int64 = Int64(time(nil))) -> [String] {
        var rows = [
            ["subject", certificate.subject], ["issuer", certificate.issuer], ["serial", certificate.serialNumber],
            ["valid", "\(Verbose.date(certificate.notBefore)) to \(Verbose.date(certificate.notAfter))"],
            ["", validity(certificate, now)], ["key", certificate.publicKey.forPeople],
        ]
        let names = names(certificate)
        if !names.isEmpty { rows.insert(["names", names.joined(separator: " ")], at: 3) }
        if certificate.isCA {
            let below = certificate.pathLength.map { ", at most \($0) authorities below" } ?? ""
            rows.append(["authority", "yes\(below)"])
        }
        let usages = usages(certificate.keyUsage) + certificate.extendedKeyUsages.map(purpose)
        rows += [
            ["usages", usages.isEmpty ? "not restricted" : usages.joined(separator: ", ")],
            ["signature", certificate.signatureAlgorithm], ["sha256", certificate.sha256FingerprintHex],
            ["pin", pin(certificate.publicKey)],
        ]
        return ["certificate"] + table(rows)
    }

    static func json(_ certificate: Certificate) -> JSON {
        .object([
            ("type", .string("certificate")), ("subject", .string(certificate.subject)),
            ("issuer", .string(certificate.issuer)), ("serialNumber", .string(certificate.serialNumber)),
            ("names", .array(names(certificate).map { .string($0) })),
            ("notBefore", .string(Timestamp.text(certificate.notBefore))),
            ("notAfter", .string(Timestamp.text(certificate.notAfter))),
            ("key", .string(certificate.publicKey.forPeople)), ("isCA", .bool(certificate.isCA)),
            ("pathLength", certificate.pathLength.map { .number($0) } ?? .null),
            ("keyUsage", .array(usages(certificate.keyUsage).map { .string($0) })),
            ("extendedKeyUsage", .array(certificate.extendedKeyUsages.map { .string(purpose($0)) })),
            ("signatureAlgorithm", .string(certificate.signatureAlgorithm)),
            ("sha256", .string(certificate.sha256FingerprintHex)), ("pin", .string(pin(certificate.publicKey))),
        ])
    }

    static func lines(_ request: ReceivedRequest) -> [String] {
        var rows = [["subject", Printable.escape(request.subject)], ["key", request.publicKey.forPeople]]
        let names = names(request)
        if !names.isEmpty { rows.append(["names", names.joined(separator: " ")]) }
        if !request.purposes.isEmpty {
            rows.append(["asks for", request.purposes.map(purpose).joined(separator: ", ")])
        }
        rows += [
            ["signature", request.isProven ? "by its own key" : "NOT by its own key"], ["pin", pin(request.publicKey)],
        ]
        return ["certificate request"] + table(rows)
    }

    static func json(_ request: ReceivedRequest) -> JSON {
        .object([
            ("type", .string("request")), ("subject", .string(Printable.escape(request.subject))),
            ("names", .array(names(request).map { .string($0) })), ("key", .string(request.publicKey.forPeople)),
            ("extendedKeyUsage", .array(request.purposes.map { .string(purpose($0)) })),
            ("proven", .bool(request.isProven)), ("pin", .string(pin(request.publicKey))),
        ])
    }

    static func lines(_ list: RevocationList) throws -> [String] {
        ["revocation list"]
            + table([
                ["issuer", list.issuer], ["made", Verbose.date(list.thisUpdate)],
                ["renewal", list.nextUpdate.map(Verbose.date) ?? "not said"],
            ])
            + (try list.entries()).map { "  revoked    \($0.serialNumber) on \(Verbose.date($0.revokedAt))" }
    }

    static func json(_ list: RevocationList) throws -> JSON {
        .object([
            ("type", .string("revocationList")), ("issuer", .string(list.issuer)),
            ("thisUpdate", .string(Timestamp.text(list.thisUpdate))),
            ("nextUpdate", JSON(list.nextUpdate.map(Timestamp.text))),
            (
                "revoked",
                .array(
                    try list.entries().map {
                        .object([
                            ("serialNumber", .string($0.serialNumber)), ("date", .string(Timestamp.text($0.revokedAt))),
                        ])
                    })
            ),
        ])
    }

    /// The public half of a private key: nothing else of one is ever shown.
    static func lines(_ key: PublicKey?) -> [String] {
        guard let key else { return ["private key", "  encrypted"] }
        return ["private key"] + table([["key", key.forPeople], ["pin", pin(key)]])
    }

    static func json(_ key: PublicKey?) -> JSON {
        .object([
            ("type", .string("privateKey")), ("encrypted", .bool(key == nil)), ("key", JSON(key?.forPeople)),
            ("pin", JSON(key.map(pin))),
        ])
    }

    // MARK: Parts

    private static func table(_ rows: [[String]]) -> [String] {
        rows.map { row in "  " + row[0] + String(repeating: " ", count: 11 - row[0].count) + row[1] }
    }

    private static func validity(_ certificate: Certificate, _ now: Int64) -> String {
        if now > certificate.notAfter { return "EXPIRED" }
        if now < certificate.notBefore { return "NOT VALID YET" }
        return "ends in \((certificate.notAfter - now) / 86_400) days"
    }

    static func names(_ certificate: Certificate) -> [String] {
        certificate.dnsNames.map { "dns:\($0)" } + certificate.ipAddresses.map { "ip:\($0)" }
            + certificate.emailAddresses.map { "email:\($0)" } + certificate.uris.map { "uri:\($0)" }
    }

    private static func names(_ request: ReceivedRequest) -> [String] {
        let names = request.names
        return
            (names.dns.map { "dns:\($0)" }
            + names.addresses.map { "ip:" + (ServerName.text(ofAddress: $0) ?? Hex.text($0)) }
            + names.emails.map { "email:\($0)" } + names.uris.map { "uri:\($0)" }
            + (request.hasOtherNames ? ["others"] : [])).map(Printable.escape)
    }

    private static func usages(_ usage: KeyUsage?) -> [String] {
        guard let usage else { return [] }
        let all: [(KeyUsage, String)] = [
            (.digitalSignature, "digitalSignature"), (.nonRepudiation, "nonRepudiation"),
            (.keyEncipherment, "keyEncipherment"), (.dataEncipherment, "dataEncipherment"),
            (.keyAgreement, "keyAgreement"), (.keyCertSign, "keyCertSign"), (.crlSign, "cRLSign"),
        ]
        return all.filter { usage.contains($0.0) }.map(\.1)
    }

    private static func purpose(_ oid: String) -> String {
        switch oid {
        case KeyPurpose.serverAuth: "serverAuth"
        case KeyPurpose.clientAuth: "clientAuth"
        case KeyPurpose.any: "any"
        case "1.3.6.1.5.5.7.3.9": "OCSPSigning"
        default: oid
        }
    }

    private static func pin(_ key: PublicKey) -> String {
        (try? PublicKeyPin(sha256: key.keyID()))?.description ?? "unknown"
    }
}
