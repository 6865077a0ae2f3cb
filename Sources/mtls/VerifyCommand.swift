import ArgumentParser
import GnuTLS
import MTLSClient

/// `mtls verify`.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Judge a server's certificate as a handshake would, and say why.",
        discussion: """
              mtls verify --ca ca.pem --host api.example server.pem
              mtls verify --ca ca.pem --chain intermediates.pem --host 192.0.2.1 --at 2030-01-01T00:00:00Z leaf.pem

            The path from the certificate to the anchor is written to standard output and the exit code is 0; or the reason \
            for the refusal goes to standard error, and the exit code is 60. Files are in PEM or DER.
            """)

    @Argument(help: ArgumentHelp("The certificate, and behind it, in PEM, others of its chain.", valueName: "leaf"))
    var leaf: String

    @Option(
        name: [.customLong("ca"), .customLong("cacert")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Trust the certificates of this file or directory, in place of the system's; repeatable.",
            valueName: "file"))
    var ca: [String] = []

    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Other certificates that the server sends, in any order; repeatable.", valueName: "file"))
    var chain: [String] = []

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The name or address that it has to be for.", valueName: "name"))
    var host: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Judge as at this time (RFC 3339), such as 2030-01-01T00:00:00Z.", valueName: "time"))
    var at: String?

    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Refuse what this revocation list names; repeatable.", valueName: "file"))
    var crl: [String] = []

    @Flag(name: .long, help: "Demand a revocation list for each certificate but the anchor.")
    var crlRequired = false

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Allow so many authorities between the certificate and the anchor.", valueName: "number"))
    var depth: Int?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The OCSP response that the server staples, in DER.", valueName: "file"))
    var ocsp: String?

    @Flag(name: .long, help: "Demand an OCSP response.")
    var ocspRequired = false

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Demand this public key, or one of several: sha256//…;sha256//…", valueName: "pins"))
    var pinnedpubkey: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("What the certificate has to be for.", valueName: "server|client"))
    var purpose = Purpose.server

    @Flag(name: .long, help: "Write JSON, also of a refusal.") var json = false

    enum Purpose: String, ExpressibleByArgument, Sendable {
        case server, client
    }

    func run() async throws {
        let status: Int32
        do {
            status = try await Verification(self).run()
        } catch let error as UsageError {
            Console().error(ExitStatus.usage, "\(error) (try 'mtls help verify')")
            throw ExitCode(ExitStatus.usage)
        } catch let error as FileFailure {
            Console().error(ExitStatus.readFailed, "cannot read \(error)")
            throw ExitCode(ExitStatus.readFailed)
        } catch let error as MTLSError {
            Console().error(ExitStatus.of(error), ErrorText.line(error))
            throw ExitCode(ExitStatus.of(error))
        }
        if status != 0 { throw ExitCode(status) }
    }
}

/// What the options of ``VerifyCommand`` ask for.
struct Verification {
    let trust: Trust
    let expected: ServerName?
    let name: String
    let time: Int64?
    let leaf: String
    let chain: [String]
    let staple: String?
    let purpose: String
    let writesJSON: Bool

    init(_ options: VerifyCommand) throws {
        if let host = options.host {
            guard let name = ServerName(host) else {
                throw UsageError("--host takes a DNS name or an address, not '\(host)'")
            }
            expected = name
        } else if options.purpose == .client {
            expected = nil
        } else {
            throw UsageError("--host is missing: the name that the certificate has to be for")
        }
        guard options.depth ?? 0 >= 0 else { throw UsageError("--depth takes a number from 0 on") }
        time = try options.at.map { (text) throws(UsageError) in
            guard let time = Timestamp.seconds(text) else {
                throw UsageError("--at takes a time such as 2030-01-01T00:00:00Z, not '\(text)'")
            }
            return time
        }
        var trust = options.ca.reduce(nil) { (sum: Trust?, path) in
            let anchors: Trust = Files.isDirectory(path) ? .directory(path) : .pem(path)
            return sum?.and(anchors) ?? anchors
        } ?? .system
        if !options.crl.isEmpty || options.crlRequired {
            trust = trust.revocationLists(options.crl, policy: options.crlRequired ? .required : .ifAvailable)
        }
        if options.ocspRequired { trust = trust.ocsp(.required) }
        if let depth = options.depth { trust = trust.depth(depth) }
        if let pins = options.pinnedpubkey {
            do { trust = trust.pinned(try PublicKeyPin.list(pins)) } catch { throw UsageError(error.message) }
        }
        self.trust = trust
        name = options.host ?? "\"\(options.leaf)\""
        leaf = options.leaf
        chain = options.chain
        staple = options.ocsp
        purpose = options.purpose == .client ? KeyPurpose.clientAuth : KeyPurpose.serverAuth
        writesJSON = options.json
    }

    func run() async throws -> Int32 {
        let presented = PresentedChain(
            try ([leaf] + chain).flatMap { try Self.certificates($0) },
            staples: try staple.map { [try Files.read($0)] } ?? [])
        let evaluator = TrustEvaluator(trust)
        try await evaluator.prepare()
        let verdict = evaluator.verdict(on: presented, for: expected, name: name, purpose: purpose, at: time)
        if writesJSON { Console.write(json(verdict, presented).text + "\n", to: 1) }
        switch verdict {
        case .success(let path):
            if !writesJSON { Console.write(path.map { Self.line($0) + "\n" }.joined(), to: 1) }
            return 0
        case .failure(let error):
            Console().error(ExitStatus.of(error), "\(error.code): \(ErrorText.line(error))")
            return ExitStatus.of(error)
        }
    }

    /// The certificates of a file in DER, as they are: what cannot be read is for the verdict to say.
    private static func certificates(_ path: String) throws -> [[UInt8]] {
        let bytes = try Files.read(path)
        if bytes.first == 0x30 { return [bytes] }
        do {
            return try Certificate.encoded(pem: bytes)
        } catch {
            throw MTLSError(
                .identityMalformed, phase: .prepare, fault: .caller, "\"\(path)\" holds no certificate: \(error)")
        }
    }

    private static func line(_ certificate: Certificate) -> String {
        Printable.escape(
            "\"\(certificate.subject)\", serial \(certificate.serialNumber), "
                + "from \(Timestamp.text(certificate.notBefore)) until \(Timestamp.text(certificate.notAfter))")
    }

    private func json(_ verdict: Result<[Certificate], MTLSError>, _ presented: PresentedChain) -> JSON {
        let sent = (try? presented.certificates()) ?? []
        let common: [(String, JSON)] = [
            ("name", .string(name)), ("time", .string(Timestamp.text(time ?? secondsSince1970()))),
            ("names", .array(((sent.first?.dnsNames ?? []) + (sent.first?.ipAddresses ?? [])).map { .string($0) })),
        ]
        switch verdict {
        case .success(let path):
            return .object(
                [("trusted", .bool(true)), ("code", .null), ("reason", .null)] + common
                    + [("path", .array(path.map(Self.json))), ("sent", .array(sent.map(Self.json)))])
        case .failure(let error):
            return .object(
                [
                    ("trusted", .bool(false)), ("code", .string(error.code.rawValue)), ("reason", .string(error.message)),
                ] + common + [("path", .array([])), ("sent", .array(sent.map(Self.json)))])
        }
    }

    private static func json(_ certificate: Certificate) -> JSON {
        .object([
            ("subject", .string(certificate.subject)), ("issuer", .string(certificate.issuer)),
            ("serial", .string(certificate.serialNumber)),
            ("notBefore", .string(Timestamp.text(certificate.notBefore))),
            ("notAfter", .string(Timestamp.text(certificate.notAfter))),
            ("sha256", .string(certificate.sha256FingerprintHex)),
        ])
    }
}

/// Times of RFC 3339, in seconds since 1970 UTC.
enum Timestamp {
    /// nil where `text` is none. A fraction of a second is cut off.
    static func seconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            [UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " ")].contains(bytes[10]),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = number(bytes[0..<4]), let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
            let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]),
            let days = CivilDate.days(year, month, day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var rest = bytes[19...]
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = offset(rest) else { return nil }
        return Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second - offset)
    }

    static func text(_ seconds: Int64) -> String {
        let digits = Array(CivilDate.text(seconds))
        func part(_ start: Int, _ count: Int) -> String { String(digits[start..<(start + count)]) }
        guard digits.count == 15 else { return "\(seconds)" }
        return "\(part(0, 4))-\(part(4, 2))-\(part(6, 2))T\(part(8, 2)):\(part(10, 2)):\(part(12, 2))Z"
    }

    private static func offset(_ zone: ArraySlice<UInt8>) -> Int? {
        if zone == [UInt8(ascii: "Z")] || zone == [UInt8(ascii: "z")] { return 0 }
        let bytes = Array(zone)
        guard bytes.count == 6, bytes[3] == UInt8(ascii: ":"), let hours = number(bytes[1..<3]),
            let minutes = number(bytes[4..<6]), hours < 24, minutes < 60
        else { return nil }
        switch bytes[0] {
        case UInt8(ascii: "+"): return hours * 3600 + minutes * 60
        case UInt8(ascii: "-"): return -(hours * 3600 + minutes * 60)
        default: return nil
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1) - 0x30 }
    }
}
