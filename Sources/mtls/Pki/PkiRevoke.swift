import ArgumentParser
import DevPKI
import GnuTLS
import Glibc
import MTLSClient

/// `mtls pki revoke`.
struct PkiRevoke: PkiSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Revoke a certificate, and write the list (CRL) that tells servers.",
        discussion: "Servers have to read the list: 'ssl_crl' in nginx, 'SSLCARevocationFile' in Apache.")

    @Argument(help: "Its file, the name of its files in the directory, or its serial number.") var certificate: String
    @OptionGroup var options: PkiListOptions

    func perform() async throws -> Int32 {
        let directory = options.place.directory
        let serial = try serialNumber(in: directory)
        let issuers = try directory.authorities().filter { name in
            try directory.index(name).entries.contains { $0.serialNumber == serial }
        }
        guard let issuer = issuers.first else {
            throw MTLSError(
                .certificateUnknown, phase: .prepare, fault: .caller,
                "no authority in \"\(directory.path)\" has issued the certificate \"\(certificate)\" (serial \(serial))",
                advice: "mtls pki list shows what there is")
        }
        let period = try options.period()
        let authority = try await options.issuer.open(issuer, in: options.place)
        guard let entry = try authority.revoke(serial, now: period.notBefore) else { return ExitStatus.identity }
        try options.write(authority, period, saying: "revoked \(entry.subject), serial \(serial)")
        return 0
    }

    private func serialNumber(in directory: AuthorityDirectory) throws -> String {
        for path in [certificate, directory.certificatePath(certificate)] where Files.exists(path) {
            if let leaf = try? Certificate.chain(pem: Files.read(path, limit: Files.certificateLimit)).first {
                return leaf.serialNumber
            }
            throw MTLSError(
                .identityMalformed, phase: .prepare, fault: .caller, "\"\(path)\" holds no usable certificate")
        }
        guard let bytes = Hex.bytes(certificate) else {
            throw MTLSError(
                .certificateUnknown, phase: .prepare, fault: .caller,
                "\"\(certificate)\" is neither a file, nor the name of one in \"\(directory.path)\", nor a serial number"
            )
        }
        return Hex.text(bytes)
    }
}

/// `mtls pki crl`.
struct PkiRenewList: PkiSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "crl", abstract: "Write the list (CRL) of what an authority has revoked, before the last one ends."
    )

    @OptionGroup var options: PkiListOptions

    func perform() async throws -> Int32 {
        let period = try options.period()
        let authority = try await options.issuer.open(in: options.place)
        try options.write(authority, period, saying: nil)
        return 0
    }
}

/// How a list is written.
struct PkiListOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Until when the list counts.", valueName: "number")) var days = 30
    @OptionGroup var issuer: PkiIssuer
    @OptionGroup var place: PkiPlace

    func period(now: Int64 = Int64(time(nil))) throws(UsageError) -> LeafRequest.Period {
        guard (1...36_500).contains(days) else { throw UsageError("--days takes a number from 1 to 36500") }
        return .init(notBefore: now, notAfter: now + Int64(days) * 86_400)
    }

    func write(_ authority: StoredAuthority, _ period: LeafRequest.Period, saying line: String?) throws {
        let list = try authority.writeList(now: period.notBefore, nextUpdate: period.notAfter)
        let path = place.directory.listPath(authority.name)
        let count = try list.entries().count
        if place.json {
            Answer.write(
                .object([
                    ("issuer", .string(list.issuer)), ("list", .string(path)), ("revoked", .number(count)),
                    ("nextUpdate", .string(Verbose.date(period.notAfter))),
                ]))
        } else {
            Answer.write(
                [line].compactMap(\.self) + [
                    "made \(path): \(count) revoked by \(list.issuer), to be renewed before \(Verbose.date(period.notAfter))"
                ])
        }
    }
}

/// `mtls pki list`.
struct PkiList: PkiSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List what the authorities in the directory have issued.")

    @OptionGroup var place: PkiPlace

    func perform() async throws -> Int32 {
        let directory = place.directory
        let authorities = directory.authorities()
        guard !authorities.isEmpty else {
            throw MTLSError(
                .authorityMissing, phase: .prepare, fault: .caller, "there is no authority in \"\(directory.path)\"",
                advice: "make one: mtls pki ca --dir \(directory.path)")
        }
        let now = Int64(time(nil))
        let rows = try authorities.flatMap { name in try directory.index(name).entries.map { (name, $0) } }
        if place.json {
            Answer.write(
                .array(
                    rows.map { authority, entry in
                        .object([
                            ("authority", .string(authority)), ("serialNumber", .string(entry.serialNumber)),
                            ("state", .string(Self.state(entry, now))), ("subject", .string(entry.subject)),
                            ("notAfter", .string(Verbose.date(entry.notAfter))), ("file", .string(entry.file)),
                        ])
                    }))
        } else {
            Answer.write(
                Columns.aligned(
                    [["AUTHORITY", "STATE", "UNTIL", "SERIAL", "FILE", "SUBJECT"]]
                        + rows.map { authority, entry in
                            [
                                authority, Self.state(entry, now), Verbose.date(entry.notAfter), entry.serialNumber,
                                entry.file, Printable.escape(entry.subject),
                            ]
                        }))
        }
        return 0
    }

    private static func state(_ entry: IssuedIndex.Entry, _ now: Int64) -> String {
        entry.revokedAt != nil ? "revoked" : entry.notAfter < now ? "expired" : "valid"
    }
}
