import GnuTLS
import MTLSClient

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
        var trust =
            options.ca.reduce(nil) { (sum: Trust?, path) in
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
            staples: try staple.map { [try Self.response($0)] } ?? [])
        let evaluator = TrustEvaluator(trust)
        try await evaluator.prepare()
        let verdict = evaluator.verdict(on: presented, for: expected, name: name, purpose: purpose, at: time)
        if writesJSON { Console.write(json(verdict, presented).text + "\n", to: 1) }
        switch verdict {
        case .success(let path):
            if !writesJSON { Console.write(path.map { Self.line($0) + "\n" }.joined(), to: 1) }
            return 0
        case .failure(let error):
            Console().error(ExitStatus.unverified, "\(error.code): \(error.message)")
            return ExitStatus.unverified
        }
    }

    /// The certificates of a file in DER, as they are: what cannot be read is for the verdict to say.
    private static func certificates(_ path: String) throws -> [[UInt8]] {
        let bytes = try Files.read(path, limit: Files.certificateLimit)
        if bytes.first == 0x30 { return [bytes] }
        do {
            return try Certificate.encoded(pem: bytes)
        } catch {
            throw MTLSError(
                .identityMalformed, phase: .prepare, fault: .caller, "\"\(path)\" holds no certificate: \(error)")
        }
    }

    /// An empty one would count as none.
    private static func response(_ path: String) throws -> [UInt8] {
        let bytes = try Files.read(path, limit: Files.certificateLimit)
        guard !bytes.isEmpty else { throw UsageError("--ocsp names \(Printable.escape(path)), which is empty") }
        return bytes
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
                    ("trusted", .bool(false)), ("code", .string(error.code.rawValue)),
                    ("reason", .string(error.message)),
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
