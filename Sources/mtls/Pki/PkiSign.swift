import ArgumentParser
import DevPKI
import GnuTLS
import MTLSClient

/// `mtls pki sign`.
struct PkiSign: PkiSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "sign", abstract: "Certify the key of a request (PKCS#10), such as 'mtls keys request' makes.",
        discussion: """
            The request has to be signed by its own key. Subject and names are the request's unless options say \
            otherwise, the purpose is a client's unless --purpose says so; nothing else of a request counts.
            """)

    @Argument(help: "The request (PEM); - is standard input.") var request: String
    @Option(name: .long, help: ArgumentHelp("What the certificate's file is called.", valueName: "name"))
    var file: String?

    @Option(name: .long, help: ArgumentHelp("The subject (RFC 4514) in place of the request's.", valueName: "name"))
    var subject: String?

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp(
            "An alternative name in place of the request's: dns:…, ip:…, email:… or uri:…; repeatable.",
            valueName: "name"))
    var san: [String] = []

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("server, client, any, none (no restriction), or an OID; repeatable.", valueName: "purpose"))
    var purpose: [String] = []

    @OptionGroup var issuer: PkiIssuer
    @OptionGroup var period: PkiPeriod
    @OptionGroup var place: PkiPlace

    func perform() async throws -> Int32 {
        let received: ReceivedRequest
        do {
            received = try ReceivedRequest.read(pem: try Files.read(request, limit: Files.certificateLimit))
        } catch let error as FileFailure {
            throw error
        } catch {
            throw MTLSError(
                .identityMalformed, phase: .prepare, fault: .caller, "\"\(request)\" holds no usable request: \(error)")
        }
        let file = file ?? PkiLeaf.fileName(Self.name(of: received.subject) ?? "request")
        let directory = place.directory
        let authority = try await issuer.open(in: place)
        try directory.requireFree(file, hasKey: false, replaces: place.force)
        if received.hasOtherNames, san.isEmpty {
            throw MTLSError(
                .requestInvalid, phase: .prepare, fault: .caller,
                "the request asks for names of a kind that is not certified",
                advice: "say with --san which names the certificate is to have")
        }
        if subject == nil, (try? DistinguishedName.check(received.subject)) == nil {
            throw MTLSError(
                .requestInvalid, phase: .prepare, fault: .caller,
                "the subject of the request, \"\(received.subject)\", cannot be certified as it is",
                advice: "say with --subject which subject the certificate is to have")
        }
        let leaf = LeafRequest(
            subject: .text(subject ?? received.subject),
            names: san.isEmpty ? received.names : try NameOptions.alternatives(san),
            purposes: try PkiLeaf.purposes(purpose, standard: KeyPurpose.clientAuth),
            period: try period.period(days: 365, until: authority.certificate.notAfter))
        let made = try authority.certify(received, as: leaf, file: file)
        try directory.write(
            nil, [made] + authority.intermediates, to: file, passphrase: nil, replaces: place.force)
        var summary = PkiSummary(made)
        summary.add("certificate", directory.certificatePath(file), "with its chain")
        summary.next = ["mtls keys import 'pkcs11:…' \(ShellWord.quoted(directory.certificatePath(file)))"]
        summary.write(json: place.json)
        return 0
    }

    /// The common name in a subject of RFC 4514.
    private static func name(of subject: String) -> String? {
        subject.split(separator: ",").first { $0.hasPrefix("CN=") }.map { String($0.dropFirst(3)) }
    }
}
